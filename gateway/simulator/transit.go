package simulator

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// What gateways, scanners and lists on the way do to a sealed mail.

// armorOf is the sealed part of a mail.
func armorOf(raw []byte) string {
	return between(string(raw), "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----")
}

// wide is a text in base64, in lines.
func wide(text string) string {
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	var b strings.Builder
	for ; len(encoded) > 76; encoded = encoded[76:] {
		b.WriteString(encoded[:76] + "\r\n")
	}
	return b.String() + encoded + "\r\n"
}

// Octets makes one attachment of PGP/MIME, and forgets what it was.
func Octets(raw []byte) []byte {
	head, _ := frame(raw)
	return fmt.Appendf(nil, "%sContent-Type: application/octet-stream; name=\"message.bin\"\r\nContent-Disposition: attachment; filename=\"message.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s", head, wide(armorOf(raw)+"\r\n"))
}

// Rewrapped writes the sealed part of PGP/MIME in base64.
func Rewrapped(raw []byte) []byte {
	armored := armorOf(raw)
	i := bytes.Index(raw, []byte(armored))
	if armored == "" || i < 0 {
		return raw
	}
	before := bytes.TrimSuffix(raw[:i], []byte("\r\n\r\n"))
	return fmt.Appendf(nil, "%s\r\nContent-Transfer-Encoding: base64\r\n\r\n%s%s", before, wide(armored+"\r\n"), bytes.TrimPrefix(raw[i+len(armored):], []byte("\r\n")))
}

// Scanned puts the whole mail into another one, behind a scanner's banner.
func Scanned(raw []byte) []byte {
	head, _ := frame(raw)
	return fmt.Appendf(nil, "%sContent-Type: multipart/mixed; boundary=\"scan\"\r\n\r\n--scan\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis mail was checked; the original is attached.\r\n"+
		"--scan\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"original.eml\"\r\n\r\n%s\r\n--scan--\r\n", head, raw)
}

// SMIMESigned puts a mail's body under an S/MIME signature, as gateways of
// organisations do with all that leaves.
func SMIMESigned(raw []byte) []byte {
	head, rest := frame(raw)
	return fmt.Appendf(nil, "%sContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=\"smime\"\r\n\r\n--smime\r\n%s\r\n"+
		"--smime\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\nContent-Disposition: attachment; filename=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s--smime--\r\n",
		head, rest, wide(strings.Repeat("\x30\x82\x01\x00 no real signature ", 20)))
}

// SMIMESealed hides a mail's body in an S/MIME envelope that only its own kind
// opens.
func SMIMESealed(raw []byte) []byte {
	head, _ := frame(raw)
	return fmt.Appendf(nil, "%sContent-Type: application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\"\r\nContent-Disposition: attachment; filename=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s",
		head, wide(strings.Repeat("\x30\x82\x01\x00 no real envelope ", 40)))
}

// CutOff ends a mail in the middle of its sealed part.
func CutOff(raw []byte) []byte {
	i := bytes.Index(raw, []byte("-----BEGIN PGP MESSAGE-----"))
	if i < 0 {
		return raw
	}
	return append(bytes.Clone(raw[:i+(len(raw)-i)/2]), "\r\n"...)
}

// withField puts a field before a mail, instead of the one that it had.
func withField(raw []byte, name, value string) []byte {
	head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	var kept []string
	drop := false
	for _, line := range strings.Split(head, "\r\n") {
		if line != "" && line[0] != ' ' && line[0] != '\t' {
			n, _, _ := strings.Cut(line, ":")
			drop = strings.EqualFold(n, name)
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	return []byte(name + ": " + value + "\r\n" + strings.Join(kept, "\r\n") + "\r\n\r\n" + body)
}

// External marks the subject of what comes from outside.
func External(raw []byte) []byte {
	return withField(raw, "Subject", "[EXTERN] "+header(raw, "Subject"))
}

// Listed sends a mail on as mailing lists do that rewrite From for DMARC's sake.
func Listed(raw []byte) []byte {
	from := header(raw, "From")
	raw = withField(raw, "From", "\"An officer via jco\" <jco@lists.example>")
	raw = withField(raw, "Reply-To", from)
	return Relisted(withField(raw, "Sender", "jco-bounces@lists.example"))
}

// Relisted is a list that leaves From as it is.
func Relisted(raw []byte) []byte {
	raw = withField(raw, "List-Id", "<jco.lists.example>")
	raw = withField(raw, "List-Unsubscribe", "<mailto:jco-leave@lists.example>")
	return withField(withField(raw, "Precedence", "list"), "Subject", "[jco] "+header(raw, "Subject"))
}

// OnBehalf is a mail that a delegate sends for a shared mailbox.
func OnBehalf(raw []byte) []byte {
	return withField(raw, "Sender", "delegate@"+strings.TrimSuffix(domainOf(header(raw, "From")), ">"))
}
