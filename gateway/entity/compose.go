package entity

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"sort"
	"strings"
	"time"
)

// Draft is the outer header of a mail to be made. Empty fields are left out.
// Message ids carry their angle brackets.
type Draft struct {
	From, To, ReplyTo    Address
	Subject              string
	MessageID, InReplyTo string
	References           []string
	Date                 time.Time
	AutoSubmitted        string // RFC 3834; also suppresses automatic answers
	Importance           string // "high"
	Extra                map[string]string
}

// Inner makes the one inner entity: text first, then the parts in their order,
// with the subject as protected header (RFC 9788 and protected-headers="v1").
// The same arguments give the same bytes. A "" subject protects none.
func Inner(text string, parts []Attachment, subject string) []byte {
	var b bytes.Buffer
	boundary := boundaryOf(text, subject, parts)
	if subject != "" {
		writeField(&b, "Subject", encodeWords(subject))
	}
	b.WriteString("Content-Type: multipart/mixed; boundary=\"" + boundary + "\";\r\n hp=\"cipher\"; protected-headers=\"v1\"\r\n\r\n")
	writeMixed(&b, boundary, text, parts)
	return b.Bytes()
}

// PGPMIME wraps a sealed entity (RFC 3156, section 4).
func PGPMIME(h Draft, armored []byte) []byte {
	var b bytes.Buffer
	boundary := boundaryOf("", h.MessageID, nil) // no line of an armor begins with "--=_"
	h.write(&b)
	b.Grow(len(armored) + 1024)
	b.WriteString("Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n boundary=\"" + boundary + "\"\r\n\r\n")
	b.WriteString("--" + boundary + "\r\nContent-Type: application/pgp-encrypted\r\nContent-Description: PGP/MIME version identification\r\n\r\nVersion: 1\r\n")
	b.WriteString("--" + boundary + "\r\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\r\nContent-Description: OpenPGP encrypted message\r\nContent-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n")
	b.Write(crlf(armored))
	b.WriteString("\r\n--" + boundary + "--\r\n")
	return b.Bytes()
}

// InlineMail carries the sealed text as the text, sealed files attached.
func InlineMail(h Draft, armored string, attached []Attachment) []byte {
	return PlainMail(h, armored, attached)
}

// AttachmentMail carries the sealed entity as message.asc beside a note. A
// note stands outside the signature: readers that are strict count the mail as
// signed only where it is empty.
func AttachmentMail(h Draft, note string, armored []byte) []byte {
	return PlainMail(h, note, []Attachment{{Name: "message.asc", Type: "application/octet-stream", Content: crlf(armored)}})
}

// PlainMail makes a mail that is not sealed.
func PlainMail(h Draft, text string, parts []Attachment) []byte {
	var b bytes.Buffer
	h.write(&b)
	if len(parts) == 0 {
		writeText(&b, text)
		return b.Bytes()
	}
	boundary := boundaryOf(text, h.MessageID, parts)
	b.WriteString("Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n\r\n")
	writeMixed(&b, boundary, text, parts)
	return b.Bytes()
}

func (h Draft) write(b *bytes.Buffer) {
	for _, f := range []struct {
		name string
		a    Address
	}{{"From", h.From}, {"To", h.To}, {"Reply-To", h.ReplyTo}} {
		if f.a.Addr != "" {
			writeField(b, f.name, (&mail.Address{Name: f.a.Name, Address: f.a.Addr}).String())
		}
	}
	writeField(b, "Subject", encodeWords(h.Subject))
	if !h.Date.IsZero() {
		writeField(b, "Date", h.Date.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	}
	writeField(b, "Message-ID", h.MessageID)
	writeField(b, "In-Reply-To", h.InReplyTo)
	writeField(b, "References", strings.Join(h.References, "\r\n "))
	if h.AutoSubmitted != "" {
		writeField(b, "Auto-Submitted", h.AutoSubmitted)
		writeField(b, "X-Auto-Response-Suppress", "All")
	}
	writeField(b, "Importance", h.Importance)
	names := make([]string, 0, len(h.Extra))
	for name := range h.Extra {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		writeField(b, name, encodeWords(h.Extra[name]))
	}
	b.WriteString("MIME-Version: 1.0\r\n")
}

// writeField leaves out empty fields, and every line break that isn't a fold:
// a value from outside must not become a field of its own.
func writeField(b *bytes.Buffer, name, value string) {
	value = strings.ReplaceAll(value, "\r\n ", "\x00")
	value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
	value = strings.ReplaceAll(value, "\x00", "\r\n ")
	if strings.TrimSpace(value) != "" && !strings.ContainsAny(name, ": \r\n") {
		b.WriteString(name + ": " + value + "\r\n")
	}
}

// encodeWords encodes what isn't ASCII (RFC 2047), folded between the words.
func encodeWords(s string) string {
	s = strings.NewReplacer("\r", " ", "\n", " ", "\x00", "").Replace(s)
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

func writeMixed(b *bytes.Buffer, boundary, text string, parts []Attachment) {
	b.WriteString("--" + boundary + "\r\n")
	writeText(b, text)
	for _, a := range parts {
		b.WriteString("\r\n--" + boundary + "\r\n")
		writeAttachment(b, a)
	}
	b.WriteString("\r\n--" + boundary + "--\r\n")
}

func writeText(b *bytes.Buffer, text string) {
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(b)
	_, _ = w.Write(crlf([]byte(text))) // a bytes.Buffer takes everything
	_ = w.Close()
}

func writeAttachment(b *bytes.Buffer, a Attachment) {
	kind := strings.ToLower(a.Type)
	if _, _, err := mime.ParseMediaType(kind); err != nil || !strings.Contains(kind, "/") || strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/") {
		kind = "application/octet-stream"
	}
	disposition := "attachment"
	if a.Inline {
		disposition = "inline"
	}
	params := map[string]string{}
	if a.Name != "" {
		params["filename"] = clean(a.Name)
	}
	b.WriteString("Content-Type: " + kind + "\r\n")
	b.WriteString("Content-Disposition: " + mime.FormatMediaType(disposition, params) + "\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	encoded := base64.StdEncoding.EncodeToString(a.Content)
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	b.WriteString(encoded)
}

// boundaryOf can't stand in the content, since it is the content's hash.
func boundaryOf(text, seed string, parts []Attachment) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %d %s", len(text), text, len(seed), seed)
	for _, a := range parts {
		fmt.Fprintf(h, "%d %s %d ", len(a.Name), a.Name, len(a.Content))
		h.Write(a.Content)
	}
	return "=_" + hex.EncodeToString(h.Sum(nil)[:15])
}

// crlf makes every line end CRLF (RFC 3156, section 5).
func crlf(b []byte) []byte {
	if bytes.Count(b, []byte("\n")) == bytes.Count(b, []byte("\r\n")) {
		return b
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}
