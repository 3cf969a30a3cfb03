package form

import (
	"regexp"
	"strings"
	"unicode"
)

// boxPattern finds a code with its opening bracket. A code is two letters at
// most, look-alikes of Latin ones included, and stands by itself. A table's
// border may stand before the bracket.
var boxPattern = regexp.MustCompile(`([A-Za-z` + lookAlikes + `]{1,2}[0-9]{1,2})(\.[0-9]{1,2})?\s*:?\s*\|?\s*\[`)

// lookAlikes are Cyrillic and Greek letters that look like A B C E H K M O P T
// X, in either case.
const lookAlikes = "АВСЕНКМОРТХавсенкмортхΑΒΕΗΚΜΟΡΤΧΕαβεηκμορτχ"

var lookAlike = strings.NewReplacer(
	"А", "A", "В", "B", "С", "C", "Е", "E", "Н", "H", "К", "K", "М", "M", "О", "O", "Р", "P", "Т", "T", "Х", "X",
	"Α", "A", "Β", "B", "Ε", "E", "Η", "H", "Κ", "K", "Μ", "M", "Ο", "O", "Ρ", "P", "Τ", "T", "Χ", "X")

// codeAtEnd is a code at a line's end whose bracket a wrapping program put on
// the next.
var codeAtEnd = regexp.MustCompile(`(?:^|[^\pL\pN.])[A-Za-z` + lookAlikes + `]{1,2}[0-9]{1,2}(?:\.[0-9]{1,2})?\s*:?\s*\|?\s*$`)

// codeOf reads a code as typed on a national keyboard.
func codeOf(s string) string { return lookAlike.Replace(strings.ToUpper(s)) }

var bullet = regexp.MustCompile(`^(?:[>|]|[-*•·‣▪◦–—−](?:\s|$)|[0-9]{1,3}[.)](?:\s|$))`)

// piece is text of one quoted depth, its lines joined.
type piece struct {
	depth int
	text  strings.Builder
}

// joinLines is rule 2: quote marks and bullets go, lines are joined with a
// blank. Text of one depth forms one piece; a line that continues an open
// bracket, or brings the bracket of the code before it, belongs to it at
// whatever depth a wrapping program put it.
func joinLines(text string) map[int]*piece {
	pieces := map[int]*piece{}
	open, awaits, current := false, false, (*piece)(nil)
	for line := range strings.Lines(text) {
		depth, rest := strip(strings.TrimSpace(line))
		brings := awaits && strings.HasPrefix(rest, "[")
		if !open && !brings || current == nil || (depth != current.depth && boxPattern.MatchString(rest)) {
			if pieces[depth] == nil {
				pieces[depth] = &piece{depth: depth}
			}
			current = pieces[depth]
		}
		current.text.WriteString(rest)
		current.text.WriteByte(' ')
		open = staysOpen(rest, open)
		awaits = !open && (codeAtEnd.MatchString(rest) || awaits && rest == "")
	}
	return pieces
}

// strip takes quote marks and bullets off a line and counts the quote marks. A
// bullet inside an open bracket that stands at the line's beginning goes too:
// mail programs put one before every line.
func strip(line string) (depth int, rest string) {
	for {
		m := bullet.FindString(line)
		if m == "" {
			return depth, line
		}
		if line[0] == '>' || line[0] == '|' {
			depth++
		}
		line = strings.TrimLeftFunc(line[len(m):], unicode.IsSpace)
	}
}

// staysOpen reports whether a box is open at the end of a line.
func staysOpen(line string, open bool) bool {
	opening, closing := strings.LastIndexByte(line, '['), strings.LastIndexByte(line, ']')
	if opening < 0 && closing < 0 {
		return open
	}
	return opening > closing
}
