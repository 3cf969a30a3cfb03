package simulator

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
)

// seal signs and encrypts for one certificate.
func seal(plaintext []byte, signer *openpgp.SecretKey, to *openpgp.Certificate, at time.Time) ([]byte, error) {
	s, err := openpgp.Seal(plaintext, signer, openpgp.SEIPDv1, at)
	if err != nil {
		return nil, err
	}
	return s.For(to)
}

// write makes the reply to a mail, as the officer's habits are. What can't be
// written is nil, and isn't sent.
func (o *Officer) write(text string, to []byte, at time.Time) []byte {
	at = at.Add(o.Skew)
	o.calls++
	h := entity.Draft{From: entity.Address{Name: "Officer of " + o.Code, Addr: o.Address}, To: entity.Address{Addr: o.To}, Subject: "Re: " + header(to, "Subject"),
		MessageID: fmt.Sprintf("<%d.%d@%s>", at.UnixNano(), o.calls, domainOf(o.Address)), InReplyTo: header(to, "Message-ID"), Date: at}
	if o.Address2 != "" {
		h.From.Addr = o.Address2
	}
	if o.NoThread {
		h.InReplyTo, h.Subject = "", "answer"
	}
	raw := o.style(h, text, at)
	for _, mangle := range o.Out {
		if raw != nil {
			raw = mangle(raw)
		}
	}
	return raw
}

func (o *Officer) style(h entity.Draft, text string, at time.Time) []byte {
	key := o.signer()
	if key == nil || o.Signing == "unsigned" {
		return entity.PlainMail(h, text, o.Attach)
	}
	switch o.Signing {
	case "tampered":
		return signedMail(h, text, key, at, func(s string) string { return s + "changed\r\n" })
	case "clear":
		return signedMail(h, text, key, at, func(s string) string { return s })
	case "smime":
		return SMIMESigned(entity.PlainMail(h, text, nil))
	}
	certificate := o.Gateway
	if o.Signing == "sealed-elsewhere" {
		certificate = o.Stranger
	}
	message, err := seal(o.page(text), key, certificate, at)
	if err != nil {
		return nil
	}
	raw := entity.PGPMIME(h, openpgp.Armor(openpgp.ArmorMessage, message))
	if o.Signing == "part" {
		return wrapped(raw, "Please see the answer below; the quantity is 99.\r\n")
	}
	return raw
}

// page is the answer's MIME part, before it is sealed.
func (o *Officer) page(text string) []byte {
	if o.Page != nil {
		return o.Page(text)
	}
	return entity.Inner(text, nil, "Form")
}

// signedMail is signed and not encrypted (RFC 3156, section 5); change happens on
// the way, after the signature.
func signedMail(h entity.Draft, text string, key *openpgp.SecretKey, at time.Time, change func(string) string) []byte {
	part := "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	signature, err := openpgp.SignArmored([]byte(part), key, at)
	if err != nil {
		return nil
	}
	head, _, _ := bytes.Cut(entity.PlainMail(h, "x", nil), []byte("Content-Type:"))
	return fmt.Appendf(nil, "%sContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=\"bound\"\r\n\r\n"+
		"--bound\r\n%s\r\n--bound\r\nContent-Type: application/pgp-signature; name=\"signature.asc\"\r\n\r\n%s\r\n--bound--\r\n",
		head, change(part), bytes.ReplaceAll(signature, []byte("\n"), []byte("\r\n")))
}

// header is a field of a raw mail, unfolded.
func header(raw []byte, name string) string {
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	value, in := "", false
	for line := range strings.SplitSeq(string(head), "\r\n") {
		switch {
		case in && line != "" && (line[0] == ' ' || line[0] == '\t'):
			value += " " + strings.TrimSpace(line)
		case in:
			return value
		default:
			if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
				value, in = strings.TrimSpace(v), true
			}
		}
	}
	return value
}

func domainOf(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return domain
}

// styleOf tells in which style a mail of ours is sealed, "" where it isn't.
func styleOf(raw []byte) string {
	head := strings.ToLower(header(raw, "Content-Type"))
	has := func(part string) bool { return bytes.Contains(raw, []byte(part)) }
	switch {
	case strings.HasPrefix(head, "multipart/encrypted"):
		return "pgp-mime"
	case has("message.asc"), has("message.bin"): // Octets makes the second
		return "attachment"
	case has("BEGIN PGP MESSAGE"), has(".pgp"):
		return "inline"
	}
	return ""
}
