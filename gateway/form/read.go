package form

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// HasForm reports whether a text has at least one box.
func HasForm(text string) bool {
	if len(text) > MaxSize {
		text = text[:MaxSize]
	}
	for _, p := range joinLines(foldText(strings.ToValidUTF8(text, "�"))) {
		if len(findBoxes(p.text.String())) > 0 {
			return true
		}
	}
	return false
}

// ParseText reads a form from a mail's text, already decoded to UTF-8 and at
// most MaxSize bytes. It follows the nine reader rules: of several forms it
// takes the one outside quoted text first. It gives nil without problems where
// there is no box at all.
func ParseText(text string) (*Form, []Problem) {
	if len(text) > MaxSize {
		return nil, []Problem{NewProblem(68, Error, "", map[string]string{"limit": "1 MB"})}
	}
	pieces := joinLines(foldText(strings.ToValidUTF8(text, "�")))
	depths := make([]int, 0, len(pieces))
	for d := range pieces {
		depths = append(depths, d)
	}
	sort.Ints(depths)
	var best *reader
	for _, d := range depths {
		for _, part := range splitForms(pieces[d].text.String()) {
			r := readBoxes(part)
			if !r.any {
				continue
			}
			if len(r.f.boxes) > 0 {
				return r.finish()
			}
			if best == nil {
				best = r
			}
		}
	}
	if best == nil {
		return nil, nil
	}
	return best.finish()
}

var marker = regexp.MustCompile(`(?i)JCOFORM\s*/\s*1\s*(?:BEGIN|END)`)

// splitForms cuts a text at the BEGIN and END marks. Where there are none it is
// one form. A mark inside closed brackets is somebody's text.
func splitForms(text string) []string {
	var out []string
	from := 0
	for _, m := range marker.FindAllStringIndex(text, -1) {
		if staysOpen(text[from:m[0]], false) && closes(text[m[1]:]) {
			continue
		}
		out = append(out, text[from:m[0]])
		from = m[1]
	}
	return append(out, text[from:])
}

// closes reports whether the next bracket closes.
func closes(text string) bool {
	i := strings.IndexAny(text, "[]")
	return i >= 0 && text[i] == ']'
}

// opening is one code with its bracket: text[start:after] is "C4: [".
type opening struct {
	start, after int
	addr         address
	known        bool // a code that parses
}

// findBoxes lists the openings in order. A code glued to a word isn't one.
func findBoxes(text string) []opening {
	var out []opening
	for _, m := range boxPattern.FindAllStringSubmatchIndex(text, -1) {
		if before, _ := utf8.DecodeLastRuneInString(text[:m[2]]); unicode.IsLetter(before) || unicode.IsDigit(before) || before == '.' {
			continue
		}
		row := ""
		if m[4] >= 0 {
			row = text[m[4]:m[5]]
		}
		a, ok := parseAddress(codeOf(text[m[2]:m[3]]) + row)
		out = append(out, opening{m[2], m[1], a, ok})
	}
	return out
}

// reader collects the boxes of one form.
type reader struct {
	f        *Form
	any      bool
	clash    map[string]bool
	raw      map[string]string // what stood in the brackets
	lost     map[string]bool
	problems []Problem
}

func readBoxes(text string) *reader {
	r := &reader{f: &Form{boxes: map[string][]string{}}, clash: map[string]bool{}, raw: map[string]string{}, lost: map[string]bool{}}
	found := findBoxes(text)
	r.any = len(found) > 0
	for i, o := range found {
		limit, next := len(text), (*opening)(nil)
		if i+1 < len(found) {
			next = &found[i+1]
			limit = next.start
		}
		if !o.known {
			continue
		}
		inside, outside, closed := strings.Cut(text[o.after:limit], "]")
		if !closed || strings.Contains(inside, "[") {
			r.lose(o.addr)
			continue
		}
		if len(r.f.boxes) >= maxBoxes {
			r.problems = append(r.problems, NewProblem(68, Error, "", map[string]string{"limit": strconv.Itoa(maxBoxes)}))
			break
		}
		r.box(o.addr, inside)
		if blank(inside) && !r.lost[o.addr.String()] && strayText(outside, next) {
			r.lost[o.addr.String()] = true
			r.problem("outside", 14, Warning, o.addr, nil)
		}
	}
	return r
}

func (r *reader) problem(key string, code int, s Severity, a address, args map[string]string) {
	r.problems = append(r.problems, newProblem(key, code, s, a.String(), args))
}

// lose names a box whose bracket is unclosed, once.
func (r *reader) lose(a address) {
	if key := a.String(); !r.lost[key] && len(r.lost) < maxBoxes {
		r.lost[key] = true
		r.problem("unclosed", 18, Error, a, nil)
	}
}

// box takes a value over. The same box with another value is nobody's choice.
func (r *reader) box(a address, inside string) {
	key := a.String()
	if raw, seen := r.raw[key]; r.clash[key] || seen && raw == inside {
		return
	}
	r.raw[key] = inside
	v := tidy(inside)
	if blank(v) || v == withheld {
		return
	}
	values := normalValues(a, []string{v})
	if len(values) == 0 {
		return
	}
	if b, known := a.box(); !known || !b.Many {
		values = []string{v}
	}
	had, twice := r.f.boxes[key]
	switch {
	case twice && !slices.Equal(normalValues(a, had), normalValues(a, values)):
		r.clash[key] = true
		delete(r.f.boxes, key)
		r.problem("twice", 14, Error, a, nil)
	default:
		r.f.boxes[key] = values
	}
}

// strayText reports whether somebody wrote behind an empty box instead of into
// it. What stands there is the next box's label too: a label we know is taken
// off, of another only digits tell. Behind the last box stands what the mail
// goes on with, so only digits at once count.
func strayText(outside string, next *opening) bool {
	outside = strings.TrimSpace(outside)
	if next == nil {
		return leadingDigits.MatchString(outside)
	}
	for _, lang := range Languages() {
		if rest, ok := strings.CutSuffix(outside, labelText(Label(next.addr.code, lang))); ok {
			return strings.ContainsFunc(rest, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
		}
	}
	return strings.ContainsFunc(outside, unicode.IsDigit)
}

var leadingDigits = regexp.MustCompile(`^[^\pL]{0,3}[0-9]`)

func (r *reader) finish() (*Form, []Problem) {
	r.f.remember()
	return r.f, r.problems
}
