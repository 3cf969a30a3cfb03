package entity

import (
	"bytes"
	"path"
	"regexp"
	"strings"
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

	undone  []byte // without its transfer encoding, once asked for
	isDone  bool
	shown   string // as text, once asked for
	isShown bool
	clipped bool // shown is not all of it
}

// tree takes entities apart within limits that all trees of a mail share.
type tree struct {
	limits  Limits
	parts   int
	headers int
	scanned int64 // bytes looked at for boundaries
	undone  int64
	text    int
	over    string // the first limit that was met, "" where none was
}

func (t *tree) exceed(what string) {
	if t.over == "" {
		t.over = what
	}
}

func (t *tree) parse(raw []byte, depth int) *part {
	t.parts++
	fields, body, whole := splitHeader(raw)
	if t.headers += len(raw) - len(body); !whole || t.headers > 4*maxHeader && len(fields) > 0 {
		t.exceed("its header is too long")
		fields = fields[:min(len(fields), 100)]
	}
	p := &part{header: newHeader(fields), raw: raw, body: body}
	p.kind, p.params = mediaType(p.header.raw("Content-Type"), "text/plain")
	var dp map[string]string
	p.disposition, dp = mediaType(p.header.raw("Content-Disposition"), "")
	p.name = fileName(dp["filename"])
	if p.name == "" {
		p.name = fileName(p.params["name"])
	}
	if p.kind == "application/octet-stream" && strings.HasSuffix(strings.ToLower(p.name), ".p7m") { // RFC 8551, section 3.9
		p.kind = "application/pkcs7-mime"
	}
	if p.header.raw("Content-Type") == "" && beginsWithPart(body) { // the field is lost
		p.kind = "multipart/mixed"
	}
	if strings.HasPrefix(p.kind, "multipart/") {
		t.split(p, depth)
	} else {
		t.unwrap(p, depth)
	}
	return p
}

// fileName is a name without its path.
func fileName(s string) string {
	s = path.Base(strings.ReplaceAll(decodeWords(s), `\`, "/"))
	if s == "." || s == "/" || s == ".." {
		return ""
	}
	return s
}

func (t *tree) split(p *part, depth int) {
	boundary := p.params["boundary"]
	if boundary == "" || !hasBoundary(p.body, boundary) {
		boundary = guessBoundary(p.body)
	}
	if boundary == "" {
		p.kind = "text/plain"
		return
	}
	for _, raw := range splitBody(p.body, boundary, t.limits.Parts-t.parts+1) {
		if !t.room(int64(len(raw)), depth) {
			return
		}
		c := t.parse(raw, depth+1)
		if p.kind == "multipart/digest" && c.header.raw("Content-Type") == "" {
			c.kind = "message/rfc822"
		}
		p.children = append(p.children, c)
	}
}

// scannedTimes is how often a mail may be looked at for boundaries as a whole: once
// for each multipart around its largest file, and programs nest half a dozen.
const scannedTimes = 8

// room reports whether another part of so many bytes may be taken apart.
func (t *tree) room(size int64, depth int) bool {
	t.scanned += size
	switch {
	case t.over != "":
	case depth >= t.limits.Depth:
		t.exceed("its parts lie too deep in one another")
	case t.parts >= t.limits.Parts:
		t.exceed("it has too many parts")
	case t.scanned > scannedTimes*t.limits.Size:
		t.exceed("taking it apart would cost too much")
	default:
		return true
	}
	return false
}

// beginsWithPart reports whether a body begins with a delimiter and a field.
func beginsWithPart(body []byte) bool {
	head := bytes.TrimLeft(body[:min(len(body), 1<<10)], "\r\n")
	line, rest := cutLine(head)
	next, _ := cutLine(rest)
	return boundaryLine.Match(line) && bytes.HasPrefix(bytes.ToLower(next), []byte("content-"))
}

func hasBoundary(body []byte, boundary string) bool {
	delim := []byte("--" + boundary)
	return bytes.HasPrefix(body, delim) || bytes.Contains(body, append([]byte("\n"), delim...))
}

var boundaryLine = regexp.MustCompile(`(?m)^--([0-9A-Za-z'()+_,./:=?#*~&%$!@{} -]{1,150}?)[ \t]*\r?$`)

// guessBoundary takes the first line that looks like a delimiter and stands
// there more than once or before a field.
func guessBoundary(body []byte) string {
	head := body[:min(len(body), 64<<10)]
	for _, m := range boundaryLine.FindAllSubmatchIndex(head, 20) {
		boundary := string(head[m[2]:m[3]])
		next, _ := cutLine(body[min(len(body), m[1]+1):])
		if isField(next) || len(boundary) > 2 && bytes.Count(body, []byte("\n--"+boundary)) > 1 {
			return boundary
		}
	}
	return ""
}

// splitBody cuts a multipart's body (RFC 2046, section 5.1.1); the line break
// before a delimiter belongs to the delimiter. Parts behind the closing
// delimiter count too, since some programs show them.
func splitBody(body []byte, boundary string, most int) [][]byte {
	delim := []byte("--" + boundary)
	var out [][]byte
	start, at := -1, 0
	for at < len(body) && len(out) <= most {
		end := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if bytes.HasPrefix(body[at:end], delim) {
			rest := bytes.TrimRight(body[at+len(delim):end], " \t\r\n")
			closes := bytes.HasPrefix(rest, []byte("--"))
			if closes {
				rest = rest[2:]
			}
			if len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' { // what follows a blank is ignored
				if start >= 0 {
					out = append(out, withoutBreak(body[start:at]))
				}
				start = end
				if closes {
					start = -1
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

// unwrap looks into what is a container though it is no multipart: Outlook's
// winmail.dat, a signature of S/MIME around the signed, files in a text, a mail
// in a single piece.
func (t *tree) unwrap(p *part, depth int) {
	var inner [][]byte
	switch b := t.content(p); {
	case isTNEF(b):
		t.unwrapTNEF(p, b, depth)
	case strings.HasSuffix(p.kind, "pkcs7-mime") && !strings.Contains(p.params["smime-type"], "enveloped"):
		if signed := signedContent(b); signed != nil {
			inner = [][]byte{signed}
		}
	case p.kind == "text/plain" && bytes.Contains(b, []byte("begin ")):
		t.unwrapUU(p, b)
	case p.kind == "message/partial" && p.params["total"] == "1", p.kind == "message/rfc822" && p.params["forwarded"] == "no":
		inner = [][]byte{b}
	}
	for _, raw := range inner {
		if t.room(int64(len(raw)), depth) {
			p.children = append(p.children, t.parse(raw, depth+1))
		}
	}
}

// unwrapUU takes the files out of a text; what remains is the text.
func (t *tree) unwrapUU(p *part, b []byte) {
	files, text := uuencoded(b)
	if len(files) == 0 {
		return
	}
	p.children = append(p.children, leaf("text/plain", text, p.params["charset"]))
	for _, f := range files {
		c := leaf(f.Type, f.Content, "")
		c.name, c.disposition = fileName(f.Name), "attachment"
		p.children = append(p.children, c)
	}
}

// leaf is a part that some container held, without a header of its own.
func leaf(kind string, content []byte, label string) *part {
	return &part{kind: kind, params: map[string]string{"charset": label}, raw: content, body: content}
}

// content is a part without its transfer encoding.
func (t *tree) content(p *part) []byte {
	if p.isDone {
		return p.undone
	}
	p.isDone = true
	p.undone = undo(p.header.Get("Content-Transfer-Encoding"), p.body)
	if len(p.undone) > 0 && len(p.body) > 0 && &p.undone[0] != &p.body[0] {
		t.undone += int64(len(p.undone))
	}
	if t.undone > 2*t.limits.Size {
		t.exceed("it is too large once decoded")
		p.undone = nil
	}
	return p.undone
}

// maxText bounds what is read of one part as text, and a quarter of what is read
// of all: nobody writes more.
const maxText = 1 << 20

// readable is a leaf as text: decoded, HTML turned to text.
func (t *tree) readable(p *part) string {
	if p.isShown {
		return p.shown
	}
	p.isShown = true
	b := t.content(p)
	if most := min(maxText, 4*maxText-t.text); len(b) > most {
		b, p.clipped = b[:most], true
	}
	t.text += len(b)
	p.shown = clean(toUTF8(b, p.params["charset"]))
	if p.kind == "text/html" || p.kind == "text/plain" && looksLikeHTML(p.shown) {
		p.shown = HTMLText(p.shown)
	}
	return p.shown
}

// looksLikeHTML recognises HTML that is called plain text.
func looksLikeHTML(s string) bool {
	head := strings.ToLower(strings.TrimSpace(s[:min(len(s), 512)]))
	return strings.HasPrefix(head, "<html") || strings.HasPrefix(head, "<!doctype html")
}
