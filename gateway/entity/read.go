package entity

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// openedMore is by how much what is opened may be larger than the mail: enough
// for what people compress, too little for a bomb.
const openedMore = 6 << 20

// Read takes a mail apart. It never returns nil and never panics.
func Read(raw []byte, opener Opener, lim Limits) *Reading {
	lim = lim.filled()
	if int64(len(raw)) > lim.Size {
		fields, _, _ := splitHeader(raw[:min(len(raw), maxHeader)])
		return unreadable(&Reading{Header: newHeader(fields)}, 68, fmt.Sprintf("The mail is larger than the limit of %d bytes.", lim.Size))
	}
	lim.Size = min(lim.Size, int64(len(raw))+openedMore)
	rd := &reader{tree: tree{limits: lim}, opener: opener}
	root := rd.tree.parse(pastEmptyLines(withLineFeeds(raw)), 0)
	r := &Reading{Header: root.header, Signature: Signature{Verdict: verdictNone}}
	a := rd.report(root)
	if a != nil && a.sure {
		c := rd.gather(root)
		r.Text, r.Attachments, r.Keys = c.text(), c.attachments, c.keys
		r.Written = strings.TrimSpace(string(beforeCopy([]byte(r.Text))))
		a.into(r)
		return r
	}
	c := rd.content(root, 0)
	c.into(r)
	r.Kind = Message
	switch reason := rd.reason(root, c); {
	case r.Signature.Verdict == verdictGood && reason == "":
	case a != nil:
		a.into(r)
	case reason != "":
		r.Covers = ""
		if r.Signature.Verdict != verdictNone {
			r.Covers = CoversPart
		}
		return unreadable(r, codeOf(root, c), reason)
	}
	if c.clipped {
		r.Problems = append(r.Problems, Problem{18, "warning", fmt.Sprintf("Of a text only the first %d bytes are read.", maxText)})
	}
	return r
}

// reason says why a mail can't be read; "" where it can.
func (rd *reader) reason(root *part, c *content) string {
	switch {
	case rd.tree.over != "":
		return "This mail can't be read whole: " + rd.tree.over + "."
	case c.openErr != nil:
		return "The mail is encrypted and could not be opened: " + c.openErr.Error() + "."
	case root.kind == "multipart/encrypted" && !c.opened:
		return "The mail says that it is encrypted, but what was encrypted is missing."
	case len(root.header.Fields) == 0 && !c.opened:
		return "This is no mail: it has no header."
	case root.kind == "message/partial" && len(root.children) == 0:
		return "This is one piece of a mail that was split; send it whole."
	}
	return ""
}

// codeOf is the number of the problem: 64 can't be decrypted, 18 can't be read.
func codeOf(root *part, c *content) int {
	if c.openErr != nil || root.kind == "multipart/encrypted" && !c.opened {
		return 64
	}
	return 18
}

// withLineFeeds puts line feeds into a mail whose lines end in a carriage return
// alone: old systems' files, and what some programs export.
func withLineFeeds(raw []byte) []byte {
	head := raw[:min(len(raw), maxHeader)]
	pairs := bytes.Count(head, []byte("\r\n"))
	if bytes.Count(head, []byte("\r"))-pairs <= bytes.Count(head, []byte("\n")) {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i, c := range raw {
		switch {
		case c != '\r':
			out = append(out, c)
		case i+1 >= len(raw) || raw[i+1] != '\n':
			out = append(out, '\n')
		}
	}
	return out
}

// byteOrderMark is what editors put before UTF-8.
var byteOrderMark = []byte("\xEF\xBB\xBF")

// pastEmptyLines drops what exports put before a header: a byte order mark, lines
// of nothing.
func pastEmptyLines(raw []byte) []byte {
	rest := bytes.TrimLeft(bytes.TrimPrefix(raw, byteOrderMark), " \t\r\n")
	if line, _ := cutLine(rest); len(rest) < len(raw) && isField(line) {
		return rest
	}
	return raw
}

func unreadable(r *Reading, code int, message string) *Reading {
	r.Kind = Unreadable
	if r.Signature.Verdict == "" {
		r.Signature.Verdict = verdictNone
	}
	r.Problems = append(r.Problems, Problem{code, "error", message})
	return r
}

// reader holds the budgets of one Read.
type reader struct {
	tree   tree
	opener Opener
	opens  int
	opened int64 // bytes that came out
	// wrapped: a report that a report brought back is being read.
	wrapped bool
}

// content is what a tree, or what was opened, turned out to hold.
type content struct {
	texts       []string
	attachments []Attachment
	keys        [][]byte
	outside     []string
	shown       bool // something outside would be shown as the message
	clipped     bool // a text is longer than what is read of it
	rich        bool // a text is other than plain
	encrypted   bool
	opened      bool
	signature   Signature
	covers      string
	signed      []byte
	protected   *Header
	openErr     error // all of it is sealed, at whatever depth, and nothing of that can be opened
}

func (c *content) text() string { return strings.Join(c.texts, "\n") }

func (c *content) into(r *Reading) {
	r.Text = c.text()
	r.Written = ReplyText(r.Text)
	r.Attachments, r.Keys, r.Outside = c.attachments, c.keys, c.outside
	r.Encrypted, r.Protected, r.Signed, r.OpenErr = c.encrypted, c.protected, c.signed, c.openErr
	r.Signature = c.signature.normal()
	if r.Signature.Verdict != verdictNone {
		r.Covers = CoversAll
		if c.shown {
			r.Covers = CoversPart
		}
	}
}

const maxLayers = 4

// content finds what in a tree is the message. Where something is under
// OpenPGP, that alone is; the rest is outside.
func (rd *reader) content(root *part, layer int) *content {
	found := rd.find(root)
	if len(found) == 0 || layer >= maxLayers || rd.opener == nil {
		c := rd.gather(root)
		if layer == 0 && rd.onlySMIME(root) {
			c.openErr = errSMIME
		}
		return c
	}
	var first *content
	var firstErr error
	var later []container
	for i, f := range found {
		c := rd.enter(&found[i], layer)
		if c == nil || !c.opened {
			if c != nil && firstErr == nil {
				firstErr = c.openErr
			}
			later = append(later, f)
			continue
		}
		first = c
		for k := range found[i+1:] {
			if more := &found[i+1+k]; !rd.join(first, more, layer) {
				later = append(later, *more)
			}
		}
		break
	}
	if first == nil {
		if firstErr == nil {
			return rd.gather(root)
		}
		return &content{openErr: firstErr, outside: rd.outsideOf(root, found, &content{})}
	}
	for _, l := range later {
		first.outside = append(first.outside, "another OpenPGP block in "+describe(l.part))
		first.shown = first.shown || !l.file
	}
	first.outside = append(first.outside, rd.outsideOf(root, found, first)...)
	return first
}

// onlySMIME reports whether a tree holds nothing but what S/MIME sealed.
func (rd *reader) onlySMIME(root *part) bool {
	p := rd.findKind(root, "application/pkcs7-mime", "application/x-pkcs7-mime")
	return p != nil && len(p.children) == 0 && strings.TrimSpace(rd.gather(root).text()) == ""
}

// enter opens a container and reads what is inside. nil: there is nothing to
// open after all.
func (rd *reader) enter(f *container, layer int) *content {
	if f.signed != nil {
		return rd.verified(f.part, f.signed, layer)
	}
	o, err := rd.open(f.armor)
	f.armor = nil // as large as the mail, and not needed any more
	switch {
	case err != nil && f.clear:
		return nil
	case err != nil:
		return &content{openErr: err}
	}
	sig := o.Signature.normal()
	var c *content
	if isEntity(o.Plaintext) {
		root := rd.unsealed(o.Plaintext)
		c = rd.under(root, sig, layer)
		c.protected = first(c.protected, protectedHeader(root))
	} else if name := plainName(f.part.name); f.file && isFile(name, f.part.kind, o.Plaintext) {
		c = &content{attachments: []Attachment{{Name: name, Type: "application/octet-stream", Content: o.Plaintext}}}
	} else {
		c = rd.under(textPart(o.Plaintext, name, f.part.params["charset"]), sig, layer)
	}
	c.opened = true
	c.encrypted = c.encrypted || o.Encrypted
	if c.signature.normal().Verdict == verdictNone {
		c.signature, c.signed = sig, o.Plaintext
	}
	return c
}

var (
	errTooMany  = errors.New("it holds too many OpenPGP messages") // a mail of nothing but armor
	errTooLarge = errors.New("what it holds is too large once opened")
)

// open opens the first reading that can be; the error is that of the likeliest.
// All that is opened of a mail is at most twice what one message of it may be.
func (rd *reader) open(readings [][]byte) (Opened, error) {
	var first error
	for _, message := range readings {
		if rd.opens++; rd.opens > rd.tree.limits.Opens {
			rd.tree.exceed(errTooMany.Error())
			return Opened{}, errTooMany
		}
		left := 2*rd.tree.limits.Size - rd.opened
		if left <= 0 {
			return Opened{}, errTooLarge
		}
		o, err := rd.opener.Open(message, min(rd.tree.limits.Size, left))
		if err == nil {
			rd.opened += int64(len(o.Plaintext))
			return o, nil
		}
		if first == nil {
			first = err
		}
	}
	return Opened{}, first
}

// unsealed takes an opened entity apart. A whole mail in place of one is the
// older way to protect its header (RFC 8551, section 3.1).
func (rd *reader) unsealed(plain []byte) *part {
	root := rd.tree.parse(plain, 0)
	if root.kind == "message/rfc822" && len(root.children) == 0 && rd.tree.room(int64(len(plain)), 1) {
		root.children = []*part{rd.tree.parse(rd.tree.content(root), 1)}
	}
	return root
}

// isFile tells an opened file from an opened message that travelled as a file.
func isFile(name, kind string, plain []byte) bool {
	if name == "" || kind == "text/plain" {
		return false
	}
	switch strings.ToLower(path.Ext(name)) {
	case "", ".txt", ".text", ".htm", ".html", ".msg", ".eml", ".dat", ".bin":
		return !isPlainText(plain)
	}
	return true
}

func textPart(plain []byte, name, label string) *part {
	kind := "text/plain"
	if ext := strings.ToLower(path.Ext(name)); ext == ".htm" || ext == ".html" {
		kind = "text/html"
	}
	if isASCII(plain) || toUTF8(plain, "") == string(plain) {
		label = "utf-8"
	}
	return leaf(kind, plain, label)
}

// sameHand reports whether two signatures are one key's and prove the same.
func sameHand(a, b Signature) bool { return a.Verdict == b.Verdict && a.Fingerprint == b.Fingerprint }

// joinWithin bounds how far apart the signatures of one mail's text and files
// may lie, so that pieces of two mails are not taken for one.
const joinWithin = time.Hour

// join takes an attached file that is sealed by itself into the message, if
// the same key signed it at about the same time.
func (rd *reader) join(to *content, f *container, layer int) bool {
	if !f.file || f.signed != nil || len(to.texts) == 0 {
		return false
	}
	c := rd.enter(f, layer)
	if c == nil || !c.opened {
		return false
	}
	a, b := to.signature.normal(), c.signature.normal()
	apart := a.Made.Sub(b.Made).Abs()
	if !sameHand(a, b) || apart > joinWithin || c.encrypted != to.encrypted {
		return false
	}
	for _, text := range c.texts {
		to.attachments = append(to.attachments, Attachment{Name: plainName(f.part.name), Type: "text/plain", Content: []byte(text)})
	}
	to.attachments = append(to.attachments, c.attachments...)
	return true
}

func first(a, b *Header) *Header {
	if a != nil {
		return a
	}
	return b
}

// protectedHeader is the header that a part protects: its own where it says so
// (RFC 9788, and protected-headers="v1" before it), that of a mail in its place.
func protectedHeader(p *part) *Header {
	for _, c := range append([]*part{p}, p.children...) {
		if c.kind == "message/rfc822" && len(c.children) == 1 {
			return &c.children[0].header
		}
	}
	if p.params["hp"] == "" && p.params["protected-headers"] == "" {
		return nil
	}
	return &p.header
}

var sealedEndings = []string{".pgp", ".gpg", ".asc"}

func plainName(name string) string {
	for _, e := range sealedEndings {
		if strings.HasSuffix(strings.ToLower(name), e) {
			return name[:len(name)-len(e)]
		}
	}
	return name
}

// isEntity reports whether opened bytes are a MIME entity and not just text.
func isEntity(b []byte) bool {
	fields, _, _ := splitHeader(b[:min(len(b), maxHeader)])
	for _, f := range fields {
		if strings.EqualFold(f.Name, "Content-Type") {
			return strings.Contains(f.raw, "/")
		}
	}
	return false
}

func isPlainText(b []byte) bool {
	return bytes.IndexByte(b, 0) < 0 && (isASCII(b) || toUTF8(b, "") == string(b))
}
