package mangle

import (
	"strings"
)

// addingRules put something outside the signature, which a program would show.
func addingRules() []Rule {
	adds := func(name string, at stage, do func(*Mail)) Rule { return Rule{name, Adds, at, do} }
	inText := func(name string, change func(string) string) Rule {
		return adds(name, atArmor, func(m *Mail) {
			if s := m.Root.sealed(); s != nil {
				s.Text = change(s.Text)
			}
		})
	}
	text := func(s string) []*Node { return []*Node{{Type: "text/plain; charset=utf-8", Text: s}} }
	return []Rule{
		inText("disclaimer behind the armor", func(s string) string {
			return strings.TrimRight(s, "\n") + "\n\nThis e-mail and any files transmitted with it are confidential.\n"
		}),
		inText("banner before the armor", func(s string) string {
			return "CAUTION: This message came from outside the Invented Administration.\n\n" + s
		}),
		adds("footer part of a list", atTree, func(m *Mail) {
			m.wrap("multipart/mixed", "=_list", nil, text("_______\nInvented mailing list\nlist@lists.example\n"))
		}),
		adds("disclaimer part in HTML", atTree, func(m *Mail) {
			m.wrap("multipart/mixed", "=_legal", nil, []*Node{{Type: "text/html; charset=utf-8", Text: "<p>Think of the trees before you print.</p>"}})
		}),
		adds("banner part", atTree, func(m *Mail) { m.wrap("multipart/mixed", "=_banner", text("[EXTERNAL MAIL]\n"), nil) }),
		adds("picture of a logo", atTree, func(m *Mail) {
			m.wrap("multipart/related", "=_logo", nil, []*Node{{Type: "image/png; name=logo.png", Fields: []string{"Content-ID: <logo>", "Content-Disposition: inline"}, Text: "\x89PNG invented", Encoding: Base64}})
		}),
	}
}

// losingRules destroy what can't be had again.
func losingRules() []Rule {
	loses := func(name string, change func(string) string) Rule {
		return Rule{name, Loses, atSealing, func(m *Mail) {
			if s := m.Root.sealed(); s != nil {
				s.Text = change(s.Text)
			}
		}}
	}
	// body changes the lines of the data.
	body := func(change func(lines []string) []string) func(string) string {
		return func(s string) string {
			lines := strings.Split(s, "\n")
			first, last := -1, -1
			for i, l := range lines {
				if len(l) >= 40 && !strings.ContainsAny(l, " :") {
					if first < 0 {
						first = i
					}
					last = i
				}
			}
			changed := change(append([]string(nil), lines[first:last+1]...))
			return strings.Join(append(append(append([]string(nil), lines[:first]...), changed...), lines[last+1:]...), "\n")
		}
	}
	return []Rule{
		loses("cut in half", body(func(l []string) []string { return l[:len(l)/2] })),
		loses("a line lost", body(func(l []string) []string { return append(l[:len(l)/2], l[len(l)/2+1:]...) })),
		loses("letters changed", body(func(l []string) []string {
			i := len(l) / 2
			l[i] = strings.Map(func(r rune) rune {
				if r >= 'a' && r <= 'y' {
					return r + 1
				}
				return r
			}, l[i])
			return l
		})),
		loses("in lower case", body(func(l []string) []string {
			for i := range l {
				l[i] = strings.ToLower(l[i])
			}
			return l
		})),
		loses("only the first line left", body(func(l []string) []string { return l[:1] })),
	}
}
