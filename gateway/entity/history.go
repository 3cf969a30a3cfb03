package entity

import (
	"regexp"
	"strings"
)

// beginsHistory reports whether line i begins a copy of an older mail: a mark
// such as "Original Message", a ruler with labels after it, or labels alone.
func beginsHistory(lines []string, i int) bool {
	t := strings.TrimSpace(lines[i])
	words, isMarked := betweenDashes(t)
	if isMarked && originalWords.MatchString(words) || begun.MatchString(t) {
		return true
	}
	if isMarked || len(t) >= 3 && isRuler(t) {
		for j := i + 1; j < min(len(lines), i+4); j++ {
			if strings.TrimSpace(lines[j]) != "" {
				return isHeaderBlock(lines, j) || attribution(lines, j) > 0 && !quoteFollows(lines, j+1) && len(t) > 10
			}
		}
	}
	return isHeaderBlock(lines, i)
}

// marked is words between dashes or the like: "-----Original Message-----".
var marked = regexp.MustCompile(`^[\s*>]*[-_=]{2,}\s*([\pL][\pL .,'’:()-]{3,60}?)\s*[:]?\s*[-_=]{2,}[\s*]*$|^\*{2,}\s*([\pL][\pL .'’]{3,60}?)\s*\*{2,}$`)

// betweenDashes are the words between the dashes of a line, if it is nothing else.
func betweenDashes(t string) (words string, ok bool) {
	if !strings.HasPrefix(t, "**") && strings.IndexAny(strings.TrimLeft(t, " \t*>"), "-_=") != 0 {
		return "", false
	}
	m := marked.FindStringSubmatch(t)
	if m == nil {
		return "", false
	}
	return m[1] + m[2], true
}

// isHeaderBlock reports whether lines from i on are the header of an older mail, as
// programs write it: a sender with an address and another label, or labels of
// sender, date and subject, or four of any.
func isHeaderBlock(lines []string, i int) bool {
	found := map[string]bool{}
	address := false
	misses := 0
	for j := i; j < min(len(lines), i+12); j++ {
		line := strings.Trim(lines[j], " \t*_>")
		if line == "" {
			if len(found) > 0 {
				misses++
			}
			if misses > 1 || len(found) == 0 {
				break
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			name, value, ok = strings.Cut(line, "：")
		}
		kind := labels[strings.ToLower(strings.Trim(name, " \t*_"))]
		if !ok || kind == "" || boxLine.MatchString(line) {
			if len(found) == 0 || misses > 0 {
				break
			}
			misses++ // a value that goes on
			address = address || found["from"] && len(found) == 1 && strings.Contains(line, "@")
			continue
		}
		misses = 0
		found[kind] = true
		if kind == "from" && strings.ContainsAny(value, "@[<") {
			address = true
		}
	}
	dated := found["date"] || found["sent"]
	switch {
	case !found["from"] && !(dated && found["subject"] && found["to"]):
		return false
	case address && len(found) >= 2, len(found) >= 4:
		return true
	}
	return dated && found["subject"] || found["sent"] && found["to"]
}

// maxAttribution is how many lines an attribution may take.
const maxAttribution = 4

// attribution reports how many lines from i on introduce a quotation ("On … X
// wrote:"); 0 where they don't. The shortest run of lines counts, so that what
// somebody wrote above stays.
func attribution(lines []string, i int) int {
	first := strings.TrimSpace(lines[i])
	if len(first) > 400 || isQuoted(first) || boxLine.MatchString(first) {
		return 0
	}
	if introduces(first) {
		return 1
	}
	if !startsAttribution(first) {
		return 0
	}
	joined := first
	for n := 2; n <= maxAttribution && i+n <= len(lines); n++ {
		next := strings.TrimSpace(lines[i+n-1])
		if next == "" || isQuoted(next) && !strings.HasPrefix(next, ">:") {
			return 0
		}
		if joined += " " + next; len(joined) > 500 {
			return 0
		}
		if introduces(joined) {
			return n
		}
	}
	return 0
}

const digits = "0123456789"

var (
	aTime      = markedBy(digits, `\d{1,2}\s?[:.h]\s?\d{2}|\d{1,2}\s?(am|pm|AM|PM)\b`)
	aDate      = markedBy(digits+"年", `\b(?:19|20)\d{2}\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\b\d{1,2}\.? ?\pL{3,}|\pL{3,}\.? \d{1,2}\b|年`)
	fullDate   = markedBy(digits, `\b(?:19|20)\d{2}\b|\b\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}`)
	anyAddr    = markedBy("@:", `[^\s<>@]+@[^\s<>@]+\.\pL{2,}|<mailto:|\[mailto:`)
	datedBy    = markedBy(digits, `^\W{0,3}(?:\d{1,2}[.:/-]\d{1,2}|(?:19|20)\d{2}[-/.]|\d{1,2}\.? \pL{3,}|\pL{2,9}\.?,? \d{1,2}\.? \pL{3,}|\pL{2,4}\.?, \d|\d{4}年)`)
	dayOfMonth = markedBy(digits, `[\s,]\d{1,2}\.$`) // a date that was wrapped behind its day
	dashWrap   = markedBy("-", `^-{3,}.*-{3,}$`)
)

// begins reports whether a line begins as attributions do: with "On" or a date.
func begins(s string) bool { return datedBy.MatchString(s) || onWord.MatchString(s) }

// startsAttribution reports whether an attribution of several lines may begin
// with a line: with a date, or a name and the beginning of an address, and not
// with a whole sentence.
func startsAttribution(s string) bool {
	day := dayOfMonth.MatchString(s)
	if strings.HasSuffix(s, ".") && !day || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return false
	}
	date := day || aDate.MatchString(s)
	return date && begins(s) || anyAddr.MatchString(s) && (strings.HasSuffix(s, ">") || date && wroteVerb.MatchString(s))
}

// introduces reports whether a line says that somebody wrote at some time: who
// and when in any order, with a verb or without, before a colon or between
// dashes. What costs most is asked last.
func introduces(s string) bool {
	dashed := dashWrap.MatchString(s)
	s = strings.Trim(s, "-–—*_ \t")
	if len(s) > 500 || len(s) < 8 {
		return false
	}
	colon := strings.HasSuffix(s, ":") || strings.HasSuffix(s, "：")
	date, addr := aDate.MatchString(s), anyAddr.MatchString(s)
	switch {
	case dashed && wroteVerb.MatchString(s):
		return true
	case colon && (addr || date && aTime.MatchString(s) || fullDate.MatchString(s) && begins(s)) && wroteVerb.MatchString(s):
		return true
	case colon && date && addr && (aTime.MatchString(s) || begins(s)):
		return true
	case !date || !(addr || aTime.MatchString(s)) || !begins(s):
		return false
	}
	return endsInVerb.MatchString(s) || addr && strings.HasSuffix(s, ">") && (aTime.MatchString(s) || datedBy.MatchString(s))
}
