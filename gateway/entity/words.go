package entity

import (
	"regexp"
	"strings"
)

// encodedWord is a word of RFC 2047, and what programs make of one: blanks and
// raw 8-bit inside, a language behind the charset (RFC 2231), an end that is lost.
var encodedWord = regexp.MustCompile(`=\?([A-Za-z0-9_.:+-]+)(?:\*[A-Za-z-]*)?\?([bBqQ])\?([^?]*)(?:\?=|$)`)

// decodeWords decodes the encoded words in a field, and raw 8-bit by guess. Words
// of one charset in a row are joined before they are decoded: programs cut inside
// of characters, and of base64.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return clean(toUTF8([]byte(s), ""))
	}
	var out strings.Builder
	var pending []byte
	charset, encoding, bits := "", "", ""
	flush := func() {
		pending = append(pending, decodeBase64([]byte(bits))...)
		out.WriteString(toUTF8(pending, charset))
		pending, bits, charset = nil, "", ""
	}
	at := 0
	for _, m := range encodedWord.FindAllStringSubmatchIndex(s, 1000) {
		between := s[at:m[0]]
		label, how, text := s[m[2]:m[3]], strings.ToLower(s[m[4]:m[5]]), s[m[6]:m[7]]
		if strings.TrimSpace(between) != "" || !strings.EqualFold(label, charset) || how != encoding {
			flush()
		}
		if strings.TrimSpace(between) != "" || at == 0 {
			out.WriteString(toUTF8([]byte(between), ""))
		}
		charset, encoding = label, how
		if how == "q" {
			pending = append(pending, decodeQ(text)...)
		} else if bits += text; strings.HasSuffix(text, "=") || len(bits)%4 == 0 {
			pending = append(pending, decodeBase64([]byte(bits))...)
			bits = ""
		}
		at = m[1]
	}
	flush()
	out.WriteString(toUTF8([]byte(s[at:]), ""))
	return clean(out.String())
}

// decodeQ undoes the "Q" encoding (RFC 2047, section 4.2).
func decodeQ(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(s):
			hi, ok1 := unhex(s[i+1])
			lo, ok2 := unhex(s[i+2])
			if ok1 && ok2 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}
