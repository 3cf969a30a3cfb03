package form

import (
	"slices"
	"strings"
)

// Normal gives the form in normal form: NFC, single blanks, decimals with a
// point and no grouping, ISO dates in UTC, upper-case codes, empty boxes left
// out. What can't be read for certain stays as it is, for Check to name.
func (f *Form) Normal() *Form {
	n := &Form{boxes: map[string][]string{}}
	if f == nil {
		return n
	}
	n.seal = f.seal
	for key, values := range f.boxes {
		a, _ := parseAddress(key)
		if v := normalValues(a, values); len(v) > 0 {
			n.boxes[key] = v
		}
	}
	n.units(f)
	return n
}

// IsNormal reports whether Normal would change nothing.
func (f *Form) IsNormal() bool { return f.Equal(f.Normal()) }

func normalValues(a address, values []string) []string {
	b, known := a.box()
	if known && b.Many {
		return normalMany(b, values)
	}
	v := settle(b, strings.Join(values, ", "))
	if blank(v) || v == withheld {
		return nil
	}
	return []string{v}
}

// settle tidies and writes a value as its type wants it until nothing changes:
// a blank dropped can bring letters together that NFC then composes.
func settle(b BoxInfo, v string) string {
	for range 8 {
		was := v
		if v = tidy(v); filled(v) {
			v = normalValue(b, v)
		}
		if v == was {
			break
		}
	}
	return v
}

// normalMany gives the values of a repeatable box, each once.
func normalMany(b BoxInfo, values []string) []string {
	var out []string
	seen := map[string]bool{}
	k := kindOf(b.Type)
	for _, v := range values {
		parts := []string{tidy(v)}
		if !k.free {
			parts = fields(parts[0], k.between)
		}
		var items []string
		for _, p := range parts {
			items = append(items, paragraphs(p)...)
		}
		for _, item := range items {
			item = settle(b, item)
			if item == remove && len(values) == 1 && len(items) == 1 {
				return []string{remove}
			}
			if filled(item) && !seen[item] {
				seen[item] = true
				out = append(out, item)
			}
		}
	}
	return out
}

// paragraphMark stands for a line break in text.
const paragraphMark = "//"

// paragraphs splits at words that are a paragraph mark.
func paragraphs(v string) []string {
	if !strings.Contains(v, paragraphMark) {
		return []string{v}
	}
	out := []string{""}
	for w := range strings.FieldsSeq(v) {
		if w == paragraphMark {
			out = append(out, "")
			continue
		}
		last := &out[len(out)-1]
		*last = strings.TrimSpace(*last + " " + w)
	}
	return out
}

// joined writes the values of a repeatable box for text: between commas or,
// where a value holds a sign that would separate, between paragraph marks.
func joined(b BoxInfo, values []string) string {
	k := kindOf(b.Type)
	holdsSign := func(v string) bool { return strings.ContainsAny(v, k.between) }
	if !b.Many || k.between != "" && !(k.free && slices.ContainsFunc(values, holdsSign)) {
		return strings.Join(values, ", ")
	}
	text := strings.Join(values, " "+paragraphMark+" ")
	if len(values) == 1 && k.between != "" {
		text += " " + paragraphMark
	}
	return text
}

// apart reads what joined wrote.
func apart(b BoxInfo, v string) []string {
	if k := kindOf(b.Type); b.Many && !slices.Contains(strings.Fields(v), paragraphMark) && k.between != "" {
		return fields(v, k.between)
	}
	if b.Many {
		return paragraphs(v)
	}
	return []string{v}
}

// blank: nothing, dots or underscores.
func blank(v string) bool { return strings.Trim(v, " ._…") == "" }
