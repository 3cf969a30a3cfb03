package entity

import (
	"bytes"
	"strings"
)

// under reads a tree that stands under a signature, or under none. What has
// text of its own under a signature is the message, and armor in it is not; where
// there is nothing but armor, and it can't be opened, nothing can be read.
func (rd *reader) under(root *part, sig Signature, layer int) *content {
	if sig.Verdict != verdictNone {
		found := rd.find(root)
		probe := &content{}
		rd.outsideOf(root, found, probe)
		if probe.shown || len(found) == 0 {
			rd.unsealFiles(found, sig)
			return rd.gather(root)
		}
	}
	c := rd.content(root, layer+1)
	if c.openErr != nil && sig.Verdict != verdictNone {
		if all := rd.gather(root); len(c.outside) > 0 || strings.TrimSpace(all.text()) != "" {
			return all
		}
	}
	return c
}

// unsealFiles opens the sealed files of a tree that is signed as a whole, so that
// they can be handed on to whom it is for: those alone that the same key signed.
// Else whoever got hold of something that was sealed to us could have it opened, by
// attaching it to a mail of their own. What isn't opened stays as it is.
func (rd *reader) unsealFiles(found []container, sig Signature) {
	for _, f := range found {
		if !f.file || f.signed != nil || f.clear || isText(f.part) {
			continue
		}
		o, err := rd.open(f.armor)
		if err != nil || sig.Verdict != verdictGood || !sameHand(sig, o.Signature.normal()) {
			continue
		}
		plain := leaf("application/octet-stream", o.Plaintext, "")
		plain.name, plain.disposition = plainName(f.part.name), "attachment"
		*f.part = *plain
	}
}

// verified reads what a detached signature covers. A server may have changed the
// blanks and line breaks around it; what counts as read is what verifies.
func (rd *reader) verified(p *part, d *detached, layer int) *content {
	signature := rd.tree.content(d.by)
	signed := crlf(d.over.raw)
	sig := rd.opener.Verify(signed, signature).normal()
	over := d.over
	for _, form := range otherForms {
		if sig.Verdict != verdictBad {
			break
		}
		if other := form(signed); other != nil {
			if s := rd.opener.Verify(other, signature).normal(); s.Verdict != verdictBad {
				sig, over = s, rd.tree.parse(other, 1)
			}
		}
	}
	c := rd.under(over, sig, layer)
	c.protected = first(c.protected, protectedHeader(over))
	c.opened = true
	if c.signature.normal().Verdict == verdictNone {
		c.signature, c.signed = sig, over.raw
	}
	return c
}

// otherForms are forms in which a part may have been signed, other than with
// CRLF (RFC 3156, section 5): with a last line break more or less, without blanks
// at the ends of lines, and as it was before "From " was quoted. nil: no other.
var otherForms = []func([]byte) []byte{
	func(b []byte) []byte { return append(bytes.Clone(b), "\r\n"...) },
	func(b []byte) []byte {
		if !bytes.HasSuffix(b, []byte("\r\n")) {
			return nil
		}
		return b[:len(b)-2]
	},
	func(b []byte) []byte {
		lines := bytes.Split(b, []byte("\r\n"))
		for i := range lines {
			lines[i] = bytes.TrimRight(lines[i], " \t")
		}
		return bytes.Join(lines, []byte("\r\n"))
	},
	func(b []byte) []byte {
		if !bytes.Contains(b, []byte("\r\n>From ")) {
			return nil
		}
		return bytes.ReplaceAll(b, []byte("\r\n>From "), []byte("\r\nFrom "))
	},
}
