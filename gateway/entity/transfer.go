package entity

import (
	"bytes"
	"strings"
)

// undo undoes a transfer encoding, leniently. What is not encoded is returned as
// it is, not copied.
func undo(encoding string, body []byte) []byte {
	switch word(strings.Trim(encoding, ` "'`)) {
	case "base64":
		return decodeBase64(body)
	case "quoted-printable":
		return decodeQP(body)
	case "x-uuencode", "x-uue", "uuencode", "uue":
		if files, _ := uuencoded(body); len(files) > 0 {
			return files[0].Content
		}
	}
	return body
}

// base64Value is a character's value, or 0xff for all others.
var base64Value = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	return t
}()

// decodeBase64 skips what is no base64, and goes on after padding in the middle:
// programs join encoded pieces. A line that can't be base64, as of a footer put
// behind, is left out.
func decodeBase64(b []byte) []byte {
	out := make([]byte, 0, len(b)/4*3+3)
	var acc uint32
	n, padded := 0, false
	flush := func() {
		switch n {
		case 2:
			out = append(out, byte(acc>>4))
		case 3:
			out = append(out, byte(acc>>10), byte(acc>>2))
		}
		acc, n = 0, 0
	}
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		if !isBase64Line(line) || padded && len(line) < 16 {
			continue
		}
		for _, c := range line {
			if c == '=' {
				flush()
				padded = true
				continue
			}
			if padded && c == ' ' {
				break // what stands behind isn't encoded
			}
			v := base64Value[c]
			if v == 0xff {
				continue
			}
			acc = acc<<6 | uint32(v)
			if n++; n == 4 {
				out = append(out, byte(acc>>16), byte(acc>>8), byte(acc))
				acc, n = 0, 0
			}
		}
	}
	flush()
	return out
}

// isBase64Line tells a line of base64, maybe with a stray character in it, from
// one of words.
func isBase64Line(line []byte) bool {
	line = bytes.TrimSpace(line)
	stray, word := 0, 0
	for _, c := range line {
		switch {
		case c == ' ' || c == '\t':
			if word < 16 {
				return false
			}
			word = -1
		case base64Value[c] == 0xff && c != '=':
			stray++
		}
		word++
	}
	return stray <= 1+len(line)/20 && (stray == 0 || len(line) > 8)
}

func decodeQP(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		line, rest, more := bytes.Cut(b, []byte("\n"))
		b = rest
		cr := bytes.HasSuffix(line, []byte("\r"))
		line = bytes.TrimRight(line, " \t\r")
		soft := bytes.HasSuffix(line, []byte("="))
		if soft {
			line = line[:len(line)-1]
		}
		for i := 0; i < len(line); i++ {
			if line[i] == '=' && i+2 < len(line) {
				hi, ok1 := unhex(line[i+1])
				lo, ok2 := unhex(line[i+2])
				if ok1 && ok2 {
					out = append(out, hi<<4|lo)
					i += 2
					continue
				}
			}
			out = append(out, line[i])
		}
		if !soft && more {
			if cr {
				out = append(out, '\r')
			}
			out = append(out, '\n')
		}
	}
	return out
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

const maxUUFiles = 32

// uuencoded takes files out of a text ("begin 644 name", lines, "end") and gives
// what stands around them.
func uuencoded(b []byte) (files []Attachment, text []byte) {
	at, kept := 0, 0 // where the next file is looked for, and what of the text is in text already
	for len(files) < maxUUFiles {
		i := bytes.Index(b[at:], []byte("begin "))
		if i < 0 {
			break
		}
		begin := at + i
		starts := begin == 0 || b[begin-1] == '\n'
		line, rest := cutLine(b[begin:])
		at = begin + 6
		mode, name, ok := strings.Cut(string(line[6:min(len(line), 300)]), " ")
		if !starts || !ok || len(mode) < 3 || len(mode) > 4 || strings.Trim(mode, "01234567") != "" {
			continue
		}
		if content, after, ended := uuBody(rest); ended {
			files = append(files, Attachment{Name: clean(toUTF8([]byte(strings.TrimSpace(name)), "")), Type: "application/octet-stream", Content: content})
			text = append(text, b[kept:begin]...)
			at = len(b) - len(after)
			kept = at
		}
	}
	if len(files) == 0 {
		return nil, b
	}
	return files, append(text, b[kept:]...)
}

// uuBody decodes the lines of one file and reports whether its end was met.
func uuBody(b []byte) (content, after []byte, ended bool) {
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		if bytes.Equal(bytes.TrimSpace(line), []byte("end")) {
			return content, b, true
		}
		if len(line) == 0 {
			continue
		}
		n := int(line[0]-' ') & 0x3f
		if line[0] < ' ' || line[0] > '`' || len(line) < 1+(n*4+2)/3 && len(line) > 70 {
			return nil, nil, false
		}
		for i := 1; i < len(line) && n > 0; i += 4 {
			var v [4]byte
			for k := range v {
				if i+k < len(line) {
					v[k] = (line[i+k] - ' ') & 0x3f
				}
			}
			group := []byte{v[0]<<2 | v[1]>>4, v[1]<<4 | v[2]>>2, v[2]<<6 | v[3]}
			content = append(content, group[:min(n, 3)]...)
			n -= 3
		}
	}
	return nil, nil, false
}
