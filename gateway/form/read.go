package form

import (
	"slices"
	"strconv"
	"strings"
)

// HasForm reports whether a text has at least one box.
func HasForm(text string) bool {
	if len(text) > MaxSize {
		text = text[:MaxSize]
	}
	return len(join(text).boxes(maxBoxes)) > 0
}

// ParseText reads a form from a mail's text, already decoded to UTF-8 and at
// most MaxSize bytes. It follows the nine reader rules: of several forms it
// takes the one outside quoted text first, and names others that stand beside
// it. It gives nil without problems where there is no box at all.
func ParseText(text string) (*Form, []Problem) {
	if len(text) > MaxSize {
		return nil, []Problem{NewProblem(68, Error, "", map[string]string{"limit": "1 MB"})}
	}
	f, problems := parse(text)
	if f == nil || f.Changed() || f.Get("A24") == "" {
		if decoded, ok := leftEncoded(text); ok {
			if g, fewer := parse(decoded); g != nil && (g.Get("A24") != "" || f == nil || f.Get("A24") == "") && !g.Changed() {
				return g, fewer
			}
		}
	}
	return f, problems
}

func parse(text string) (*Form, []Problem) {
	s := join(text)
	boxes := s.boxes(4 * maxBoxes)
	if len(boxes) == 0 {
		return nil, nil
	}
	var read []*reader
	for _, c := range s.candidates(boxes) {
		read = append(read, readBoxes(c))
	}
	slices.SortStableFunc(read, func(a, b *reader) int { return a.depth - b.depth })
	r := choose(read)
	return r.finish(others(read, r))
}

// ParseReply reads a form from a mail whose history was cut off, reply, and as
// it came, full. The whole counts, since what looks like history may be the form
// itself; where it can't be read for certain, the reply is enough if it can.
func ParseReply(full, reply string) (*Form, []Problem) {
	f, problems := ParseText(full)
	if f != nil && !HasErrors(problems) {
		return f, problems
	}
	if g, fewer := ParseText(reply); g != nil && g.Get("A1") != "" && !HasErrors(fewer) {
		return g, fewer
	}
	return f, problems
}

// choose takes the first form that says something, before one that is but a
// blank to fill in. A form that another at its depth answers is the request that
// was quoted without marks.
func choose(read []*reader) *reader {
	best := read[0]
	for _, says := range []func(*reader) bool{(*reader).isFilled, func(r *reader) bool { return len(r.f.boxes) > 0 }} {
		if i := slices.IndexFunc(read, says); i >= 0 {
			best = read[i]
			break
		}
	}
	for _, r := range read {
		if r.depth == best.depth && r.isFilled() && r.answers(best) {
			return r
		}
	}
	return best
}

// isFilled: more than its type and version, which a blank form has too.
func (r *reader) isFilled() bool {
	n := len(r.f.boxes)
	for _, header := range []string{"A1", "A2", "A3"} {
		if r.f.Get(header) != "" {
			n--
		}
	}
	return n > 0
}

// answers reports whether A5 names another form's A4.
func (r *reader) answers(other *reader) bool {
	a4 := normalBox(other.f, "A4")
	return len(a4) > 0 && r != other && slices.Contains(normalBox(r.f, "A5"), a4[0])
}

// normalBox gives the values of one box in normal form.
func normalBox(f *Form, addr string) []string {
	a, _ := parseAddress(addr)
	return normalValues(a, f.boxes[addr])
}

// others names what else stands in the mail and wasn't read: forms beside the
// chosen one, boxes outside its marks. The same form twice, a blank one, the
// request that it answers and what is quoted deeper are no news.
func others(read []*reader, chosen *reader) (problems []Problem) {
	mine := chosen.f.Normal()
	for _, r := range read {
		f := r.f.Normal()
		more := slices.DeleteFunc(f.Addresses(), func(a string) bool { return slices.Equal(f.All(a), mine.All(a)) })
		blankForm := !r.isFilled() && mine.Get("A1") != ""
		switch {
		case r == chosen || len(more) == 0 || chosen.answers(r):
		case f.Get("A1") != "" && mine.Get("A1") == "":
			problems = append(problems, newProblem("in-parts", 18, Error, "A1", nil))
		case r.depth > chosen.depth || blankForm && f.Get("A1") != "":
		case f.Get("A1") != "":
			problems = append(problems, newProblem("several-forms", 18, Error, "", map[string]string{"value": f.Get("A4")}))
		default:
			problems = append(problems, newProblem("beside-form", 18, Warning, "", map[string]string{"list": strings.Join(more, " ")}))
		}
	}
	return problems
}

// reader collects the boxes of one form.
type reader struct {
	f        *Form
	depth    int
	clash    map[string]bool
	lost     map[string]bool
	outside  map[string]string // text that stands where no bracket is, by box
	marks    marks
	problems []Problem
}

func readBoxes(c candidate) *reader {
	r := &reader{f: &Form{boxes: map[string][]string{}}, depth: c.depth, clash: map[string]bool{}, lost: map[string]bool{}, outside: map[string]string{}, marks: marks{lines: map[string]int{}, joined: map[string]int{}}}
	if !r.bare(c.head, c.boxes[0]) {
		r.nameless(c.boxes[0], links.ReplaceAllString(c.head, ""))
	}
	for i, b := range c.boxes {
		if !b.known {
			continue
		}
		if len(r.f.boxes) >= maxBoxes || len(r.problems) >= maxBoxes {
			r.problems = append(r.problems, NewProblem(68, Error, "", map[string]string{"limit": strconv.Itoa(maxBoxes)}))
			break
		}
		if !b.closed {
			r.lose(b.addr)
			continue
		}
		r.box(b.addr, b.inside)
		r.marks.note(b)
		switch {
		case i+1 < len(c.boxes) && c.boxes[i+1].at == b.next:
			r.between(b, c.boxes[i+1])
		case i+1 == len(c.boxes):
			r.behind(b, c.ended)
		}
	}
	r.strayed()
	return r
}

func (r *reader) problem(key string, code int, s Severity, a address, args map[string]string) {
	r.problems = append(r.problems, newProblem(key, code, s, a.String(), args))
}

// lose names a box whose value can't be told for certain, once, and drops it.
func (r *reader) lose(a address) {
	key := a.String()
	if r.lost[key] || len(r.lost) >= maxBoxes {
		return
	}
	r.lost[key] = true
	delete(r.f.boxes, key)
	r.problem("unclosed", 18, Error, a, nil)
}

// box takes a value over. The same box with another value is nobody's choice.
func (r *reader) box(a address, inside string) {
	key := a.String()
	v := unescape(tidy(strings.ReplaceAll(inside, "\n", " ")))
	if r.clash[key] || r.lost[key] || blank(v) || v == withheld {
		return
	}
	b, _ := a.box()
	if b.Type == "locode" && shownPlace.MatchString(v) {
		v = v[:2] + v[3:] // as textValue shows it
	}
	values := slices.DeleteFunc(apart(b, v), blank)
	read := normalValues(a, values)
	had, twice := r.f.boxes[key]
	switch {
	case len(read) == 0 || twice && slices.Equal(normalValues(a, had), read):
	case twice:
		r.clash[key] = true
		delete(r.f.boxes, key)
		r.problem("twice", 14, Error, a, nil)
	default:
		r.f.boxes[key] = values
	}
}

func (r *reader) finish(more []Problem) (*Form, []Problem) {
	r.f.remember()
	switch {
	case r.f.Changed():
		r.mend()
	case r.f.Get("A24") == "":
		r.f = r.f.mapped(unlinked)
		r.doubt()
	}
	return r.f, append(r.problems, more...)
}
