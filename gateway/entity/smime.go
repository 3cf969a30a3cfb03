package entity

import (
	"bytes"
	"errors"
)

// errSMIME says why a mail sealed with S/MIME isn't read.
var errSMIME = errors.New("encrypted with S/MIME, which is not OpenPGP")

var (
	oidSigned = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}
	oidData   = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01}
)

// signedContent takes the signed entity out of a CMS SignedData (RFC 5652,
// section 5), without a look at the signature: to us it proves nothing. nil
// where there is none, as in an encrypted one.
func signedContent(b []byte) []byte {
	at := bytes.Index(b[:min(len(b), 64)], oidSigned)
	if at < 0 {
		return nil
	}
	data := bytes.Index(b[at:min(len(b), at+512)], oidData)
	if data < 0 {
		return nil
	}
	b = b[at+data+len(oidData):]
	tag, _, body := berHeader(b) // [0] EXPLICIT
	if tag != 0xa0 {
		return nil
	}
	return octets(body, nil, 0)
}

// octets reads an OCTET STRING of BER, in one piece or, as streaming programs
// write it, in many.
func octets(b, out []byte, depth int) []byte {
	tag, length, body := berHeader(b)
	switch {
	case tag == 0x04 && length >= 0 && length <= len(body):
		return append(out, body[:length]...)
	case tag != 0x24 || depth > 4:
		return nil
	}
	if length >= 0 {
		body = body[:min(length, len(body))]
	}
	for len(body) > 1 && !(body[0] == 0 && body[1] == 0) {
		tag, n, inner := berHeader(body)
		if tag != 0x04 || n < 0 || n > len(inner) {
			return nil
		}
		out = append(out, inner[:n]...)
		body = inner[n:]
	}
	return out
}

// berHeader reads a BER tag and length; -1 is the indefinite length.
func berHeader(b []byte) (tag byte, length int, body []byte) {
	if len(b) < 2 {
		return 0, 0, nil
	}
	tag, n := b[0], int(b[1])
	b = b[2:]
	switch {
	case n < 0x80:
		return tag, n, b
	case n == 0x80:
		return tag, -1, b
	}
	if n &= 0x7f; n > 4 || n > len(b) {
		return 0, 0, nil
	}
	for _, c := range b[:n] {
		length = length<<8 | int(c)
	}
	return tag, length, b[n:]
}
