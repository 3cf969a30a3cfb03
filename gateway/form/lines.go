package form

import (
	"regexp"
	"sort"
	"strings"
	"unicode"
)

// boxPattern finds a code with its opening bracket. A code is two letters at
// most, look-alikes of Latin ones included. Between them may stand what programs
// leave there of a table, of bold type or of an escape.
var boxPattern = regexp.MustCompile(`([A-Za-z` + lookAlikes + `]{1,2}[0-9]{1,2})(\.[0-9]{1,2})?(?:[\s:;=)*_|>"'\\]|&nbsp;){0,12}\[`)

// codeOf reads a code as typed on a national keyboard.
func codeOf(s string) string { return lookAlike.Replace(strings.ToUpper(s)) }

// A quote mark or a bullet at the beginning of a line; a bullet is followed by a
// blank. The last ones are what Word's symbol fonts leave behind.
var (
	quoteMark = regexp.MustCompile(`^[>|¦]`)
	bullet    = regexp.MustCompile(`^(?:[-*+•·‣⁃▪●○◦◆■□–—−§\x{f0b7}\x{f0a7}\x{f0d8}\x{f076}]|o|\(?(?:[0-9]{1,3}|[a-z])[.)])(?:\s+|$)`)
)

// stream is a mail's text with its lines joined: line structure carries no
// meaning but for the depth at which a line was quoted.
type stream struct {
	text   string
	starts []int    // of each line, in text
	depths []int    // of each line: how many quote marks it had
	marks  []string // of each line: what was taken off it, "" for nothing
}

// join is rules 1 and 2 of the reader: every kind of sign made plain, quote marks
// and bullets taken off the lines, the lines joined. A line that continues an
// open bracket loses no more marks than the lines before had: what else looks
// like one is the value's own.
func join(text string) stream {
	var s stream
	var b strings.Builder
	l := liner{}
	for line := range strings.SplitSeq(foldText(lineEnds(strings.ToValidUTF8(text, "\ufffd"))), "\n") {
		line = strings.TrimSpace(line)
		depth, rest := l.strip(line)
		mark := ""
		if len(rest) < len(line) {
			mark = markOf(line)
		}
		s.marks = append(s.marks, mark)
		s.starts = append(s.starts, b.Len())
		s.depths = append(s.depths, depth)
		b.WriteString(rest)
		b.WriteByte('\n')
	}
	s.text = b.String()
	return s
}

// liner strips one line after the other.
type liner struct {
	open    bool   // a bracket is open at the end of the last line
	bullets int    // how many bullets the line had that opened it
	recent  [3]int // depths of the last lines that began outside brackets
}

func (l *liner) strip(line string) (depth int, rest string) {
	quotes, bullets, taken := len(line), len(line), 0
	row := strings.HasPrefix(line, "|")
	if l.open {
		quotes, bullets = max(l.recent[0], l.recent[1], l.recent[2]), l.bullets
	}
	for {
		if m := quoteMark.FindString(line); m != "" && depth < quotes {
			line, depth = line[len(m):], depth+1
		} else if m := bullet.FindString(line); m != "" && taken < bullets {
			line, taken = line[len(m):], taken+1
		} else {
			break
		}
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
	}
	if !l.open {
		l.recent = [3]int{depth, l.recent[0], l.recent[1]}
		l.bullets = taken
	}
	if row && depth > 0 {
		line = strings.TrimRight(strings.TrimSuffix(line, "|"), " \t") // a table's right border
	}
	l.open = staysOpen(line, l.open)
	return depth, line
}

// staysOpen reports whether a box is open at the end of a line.
func staysOpen(line string, open bool) bool {
	opening, closing := strings.LastIndexByte(line, '['), strings.LastIndexByte(line, ']')
	if opening < 0 && closing < 0 {
		return open
	}
	return opening > closing
}

// lineAt is the line that holds a place in the text.
func (s stream) lineAt(at int) int { return sort.SearchInts(s.starts, at+1) - 1 }

// box is one code with its brackets, as it stands in the text.
type box struct {
	addr   address
	known  bool // the code parses
	at     int  // where the code begins
	inside string
	closed bool
	after  string // what stands between it and the next code
	end    int    // where after begins
	next   int    // where the next code begins, of whatever form
	depth  int
	mark   string // that stood before its line
}

// boxes lists the boxes in order, at most limit of them. A code glued to a word
// isn't one.
func (s stream) boxes(limit int) []box {
	var out []box
	for _, m := range boxPattern.FindAllStringSubmatchIndex(s.text, limit) {
		if m[2] > 0 && glued(s.text[:m[2]]) {
			continue
		}
		row := ""
		if m[4] >= 0 {
			row = s.text[m[4]:m[5]]
		}
		a, ok := parseAddress(codeOf(s.text[m[2]:m[3]]) + row)
		line := s.lineAt(m[2])
		out = append(out, box{addr: a, known: ok, at: m[2], end: m[1], depth: s.depths[line], mark: s.marks[line]})
	}
	for i := range out {
		b := &out[i]
		b.next = len(s.text)
		if i+1 < len(out) {
			b.next = out[i+1].at
		}
		b.inside, b.after, b.closed = strings.Cut(s.text[b.end:b.next], "]")
		b.closed = b.closed && !strings.Contains(b.inside, "[")
		b.end += len(b.inside)
		if opens := b.end - len(b.inside) - 1; opens > 0 && s.text[opens-1] == '\\' {
			b.inside = strings.TrimSuffix(b.inside, `\`) // a program escaped both brackets
		}
	}
	return out
}
