package entity

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

// toUTF8 decodes by the label, where that can be true. Where it is missing,
// unknown or wrong, the text is UTF-8 if it is well-formed, else what makes it
// read like a language of the Union. Latin 1 that is well-formed UTF-8 is UTF-8:
// programs declare Latin 1 out of habit.
func toUTF8(b []byte, label string) string {
	label = strings.ToLower(strings.Trim(label, "\"' \t"))
	if isASCII(b) && !stateful(label) && bytes.Contains(b, []byte("\x1b$")) {
		label = "iso-2022-jp" // nothing else has these (RFC 1468)
	}
	if isASCII(b) && !stateful(label) && bytes.IndexByte(b, 0) < 0 {
		return string(b)
	}
	if enc := utf16Of(b); enc != nil {
		if isASCII(b) { // the zeros tell nothing, and servers lose some
			return strings.ReplaceAll(string(b), "\x00", "")
		}
		return decoded(b, enc)
	}
	if strings.HasSuffix(label, "utf-7") {
		return utf7(b)
	}
	enc := encodingOf(label)
	valid := utf8.Valid(b)
	if valid && (enc == nil || isUTF8(label) || enc == charmap.Windows1252) {
		return unmangled(string(b))
	}
	switch {
	case enc == nil, isUTF8(label):
		enc = guess(b, nil)
	case enc == charmap.Windows1252:
		enc = guess(b, enc)
	}
	return decoded(b, enc)
}

// decoded decodes what it can; the rest becomes U+FFFD.
func decoded(b []byte, enc encoding.Encoding) string {
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		out = b
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// encodingOf is nil for a label that nobody meant.
func encodingOf(label string) encoding.Encoding {
	if label == "" {
		return nil
	}
	if enc, err := htmlindex.Get(label); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(label); err == nil && enc != nil {
		return enc
	}
	for _, prefix := range []string{"cp-", "cp", "windows", "win-", "win", "x-windows-", "ibm-"} { // "cp-1252", "windows1257"
		if number, ok := strings.CutPrefix(label, prefix); ok {
			for _, family := range []string{"windows-", "ibm"} {
				if enc, err := ianaindex.MIME.Encoding(family + strings.Trim(number, "-_")); err == nil && enc != nil {
					return enc
				}
			}
		}
	}
	return nil
}

func isUTF8(label string) bool {
	switch label {
	case "utf-8", "utf8", "us-ascii", "ascii", "ansi_x3.4-1968", "7bit", "8bit", "unknown-8bit":
		return true
	}
	return false
}

// stateful encodings say more with ASCII bytes than ASCII.
func stateful(label string) bool {
	return strings.HasPrefix(label, "iso-2022") || strings.HasPrefix(label, "utf-16") || strings.HasSuffix(label, "utf-7") || label == "hz-gb-2312" || strings.HasPrefix(label, "ucs-2")
}

// utf16Of recognises UTF-16 by its mark, or by every other byte being zero.
func utf16Of(b []byte) encoding.Encoding {
	little, big := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return little
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return big
	case len(b) < 8:
		return nil
	}
	var zeros [2]int
	head := b[:min(len(b), 512)]
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch {
	case zeros[1]*5 > len(head)*2 && zeros[0]*10 < len(head):
		return little
	case zeros[0]*5 > len(head)*2 && zeros[1]*10 < len(head):
		return big
	}
	return nil
}

// unmangled undoes UTF-8 that was taken for Windows-1252 and encoded again
// ("RÄ«ga"), where all of it was.
func unmangled(s string) string {
	if !strings.ContainsAny(s, "ÂÃÄÅÎÏÐÑâ") {
		return s
	}
	back, err := charmap.Windows1252.NewEncoder().String(strings.Map(c1AsItself, s))
	if err != nil || !utf8.ValidString(back) || len([]rune(s))-len([]rune(back)) < 2 {
		return s
	}
	return back
}

// c1AsItself leaves the bytes that Windows-1252 doesn't define to fail.
func c1AsItself(r rune) rune {
	if r >= 0x80 && r < 0xa0 {
		return utf8.RuneError
	}
	return r
}

// utf7 decodes RFC 2152, which old Exchange servers still write.
func utf7(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		at := bytes.IndexByte(b, '+')
		if at < 0 {
			out.Write(b)
			break
		}
		out.Write(b[:at])
		b = b[at+1:]
		end := 0
		for end < len(b) && base64Value[b[end]] != 0xff {
			end++
		}
		if end == 0 {
			out.WriteByte('+')
		} else {
			out.WriteString(decoded(decodeBase64(b[:end]), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)))
		}
		b = b[end:]
		if len(b) > 0 && b[0] == '-' {
			b = b[1:]
		}
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// clean makes line ends "\n" and takes out NUL and other control characters.
func clean(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case isControl(r):
			return -1
		}
		return r
	}, s)
}

func isControl(r rune) bool { return r < 0x20 && r != '\n' && r != '\t' || r == 0x7f }
