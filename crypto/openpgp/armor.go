package openpgp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
)

// ArmorKind is what an armored block says it holds (RFC 9580, section 6.2).
type ArmorKind string

// The kinds.
const (
	ArmorMessage   ArmorKind = "PGP MESSAGE"
	ArmorSignature ArmorKind = "PGP SIGNATURE"
	ArmorPublicKey ArmorKind = "PGP PUBLIC KEY BLOCK"
	ArmorSecretKey ArmorKind = "PGP PRIVATE KEY BLOCK"
)

// Armor wraps binary packets: 64 characters a line, no headers, and no CRC,
// which RFC 9580 makes optional and forbids beside version 6 packets.
func Armor(kind ArmorKind, data []byte) []byte {
	text := base64.StdEncoding.EncodeToString(data)
	var b bytes.Buffer
	b.Grow(len(text) + len(text)/64 + 128)
	b.WriteString("-----BEGIN " + string(kind) + "-----\n\n")
	for len(text) > 0 {
		n := min(64, len(text))
		b.WriteString(text[:n])
		b.WriteByte('\n')
		text = text[n:]
	}
	b.WriteString("-----END " + string(kind) + "-----\n")
	return b.Bytes()
}

// Dearmor returns the packets in the first armored block of any kind. It
// tolerates what mail does to armor: text around it, CRLF, missing or wrong
// CRC, unknown headers, trailing blanks, a missing blank line.
func Dearmor(data []byte) ([]byte, error) {
	blocks := dearmorAll(data)
	if len(blocks) == 0 {
		return nil, errors.New("there is no armored OpenPGP block in it")
	}
	return blocks[0], nil
}

// dearmorAll returns the packets of all armored blocks of the given kinds, of
// any kind where none is given.
func dearmorAll(data []byte, kinds ...string) [][]byte {
	var out [][]byte
	rest := string(data)
	for {
		_, after, found := strings.Cut(rest, "-----BEGIN PGP ")
		if !found {
			return out
		}
		name, body, found := strings.Cut(after, "-----")
		if !found || strings.ContainsAny(name, "\r\n") {
			rest = after
			continue
		}
		text, next, found := strings.Cut(body, "-----END PGP ")
		if !found {
			return out
		}
		rest = next
		if name == "SIGNED MESSAGE" || !wanted("PGP "+name, kinds) {
			continue
		}
		if packets := decodeBody(text); len(packets) > 0 {
			out = append(out, packets)
		}
	}
}

func wanted(kind string, kinds []string) bool {
	for _, k := range kinds {
		if k == kind {
			return true
		}
	}
	return len(kinds) == 0
}

// decodeBody decodes the base64 between the armor's lines. Headers ("Version:
// 1") are left out, whether or not the blank line after them survived; the CRC
// line is ignored.
func decodeBody(text string) []byte {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.Contains(line, ": ") || strings.HasSuffix(line, ":") || strings.HasPrefix(line, "=") && len(line) == 5 {
			continue
		}
		if i := strings.LastIndexByte(line, '='); i > 0 && len(line)-i == 5 && i%4 == 0 { // CRC joined to the last line
			line = line[:i]
		}
		b.WriteString(strings.TrimRight(line, "="))
	}
	packets, err := base64.RawStdEncoding.DecodeString(b.String())
	if err != nil {
		return nil
	}
	return packets
}
