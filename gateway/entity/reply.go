package entity

import (
	"regexp"
	"strings"
)

var (
	originalMark = regexp.MustCompile(`^\s*[-_=]{3,}\s*\pL[\pL .'’]{3,40}\s*[-_=]{3,}\s*$`)
	// "On … wrote:" in the languages of the Union: a date or an address, and a
	// colon at the end.
	attribution = regexp.MustCompile(`(?i)(wrote|writes|pisze|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|kirjoitti|kirjutas|napisał|napísal|napsal|rakstīja|rašė|napisao|napisala|je napisal|írta|a scris|написа|έγραψε|kiteb|scríobh)[^:]{0,80}(\([^()]{0,80}\))?:\s*$`)
	headerLabel = regexp.MustCompile(`^[*\s]*(From|Von|De|Da|Van|Fra|Från|Lähettäjä|Saatja|Od|No|Nuo|Šalje|Feladó|De la|От|Από|Minn|Ó)\s?[*]*\s?:`)
	sentLabel   = regexp.MustCompile(`^[*\s]*(Sent|Date|Gesendet|Datum|Envoyé|Enviado|Enviado el|Inviato|Data|Verzonden|Sendt|Skickat|Lähetetty|Saadetud|Wysłano|Odoslané|Odesláno|Nosūtīts|Išsiųsta|Poslano|Elküldve|Trimis|Изпратено|Στάλθηκε|Mibgħut|Seolta)\s?[*]*\s?:`)
	footer      = regexp.MustCompile(`(?i)^(sent from my |von meinem .* gesendet|envoyé de mon |enviado desde mi |inviato da |verstuurd vanaf |get outlook for |wysłane z |lähetetty )`)
	banner      = regexp.MustCompile(`(?i)^\s*(\[?(external|extern|externe|externo)\]?( e-?mail)?\s*:?\s*|(caution|warning)\s*:\s*this (e-?mail|message) (originated|came) from outside.*)$`)
	disclaimer  = regexp.MustCompile(`(?i)^\s*(this (e-?mail|message)( and any| \(including| is intended| may contain)|diese e-?mail (enthält|kann)|ce (message|courriel) (est|et)|este (mensaje|correo) (es|y|contiene)|(disclaimer|confidentiality notice)\b)`)
)

// maxJudged is how many lines are searched for where history begins; further
// down only quoted lines are dropped.
const maxJudged = 2000

// ReplyText keeps what the sender wrote: it cuts quoted history, the signature
// block, mobile footers, disclaimers and banners.
func ReplyText(text string) string {
	lines := strings.Split(clean(text), "\n")
	var out []string
	for i, line := range lines {
		if i < maxJudged && endsHere(lines, i) {
			break
		}
		trimmed := strings.TrimLeft(line, " \t\u00a0")
		if strings.HasPrefix(trimmed, ">") || strings.HasPrefix(trimmed, "| ") {
			continue
		}
		if i < 6 && banner.MatchString(line) || i < maxJudged && attributed(lines, i) {
			continue
		}
		out = append(out, strings.TrimRight(line, " \t"))
	}
	return strings.Trim(strings.Join(out, "\n"), "\n \t")
}

// endsHere reports whether everything from line i on is history or ornament.
func endsHere(lines []string, i int) bool {
	line := lines[i]
	switch {
	case line == "-- " || line == "--" || line == "--\u00a0":
		return true
	case originalMark.MatchString(line) && labelsFollow(lines, i+1):
		return true
	case headerLabel.MatchString(line) && labelsFollow(lines, i):
		return true
	case footer.MatchString(strings.TrimSpace(line)) && i > 0 && historyFollows(lines, i+1):
		return true
	case i > 0 && strings.TrimSpace(lines[i-1]) == "" && disclaimer.MatchString(line):
		return true
	}
	return attributed(lines, i) && onlyQuotesAfter(lines, i+1)
}

// attributed reports whether line i, alone or with the next, introduces a quote.
func attributed(lines []string, i int) bool {
	line := strings.TrimSpace(lines[i])
	if line == "" || len(line) > 400 || strings.HasPrefix(line, ">") {
		return false
	}
	next := i + 1
	if !attribution.MatchString(line) {
		if next >= len(lines) || strings.HasSuffix(line, ":") || !attribution.MatchString(line+" "+strings.TrimSpace(lines[next])) || attribution.MatchString(strings.TrimSpace(lines[next])) && !strings.ContainsAny(line, "0123456789@") {
			return false
		}
		line += " " + strings.TrimSpace(lines[next])
		next++
	}
	if !strings.ContainsAny(line, "0123456789@") {
		return false
	}
	for ; next < len(lines); next++ {
		if t := strings.TrimSpace(lines[next]); t != "" {
			return strings.HasPrefix(t, ">") || strings.HasPrefix(t, "|")
		}
	}
	return true
}

// labelsFollow reports whether a From line and a Sent line stand close by, as
// in Outlook's block.
func labelsFollow(lines []string, i int) bool {
	from, sent := false, false
	for end := min(len(lines), i+8); i < end; i++ {
		if headerLabel.MatchString(lines[i]) {
			from = true
		}
		if sentLabel.MatchString(lines[i]) {
			sent = true
		}
		if from && sent {
			return true
		}
		if i > 0 && strings.TrimSpace(lines[i]) == "" && from {
			return false
		}
		if len(lines[i]) > 500 {
			return false
		}
		if !from && strings.TrimSpace(lines[i]) != "" {
			return false
		}
	}
	return false
}

// historyFollows reports whether nothing but history comes after a footer.
func historyFollows(lines []string, i int) bool {
	for end := min(len(lines), i+20); i < end; i++ {
		if strings.TrimSpace(lines[i]) != "" {
			return endsHere(lines, i) || onlyQuotesAfter(lines, i)
		}
	}
	return true
}

func onlyQuotesAfter(lines []string, i int) bool {
	end := min(len(lines), i+200)
	for ; i < end; i++ {
		t := strings.TrimSpace(lines[i])
		if t != "" && !strings.HasPrefix(t, ">") && !strings.HasPrefix(t, "|") {
			return t == "--"
		}
	}
	return true
}
