package form

import (
	"mime/quotedprintable"
	"regexp"
	"strconv"
	"strings"
)

// mangler is one way in which mail programs and people change a text on its way.
type mangler struct {
	name  string
	apply func(s sampler, text string) string
	// lossy: it changes values so that nobody can know what was meant, unless
	// the check value tells.
	lossy bool
}

// quotes reports whether it puts quote marks before lines. What people then add
// to the text is quoted less, and comes first.
func (m mangler) quotes() bool { return strings.HasPrefix(m.name, "quoted") }

// adds reports whether it puts another form into the text.
func (m mangler) adds() bool { return strings.HasPrefix(m.name, "request") }

// lines changes every line.
func lines(change func(string) string) func(sampler, string) string {
	return func(_ sampler, text string) string {
		all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		for i := range all {
			all[i] = change(all[i])
		}
		return strings.Join(all, "\n") + "\n"
	}
}

func prefix(p string) func(sampler, string) string {
	return lines(func(l string) string { return p + strings.TrimLeft(l, " ") })
}

func replace(pairs ...string) func(sampler, string) string {
	r := strings.NewReplacer(pairs...)
	return func(_ sampler, text string) string { return r.Replace(text) }
}

// wrapAt breaks lines at the last blank before a width, as mail programs do: with
// no thought for what the next line begins with.
func wrapAt(width int, text string) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		for {
			r := []rune(line)
			cut := -1
			for i := min(width, len(r)-1); i > 0 && len(r) > width; i-- {
				if r[i] == ' ' && strings.TrimSpace(string(r[:i])) != "" {
					cut = i
					break
				}
			}
			if cut < 0 {
				break
			}
			out = append(out, string(r[:cut]))
			line = string(r[cut+1:])
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n") + "\n"
}

// codeInText is a code with its bracket, as the encoder writes them.
var codeInText = regexp.MustCompile(`(?m)^([^\[\]\n]*?)([A-Z]{1,2}[0-9]{1,2}(?:\.[0-9]{1,2})?): \[`)

// sprinkle puts a character between others now and then.
func sprinkle(char string, into func(a, b rune) bool) func(sampler, string) string {
	return func(s sampler, text string) string {
		var b strings.Builder
		r := []rune(text)
		for i, c := range r {
			b.WriteRune(c)
			if i+1 < len(r) && into(c, r[i+1]) && s.IntN(4) == 0 {
				b.WriteString(char)
			}
		}
		return b.String()
	}
}

func letters(a, b rune) bool { return a > ' ' && b > ' ' }

const disclaimer1 = "\n-- \nA. Example\nCustoms Board, Room B2 [3rd floor]\n[cid:image001.png@01DA0000.00000000]\nThis e-mail is confidential and may be privileged. If you are not the intended recipient, delete it.\n"

var original = regexp.MustCompile(`A4: \[`)

// request is another form, as it stands quoted under an answer.
func request(s sampler) string {
	f := s.form("REQ", "en")
	f.Set("A4", "OCU-GW-2027-000001")
	f.Set("A5")
	return f.Text(TextOptions{})
}

var manglers = []mangler{
	{"as it is", func(_ sampler, t string) string { return t }, false},
	{"quoted", prefix("> "), false},
	{"quoted thrice", prefix("> > > "), false},
	{"quoted tightly", prefix(">>"), false},
	{"quoted with bars", prefix("| "), false},
	{"wrapped", func(s sampler, t string) string { return wrapAt(60+s.IntN(17), t) }, false},
	{"joined", func(_ sampler, t string) string { return strings.Join(strings.Fields(t), " ") + "\n" }, false},
	{"lines of 40 and more joined", func(_ sampler, t string) string {
		var b strings.Builder
		for line := range strings.Lines(t) {
			b.WriteString(strings.TrimSpace(line))
			if len([]rune(line)) >= 40 {
				b.WriteByte(' ')
			} else {
				b.WriteByte('\n')
			}
		}
		return b.String()
	}, false},
	{"some lines joined", func(s sampler, t string) string {
		var b strings.Builder
		for line := range strings.Lines(t) {
			b.WriteString(strings.TrimSpace(line))
			b.WriteByte(" \n"[s.IntN(2)])
		}
		return b.String()
	}, false},
	{"dashed", prefix("- "), false},
	{"starred", prefix("* "), false},
	{"bulleted", prefix("•\t"), false},
	{"Word's bullets", prefix("\uf0b7 "), false},
	{"numbered", func(s sampler, t string) string {
		n, mark := 0, pick(s, []string{". ", ") "})
		return lines(func(l string) string { n++; return strconv.Itoa(n) + mark + strings.TrimLeft(l, " ") })(s, t)
	}, false},
	{"labels translated", func(s sampler, t string) string {
		lang := pick(s, Languages())
		return codeInText.ReplaceAllStringFunc(t, func(m string) string {
			c := codeInText.FindStringSubmatch(m)
			return "  " + labelText(Label(c[2], lang)) + " " + c[2] + ": ["
		})
	}, false},
	{"labels in a language we lack", func(s sampler, t string) string {
		return codeInText.ReplaceAllStringFunc(t, func(m string) string {
			c := codeInText.FindStringSubmatch(m)
			return "  " + pick(s, []string{"Ilość towaru", "Ürünün adı", "Назва товару", "Maastik (kood)", "Λέξη 2"}) + " " + c[2] + ": ["
		})
	}, false},
	{"labels gone", func(_ sampler, t string) string { return codeInText.ReplaceAllString(t, "$2: [") }, false},
	{"Cyrillic codes", func(_ sampler, t string) string {
		cyrillic := strings.NewReplacer("A", "А", "B", "В", "C", "С", "E", "Е", "H", "Н", "K", "К", "P", "Р", "T", "Т")
		return codeInText.ReplaceAllStringFunc(t, func(m string) string {
			c := codeInText.FindStringSubmatch(m)
			return c[1] + cyrillic.Replace(c[2]) + ": ["
		})
	}, false},
	{"Greek codes", func(_ sampler, t string) string {
		greek := strings.NewReplacer("A", "Α", "B", "Β", "E", "Ε", "H", "Η", "K", "Κ", "P", "Ρ", "T", "Τ")
		return codeInText.ReplaceAllStringFunc(t, func(m string) string {
			c := codeInText.FindStringSubmatch(m)
			return c[1] + greek.Replace(c[2]) + ": ["
		})
	}, false},
	{"lower-case codes", func(_ sampler, t string) string {
		return codeInText.ReplaceAllStringFunc(t, func(m string) string {
			c := codeInText.FindStringSubmatch(m)
			return c[1] + strings.ToLower(c[2]) + ": ["
		})
	}, false},
	{"full-width punctuation", replace(": [", "：［", "]\n", "］\n"), false},
	{"lenticular brackets", replace(": [", "：【", "]\n", "】\n"), false},
	{"full-width letters", func(_ sampler, t string) string {
		return codeInText.ReplaceAllStringFunc(t, func(m string) string {
			c := codeInText.FindStringSubmatch(m)
			return c[1] + strings.Map(func(r rune) rune { return r + 0xfee0 }, c[2]) + "：［"
		})
	}, false},
	{"no-break blanks", replace(" ", "\u00a0"), false},
	{"thin blanks", replace(": [", "\u202f:\u2009["), false},
	{"zero-width", sprinkle("\u200b", letters), false},
	{"soft hyphens", sprinkle("\u00ad", letters), false},
	{"right-to-left marks", sprinkle("\u200f", func(a, b rune) bool { return a == '[' || b == ']' || a == ':' }), false},
	{"byte order marks", sprinkle("\ufeff", letters), false},
	{"smart quotes", func(_ sampler, t string) string {
		return strings.NewReplacer(" '", " ‘", "'", "’", ` "`, " “", `"`, "”").Replace(t)
	}, true},
	{"through Word", func(_ sampler, t string) string {
		return strings.NewReplacer("'", "’", `"`, "”", "...", "…", " - ", " – ", ": [", "\u00a0: [").Replace(t)
	}, true},
	{"marks lost", func(_ sampler, t string) string { return withoutMarks(t) }, false},
	{"marks in lower case", replace(begin, strings.ToLower(begin), end, strings.ToLower(end)), false},
	{"a table as tabs", func(_ sampler, t string) string { return codeInText.ReplaceAllString(t, "$1\t$2:\t[") }, false},
	{"a table with borders", func(s sampler, t string) string {
		return lines(func(l string) string { return "| " + strings.Replace(l, ": [", ": | [", 1) + " |" })(s, t)
	}, false},
	{"a table, a cell a line", func(_ sampler, t string) string { return codeInText.ReplaceAllString(t, "$1\n\n$2:\n\n[") }, false},
	{"tabs for blanks", replace("  ", "\t"), false},
	{"trailing blanks", lines(func(l string) string { return l + " \t  " }), false},
	{"blank lines between", replace("\n", "\n\n"), false},
	{"CRLF", replace("\n", "\r\n"), false},
	{"CR alone", replace("\n", "\r"), false},
	{"CRCRLF", replace("\n", "\r\r\n"), false},
	{"soft line breaks", replace("\n", "\v"), false},
	{"line separators", replace("\n", "\u2028"), false},
	{"form feeds", replace("\n", "\n\f"), false},
	{"bold codes", func(_ sampler, t string) string { return codeInText.ReplaceAllString(t, "$1*$2:* [") }, false},
	{"bold lines", func(_ sampler, t string) string { return codeInText.ReplaceAllString(t, "**$1$2**: [") }, false},
	{"entities left", func(_ sampler, t string) string { return codeInText.ReplaceAllString(t, "$1$2:&nbsp;[") }, false},
	{"escaped for Markdown", func(_ sampler, t string) string {
		return strings.NewReplacer("]\n", "\\]\n").Replace(codeInText.ReplaceAllString(t, "$1$2: \\["))
	}, false},
	{"tags left", func(_ sampler, t string) string { return codeInText.ReplaceAllString(t, "<o:p></o:p>$1$2: [") }, false},
	{"indented", prefix("        "), false},
	{"signed, with a disclaimer", func(_ sampler, t string) string {
		return "[EXTERNAL] Dear colleagues,\n\nsee below (ref. A4 and box C4).\n\n" + t + disclaimer1
	}, false},
	{"request quoted below", func(s sampler, t string) string {
		return t + "\nOn Mon, 11 Jan 2027 at 10:15, OCU <ocu@gateway.example> wrote:\n" + prefix("> ")(s, request(s))
	}, false},
	{"request below, unquoted", func(s sampler, t string) string {
		r := request(s)
		if !strings.Contains(t, "A5: [") {
			r = eachLine(r, "> ")
		}
		return strings.Replace(t, "A5: [", "A5: [OCU-GW-2027-000001, ", 1) + "\n-----Original Message-----\nFrom: OCU\nSent: Monday\nTo: LV\nSubject: OP-7K3\n\n" + r
	}, true}, // A5 changes
	{"sent as text and HTML", func(_ sampler, t string) string { return t + "\n\n" + strings.ReplaceAll(t, "  ", "") }, false},
	{"a comment between", func(s sampler, t string) string {
		first, rest, _ := strings.Cut(t, "\n")
		return first + "\n\nHello, this is for you.\n\n" + rest
	}, false},
	{"lines mixed up", func(s sampler, t string) string {
		head, rest, _ := strings.Cut(t, "\n")
		var boxes []string
		for _, part := range strings.SplitAfter(rest, "]\n") {
			if strings.Contains(part, end) {
				s.Shuffle(len(boxes), func(i, j int) { boxes[i], boxes[j] = boxes[j], boxes[i] })
				return head + "\n" + strings.Join(boxes, "") + part
			}
			boxes = append(boxes, part)
		}
		return t
	}, false},
	{"a closing bracket lost", func(s sampler, t string) string { return without(s, t, "]\n", "\n") }, false},
	{"an opening bracket lost", func(s sampler, t string) string { return without(s, t, ": [", ": ") }, false},
	{"a colon lost", func(s sampler, t string) string { return without(s, t, ": [", " [") }, false},
	{"a code lost", func(s sampler, t string) string {
		all := codeInText.FindAllStringSubmatchIndex(t, -1)
		if all == nil {
			return t
		}
		m := pick(s, all)
		return t[:m[4]] + t[m[5]:]
	}, false},
	{"a blank in a code", func(s sampler, t string) string {
		all := codeInText.FindAllStringSubmatchIndex(t, -1)
		if all == nil {
			return t
		}
		m := pick(s, all)
		return t[:m[4]+1] + " " + t[m[4]+1:]
	}, false},
	{"a box twice", func(s sampler, t string) string {
		return strings.Replace(t, end, "  From A6: [XX]\n"+end, 1)
	}, false},
	{"a value behind its box", func(s sampler, t string) string { return without(s, t, ": [", ": [] ") }, false},
	{"a bracket too many", func(s sampler, t string) string { return without(s, t, "]\n", "] x]\n") }, false},
	{"links on addresses", func(_ sampler, t string) string {
		return regexp.MustCompile(`(\S+@\S+\.example)`).ReplaceAllString(t, "$1<mailto:$1>")
	}, false},
	{"some quote marks lost", func(s sampler, t string) string {
		return lines(func(l string) string { return pick(s, []string{"> ", ""}) + strings.TrimLeft(l, " ") })(s, t)
	}, false},
	{"quoted at several depths", func(s sampler, t string) string {
		return lines(func(l string) string { return pick(s, []string{"> ", "> > ", ">>> "}) + strings.TrimLeft(l, " ") })(s, t)
	}, false},
	{"quoted-printable left", func(_ sampler, t string) string {
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		if _, err := w.Write([]byte(t)); err != nil || w.Close() != nil {
			panic("a builder takes everything")
		}
		return strings.ReplaceAll(b.String(), "\r\n", "\n")
	}, true},
	{"wrapped by a poor program", func(_ sampler, t string) string { return wrapAt(38, t) }, false},
}

// without changes one occurrence of a string.
func without(s sampler, t, old, new string) string {
	n := strings.Count(t, old)
	if n == 0 {
		return t
	}
	at := 0
	for range s.IntN(n) + 1 {
		at += strings.Index(t[at:], old) + len(old)
	}
	return t[:at-len(old)] + new + t[at:]
}
