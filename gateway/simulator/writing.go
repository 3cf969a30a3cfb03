package simulator

import (
	"html"
	"regexp"
	"strings"

	"liaison/gateway/entity"
)

// What mail programs and people make of an answer.

// HTMLPage is the answer as a program writes it that knows HTML alone.
func HTMLPage(text string) []byte {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(html.EscapeString(strings.TrimRight(line, "\r\n")), "  ", " &nbsp;")
		b.WriteString("<div style=\"font-family: sans-serif\">" + line + "<br></div>\r\n")
	}
	return []byte("Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><head><style>div { color: #222 }</style></head><body>\r\n" + b.String() + "</body></html>\r\n")
}

// FlowedPage wraps lines at 72 characters, and marks them as flowed (RFC 3676).
func FlowedPage(text string) []byte {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		for len([]rune(line)) > 72 {
			cut := strings.LastIndex(string([]rune(line)[:72]), " ")
			if cut <= 0 {
				break
			}
			b.WriteString(line[:cut+1] + "\r\n")
			line = line[cut+1:]
		}
		b.WriteString(line + "\r\n")
	}
	return []byte("Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + b.String())
}

// FilePage leaves the code in the text, and sends the form as a file.
func FilePage(text string) []byte {
	first, form, _ := strings.Cut(text, "\n")
	return entity.Inner(first+"\nSee the attached file.\n", []entity.Attachment{{Name: "form.rtf", Type: "application/rtf", Content: []byte(`{\rtf1 ` + form + `}`)}}, "Form")
}

// Wrap breaks lines at 60 characters, as programs do that know nothing of
// flowed text.
func Wrap(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		for len([]rune(line)) > 60 {
			cut := strings.LastIndex(string([]rune(line)[:60]), " ")
			if cut <= 0 {
				break
			}
			b.WriteString(line[:cut] + "\n")
			line = line[cut+1:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// translated are words that a program which translates mail by itself puts in the
// place of others.
var translated = strings.NewReplacer("Test goods", "Prüfware", `"quote"`, `„Zitat“`, "Test code", "Prüfcode", "Sample text", "Mustertext", "Quantity", "Menge", "Description", "Bezeichnung")

// Translate is mail that a program translated on the way.
func Translate(text string) string { return translated.Replace(text) }

// Cyrillic writes the test code with letters of another keyboard.
func Cyrillic(code string) string {
	return strings.NewReplacer("B", "В", "C", "С", "H", "Н", "K", "К", "M", "М", "P", "Р", "T", "Т", "X", "Х").Replace(code)
}

// Regional writes the number as people of another region do.
func Regional(text string) string { return strings.ReplaceAll(text, "1.234,50", "1,234.50") }

// Unseen puts signs between words that nobody sees.
func Unseen(text string) string {
	return strings.NewReplacer(": [", ":\u00a0[\u200b", "\n", "\u200e\n").Replace(text)
}

// Disclaimer is what an organisation puts below everything that its people write.
func Disclaimer(text string) string {
	return text + "\n-- \nOfficer of the customs authority\n+000 000\n\nThis message is confidential. If you are not its addressee, delete it [and tell us].\n"
}

// Wordy answers yes and no in words.
func Wordy(text string) string {
	return regexp.MustCompile(`(T[56]): \[Y\]`).ReplaceAllString(text, "$1: [ Yes ]")
}

// Thanks is a reply without anything that was asked for.
func Thanks(string) string { return "Received, thank you.\n" }

// Uninitialled leaves out who filled the form in.
func Uninitialled(text string) string {
	return regexp.MustCompile(`T9: \[.*\]`).ReplaceAllString(text, "T9: []")
}
