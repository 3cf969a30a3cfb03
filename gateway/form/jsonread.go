package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// jsonReader walks the tokens of form.json; three levels are all it knows, so
// deeper nesting is refused as it is met.
type jsonReader struct {
	f        *Form
	d        *json.Decoder
	problems []Problem
}

// jsonError is what makes the whole of form.json unreadable: a sentence and the
// key that it is about.
type jsonError struct{ sentence, about string }

func (e *jsonError) Error() string { return e.sentence + " " + e.about }

// jsonProblem says why form.json can't be read.
func jsonProblem(err error) Problem {
	var e *jsonError
	switch {
	case errors.As(err, &e):
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e = &jsonError{"json-cut", ""}
	default:
		e = &jsonError{"json-broken", err.Error()}
	}
	return newProblem(e.sentence, 18, Error, "", map[string]string{"value": e.about})
}

func readJSON(data []byte) (*Form, []Problem, error) {
	if !utf8.Valid(data) || halfCharacter(data) {
		return nil, nil, &jsonError{"json-utf8", ""}
	}
	r := jsonReader{f: &Form{boxes: map[string][]string{}}, d: json.NewDecoder(bytes.NewReader(data))}
	r.d.UseNumber()
	if err := r.object(r.member); err != nil {
		return nil, nil, err
	}
	if _, err := r.d.Token(); err != io.EOF {
		return nil, nil, &jsonError{"json-more", ""}
	}
	return r.f, r.problems, nil
}

// halfCharacter reports an escape such as \ud800 without its other half, which
// the decoder would replace silently.
func halfCharacter(data []byte) bool {
	high := false
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			if high {
				return true
			}
			continue
		}
		unit, ok := escapedUnit(data[i:])
		low := ok && unit >= 0xdc00 && unit <= 0xdfff
		if low != high {
			return true
		}
		high = ok && unit >= 0xd800 && unit <= 0xdbff
		if ok {
			i += 5
		} else {
			i++
		}
	}
	return high
}

// escapedUnit reads \uXXXX.
func escapedUnit(s []byte) (uint64, bool) {
	if len(s) < 6 || s[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return unit, err == nil
}

// object reads {…} and gives each key to member, which reads the value.
func (r *jsonReader) object(member func(key string) error) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return &jsonError{"json-object", ""}
	}
	seen := map[string]bool{}
	for r.d.More() {
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if seen[key] {
			return &jsonError{"json-twice", said(key)}
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	_, err = r.d.Token()
	return err
}

// said is a key as a message may repeat it.
func said(key string) string { return strconv.QuoteToASCII(clip(key, 20)) }

func (r *jsonReader) member(key string) error {
	switch key {
	case "C", "E", "G":
		return r.rows(key)
	}
	a, ok := parseAddress(key)
	if !ok || a.String() != key || a.grouped() {
		return r.unknown(key)
	}
	return r.value(a)
}

// unknown names a key that is no box's and passes over its value.
func (r *jsonReader) unknown(key string) error {
	if len(r.problems) >= maxBoxes {
		return &jsonError{"json-boxes", strconv.Itoa(maxBoxes)}
	}
	r.problems = append(r.problems, newProblem("json-key", 18, Error, "", map[string]string{"value": said(key)}))
	return r.skip(0)
}

func (r *jsonReader) misshapen(a address, sentence string) {
	r.problems = append(r.problems, newProblem(sentence, 18, Error, a.String(), nil))
}

func (r *jsonReader) rows(group string) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return &jsonError{"json-rows", group}
	}
	place := 0
	for r.d.More() {
		if place++; place > maxRows {
			return &jsonError{"json-rows", group}
		}
		if err := r.row(group, place); err != nil {
			return err
		}
	}
	_, err = r.d.Token()
	return err
}

// row reads one object. "#" names its row and must come before the boxes, as
// the encoder writes it; "-" removes it.
func (r *jsonReader) row(group string, place int) error {
	row, begun := place, false
	return r.object(func(key string) error {
		if key == "#" {
			n, err := r.number()
			if err != nil || begun || n < 1 || n > maxRows {
				return &jsonError{"json-row", group}
			}
			row = n
			return nil
		}
		begun = true
		if key == "-" {
			if t, err := r.d.Token(); err != nil || t != true {
				return &jsonError{"json-row", group}
			}
			r.f.Set(address{group + "0", row}.String(), remove)
			return nil
		}
		a, ok := parseAddress(key)
		if !ok || a.String() != key || a.group() != group || a.number() == 0 {
			return r.unknown(key)
		}
		a.row = row
		if r.f.boxes[a.String()] != nil {
			return &jsonError{"json-twice", a.String()}
		}
		return r.value(a)
	})
}

func (r *jsonReader) number() (int, error) {
	t, err := r.d.Token()
	if err != nil {
		return 0, err
	}
	n, ok := t.(json.Number)
	if !ok {
		return 0, &jsonError{"json-row", ""}
	}
	return strconv.Atoi(n.String())
}

// value reads a string, or an array of strings for a repeatable box.
func (r *jsonReader) value(a address) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	if len(r.f.boxes) >= maxBoxes || len(r.problems) >= maxBoxes {
		return &jsonError{"json-boxes", strconv.Itoa(maxBoxes)}
	}
	b, known := a.box()
	switch v := t.(type) {
	case string:
		if known && b.Many && v != remove {
			r.misshapen(a, "json-array")
			return nil
		}
		r.f.Set(a.String(), v)
		return nil
	case json.Delim:
		if v == '[' && (b.Many || !known) {
			return r.list(a)
		}
		r.misshapen(a, "json-string")
		return r.skip(1)
	}
	r.misshapen(a, "json-string")
	return nil
}

func (r *jsonReader) list(a address) error {
	var values []string
	for r.d.More() {
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return &jsonError{"json-strings", a.String()}
		}
		values = append(values, s)
	}
	r.f.Set(a.String(), values...)
	_, err := r.d.Token()
	return err
}

// skip passes over a value whose first depth brackets were read already.
func (r *jsonReader) skip(depth int) error {
	for {
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > 8 {
				return &jsonError{"json-deep", ""}
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
