package form

import (
	"maps"
	"slices"
	"strconv"
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

// address is a box's place: code C4 and row 1 upwards.
type address struct {
	code string
	row  int
}

// parseAddress reads "C4", "C4.2" or "c04.02".
func parseAddress(s string) (address, bool) {
	code, row, dotted := strings.Cut(strings.ToUpper(strings.TrimSpace(s)), ".")
	letters := len(code) - len(strings.TrimLeft(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if letters < 1 || letters > 2 || !shortNumber(code[letters:]) || (dotted && !shortNumber(row)) {
		return address{}, false
	}
	n, _ := strconv.Atoi(code[letters:])
	a := address{code: code[:letters] + strconv.Itoa(n), row: 1}
	if dotted {
		a.row, _ = strconv.Atoi(row)
	}
	return a, a.row > 0
}

func shortNumber(s string) bool {
	return len(s) >= 1 && len(s) <= 2 && strings.Trim(s, "0123456789") == ""
}

// canonical is the key under which a box is kept; "" for no address.
func canonical(addr string) string {
	if a, ok := parseAddress(addr); ok {
		return a.String()
	}
	return ""
}

func (a address) String() string {
	if a.row <= 1 {
		return a.code
	}
	return a.code + "." + strconv.Itoa(a.row)
}

// group is the letter part: "C" of C4.2.
func (a address) group() string { return strings.TrimRight(a.code, "0123456789") }

func (a address) number() int {
	n, _ := strconv.Atoi(a.code[len(a.group()):])
	return n
}

// grouped reports whether the box belongs to a repeated group.
func (a address) grouped() bool {
	g := a.group()
	return g == "C" || g == "E" || g == "G"
}

// removesRow reports whether it is the made-up box that deletes a whole row.
func (a address) removesRow() bool { return a.grouped() && a.number() == 0 }

func (a address) box() (BoxInfo, bool) { return boxOf(a.code) }

// compare orders by catalogue: groups A B C … then unknown ones, rows within a
// group, boxes within a row.
func (a address) compare(b address) int {
	if d := groupRank(a.group()) - groupRank(b.group()); d != 0 {
		return d
	}
	if d := strings.Compare(a.group(), b.group()); d != 0 {
		return d
	}
	if a.grouped() && a.row != b.row {
		return a.row - b.row
	}
	if d := a.number() - b.number(); d != 0 {
		return d
	}
	return a.row - b.row
}

func groupRank(group string) int {
	if i := strings.Index("ABCDEFGHKPTQ", group); i >= 0 && len(group) == 1 {
		return i
	}
	return 100
}
