package form

import (
	"regexp"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// glued reports whether a text ends in a letter or digit.
func glued(text string) bool {
	before, _ := utf8.DecodeLastRuneInString(text)
	return unicode.IsLetter(before) || unicode.IsDigit(before)
}

// maxForms is how many forms a mail is searched for.
const maxForms = 50

var marker = regexp.MustCompile(`(?i)JCOFORM\s*/\s*1\s*(BEGIN|END)`)

// candidate is what may be one form: its boxes, and the depth at which most of
// them were quoted.
type candidate struct {
	boxes []box
	depth int
	head  string // what stands between the BEGIN mark and the first box
	ended bool   // an END mark follows
}

// candidates takes the boxes of a mail apart into forms: at the BEGIN and END
// marks first, then by the depth of quoting.
func (s stream) candidates(boxes []box) []candidate {
	var out []candidate
	from, begin := 0, -1
	cut := func(to int, ended bool) {
		if to > from {
			own := split(boxes[from:to], begin >= 0 && ended)
			own[0].ended = ended
			if begin >= 0 {
				own[0].head = s.text[begin:own[0].boxes[0].at]
			}
			out = append(out, own...)
		}
		from = to
	}
	for _, m := range marker.FindAllStringSubmatchIndex(s.text, 2*maxForms) {
		next := sort.Search(len(boxes), func(i int) bool { return boxes[i].at > m[0] })
		if next > 0 {
			last := &boxes[next-1]
			if last.closed && m[0] < last.end {
				continue // somebody's text
			}
			last.after = s.text[min(last.end+1, m[0]):m[0]]
		}
		ended := m[3]-m[2] == len("END")
		cut(next, ended)
		if begin = m[1]; ended {
			begin = -1
		}
	}
	cut(len(boxes), false)
	return out
}

// split takes the boxes between two marks apart by depth, the outermost first.
// Lines that a wrapping program broke lose their quote marks, so boxes of several
// depths that stand among one another are one form where they fit together: where
// none contradicts another, and one part alone has the form's type.
func split(boxes []box, whole bool) []candidate {
	byDepth := map[int][]box{}
	runs := 0
	for i, b := range boxes {
		byDepth[b.depth] = append(byDepth[b.depth], b)
		if i == 0 || boxes[i-1].depth != b.depth {
			runs++
		}
	}
	var out []candidate
	for depth, own := range byDepth {
		out = append(out, candidate{boxes: own, depth: depth})
	}
	slices.SortFunc(out, func(a, b candidate) int { return a.depth - b.depth })
	if !whole && runs == len(out) {
		return out
	}
	for len(out) > 1 && out[0].fits(out[1]) {
		if len(out[1].boxes) > len(out[0].boxes) {
			out[0].depth = out[1].depth
		}
		out[0].boxes = append(slices.Clone(out[0].boxes), out[1].boxes...)
		slices.SortFunc(out[0].boxes, func(a, b box) int { return a.at - b.at })
		out = slices.Delete(out, 1, 2)
	}
	return out
}

// fits reports whether deeper boxes can be of the same form.
func (c candidate) fits(deeper candidate) bool {
	if c.typed() && deeper.typed() {
		return false
	}
	have := map[string]string{}
	for _, b := range c.boxes {
		if v := tidy(b.inside); b.closed && !blank(v) {
			have[b.addr.String()] = v
		}
	}
	return !slices.ContainsFunc(deeper.boxes, func(b box) bool {
		v, twice := have[b.addr.String()]
		return twice && b.closed && !blank(tidy(b.inside)) && tidy(b.inside) != v
	})
}

// typed reports whether the form's type is among the boxes.
func (c candidate) typed() bool {
	return slices.ContainsFunc(c.boxes, func(b box) bool { return b.known && b.addr.code == "A1" })
}
