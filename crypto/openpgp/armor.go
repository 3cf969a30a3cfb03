package openpgp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
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

// Armor wraps binary packets: 64 characters a line, no headers. A CRC-24 follows
// unless the packets are of version 6, beside which RFC 9580 (section 6.1)
// forbids it. Everywhere else it is optional by the book and needed in practice:
// without it, GnuPG 2.2 takes the armor's last line for data whenever the base64
// ends without padding, and refuses one block in three.
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
	if !version6(data) {
		sum := crc24(data)
		b.WriteString("=" + base64.StdEncoding.EncodeToString([]byte{byte(sum >> 16), byte(sum >> 8), byte(sum)}) + "\n")
	}
	b.WriteString("-----END " + string(kind) + "-----\n")
	return b.Bytes()
}

// version6 reports whether packets are a version 6 key or signature, or end in a
// version 2 SEIPD packet: the first packet that isn't a session key tells.
func version6(packets []byte) bool {
	for {
		tag, body, rest, ok := frontPacket(packets)
		if !ok || len(body) == 0 {
			return false
		}
		switch tag {
		case 1, 3: // session keys
			packets = rest
		case 18:
			return body[0] == 2
		default:
			return body[0] == 6 && slices.Contains([]int{2, 4, 5, 6}, tag)
		}
	}
}

// crc24 is the armor's checksum (RFC 9580, section 6.1.1).
func crc24(data []byte) uint32 {
	crc := uint32(0xB704CE)
	for _, c := range data {
		crc = crc<<8&0xFFFFFF ^ crc24Table[byte(crc>>16)^c]
	}
	return crc
}

// crc24Table holds the checksum's step for each byte. It is never written to.
var crc24Table = func() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
		table[i] = crc & 0xFFFFFF
	}
	return table
}()

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
