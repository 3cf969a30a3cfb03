package entity

import (
	"bytes"
	"encoding/base64"
	"html"
	"regexp"
	"slices"
	"strings"
)

var (
	armorHeader = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*:(\s|$)`)
	base64Token = regexp.MustCompile(`^[A-Za-z0-9+/]*={0,3}[A-Za-z0-9+/]{0,4}$`)
	longToken   = regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)
	invisible   = strings.NewReplacer("\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u00ad", "", "\u00a0", " ", "\u202f", " ", "\ufffd", " ")
)

// packets decodes the base64 between an armor's markers, whatever mail did to
// it: leftovers of quoted-printable and HTML, quote marks, blanks, lost line
// breaks, lines joined or cut anew, a lost blank line, foreign lines, a checksum
// that is missing, wrong, or joined to the last line. A checksum that fits decides
// between readings; it is no proof (RFC 9580, section 6.1).
func packets(body []byte) [][]byte {
	if data, sum, whole := decodeLines(body); len(body) > maxText || whole && (sum == "" || sumIs(data, sum)) {
		return [][]byte{data}
	}
	body = withoutQuotes(body)
	forms := [][]byte{body}
	if softBroken(body) { // words that came between would be joined to data
		forms[0] = withoutWords(body)
	}
	for n := 0; n < 3 && (bytes.Contains(forms[0], []byte("=3D")) || softBroken(forms[0])); n++ {
		forms = [][]byte{decodeQP(forms[0]), body}
	}
	var readings [][]byte
	for _, form := range forms {
		if bytes.Contains(form, []byte("&#")) {
			form = []byte(html.UnescapeString(string(form)))
		}
		tokens := armorTokens(form)
		for _, list := range [][]string{tokens, regular(tokens)} {
			data, sum := decodeTokens(list)
			if sum != "" && sumIs(data, sum) {
				return [][]byte{data}
			}
			if !contains(readings, data) {
				readings = append(readings, data)
			}
		}
	}
	return readings
}

// decodeLines decodes armor that nothing happened to: headers, then lines of
// base64 and a checksum. whole is false where there are other lines, which are
// left out.
func decodeLines(body []byte) (data []byte, sum string, whole bool) {
	data = make([]byte, 0, len(body)/4*3+3)
	whole = true
	var acc uint32
	bits, padded := 0, false
	for len(body) > 0 {
		var line []byte
		line, body = cutLine(body)
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || len(data) == 0 && armorHeader.Match(line):
			continue
		case len(line) == 5 && line[0] == '=' && clear64(line[1:]):
			sum = string(line[1:])
			continue
		case padded || !clear64(bytes.TrimRight(line, "=")):
			whole = false
			continue
		}
		for _, c := range line {
			if c == '=' {
				padded = true
				continue
			}
			acc = acc<<6 | uint32(base64Value[c])
			if bits += 6; bits >= 8 {
				bits -= 8
				data = append(data, byte(acc>>bits))
			}
		}
	}
	return data, sum, whole
}

func clear64(b []byte) bool {
	for _, c := range b {
		if base64Value[c] == 0xff {
			return false
		}
	}
	return true
}

// withoutQuotes takes quote marks off the beginnings of lines.
func withoutQuotes(b []byte) []byte {
	if !bytes.ContainsAny(b, ">|") {
		return b
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		out = append(append(out, bytes.TrimLeft(line, " \t>|")...), '\n')
	}
	return out
}

// withoutWords leaves out lines of several words, none of which is as long as
// armor's data.
func withoutWords(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		words := bytes.Fields(line)
		if len(words) > 2 && !slices.ContainsFunc(words, func(w []byte) bool { return len(w) >= 16 }) {
			continue
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

func contains(list [][]byte, b []byte) bool {
	for _, other := range list {
		if bytes.Equal(other, b) {
			return true
		}
	}
	return false
}

// armorTokens are the pieces of base64 in armor.
func armorTokens(body []byte) []string {
	var tokens []string
	for len(body) > 0 {
		var line []byte
		line, body = cutLine(body)
		text := strings.TrimLeft(string(line), " \t>|")
		if !isASCII(line) {
			text = strings.TrimLeft(invisible.Replace(strings.ToValidUTF8(string(line), " ")), " \t>|")
		}
		if len(tokens) == 0 && armorHeader.MatchString(text) {
			at := longToken.FindStringIndex(text) // what was joined to a header
			if at == nil {
				continue
			}
			text = text[at[0]:]
		}
		fields := slices.DeleteFunc(strings.Fields(text), func(f string) bool { return strings.Trim(f, ">|") == "" })
		if isData(fields) {
			tokens = append(tokens, fields...)
		}
	}
	return tokens
}

// isData tells a line of armor from words that came between: tokens of base64, a
// long one among them if there are several.
func isData(fields []string) bool {
	longest := 0
	for _, f := range fields {
		if !base64Token.MatchString(f) {
			return false
		}
		longest = max(longest, len(f))
	}
	return len(fields) == 1 || longest >= 16
}

// regular leaves out tokens that are shorter than the lines of the armor are,
// but for the last.
func regular(tokens []string) []string {
	count := map[int]int{}
	width := 0
	for _, f := range tokens {
		if count[len(f)]++; count[len(f)] > count[width] {
			width = len(f)
		}
	}
	var out []string
	for i, f := range tokens {
		if len(f) == width || i == len(tokens)-1 || strings.HasPrefix(tokens[i+1], "=") || strings.HasPrefix(f, "=") {
			out = append(out, f)
		}
	}
	return out
}

// decodeTokens decodes up to the padding; what stands behind it is the checksum.
func decodeTokens(tokens []string) (data []byte, sum string) {
	n := 0
	for _, f := range tokens {
		n += len(f)
	}
	data = make([]byte, 0, n/4*3+3)
	var acc uint32
	bits, padded := 0, false
	for _, f := range tokens {
		for i := 0; i < len(f); i++ {
			v := base64Value[f[i]]
			switch {
			case v == 0xff:
				padded = true
				continue
			case padded:
				if len(sum) < 5 {
					sum += f[i : i+1]
				}
				continue
			}
			acc = acc<<6 | uint32(v)
			if bits += 6; bits >= 8 {
				bits -= 8
				data = append(data, byte(acc>>bits))
			}
		}
	}
	return data, sum
}

// softBroken tells soft line breaks from base64's own padding: there is one that
// isn't near the end.
func softBroken(body []byte) bool {
	at := bytes.Index(body, []byte("=\n"))
	if crlf := bytes.Index(body, []byte("=\r\n")); at < 0 || crlf >= 0 && crlf < at {
		at = crlf
	}
	return at >= 0 && len(bytes.TrimSpace(body[at:])) > 16
}

// sumIs reports whether a checksum (RFC 9580, section 6.1.1) fits.
func sumIs(b []byte, sum string) bool {
	want, err := base64.StdEncoding.DecodeString(sum)
	if err != nil || len(want) != 3 {
		return false
	}
	crc := uint32(0xB704CE)
	for _, c := range b {
		crc ^= uint32(c) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
	}
	return want[0] == byte(crc>>16) && want[1] == byte(crc>>8) && want[2] == byte(crc)
}
