package simulator

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// frame takes a mail into the header before its Content-Type and the rest.
func frame(raw []byte) (head, rest string) {
	s := string(raw)
	i := strings.Index(s, "Content-Type:")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// wrapped puts a mail's body into multipart/mixed behind a text that is not under
// its signature.
func wrapped(raw []byte, text string) []byte {
	head, rest := frame(raw)
	return fmt.Appendf(nil, "%sContent-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n--outer\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n--outer\r\n%s\r\n--outer--\r\n", head, text, rest)
}

// Footer is what a list or a server appends outside the sealed part.
func Footer(raw []byte) []byte {
	head, rest := frame(raw)
	return fmt.Appendf(nil, "%sContent-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n--outer\r\n%s\r\n--outer\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Disposition: inline\r\n\r\n"+
		"_______________\r\nThis message was scanned for viruses.\r\n--outer--\r\n", head, rest)
}

// Exchange takes PGP/MIME apart as Exchange does: multipart/mixed, an empty text
// first, the parts as attachments with names of its own.
func Exchange(raw []byte) []byte {
	head, rest := frame(raw)
	armored := between(rest, "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----")
	if armored == "" || !strings.Contains(rest[:min(len(rest), 60)], "multipart/encrypted") {
		return raw
	}
	return fmt.Appendf(nil, "%sContent-Type: multipart/mixed; boundary=\"_004_\"\r\n\r\n--_004_\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n\r\n\r\n"+
		"--_004_\r\nContent-Type: application/pgp-encrypted; name=\"PGPMIME Versions Identification\"\r\nContent-Disposition: attachment; filename=\"PGPMIME Versions Identification\"\r\n\r\nVersion: 1\r\n"+
		"--_004_\r\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\r\nContent-Disposition: attachment; filename=\"encrypted.asc\"\r\n\r\n%s\r\n--_004_--\r\n", head, armored)
}

// Workspace reshuffles PGP/MIME as Google's routing does: the control part becomes
// an attachment without a name of its own, behind a text.
func Workspace(raw []byte) []byte {
	head, rest := frame(raw)
	armored := between(rest, "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----")
	if armored == "" || !strings.Contains(rest[:min(len(rest), 60)], "multipart/encrypted") {
		return raw
	}
	return fmt.Appendf(nil, "%sContent-Type: multipart/mixed; boundary=\"0000\"\r\n\r\n--0000\r\nContent-Type: application/pgp-encrypted\r\nContent-Disposition: attachment; filename=\"noname\"\r\n\r\nVersion: 1\r\n\r\n"+
		"--0000\r\nContent-Type: text/plain; name=\"noname.txt\"\r\nContent-Disposition: attachment; filename=\"noname.txt\"\r\n\r\n%s\r\n--0000--\r\n", head, armored)
}

func between(s, from, to string) string {
	i := strings.Index(s, from)
	if i < 0 {
		return ""
	}
	j := strings.Index(s[i:], to)
	if j < 0 {
		return ""
	}
	return s[i : i+j+len(to)]
}

// Garble cuts the sealed part of a mail in the middle, whatever its style: a
// scanner that "repairs" what it doesn't know.
func Garble(raw []byte) []byte {
	i := bytes.Index(raw, []byte("-----BEGIN PGP MESSAGE-----"))
	if i < 0 { // an attachment's armor is in base64
		if i = bytes.LastIndex(raw, []byte("message.asc")); i < 0 {
			return raw
		}
		i += bytes.Index(raw[i:], []byte("\r\n\r\n")) + 4
	}
	return append(bytes.Clone(raw[:i]), []byte("[removed by the mail filter]\r\n")...)
}

// GarbleMIME garbles PGP/MIME alone.
func GarbleMIME(raw []byte) []byte {
	if styleOf(raw) != "pgp-mime" {
		return raw
	}
	return Garble(raw)
}

// JoinLines runs the lines of a text together, as Outlook does.
func JoinLines(text string) string {
	i := strings.Index(text, "JCOFORM/1 BEGIN")
	if i < 0 {
		return text
	}
	return text[:i] + strings.Join(strings.Fields(text[i:]), " ") + "\n"
}

// Mojibake reads UTF-8 as Windows-1252 and sends that on.
func Mojibake(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteRune(charmap.Windows1252.DecodeByte(c))
	}
	return b.String()
}

// Questions puts a question mark in place of every letter beyond ASCII.
func Questions(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '?'
		}
		return r
	}, text)
}

// SmartQuotes is what a word processor does to quotation marks and dashes.
func SmartQuotes(text string) string {
	return regexp.MustCompile(`"([^"\n]*)"`).ReplaceAllString(strings.ReplaceAll(text, " - ", " – "), "“$1”")
}

// Unbracket loses the closing brackets, as a program that takes them for markup.
func Unbracket(text string) string {
	i := strings.Index(text, "JCOFORM/1 BEGIN")
	if i < 0 {
		return text
	}
	return text[:i] + strings.ReplaceAll(text[i:], "]", "")
}
