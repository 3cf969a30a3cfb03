package entity

import (
	"strings"

	"golang.org/x/net/html"
)

// ofHead are the elements that a head may hold, and what Office puts there. All
// others end it.
var ofHead = map[string]bool{"base": true, "link": true, "meta": true, "noscript": true, "script": true, "style": true, "template": true, "title": true, "xml": true, "object": true}

// HTMLText turns HTML into text: cells end in a tab, rows and blocks in a line
// break, blockquote becomes "> ". It reads tokens only, never a tree, so that
// nesting costs nothing.
func HTMLText(s string) string {
	z := html.NewTokenizer(strings.NewReader(s))
	var b strings.Builder
	skip, pre := "", 0
	newline := func() {
		if t := b.String(); len(t) > 0 && !strings.HasSuffix(t[max(0, len(t)-1):], "\n") {
			b.WriteByte('\n')
		}
	}
	for {
		switch z.Next() {
		case html.ErrorToken:
			return tidy(b.String())
		case html.TextToken:
			if skip != "" {
				continue
			}
			t := string(z.Text())
			if pre == 0 {
				t = collapse(t)
			}
			b.WriteString(t)
		case html.StartTagToken, html.SelfClosingTagToken:
			n, _ := z.TagName()
			name := string(n)
			if skip == "head" && !ofHead[name] && !strings.Contains(name, ":") {
				skip = "" // nobody wrote its end, which needs none
			}
			switch name {
			case "style", "script", "head", "title", "noscript", "template":
				if skip == "" {
					skip = name
				}
			case "br":
				b.WriteByte('\n')
			case "pre":
				pre++
				newline()
			case "blockquote":
				newline()
				b.WriteString("\x01\n")
			case "li":
				newline()
				b.WriteString("- ")
			case "p", "div", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section":
				newline()
			}
		case html.EndTagToken:
			n, _ := z.TagName()
			name := string(n)
			if name == skip {
				skip = ""
			}
			switch name {
			case "td", "th":
				b.WriteByte('\t')
			case "pre":
				pre = max(0, pre-1)
				newline()
			case "blockquote":
				newline()
				b.WriteString("\x02\n")
			case "p":
				newline()
				b.WriteByte('\n')
			case "div", "tr", "table", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6", "section":
				newline()
			}
		}
	}
}

func collapse(s string) string {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\r' })
	out := strings.Join(fields, " ")
	if out == "" && s != "" {
		return " "
	}
	if s != "" && strings.ContainsRune(" \n\t\r", rune(s[0])) {
		out = " " + out
	}
	if s != "" && strings.ContainsRune(" \n\t\r", rune(s[len(s)-1])) {
		out += " "
	}
	return out
}

// tidy trims lines, marks what stood in a blockquote, and keeps at most one
// blank line in a row.
func tidy(s string) string {
	var out []string
	quote, blank := 0, 0
	for _, line := range strings.Split(s, "\n") {
		switch line {
		case "\x01":
			quote++
			continue
		case "\x02":
			quote = max(0, quote-1)
			continue
		}
		line = strings.Trim(strings.ReplaceAll(line, "\u00a0", " "), " ")
		line = strings.TrimRight(line, "\t ")
		if line == "" {
			blank++
			continue
		}
		if blank > 0 && len(out) > 0 {
			out = append(out, "")
		}
		blank = 0
		out = append(out, strings.Repeat("> ", min(quote, 8))+line)
	}
	return clean(strings.Join(out, "\n"))
}
