package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

// JSON writes canonical form.json: box codes as keys in catalogue order, rows of
// C, E and G as arrays of objects, values as they are.
func (f *Form) JSON() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	group := ""
	for _, addr := range f.Addresses() {
		a, _ := parseAddress(addr)
		if !a.grouped() {
			f.writeMember(&b, a)
		} else if a.group() != group {
			group = a.group()
			f.writeRows(&b, group)
		}
	}
	b.WriteByte('}')
	return b.Bytes()
}

// MarshalJSON is JSON.
func (f *Form) MarshalJSON() ([]byte, error) { return f.JSON(), nil }

func (f *Form) writeMember(b *bytes.Buffer, a address) {
	separate(b)
	key := a.String()
	if a.grouped() {
		key = a.code
	}
	writeJSON(b, key)
	b.WriteByte(':')
	values := f.boxes[a.String()]
	if box, known := a.box(); (known && box.Many && !slices.Equal(values, []string{remove})) || len(values) != 1 {
		writeJSON(b, values)
		return
	}
	writeJSON(b, values[0])
}

// writeRows writes a group. A correction names its rows; elsewhere their place
// in the array does.
func (f *Form) writeRows(b *bytes.Buffer, group string) {
	separate(b)
	writeJSON(b, group)
	b.WriteString(":[")
	named := f.namesRows(group)
	for row := 1; row <= f.Rows(group); row++ {
		boxes := f.row(group, row)
		if named && len(boxes) == 0 {
			continue
		}
		separate(b)
		b.WriteByte('{')
		if named {
			b.WriteString(`"#":` + strconv.Itoa(row))
		}
		for _, a := range boxes {
			if a.removesRow() {
				b.WriteString(`,"-":true`)
				continue
			}
			f.writeMember(b, a)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
}

// namesRows: in a correction, and wherever a row is removed.
func (f *Form) namesRows(group string) bool {
	if f.Type() == "COR" {
		return true
	}
	for row := 1; row <= f.Rows(group); row++ {
		if f.Get(address{group + "0", row}.String()) != "" {
			return true
		}
	}
	return false
}

func (f *Form) row(group string, row int) []address {
	var out []address
	for n := range 100 {
		a := address{group + strconv.Itoa(n), row}
		if _, ok := f.boxes[a.String()]; ok {
			out = append(out, a)
		}
	}
	return out
}

func separate(b *bytes.Buffer) {
	if last := b.Bytes()[b.Len()-1]; last != '{' && last != '[' {
		b.WriteByte(',')
	}
}

func writeJSON(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err == nil {
		b.Truncate(b.Len() - 1) // the encoder's line end
	}
}

// ParseJSON reads form.json, at most MaxSize bytes. The form is nil where it
// can't be read at all (code 18); boxes of the wrong shape are left out and
// named.
func ParseJSON(data []byte) (*Form, []Problem) {
	if len(data) > MaxSize {
		return nil, []Problem{NewProblem(68, Error, "", map[string]string{"limit": "1 MB"})}
	}
	f, problems, err := readJSON(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		return nil, []Problem{jsonProblem(err)}
	}
	f.remember()
	return f, problems
}

// UnmarshalJSON is ParseJSON, with what can't be read as an error.
func (f *Form) UnmarshalJSON(data []byte) error {
	g, problems := ParseJSON(data)
	if g == nil {
		return errors.New(problems[0].Message)
	}
	*f = *g
	return nil
}
