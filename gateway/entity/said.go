package entity

import (
	"regexp"
	"slices"
	"strings"
)

// about is what a report says of one recipient, of so many.
func (n *notice) about(addr string, of int) string {
	addr = strings.ToLower(addr)
	var said []string
	listedThere := false
	for k, e := range n.entries {
		if e.addr != addr || e.rank == inSentence && of > 1 {
			continue
		}
		if s := n.following(k); s != "" && !slices.Contains(said, s) {
			said = append(said, s)
			listedThere = listedThere || e.rank == inList && weight(s) >= 2
		}
	}
	best := heaviest(said)
	if weight(best) >= 2 && (listedThere || of > 1) || of > 1 && weight(best) >= 1 {
		return best
	}
	return heaviest([]string{n.essence(), best})
}

// heaviest is the text that tells most, and of those the first.
func heaviest(texts []string) string {
	best := ""
	for _, s := range texts {
		if weight(s) > weight(best) {
			best = s
		}
	}
	return best
}

// weight is how much a text tells of a failure: codes tell most.
func weight(s string) int {
	switch {
	case !telling(s):
		return 0
	case replyCode.MatchString(s), statusIn(s) != "":
		return 3
	case causeInWords(s) != "":
		return 2
	}
	return 1
}

// following is what stands with an entry: the rest of its line and the lines
// after it, until the next entry or a blank line that ends the matter.
func (n *notice) following(k int) string {
	e := n.entries[k]
	said := []string{e.said}
	next := len(n.lines)
	for _, other := range n.entries[k+1:] {
		if other.line > e.line && other.addr != e.addr && other.rank == e.rank {
			next = other.line
			break
		}
	}
	for j := e.line + 1; j < min(next, e.line+16); j++ {
		line := strings.TrimSpace(n.lines[j])
		if line == "" {
			if telling(strings.Join(said, " ")) || j+1 >= next || !continues(n.lines[j+1]) {
				break
			}
			continue
		}
		if ruler.MatchString(line) {
			break
		}
		said = append(said, line)
	}
	return strings.TrimSpace(strings.Join(said, " "))
}

var ruler = regexp.MustCompile(`^[-=_*#|]{3,}|[-=_*#|]{4,}$`)

// continues reports whether a line after a blank one still belongs to the entry
// before it: it is indented or says why.
func continues(line string) bool {
	t := strings.TrimSpace(line)
	return t != "" && (line[0] == ' ' || line[0] == '\t' || strings.HasSuffix(t, ":") || replyCode.MatchString(t) || causeInWords(t) != "")
}

// essence is what a report says where nothing stands with a recipient: the lines
// with what servers said, else the paragraph that names a cause.
func (n *notice) essence() string {
	var codes []string
	for i, line := range n.lines {
		t := strings.TrimSpace(line)
		if !(replyCode.MatchString(t) || statusIn(t) != "") || positive.MatchString(t) || len(codes) >= 8 {
			continue
		}
		codes = append(codes, t)
		for j := i + 1; j < min(len(n.lines), i+4) && len(t) > 50 && strings.TrimSpace(n.lines[j]) != "" && !replyCode.MatchString(n.lines[j]); j++ {
			codes = append(codes, strings.TrimSpace(n.lines[j]))
		}
	}
	if len(codes) > 0 {
		return tidyDiagnostic(strings.Join(codes, " "))
	}
	var paragraphs []string
	for _, p := range strings.Split(strings.Join(n.lines, "\n"), "\n\n") {
		if p = tidyDiagnostic(p); !strings.HasSuffix(p, ":") {
			paragraphs = append(paragraphs, p)
		}
	}
	slices.SortStableFunc(paragraphs, func(a, b string) int { return min(len(b), 400) - min(len(a), 400) })
	return heaviest(paragraphs)
}

// positive are replies that say that all is well.
var positive = regexp.MustCompile(`^(<<<|>>>|In:|Out:)?\s*[23]\d\d[ -]`)
