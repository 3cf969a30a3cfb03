package entity

import (
	"bytes"
	"io"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"time"
)

// Address is one mailbox; Name is decoded.
type Address struct {
	Name string
	Addr string
}

// Field is one header field, unfolded and decoded.
type Field struct {
	Name  string
	Value string
	raw   string
}

// Header is a mail's header, read leniently (RFC 5322, 2047, raw 8-bit).
// Message ids keep their angle brackets.
type Header struct {
	From, Sender, ReplyTo, To, Cc []Address
	Subject                       string
	MessageID, InReplyTo          string
	References                    []string
	Date                          time.Time
	AutoSubmitted                 string // lower case, without parameters
	ReturnPath                    string // "<>" for the null path, "" where there is none
	Fields                        []Field
}

const (
	maxHeader = 256 << 10
	maxFields = 5000
)

// Get returns the first field of that name, decoded.
func (h *Header) Get(name string) string {
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// All returns the fields of that name, topmost first.
func (h *Header) All(name string) []string {
	var out []string
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// Has reports whether there is a field of that name.
func (h *Header) Has(name string) bool { return len(h.All(name)) > 0 }

func (h *Header) raw(name string) string {
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.raw
		}
	}
	return ""
}

var (
	msgID      = regexp.MustCompile(`<[^<>\s]{1,900}>`)
	addrSpec   = regexp.MustCompile(`[^\s<>"(),:;@]+@[^\s<>"(),:;@]+`)
	quotedText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)`)
)

// splitHeader cuts a part at its first blank line. A part that doesn't begin
// with a field has no header. whole is false for a header past the limits, which
// is skipped and not read.
func splitHeader(raw []byte) (fields []Field, body []byte, whole bool) {
	rest := raw
	var field []byte
	kept := 0
	flush := func() {
		if name, value, ok := bytes.Cut(field, []byte(":")); ok && len(fields) < maxFields {
			value := strings.TrimSpace(strings.ReplaceAll(string(value), "\t", " "))
			fields = append(fields, Field{Name: strings.TrimSpace(string(name)), Value: decodeWords(value), raw: value})
		}
		field = nil
	}
	for len(rest) > 0 {
		line, after := cutLine(rest)
		if len(line) > 0 && len(bytes.TrimRight(line, " \t")) == 0 && goesOn(after) {
			rest = after // folding with nothing in it (RFC 5322, section 4.2)
			continue
		}
		if len(bytes.TrimRight(line, " \t")) == 0 {
			flush()
			return fields, after, true
		}
		folded := line[0] == ' ' || line[0] == '\t'
		if !folded && !isField(line) {
			if field != nil || len(fields) > 0 || !bytes.HasPrefix(line, []byte("From ")) && !bytes.HasPrefix(line, []byte(">From ")) {
				break
			}
			rest = after
			continue
		}
		rest = after
		if kept += len(line); kept > maxHeader || len(fields) >= maxFields {
			return fields, pastBlank(rest), false
		}
		if folded && field != nil {
			field = append(field, line...)
		} else if !folded {
			flush()
			field = append([]byte(nil), line...)
		}
	}
	flush()
	return fields, rest, true
}

// commonFields are those that programs write and people don't begin a text with.
var commonFields = map[string]bool{"mime-version": true, "content-type": true, "content-transfer-encoding": true, "content-disposition": true,
	"message-id": true, "from": true, "to": true, "cc": true, "date": true, "received": true, "return-path": true}

// goesOn reports whether a header goes on behind a line of blanks.
func goesOn(rest []byte) bool {
	line, _ := cutLine(rest)
	name, _, _ := bytes.Cut(line[:min(len(line), 256)], []byte(":"))
	return isField(line) && commonFields[strings.ToLower(string(name))]
}

// isField reports whether a line begins with a field's name and a colon.
func isField(line []byte) bool {
	head := line[:min(len(line), 256)]
	n := 0
	for n < len(head) && head[n] > ' ' && head[n] < 0x7f && head[n] != ':' {
		n++
	}
	return n > 0 && bytes.HasPrefix(bytes.TrimLeft(head[n:], " \t"), []byte(":"))
}

// pastBlank is what follows the first empty line.
func pastBlank(b []byte) []byte {
	for len(b) > 0 {
		var line []byte
		if line, b = cutLine(b); len(line) == 0 {
			return b
		}
	}
	return nil
}

func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

// From reads the From fields of a header alone, whole or cut short.
func From(header []byte) []Address {
	fields, _, _ := splitHeader(header)
	return newHeader(fields).From
}

func newHeader(fields []Field) Header {
	h := Header{Fields: fields}
	for _, f := range fields {
		switch strings.ToLower(f.Name) {
		case "from":
			h.From = append(h.From, parseAddresses(f.raw)...)
		case "sender":
			h.Sender = append(h.Sender, parseAddresses(f.raw)...)
		case "reply-to":
			h.ReplyTo = append(h.ReplyTo, parseAddresses(f.raw)...)
		case "to":
			h.To = append(h.To, parseAddresses(f.raw)...)
		case "cc":
			h.Cc = append(h.Cc, parseAddresses(f.raw)...)
		}
	}
	h.Subject = h.Get("Subject")
	h.MessageID = firstID(h.raw("Message-ID"))
	h.InReplyTo = firstID(h.raw("In-Reply-To"))
	h.References = msgID.FindAllString(h.raw("References"), 100)
	h.Date, _ = mail.ParseDate(h.raw("Date"))
	h.AutoSubmitted = word(h.Get("Auto-Submitted"))
	h.ReturnPath = strings.ReplaceAll(h.Get("Return-Path"), " ", "")
	return h
}

func firstID(s string) string {
	if id := msgID.FindString(s); id != "" {
		return id
	}
	return ""
}

func word(s string) string {
	s, _, _ = strings.Cut(s, ";")
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	return strings.ToLower(s)
}

// parseAddresses reads a list of mailboxes. Where it isn't well-formed, every
// address that stands outside quotes and comments is taken: too many senders
// are safer than one too few.
func parseAddresses(s string) []Address {
	p := mail.AddressParser{WordDecoder: lenientWords}
	if list, err := p.ParseList(s); err == nil {
		var out []Address
		for _, a := range list {
			out = append(out, Address{Name: decodeWords(a.Name), Addr: a.Address})
		}
		return out
	}
	var out []Address
	for _, a := range addrSpec.FindAllString(quotedText.ReplaceAllString(decodeWords(s), " "), 200) {
		out = append(out, Address{Addr: a})
	}
	return out
}

// lenientWords leaves what it can't decode for decodeWords.
var lenientWords = &mime.WordDecoder{CharsetReader: func(label string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	return strings.NewReader(toUTF8(b, label)), err
}}
