package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// jsonReader walks the tokens of form.json; three levels are all it knows, so
// deeper nesting is refused as it is met.
type jsonReader struct {
	f        *Form
	d        *json.Decoder
	problems []Problem
}

func errorOf(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return errors.New(problems[0].Message)
}

// object reads {…} and gives each key to member, which reads the value.
func (r *jsonReader) object(member func(key string) error) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return errors.New("an object was expected")
	}
	return r.members(member)
}

func (r *jsonReader) members(member func(key string) error) error {
	seen := map[string]bool{}
	for r.d.More() {
		t, err := r.d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if seen[key] {
			return fmt.Errorf("%q occurs twice", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	_, err := r.d.Token()
	return err
}

func (r *jsonReader) member(key string) error {
	switch key {
	case "C", "E", "G":
		return r.rows(key)
	}
	a, ok := parseAddress(key)
	if !ok || a.String() != key || a.grouped() {
		r.misshapen(key, "no such box; C, E and G are arrays of objects")
		return r.skip(0)
	}
	return r.value(a)
}

func (r *jsonReader) misshapen(box, reason string) {
	if !a18(box) {
		box, reason = "", strconv.QuoteToASCII(clip(box, 20))+": "+reason
	}
	r.problems = append(r.problems, NewProblem(18, Error, box, map[string]string{"reason": reason}))
}

func a18(box string) bool { _, ok := parseAddress(box); return ok }

func (r *jsonReader) rows(group string) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return fmt.Errorf("%s: an array of objects was expected", group)
	}
	place := 0
	for r.d.More() {
		if place++; place > maxRows {
			return fmt.Errorf("%s: more than %d rows", group, maxRows)
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
	row, any := place, false
	return r.object(func(key string) error {
		switch key {
		case "#":
			n, err := r.number()
			if err != nil || any || n < 1 || n > maxRows {
				return fmt.Errorf("%s: # must come first in its row and be 1 to %d", group, maxRows)
			}
			row = n
			return nil
		case "-":
			any = true
			t, err := r.d.Token()
			if err == nil && t != true {
				err = fmt.Errorf("%s: \"-\" can only be true", group)
			}
			r.f.Set(address{group + "0", row}.String(), remove)
			return err
		}
		any = true
		a, ok := parseAddress(key)
		if !ok || a.String() != key || a.group() != group || a.number() == 0 {
			r.misshapen(key, "not a box of group "+group)
			return r.skip(0)
		}
		a.row = row
		if r.f.boxes[a.String()] != nil {
			return fmt.Errorf("row %d of %s occurs twice", row, group)
		}
		return r.value(a)
	})
}

func (r *jsonReader) number() (int, error) {
	t, err := r.d.Token()
	if err != nil {
		return 0, err
	}
	n, ok := t.(float64)
	if !ok || n != float64(int(n)) {
		return 0, errors.New("a row number was expected")
	}
	return int(n), nil
}

// value reads a string, or an array of strings for a repeatable box.
func (r *jsonReader) value(a address) error {
	t, err := r.d.Token()
	if err != nil {
		return err
	}
	if len(r.f.boxes) >= maxBoxes || len(r.problems) >= maxBoxes {
		return fmt.Errorf("more than %d boxes", maxBoxes)
	}
	b, known := a.box()
	switch v := t.(type) {
	case string:
		if known && b.Many && v != remove {
			r.misshapen(a.String(), "an array of strings was expected")
			return nil
		}
		r.f.Set(a.String(), v)
		return nil
	case json.Delim:
		if v == '[' && (b.Many || !known) {
			return r.list(a)
		}
		r.misshapen(a.String(), "a string was expected")
		return r.skip(1)
	}
	r.misshapen(a.String(), "a string in quotation marks was expected")
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
			return fmt.Errorf("%s: only strings can stand in its array", a)
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
				return errors.New("nested too deeply")
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
