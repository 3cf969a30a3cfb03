package entity

import (
	"regexp"
	"strings"
	"unicode"
)

// maxJudged is how many lines are searched for where history begins; further
// down only quoted lines are dropped.
const maxJudged = 2000

// ReplyText keeps what the sender wrote: it cuts quoted history, the signature
// block, mobile footers, disclaimers and banners, in the languages of the Union.
// It goes by layout where there is one (quote marks, blocks of labels, a date and
// an address before a colon) and by words where there is none.
func ReplyText(text string) string {
	lines := writtenLines(text)
	lines = withoutQuoted(lines[:min(len(lines), historyAt(lines))])
	lines = withoutBanner(lines)
	lines = lines[:signatureAt(lines)]
	lines = withoutDisclaimer(lines)
	return strings.Trim(strings.Join(trimRulers(lines), "\n"), "\n \t")
}

// writtenLines are the lines of a text without what is invisible.
func writtenLines(text string) []string {
	lines := strings.Split(clean(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(invisibleBlanks.Replace(line), " \t")
	}
	return lines
}

var invisibleBlanks = strings.NewReplacer("\u00a0", " ", "\u200b", "", "\u200c", "", "\u2060", "", "\ufeff", "", "\u00ad", "", "\u200e", "", "\u200f", "")

// historyAt is the line from which on everything is history.
func historyAt(lines []string) int {
	for i := range lines[:min(len(lines), maxJudged)] {
		if strings.TrimSpace(lines[i]) == "" || isQuoted(lines[i]) {
			continue
		}
		if beginsHistory(lines, i) {
			return i
		}
		if n := attribution(lines, i); n > 0 && !quoteFollows(lines, i+n) {
			return i
		}
	}
	return len(lines)
}

// withoutQuoted drops quoted lines and what introduces them.
func withoutQuoted(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); i++ {
		if isQuoted(lines[i]) {
			continue
		}
		if i < maxJudged && strings.TrimSpace(lines[i]) != "" && quoteIsNear(lines, i+1) {
			if n := attribution(lines, i); n > 0 && quoteFollows(lines, i+n) {
				i += n - 1
				continue
			}
			if quoteFollows(lines, i+1) && plainAttribution.MatchString(lines[i]) {
				continue
			}
		}
		out = append(out, lines[i])
	}
	return out
}

// isQuoted reports whether a line begins with ">" or "|", or with the initials of
// who wrote before them. It is asked of every line of a mail: no expression.
func isQuoted(line string) bool {
	t := strings.TrimLeft(line, " \t\f\r\n")
	if t == "" {
		return false
	}
	switch t[0] {
	case '>':
		return true
	case '|':
		return t == "|" || strings.HasPrefix(t, "| ")
	case '<':
		return strings.HasPrefix(t, "<<")
	}
	n := 0
	for n < len(t) && t[n] >= 'A' && t[n] <= 'Z' {
		n++
	}
	return n > 0 && n <= 3 && strings.HasPrefix(t[n:], "> ")
}

// quoteIsNear reports whether a quoted line follows so soon that an attribution
// which ends before line i, or a few lines further on, may introduce it.
func quoteIsNear(lines []string, i int) bool {
	for n := range maxAttribution {
		if i+n < len(lines) && quoteFollows(lines, i+n) {
			return true
		}
	}
	return false
}

// quoteFollows reports whether the next line that isn't empty is quoted.
func quoteFollows(lines []string, i int) bool {
	for ; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) != "" {
			return isQuoted(lines[i])
		}
	}
	return false
}

// signatureAt is the line where a signature block begins: at its delimiter, at a
// mobile footer, or behind the name under a formula of farewell. The formula and
// the name are the sender's own words.
func signatureAt(lines []string) int {
	wrote := false
	near := len(lines) - maxSignature
	for i, line := range lines {
		t := strings.TrimSpace(line)
		if t == "" {
			continue
		}
		switch {
		case t == "--" || t == "—":
			return i
		case !wrote || i < near:
		case shortDelimiter.MatchString(t) && onlyShort(lines[i+1:], 10),
			isFooter(t) && (onlyShort(lines[i+1:], 4) || onlyFooters(lines[i+1:])):
			return i
		case farewell.MatchString(t) && onlyShort(lines[i+1:], 14):
			return afterName(lines, i+1)
		}
		wrote = true
	}
	return len(lines)
}

// maxSignature is how many lines from the end a signature block is looked for that
// has no delimiter.
const maxSignature = 60

// afterName is the line after the name that stands under a farewell.
func afterName(lines []string, i int) int {
	for j := i; j < min(len(lines), i+3); j++ {
		t := strings.Trim(lines[j], " \t/")
		if t == "" {
			continue
		}
		if len([]rune(t)) > 50 || strings.ContainsAny(t, "0123456789@/:") || isRuler(t) {
			return i
		}
		return j + 1
	}
	return i
}

var shortDelimiter = regexp.MustCompile(`^(?:-{3,5}|_{2,5}|={2,5}|\*{3,5}|~{2,5})$`)

// onlyShort reports whether lines are few and short, as those of a signature.
func onlyShort(lines []string, most int) bool {
	n := 0
	for _, line := range lines {
		t := strings.TrimSpace(line)
		if t == "" {
			continue
		}
		if n++; n > most || len([]rune(t)) > 120 || boxLine.MatchString(t) {
			return false
		}
		if isDisclaimer(t) {
			return true
		}
	}
	return true
}

// boxLine is a line of a form: never a signature, never a disclaimer.
var boxLine = markedBy("[［【/", `(?i)\b[A-Z]{1,2}[0-9]{1,2}(?:\.[0-9]{1,2})?\s*[:：]?\s*[\[［【]|JCOFORM/`)

// isFooter reports whether a line is what a phone or program put under a mail.
func isFooter(t string) bool {
	return len([]rune(t)) < 110 && (footer.MatchString(t) || strings.Contains(t, "aka.ms/"))
}

// onlyFooters reports whether nothing else follows: a mail that went through many
// hands carries one of each.
func onlyFooters(lines []string) bool {
	for _, line := range lines {
		if t := strings.TrimSpace(line); t != "" && !isFooter(t) {
			return false
		}
	}
	return true
}

// withoutBanner drops warnings that a server put on top.
func withoutBanner(lines []string) []string {
	for n := 0; n < 3; n++ {
		first := 0
		for first < len(lines) && strings.TrimSpace(lines[first]) == "" {
			first++
		}
		end := first
		for end < len(lines) && strings.TrimSpace(lines[end]) != "" && end < first+8 {
			end++
		}
		if first == end {
			return lines
		}
		switch whole := strings.Join(lines[first:end], " "); {
		case isBanner(lines[first]):
			end = first + 1
		case !isBanner(whole):
			return lines
		}
		lines = lines[end:]
	}
	return lines
}

// isBanner reports whether a line or paragraph says that a mail came from outside.
func isBanner(s string) bool {
	s = strings.Trim(s, "*_ \t-=|")
	if len(s) > 700 || boxLine.MatchString(s) {
		return false
	}
	return tag.MatchString(s) || fromOutside.MatchString(s) && mailWord.MatchString(s) && warning.MatchString(s) || strings.Contains(s, "aka.ms/LearnAboutSenderIdentification")
}

// withoutDisclaimer drops the paragraphs at the end that a lawyer wrote.
func withoutDisclaimer(lines []string) []string {
	for {
		end := len(lines)
		for end > 0 && strings.TrimSpace(lines[end-1]) == "" {
			end--
		}
		start := end
		for start > max(0, end-100) && strings.TrimSpace(lines[start-1]) != "" && !isRuler(lines[start-1]) {
			start--
		}
		if start == end || !isDisclaimer(strings.Join(lines[start:end], " ")) {
			return lines[:end]
		}
		if start > 0 && isRuler(lines[start-1]) {
			start--
		}
		lines = lines[:start]
	}
}

// isDisclaimer reports whether a paragraph speaks of secrecy and of whom it was
// meant for, in one language or another.
func isDisclaimer(s string) bool {
	if len(s) < 40 || len(s) > 8000 || boxLine.MatchString(s) {
		return false
	}
	head := s[:min(len(s), 60)]
	return secrecy.MatchString(s) && (addressee.MatchString(s) || mailWord.MatchString(head)) || legalNotice.MatchString(s) || environment.MatchString(s)
}

// isRuler reports whether a line is nothing but a ruler.
func isRuler(line string) bool {
	return strings.IndexFunc(line, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.So, r)
	}) < 0
}

// trimRulers drops empty lines and rulers from the end, where they divide
// nothing any more.
func trimRulers(lines []string) []string {
	for len(lines) > 1 && isRuler(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}
