package mangle

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"strings"
)

// Effect is what a rule does to the truth.
type Effect int

// The effects, from harmless to worst.
const (
	Harmless Effect = iota // everything is there and can be read
	Adds                   // something stands outside the signature now
	Loses                  // bytes are gone: nothing can be read
)

// Rule is one thing that happens to mail.
type Rule struct {
	Name   string
	Effect Effect
	stage  stage
	do     func(*Mail)
}

// stage is when on its way a mail meets a rule.
type stage int

const (
	atSealing  stage = iota // what was sealed is lost in part
	atArmor                 // the armored text
	atText                  // the text around it, HTML
	atTree                  // the parts
	atEncoding              // transfer encodings
	atHeader                // header fields
	atWire                  // the encoded bytes
)

// Apply applies rules to a mail in the order in which they happen, and says what
// they do to the truth together.
func Apply(m *Mail, rules ...Rule) Effect {
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(a, b Rule) int { return int(a.stage) - int(b.stage) })
	effect := Harmless
	for _, r := range rules {
		r.do(m)
		effect = max(effect, r.Effect)
	}
	return effect
}

// Rules are all rules.
func Rules() []Rule {
	return slices.Concat(armorRules(), textRules(), treeRules(), encodingRules(), headerRules(), wireRules(), addingRules(), losingRules())
}

func armor(name string, change func(string) string) Rule {
	return Rule{name, Harmless, atArmor, func(m *Mail) {
		if s := m.Root.sealed(); s != nil {
			s.Text = change(s.Text)
		}
	}}
}

// eachLine changes the lines between an armor's markers, data and checksum.
func eachLine(change func(string) string) func(string) string {
	return func(s string) string {
		lines := strings.Split(s, "\n")
		for i, l := range lines {
			if l != "" && !strings.Contains(l, "PGP") {
				lines[i] = change(l)
			}
		}
		return strings.Join(lines, "\n")
	}
}

// sumLine is where the checksum stands in lines; -1 where there is none.
func sumLine(lines []string) int {
	return slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "=") && len(l) == 5 })
}

func onSum(change func(lines []string, at int) []string) func(string) string {
	return func(s string) string {
		lines := strings.Split(s, "\n")
		if at := sumLine(lines); at > 0 {
			lines = change(lines, at)
		}
		return strings.Join(lines, "\n")
	}
}

// data is the base64 of an armored message; the rest is what stands around it.
func data(s string) (before, body, after string) {
	lines := strings.SplitAfter(s, "\n")
	first := 1
	for first < len(lines) && (strings.TrimSpace(lines[first]) == "" || strings.Contains(lines[first], ": ")) {
		first++
	}
	rest := strings.Join(lines[min(first, len(lines)):], "")
	end := strings.LastIndex(rest, "END PGP")
	if end < 0 {
		end = len(rest)
	}
	end = strings.LastIndex(rest[:end], "\n") + 1
	return strings.Join(lines[:min(first, len(lines))], ""), rest[:end], rest[end:]
}

// rewrapped breaks the data anew at a width.
func rewrapped(width int) func(string) string {
	return func(s string) string {
		before, body, after := data(s)
		lines := strings.Split(strings.TrimSpace(body), "\n")
		sum := ""
		if at := sumLine(lines); at >= 0 {
			sum, lines = lines[at]+"\n", lines[:at]
		}
		all := strings.Join(lines, "")
		var out strings.Builder
		for len(all) > width {
			out.WriteString(all[:width] + "\n")
			all = all[width:]
		}
		return before + out.String() + all + "\n" + sum + after
	}
}

func hardWrapped(width int) func(string) string {
	return eachLine(func(l string) string {
		if len(l) > width {
			return l[:width] + "\n" + l[width:]
		}
		return l
	})
}

func armorRules() []Rule {
	return []Rule{
		armor("checksum missing", onSum(func(l []string, at int) []string { return slices.Delete(l, at, at+1) })),
		armor("checksum wrong", onSum(func(l []string, at int) []string { l[at] = "=AAAA"; return l })),
		armor("checksum joined to the last line", onSum(func(l []string, at int) []string { l[at-1] += l[at]; return slices.Delete(l, at, at+1) })),
		armor("armor headers", func(s string) string {
			return strings.Replace(s, "\n\n", "\nVersion: Invented 1.0 (MingW32)\nComment: Using Invented with Mail - http://invented.example/\nCharset: utf-8\n\n", 1)
		}),
		armor("armor headers without a blank line", func(s string) string {
			return strings.Replace(s, "\n\n", "\nVersion: Invented 1.0\n", 1)
		}),
		armor("blank line lost", func(s string) string { return strings.Replace(s, "\n\n", "\n", 1) }),
		armor("blank line of blanks", func(s string) string { return strings.Replace(s, "\n\n", "\n   \t\n", 1) }),
		armor("blanks at the ends of lines", eachLine(func(l string) string { return l + "  " })),
		armor("indented", func(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }),
		armor("indented by no-break blanks", eachLine(func(l string) string { return "\u00a0" + l })),
		armor("invisible characters", eachLine(func(l string) string { return l + "\u200b" })),
		armor("rewrapped at 76", rewrapped(76)),
		armor("rewrapped at 40", rewrapped(40)),
		armor("hard-wrapped at 60", hardWrapped(60)),
		armor("lines joined", func(s string) string {
			before, body, after := data(s)
			return before + strings.ReplaceAll(strings.TrimSpace(body), "\n", " ") + "\n" + after
		}),
		armor("all lines joined", func(s string) string { return strings.Join(strings.Fields(s), " ") }),
		armor("blank lines between", func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n") }),
		armor("dashes made one", func(s string) string { return strings.ReplaceAll(s, "-----", "—–") }),
		armor("dashes fewer", func(s string) string { return strings.ReplaceAll(s, "-----", "----") }),
		armor("no-break blanks in the markers", func(s string) string { return strings.ReplaceAll(s, "PGP ", "PGP\u00a0") }),
		armor("leftovers of quoted-printable", func(s string) string { return strings.ReplaceAll(s, "=", "=3D") }),
		armor("soft line breaks left over", eachLine(func(l string) string {
			if len(l) > 30 {
				return l[:30] + "=\n" + strings.ReplaceAll(l[30:], "=", "=3D")
			}
			return strings.ReplaceAll(l, "=", "=3D")
		})),
		armor("entities left over", eachLine(func(l string) string { return strings.ReplaceAll(l, "+", "&#43;") })),
		armor("end marker lost", func(s string) string { b, d, _ := data(s); return b + d }),
		armor("quoted", func(s string) string {
			return "> " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n> ") + "\n"
		}),
		{"quoted with an attribution", Adds, atArmor, func(m *Mail) {
			if s := m.Root.sealed(); s != nil {
				s.Text = "On Mon, 18 Jan 2027 at 09:00, Invented Officer wrote:\n> " + strings.ReplaceAll(strings.TrimRight(s.Text, "\n"), "\n", "\n> ") + "\n"
			}
		}},
		armor("foreign lines between", func(s string) string {
			before, body, after := data(s)
			lines := strings.Split(body, "\n")
			if len(lines) < 5 {
				return s
			}
			return before + strings.Join(slices.Insert(lines, len(lines)/2, "Scanned by the Invented Gateway, page 1."), "\n") + after
		}),
	}
}

// inHTML puts the armor into an HTML part, written as some program writes it.
func inHTML(name string, write func(lines []string) string) Rule {
	return Rule{name, Harmless, atText, func(m *Mail) {
		if s := m.Root.sealed(); s != nil && !strings.HasPrefix(s.Type, "text/html") && s.Encoding == Plain {
			lines := strings.Split(strings.TrimRight(s.Text, "\n"), "\n")
			for i := range lines {
				lines[i] = html.EscapeString(lines[i])
			}
			s.Text = "<html><head><title>Mail</title><style>p {margin: 0}</style></head><body>" + write(lines) + "</body></html>"
			s.Type, s.Fields = "text/html; charset=utf-8", nil
		}
	}}
}

func textRules() []Rule {
	between := func(before, after string) func([]string) string {
		return func(lines []string) string { return before + strings.Join(lines, after+before) + after }
	}
	return []Rule{
		inHTML("HTML: paragraphs", between("<p class=MsoNormal>", "<o:p></o:p></p>\n")),
		inHTML("HTML: line breaks", func(l []string) string { return "<div>" + strings.Join(l, "<br>\n") + "</div>" }),
		inHTML("HTML: line breaks alone", func(l []string) string { return "<span>" + strings.Join(l, "<br/>") + "</span>" }),
		inHTML("HTML: divisions", between("<div>", "</div>")),
		inHTML("HTML: preformatted", func(l []string) string { return "<pre>" + strings.Join(l, "\n") + "</pre>" }),
		inHTML("HTML: no line breaks", func(l []string) string { return "<p>" + strings.Join(l, "\n") + "</p>" }),
		inHTML("HTML: table", between("<table><tr><td>", "</td></tr></table>")),
		{"alternative in HTML", Harmless, atText, func(m *Mail) {
			s := m.Root.sealed()
			if s == nil || s.Encoding != Plain || strings.HasPrefix(s.Type, "text/html") {
				return
			}
			plain := &Node{Type: "text/plain; charset=utf-8", Text: s.Text}
			rich := &Node{Type: "text/html; charset=utf-8", Text: "<html><body><pre>" + html.EscapeString(s.Text) + "</pre></body></html>"}
			*s = Node{Type: "multipart/alternative", Boundary: "=_alt", Parts: []*Node{plain, rich}}
		}},
		{"UTF-16", Harmless, atText, func(m *Mail) {
			if s := m.Root.sealed(); s != nil && strings.HasPrefix(s.Type, "text/plain") {
				var b strings.Builder
				b.WriteString("\xff\xfe")
				for _, r := range strings.ReplaceAll(s.Text, "\n", "\r\n") {
					b.WriteByte(byte(r))
					b.WriteByte(byte(r >> 8))
				}
				s.Type, s.Text, s.Encoding = "text/plain; charset=utf-16", b.String(), Base64
				s.exact = true
			}
		}},
	}
}

func tree(name string, do func(*Mail)) Rule { return Rule{name, Harmless, atTree, do} }

// renamed gives the sealed part another type and name.
func renamed(kind string, fields ...string) Rule {
	return tree("sealed part is "+kind, func(m *Mail) {
		if s := m.Root.sealed(); s != nil && s != m.Root && !strings.HasPrefix(s.Type, "text/html") {
			s.Type, s.Fields = kind, fields
		}
	})
}

func treeRules() []Rule {
	return []Rule{
		tree("multipart/encrypted made mixed", func(m *Mail) {
			if strings.HasPrefix(m.Root.Type, "multipart/encrypted") {
				m.Root.Type = "multipart/mixed"
			}
		}),
		tree("version part renamed", func(m *Mail) {
			for _, p := range m.Root.Parts {
				if strings.HasPrefix(p.Type, "application/pgp-encrypted") {
					p.Type, p.Fields = "application/octet-stream; name=\"PGPMIME Versions Identification\"", []string{"Content-Disposition: attachment; filename=\"PGPMIME Versions Identification\""}
				}
			}
		}),
		tree("version part lost", func(m *Mail) {
			m.Root.Parts = slices.DeleteFunc(m.Root.Parts, func(p *Node) bool { return strings.HasPrefix(p.Text, "Version: 1") })
		}),
		tree("parts swapped", func(m *Mail) { slices.Reverse(m.Root.Parts) }),
		renamed("application/octet-stream; name=\"msg.asc\"", "Content-Disposition: attachment; filename=\"msg.asc\""),
		renamed("application/octet-stream; name=\"noname\"", "Content-Disposition: attachment; filename=\"noname\""),
		renamed("application/octet-stream; name=\"Part_2.bin\"", "Content-Disposition: attachment; filename=\"Part_2.bin\""),
		renamed("application/pgp; format=text"),
		renamed("application/pgp-encrypted; name=\"encrypted.asc\""),
		renamed("text/plain; name=\"encrypted.asc\"", "Content-Disposition: attachment; filename=\"encrypted.asc\""),
		renamed("application/x-invented-type"),
		tree("empty text put before", func(m *Mail) {
			m.wrap("multipart/mixed", "=_exchange", []*Node{{Type: "text/plain; charset=us-ascii"}}, nil)
		}),
		tree("empty text and HTML put before", func(m *Mail) {
			m.wrap("multipart/mixed", "=_empties", []*Node{{Type: "multipart/alternative", Boundary: "=_none", Parts: []*Node{
				{Type: "text/plain; charset=utf-8", Text: "\n"}, {Type: "text/html; charset=utf-8", Text: "<html><body><p>&nbsp;</p></body></html>"}}}}, nil)
		}),
		tree("wrapped twelve deep", func(m *Mail) {
			for i := range 12 {
				m.wrap("multipart/mixed", fmt.Sprintf("=_deep%d", i), nil, nil)
			}
		}),
		tree("signed by a server with S/MIME", func(m *Mail) {
			m.wrap("multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256", "=_smime", nil, []*Node{
				{Type: "application/pkcs7-signature; name=smime.p7s", Fields: []string{"Content-Disposition: attachment; filename=smime.p7s"}, Text: "invented", Encoding: Base64}})
		}),
		tree("file attached", func(m *Mail) {
			m.wrap("multipart/mixed", "=_file", nil, []*Node{{Type: "application/pdf; name=notice.pdf", Fields: []string{"Content-Disposition: attachment; filename=notice.pdf"}, Text: "%PDF-1.4 invented", Encoding: Base64}})
		}),
		tree("uuencoded", func(m *Mail) {
			if s := m.Root.sealed(); s != nil && s.Encoding == Plain && !strings.HasPrefix(s.Type, "text/html") {
				s.Type, s.Fields, s.Encoding, s.Label = "text/plain", nil, UU, "-"
			}
		}),
		tree("content type lost", func(m *Mail) { m.Root.Type, m.Root.unnamed = "", true }),
		tree("in Outlook's winmail.dat", func(m *Mail) {
			if s := m.Root.sealed(); s != nil && s.Encoding == Plain && !strings.HasPrefix(s.Type, "text/html") && !strings.HasPrefix(s.Type, "multipart/") {
				s.Type, s.Fields = "application/ms-tnef; name=winmail.dat", []string{"Content-Disposition: attachment; filename=winmail.dat"}
				s.Text, s.Encoding, s.exact = winmail("encrypted.asc", s.Text), Base64, true
			}
		}),
		tree("signed by a server, opaquely", func(m *Mail) {
			var b bytes.Buffer
			m.Root.write(&b)
			m.Root = &Node{Type: "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", Text: opaque(b.Bytes()), Encoding: Base64, exact: true}
		}),
		tree("boundary not in the header", func(m *Mail) { m.Root.unnamed = true }),
		tree("closing delimiter lost", func(m *Mail) { m.Root.unclosed = true }),
		tree("boundary of one character", func(m *Mail) { m.Root.Boundary = "x" }),
	}
}

// encoded gives the sealed part a transfer encoding, and a label that may lie.
func encoded(name string, e Encoding, label string) Rule {
	return Rule{name, Harmless, atEncoding, func(m *Mail) {
		if s := m.Root.sealed(); s != nil && s.Encoding == Plain {
			if e == Binary && (!strings.HasPrefix(s.Text, "-----BEGIN PGP MESSAGE-----\n\n") || strings.HasPrefix(s.Type, "text/")) {
				e = Base64
			}
			s.Encoding, s.Label = e, label
		}
	}}
}

func encodingRules() []Rule {
	return []Rule{
		encoded("base64", Base64, ""),
		encoded("quoted-printable", Quoted, ""),
		encoded("packets in base64", Binary, ""),
		encoded("base64 without a label", Base64, "-"),
		encoded("label says base64", Plain, "base64"),
		encoded("label says quoted-printable", Plain, "quoted-printable"),
		encoded("label unknown", Plain, "x-invented"),
		encoded("label in quotes and capitals", Quoted, "\"Quoted-Printable\""),
	}
}

func headerRules() []Rule {
	at := func(name string, do func(*Mail)) Rule { return Rule{name, Harmless, atHeader, do} }
	return []Rule{
		at("subject tagged", func(m *Mail) { m.setField("Subject", "[EXTERNAL] RE: OP-7K3 000123") }),
		at("subject in pieces", func(m *Mail) { m.setField("Subject", "=?utf-8?q?R=C4=AB?=\r\n =?utf-8?q?ga?= =?iso-8859-13?q?=F0?=") }),
		at("subject in 8 bits", func(m *Mail) { m.setField("Subject", "R\xee\xe7a") }),
		at("fields in capitals", func(m *Mail) {
			for i, f := range m.Fields {
				name, value, _ := strings.Cut(f, ":")
				m.Fields[i] = strings.ToUpper(name) + ":" + value
			}
		}),
		at("a hundred trace fields", func(m *Mail) {
			var trace []string
			for i := range 100 {
				trace = append(trace, fmt.Sprintf("Received: from mx%d.invented.example by mx%d.invented.example\r\n\twith ESMTPS id %d; Mon, 18 Jan 2027 09:00:00 +0100", i, i+1, i))
			}
			m.Fields = append(trace, m.Fields...)
		}),
		at("no Message-ID", func(m *Mail) {
			m.Fields = slices.DeleteFunc(m.Fields, func(f string) bool { return strings.HasPrefix(strings.ToLower(f), "message-id") })
		}),
		at("fields of Exchange", func(m *Mail) {
			m.Fields = append(m.Fields, "Thread-Topic: OP-7K3", "X-MS-Has-Attach: yes", "X-Auto-Response-Suppress: DR, OOF, AutoReply", "X-MS-Exchange-Organization-AuthAs: Anonymous")
		}),
	}
}

// setField puts a value in place of a field's.
func (m *Mail) setField(name, value string) {
	for i, f := range m.Fields {
		if strings.HasPrefix(strings.ToLower(f), strings.ToLower(name)+":") {
			m.Fields[i] = name + ": " + value
		}
	}
}

func wire(name string, change func([]byte) []byte) Rule {
	return Rule{name, Harmless, atWire, func(m *Mail) { m.wire = append(m.wire, change) }}
}

func wireRules() []Rule {
	return []Rule{
		wire("line feeds alone", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }),
		wire("carriage returns alone", func(b []byte) []byte {
			return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r"))
		}),
		wire("mbox line first", func(b []byte) []byte {
			return append([]byte("From officer@vid.example Mon Jan 18 09:00:00 2027\n"), b...)
		}),
		wire("last line break lost", func(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }),
	}
}
