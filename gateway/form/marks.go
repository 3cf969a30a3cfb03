package form

import (
	"regexp"
	"slices"
	"strings"
)

// marks are the signs that a mail program put before lines, as far as they can
// still be told: how often each stood before a line and was taken off, how often
// one stands behind a box, where lines were joined after it was put there, and in
// which boxes a line begins with one.
type marks struct {
	lines  map[string]int
	joined map[string]int
	inside []string // addresses
}

var (
	leadingMark = regexp.MustCompile(`^(?:([>|¦])|([-*+•·‣⁃▪●○◦◆■□–—−§\x{f0b7}\x{f0a7}\x{f0d8}\x{f076}])\s|(\(?[0-9]{1,3}[.)])\s)`)
	quoteInside = regexp.MustCompile(`(?:^|[\s,;])(?:[>|¦]\s*)+`)
)

// note counts the marks around a box and notes those inside.
func (m *marks) note(b box) {
	m.lines[b.mark]++
	line, _, _ := strings.Cut(b.after, "\n")
	m.joined[markOf(line)]++
	lines := strings.Split(b.inside, "\n")
	if slices.ContainsFunc(lines[1:], func(l string) bool { return markOf(l) != "" }) || strings.HasSuffix(b.inside, `\`) {
		m.inside = append(m.inside, b.addr.String())
	}
}

// markOf gives the mark that a text begins with: a quote mark, a bullet, or "1."
// for any number.
func markOf(text string) string {
	m := leadingMark.FindStringSubmatch(strings.TrimSpace(text) + " ")
	switch {
	case m == nil:
		return ""
	case m[3] != "":
		return "1."
	}
	return m[1] + m[2]
}

// suspects are the marks that may stand inside values too: those that stood
// before several lines, and those that stand where lines were joined.
func (m *marks) suspects() (out []string) {
	for kind, n := range m.lines {
		if kind != "" && n > 1 {
			out = append(out, kind)
		}
	}
	for kind := range m.joined {
		if kind != "" {
			out = append(out, kind)
		}
	}
	return out
}

// doubt names the boxes of a form without check value in which signs stand that
// the mail program may have put there. Quote marks are taken out where they
// surely are such: people don't begin lines with them. Bullets and numbers stay.
func (r *reader) doubt() {
	suspects := r.marks.suspects()
	joined := r.marks.joined[">"] > 1 || r.marks.joined["|"] > 1
	quoted := r.marks.lines[">"] > 0 || r.marks.lines["|"] > 0
	for _, key := range r.f.Addresses() {
		values := r.f.boxes[key]
		began := slices.Contains(r.marks.inside, key)
		sure := joined || began && !quoted
		doubtful := began || slices.ContainsFunc(suspects, func(kind string) bool {
			return slices.ContainsFunc(values, func(v string) bool { return holdsMark(v, kind) })
		})
		if !doubtful {
			continue
		}
		for i, v := range values {
			if sure {
				values[i] = strings.TrimSuffix(tidy(quoteInside.ReplaceAllString(v, " ")), `\`)
			}
		}
		if values = slices.DeleteFunc(values, blank); len(values) > 0 {
			r.f.boxes[key] = values
		} else {
			delete(r.f.boxes, key)
		}
		a, _ := parseAddress(key)
		r.problem("doubt", 14, Warning, a, nil)
	}
}

// holdsMark reports whether a mark stands somewhere in a value, before a word.
func holdsMark(v, mark string) bool {
	if strings.ContainsAny(mark, ">|¦") {
		return quoteInside.MatchString(v)
	}
	for w := range strings.FieldsSeq(v) {
		if markOf(w+" x") == mark {
			return true
		}
	}
	return false
}
