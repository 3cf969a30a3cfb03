package entity

import (
	"bytes"
	"encoding/base64"
	"mime"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// part is a node of the MIME tree. raw are its exact bytes, header included.
type part struct {
	header      Header
	kind        string // media type, lower case
	params      map[string]string
	name        string
	disposition string
	raw, body   []byte
	children    []*part
}

// tree takes entities apart within limits that all trees of a mail share.
type tree struct {
	limits  Limits
	parts   int
	decoded int64
	cut     bool // a limit was met
}

func (t *tree) parse(raw []byte, depth int) *part {
	t.parts++
	fields, body := splitHeader(raw)
	p := &part{header: newHeader(fields), raw: raw, body: body}
	p.kind, p.params = mediaType(p.header.raw("Content-Type"), "text/plain")
	var dp map[string]string
	p.disposition, dp = mediaType(p.header.raw("Content-Disposition"), "")
	p.name = dp["filename"]
	if p.name == "" {
		p.name = p.params["name"]
	}
	p.name = path.Base(strings.ReplaceAll(decodeWords(p.name), `\`, "/"))
	if p.name == "." || p.name == "/" {
		p.name = ""
	}
	if strings.HasPrefix(p.kind, "multipart/") {
		t.split(p, depth)
	}
	return p
}

func (t *tree) split(p *part, depth int) {
	boundary := p.params["boundary"]
	if boundary == "" || !bytes.Contains(p.body, []byte("--"+boundary)) {
		boundary = guessBoundary(p.body)
	}
	if boundary == "" {
		p.kind = "text/plain"
		return
	}
	if depth >= t.limits.Depth {
		t.cut = true
		return
	}
	for _, raw := range splitBody(p.body, boundary, t.limits.Parts-t.parts+1) {
		if t.parts >= t.limits.Parts {
			t.cut = true
			return
		}
		p.children = append(p.children, t.parse(raw, depth+1))
	}
}

var boundaryLine = regexp.MustCompile(`(?m)^--([0-9A-Za-z'()+_,./:=? -]{3,70}?)[ \t]*\r?$`)

func guessBoundary(body []byte) string {
	m := boundaryLine.FindSubmatch(body[:min(len(body), 64<<10)])
	if m == nil {
		return ""
	}
	return string(m[1])
}

// splitBody cuts a multipart's body (RFC 2046, section 5.1.1); the line break
// before a delimiter belongs to the delimiter.
func splitBody(body []byte, boundary string, most int) [][]byte {
	delim := []byte("--" + boundary)
	var out [][]byte
	start, at := -1, 0
	for at < len(body) {
		end := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := bytes.TrimRight(body[at:end], " \t\r\n")
		if bytes.HasPrefix(line, delim) {
			rest := line[len(delim):]
			if len(rest) == 0 || string(rest) == "--" {
				if start >= 0 {
					out = append(out, withoutBreak(body[start:at]))
				}
				start = end
				if len(rest) > 0 || len(out) >= most {
					return out
				}
			}
		}
		at = end
	}
	if start >= 0 && start < len(body) {
		out = append(out, body[start:])
	}
	return out
}

func withoutBreak(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

var lenientParam = regexp.MustCompile(`(?i)[;\s]([a-z-]+)\*?=(?:"([^"]*)"|([^\s;"]+))`)

func mediaType(v, fallback string) (string, map[string]string) {
	if v == "" {
		return fallback, map[string]string{}
	}
	kind, params, err := mime.ParseMediaType(v)
	if err == nil {
		return kind, params
	}
	kind, _, _ = strings.Cut(v, ";")
	kind, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(kind)), " ") // a lost semicolon
	params = map[string]string{}
	for _, m := range lenientParam.FindAllStringSubmatch(v, 50) {
		if k := strings.ToLower(m[1]); params[k] == "" {
			params[k] = m[2] + m[3]
		}
	}
	if fallback != "" && !strings.Contains(kind, "/") {
		kind = fallback
	}
	return kind, params
}

// content undoes the transfer encoding, leniently.
func (t *tree) content(p *part) []byte {
	var out []byte
	switch word(p.header.Get("Content-Transfer-Encoding")) {
	case "base64":
		out = decodeBase64(p.body)
	case "quoted-printable":
		out = decodeQP(p.body)
	default:
		out = p.body
	}
	t.decoded += int64(len(out))
	if t.decoded > 4*t.limits.Size {
		t.cut = true
		return nil
	}
	return out
}

func decodeBase64(b []byte) []byte {
	compact := make([]byte, 0, len(b))
	for _, c := range b {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			compact = append(compact, c)
		}
	}
	if len(compact)%4 == 1 {
		compact = compact[:len(compact)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(compact)))
	n, _ := base64.RawStdEncoding.Decode(out, compact)
	return out[:n]
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

// toUTF8 decodes by the label; where that is missing, unknown or can't be
// true, as UTF-8 if it is, else as windows-1252. Latin 1 that is well-formed
// UTF-8 is UTF-8: programs declare Latin 1 out of habit.
func toUTF8(b []byte, label string) string {
	if utf8.Valid(b) && (label == "" || isUTF8(label) || !hasEscape(b) && isASCII(b)) {
		return string(b)
	}
	enc, name := charset.Lookup(label)
	if utf8.Valid(b) && (enc == nil || name == "windows-1252" && !isASCII(b)) {
		return string(b) // a label that nobody meant
	}
	if enc == nil || isUTF8(label) {
		enc, _ = charset.Lookup("windows-1252")
	}
	if out, err := enc.NewDecoder().Bytes(b); err == nil {
		return string(out)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

func isUTF8(label string) bool {
	l := strings.ToLower(strings.TrimSpace(label))
	return l == "utf-8" || l == "utf8" || l == "us-ascii" || l == "ascii"
}

func hasEscape(b []byte) bool { return bytes.IndexByte(b, 0x1b) >= 0 }

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
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r < 0x20 && r != '\n' && r != '\t', r == 0x7f:
			return -1
		}
		return r
	}, s)
}
