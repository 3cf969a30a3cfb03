// Package mangle makes mails as other people's servers and programs leave them,
// from a sealed message whose truth is known: for tests, and for measurements
// that anyone can repeat.
//
// A Mail is a small model of a mail; a Rule changes it as one program or server
// does, and says what that does to the truth: nothing, something added outside
// the signature, bytes lost for ever. Rules can be combined; they apply in the
// order in which such things happen to a mail. Spoofs are mails that try to pass
// an attacker's words off as somebody else's. A Told is any other mail with the truth
// about it: notices of servers and programs, replies in every language, charsets,
// torments of MIME.
//
// It knows no keys: it is handed what is sealed. Read first: Mail, then Rule.
package mangle

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
)

// Mail is a mail on its way. Fields are whole header lines without MIME's.
type Mail struct {
	Fields []string
	Root   *Node
	wire   []func([]byte) []byte // what happens to the encoded mail
}

// Node is a part. One with Parts is a multipart; its Text is left out.
type Node struct {
	Type     string // media type with its parameters, the boundary excepted
	Fields   []string
	Text     string
	Encoding Encoding
	Label    string // what the header says of the encoding, where that isn't the truth; "-" is nothing
	Boundary string
	Parts    []*Node
	exact    bool // Text is bytes, whose line breaks are none
	unnamed  bool // the boundary isn't in the header
	unclosed bool // the closing delimiter is lost
}

// Encoding is how a part's body travels.
type Encoding string

// The encodings. Binary is what base64 hides: the packets of an armored text.
const (
	Plain  Encoding = ""
	Base64 Encoding = "base64"
	Quoted Encoding = "quoted-printable"
	Binary Encoding = "binary"
	UU     Encoding = "x-uuencode"
)

// Sealed is a message that was sealed, with the mail that it belongs to.
type Sealed struct {
	From, To, Subject, MessageID string
	Armor                        string // the armored message
}

// Style is how a program packs a sealed message.
type Style int

// The styles.
const (
	PGPMIME Style = iota
	Inline
	Attached
)

// New packs a sealed message as a good program does.
func New(s Sealed, style Style) *Mail {
	m := &Mail{Fields: []string{"From: " + s.From, "To: " + s.To, "Subject: " + s.Subject, "Date: Mon, 18 Jan 2027 09:00:00 +0100", "Message-ID: " + s.MessageID, "MIME-Version: 1.0"}}
	switch style {
	case Inline:
		m.Root = &Node{Type: "text/plain; charset=utf-8", Text: s.Armor}
	case Attached:
		m.Root = &Node{Type: "multipart/mixed", Boundary: "=_outer", Parts: []*Node{
			{Type: "text/plain; charset=utf-8"},
			{Type: "application/octet-stream; name=\"message.asc\"", Fields: []string{"Content-Disposition: attachment; filename=\"message.asc\""}, Text: s.Armor}}}
	default:
		m.Root = &Node{Type: "multipart/encrypted; protocol=\"application/pgp-encrypted\"", Boundary: "=_sealed", Parts: []*Node{
			{Type: "application/pgp-encrypted", Fields: []string{"Content-Description: PGP/MIME version identification"}, Text: "Version: 1\n"},
			{Type: "application/octet-stream; name=\"encrypted.asc\"", Fields: []string{"Content-Disposition: inline; filename=\"encrypted.asc\""}, Text: s.Armor}}}
	}
	return m
}

// Bytes is the mail as it arrives.
func (m *Mail) Bytes() []byte {
	var b bytes.Buffer
	for _, f := range m.Fields {
		b.WriteString(f + "\r\n")
	}
	m.Root.write(&b)
	out := b.Bytes()
	for _, f := range m.wire {
		out = f(out)
	}
	return out
}

func (n *Node) write(b *bytes.Buffer) {
	kind := n.Type
	if len(n.Parts) > 0 && !n.unnamed {
		kind += "; boundary=\"" + n.Boundary + "\""
	}
	if kind != "" {
		b.WriteString("Content-Type: " + kind + "\r\n")
	}
	for _, f := range n.Fields {
		b.WriteString(f + "\r\n")
	}
	if len(n.Parts) == 0 {
		n.writeBody(b)
		return
	}
	b.WriteString("\r\n")
	for _, p := range n.Parts {
		b.WriteString("--" + n.Boundary + "\r\n")
		p.write(b)
		b.WriteString("\r\n")
	}
	if !n.unclosed {
		b.WriteString("--" + n.Boundary + "--\r\n")
	}
}

func (n *Node) writeBody(b *bytes.Buffer) {
	label := string(n.Encoding)
	if n.Encoding == Binary {
		label = string(Base64)
	}
	if n.Label != "" {
		label = strings.TrimPrefix(n.Label, "-")
	}
	if label != "" {
		b.WriteString("Content-Transfer-Encoding: " + label + "\r\n")
	}
	b.WriteString("\r\n")
	text := n.Text
	if !n.exact {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	switch n.Encoding {
	case Base64:
		b.WriteString(lines64([]byte(text)))
	case Binary:
		b.WriteString(lines64(dearmored(n.Text)))
	case Quoted:
		w := quotedprintable.NewWriter(b)
		_, _ = w.Write([]byte(text)) // a bytes.Buffer takes everything
		_ = w.Close()
	case UU:
		b.WriteString(uuencode("encrypted.asc", []byte(text)))
	default:
		b.WriteString(text)
	}
}

// sealed is the part that holds the armor; nil where there is none.
func (n *Node) sealed() *Node {
	if !n.exact && strings.Contains(n.Text, "PGP") && strings.Contains(n.Text, "MESSAGE") {
		return n
	}
	for _, p := range n.Parts {
		if s := p.sealed(); s != nil {
			return s
		}
	}
	return nil
}

// parent is the multipart that a part stands in; nil for the root.
func (n *Node) parent(of *Node) *Node {
	for _, p := range n.Parts {
		if p == of {
			return n
		}
		if found := p.parent(of); found != nil {
			return found
		}
	}
	return nil
}

// wrap puts the whole mail into a new multipart with other parts around it.
func (m *Mail) wrap(kind, boundary string, before, after []*Node) {
	m.Root = &Node{Type: kind, Boundary: boundary, Parts: append(append(before, m.Root), after...)}
}

func lines64(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	for len(s) > 76 {
		out.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return out.String() + s + "\r\n"
}

// dearmored is the data of armor as it was made.
func dearmored(armor string) []byte {
	_, body, _ := strings.Cut(armor, "\n\n")
	body, _, _ = strings.Cut(body, "-----END")
	if at := strings.LastIndex(strings.TrimRight(body, "\n"), "\n="); at >= 0 {
		body = body[:at]
	}
	data, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(body))
	if err != nil {
		return []byte(armor)
	}
	return data
}

func uuencode(name string, b []byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "begin 644 %s\r\n", name)
	for len(b) > 0 {
		n := min(45, len(b))
		line := append(append([]byte(nil), b[:n]...), 0, 0)
		out.WriteByte(byte(n) + ' ')
		for i := 0; i < n; i += 3 {
			for _, v := range []byte{line[i] >> 2, line[i]<<4 | line[i+1]>>4, line[i+1]<<2 | line[i+2]>>6, line[i+2]} {
				if v &= 0x3f; v == 0 {
					v = '`' - ' '
				}
				out.WriteByte(v + ' ')
			}
		}
		out.WriteString("\r\n")
		b = b[n:]
	}
	return out.String() + "`\r\nend\r\n"
}
