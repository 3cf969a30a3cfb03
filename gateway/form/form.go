package form

import (
	"maps"
	"slices"
	"strings"
)

// remove is the value that deletes a box in a correction; written [-] in text.
const remove = "-"

// withheld stands where a gateway left a value out; never a value itself.
const withheld = "*"

// Form is the boxes of one form. The zero value is empty and ready to use; it
// is not safe for concurrent use.
type Form struct {
	boxes map[string][]string // by address: "C4" (row 1), "C4.2"; "E0.2" holding "-" removes row 2 of E
	seal  sealed
}

// New makes a form of a type, such as "SEZ", with A1 and A2 filled.
func New(typ string) *Form {
	f := &Form{}
	f.Set("A1", typ)
	f.Set("A2", Version)
	return f
}

// Type is box A1, upper-case.
func (f *Form) Type() string { return strings.ToUpper(strings.TrimSpace(f.Get("A1"))) }

// Get gives the first value of a box, "" where it is empty.
func (f *Form) Get(addr string) string {
	if v := f.All(addr); len(v) > 0 {
		return v[0]
	}
	return ""
}

// All gives every value of a box, in order.
func (f *Form) All(addr string) []string {
	if f == nil {
		return nil
	}
	return slices.Clone(f.boxes[canonical(addr)])
}

// Set replaces the values of a box; without values it empties it. Addresses
// that no box can have are ignored.
func (f *Form) Set(addr string, values ...string) {
	a, ok := parseAddress(addr)
	if !ok {
		return
	}
	if len(values) == 0 {
		delete(f.boxes, a.String())
		return
	}
	if f.boxes == nil {
		f.boxes = map[string][]string{}
	}
	f.boxes[a.String()] = slices.Clone(values)
}

// Rows is the highest row that has a filled box in a repeated group (C, E, G).
func (f *Form) Rows(group string) int {
	n := 0
	for key := range f.boxes {
		a, _ := parseAddress(key)
		if a.group() == group && a.grouped() {
			n = max(n, a.row)
		}
	}
	return n
}

// Addresses gives the filled boxes in catalogue order, row by row in a group.
func (f *Form) Addresses() []string {
	if f == nil {
		return nil
	}
	out := make([]address, 0, len(f.boxes))
	for key := range f.boxes {
		a, _ := parseAddress(key)
		out = append(out, a)
	}
	slices.SortFunc(out, address.compare)
	names := make([]string, len(out))
	for i, a := range out {
		names[i] = a.String()
	}
	return names
}

// Clone copies a form; of nil it makes an empty one.
func (f *Form) Clone() *Form {
	c := &Form{boxes: map[string][]string{}}
	if f != nil {
		for k, v := range f.boxes {
			c.boxes[k] = slices.Clone(v)
		}
		c.seal = f.seal
	}
	return c
}

// Equal reports whether both hold the same boxes with the same values.
func (f *Form) Equal(g *Form) bool {
	if f == nil || g == nil {
		return f == g
	}
	return maps.EqualFunc(f.boxes, g.boxes, slices.Equal)
}
