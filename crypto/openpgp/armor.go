package openpgp

import (
	"encoding/base64"
	"encoding/binary"
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
func Armor(kind ArmorKind, data []byte) []byte { return armor(kind, data, "\n") }

// ArmorForMail is Armor of a message with the line ends of mail, CRLF.
func ArmorForMail(message []byte) []byte { return armor(ArmorMessage, message, "\r\n") }

// armorLine is how many bytes make a line of 64 characters.
const armorLine = 48

func armor(kind ArmorKind, data []byte, end string) []byte {
	lines := len(data)/armorLine + 1
	b := make([]byte, 0, base64.StdEncoding.EncodedLen(len(data))+lines*len(end)+2*len(kind)+64)
	b = append(append(append(b, "-----BEGIN "...), kind...), "-----"+end+end...)
	for chunk := range slices.Chunk(data, armorLine) {
		b = append(base64.StdEncoding.AppendEncode(b, chunk), end...)
	}
	if !version6(data) {
		sum := crc24(data)
		b = append(base64.StdEncoding.AppendEncode(append(b, '='), []byte{byte(sum >> 16), byte(sum >> 8), byte(sum)}), end...)
	}
	return append(append(append(b, "-----END "...), kind...), "-----"+end...)
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

// crc24 is the armor's checksum (RFC 9580, section 6.1.1). It takes eight bytes a
// step: of a large message, one byte a step would be most of the armor's work. The
// sum stands in the upper three bytes.
func crc24(data []byte) uint32 {
	t := &crc24Tables
	crc := uint32(0xB704CE) << 8
	for ; len(data) >= 8; data = data[8:] {
		crc ^= binary.BigEndian.Uint32(data)
		crc = t[7][crc>>24] ^ t[6][crc>>16&0xFF] ^ t[5][crc>>8&0xFF] ^ t[4][crc&0xFF] ^
			t[3][data[4]] ^ t[2][data[5]] ^ t[1][data[6]] ^ t[0][data[7]]
	}
	for _, c := range data {
		crc = crc<<8 ^ t[0][byte(crc>>24)^c]
	}
	return crc >> 8
}

// crc24Tables hold the checksum's steps: the nth that of a byte with n more behind
// it. They are never written to.
var crc24Tables = func() (t [8][256]uint32) {
	for i := range t[0] {
		crc := uint32(i) << 24
		for range 8 {
			high := crc >> 31
			crc = crc<<1 ^ high*(0x864CFB<<8)
		}
		t[0][i] = crc
	}
	for n := 1; n < len(t); n++ {
		for i, crc := range t[n-1] {
			t[n][i] = crc<<8 ^ t[0][crc>>24]
		}
	}
	return t
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
