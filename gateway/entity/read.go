package entity

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Read takes a mail apart. It never returns nil and never panics.
func Read(raw []byte, opener Opener, lim Limits) (r *Reading) {
	lim = lim.filled()
	if int64(len(raw)) > lim.Size {
		fields, _ := splitHeader(raw[:min(len(raw), maxHeader)])
		return unreadable(&Reading{Header: newHeader(fields)}, 68, fmt.Sprintf("The mail is larger than the limit of %d bytes.", lim.Size))
	}
	rd := &reader{tree: tree{limits: lim}, opener: opener}
	root := rd.tree.parse(withLineFeeds(raw), 0)
	r = &Reading{Header: root.header, Signature: Signature{Verdict: verdictNone}}
	report := rd.report(root)
	if report != nil && report.sure {
		report.into(r)
		c := rd.gather(root)
		r.Text, r.Attachments, r.Keys = c.text(), c.attachments, c.keys
		r.Written = ReplyText(r.Text)
		return r
	}
	c := rd.content(root, 0)
	c.into(r)
	proven := r.Signature.Verdict == verdictGood
	switch {
	case proven:
		r.Kind = Message
	case report != nil:
		report.into(r)
	case c.openErr != nil && !c.opened:
		return unreadable(r, 64, "The mail is encrypted and could not be opened.")
	case len(root.header.Fields) == 0 && !c.opened:
		return unreadable(r, 18, "This is no mail: it has no header.")
	default:
		r.Kind = Message
	}
	if rd.tree.cut {
		r.Problems = append(r.Problems, Problem{18, "warning", "Parts of the mail were left out: too many, too deep or too large."})
		if r.Covers == CoversAll && !c.opened {
			r.Covers = CoversPart
		}
	}
	return r
}

// withLineFeeds puts line feeds into a mail whose lines end in a carriage return
// alone: old systems' files, and what some programs export.
func withLineFeeds(raw []byte) []byte {
	head := raw[:min(len(raw), maxHeader)]
	pairs := bytes.Count(head, []byte("\r\n"))
	if bytes.Count(head, []byte("\r"))-pairs <= bytes.Count(head, []byte("\n")) {
		return raw
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
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
	encrypted   bool
	opened      bool
	signature   Signature
	covers      string
	signed      []byte
	protected   *Header
	openErr     error
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

// container is something in a tree that can be opened or verified.
type container struct {
	part   *part
	armor  []byte // nil for multipart/signed
	file   bool   // an attachment rather than text
	quoted bool
}

const maxLayers = 4

// content finds what in a tree is the message. Where something is under
// OpenPGP, that alone is; the rest is outside.
func (rd *reader) content(root *part, layer int) *content {
	found := rd.find(root)
	if len(found) == 0 || layer >= maxLayers || rd.opener == nil {
		return rd.gather(root)
	}
	var first *content
	var firstErr error
	var later []container
	for i, f := range found {
		c := rd.enter(f, layer)
		if c == nil || !c.opened {
			if c != nil && firstErr == nil {
				firstErr = c.openErr
			}
			later = append(later, f)
			continue
		}
		first = c
		for _, more := range found[i+1:] {
			if !rd.join(first, more, layer) {
				later = append(later, more)
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

// enter opens a container and reads what is inside.
func (rd *reader) enter(f container, layer int) *content {
	if f.armor == nil {
		return rd.verified(f.part, layer)
	}
	if rd.opens++; rd.opens > rd.tree.limits.Opens {
		rd.tree.cut = true
		return nil
	}
	o, err := rd.opener.Open(f.armor)
	if err != nil {
		return &content{openErr: err}
	}
	sig := o.Signature.normal()
	var c *content
	if isEntity(o.Plaintext) {
		root := rd.tree.parse(o.Plaintext, 0)
		c = rd.under(root, sig, layer)
		c.protected = first(c.protected, protectedHeader(root))
	} else if name := plainName(f.part.name); f.file && (name != "" && f.part.kind != "text/plain") && !isText(o.Plaintext) {
		c = &content{attachments: []Attachment{{Name: name, Type: "application/octet-stream", Content: o.Plaintext}}}
	} else {
		c = rd.underText(o.Plaintext, f, sig, layer)
	}
	c.opened = true
	c.encrypted = c.encrypted || o.Encrypted
	if c.signature.normal().Verdict == verdictNone {
		c.signature, c.signed = sig, o.Plaintext
	}
	return c
}

// under reads a tree that stands under a signature, or under none. What has
// text of its own under a signature is the message, and armor in it is not.
func (rd *reader) under(root *part, sig Signature, layer int) *content {
	if sig.Verdict != verdictNone {
		found := rd.find(root)
		probe := &content{}
		rd.outsideOf(root, found, probe)
		if probe.shown || len(found) == 0 {
			return rd.gather(root)
		}
	}
	c := rd.content(root, layer+1)
	if !c.opened && c.openErr != nil && sig.Verdict != verdictNone {
		return rd.gather(root)
	}
	return c
}

func (rd *reader) underText(plain []byte, f container, sig Signature, layer int) *content {
	text := &part{kind: "text/plain", params: map[string]string{"charset": f.part.params["charset"]}, body: plain, raw: plain}
	if isASCII(plain) || toUTF8(plain, "") == string(plain) {
		text.params["charset"] = "utf-8"
	}
	return rd.under(text, sig, layer)
}

func (rd *reader) verified(p *part, layer int) *content {
	signed := crlf(p.children[0].raw)
	sig := rd.opener.Verify(signed, rd.tree.content(p.children[1])).normal()
	c := rd.under(p.children[0], sig, layer)
	c.protected = first(c.protected, protectedHeader(p.children[0]))
	c.opened = true
	if c.signature.normal().Verdict == verdictNone {
		c.signature, c.signed = sig, signed
	}
	return c
}

// joinWithin bounds how far apart the signatures of one mail's text and files
// may lie, so that pieces of two mails are not taken for one.
const joinWithin = time.Hour

// join takes an attached file that is sealed by itself into the message, if
// the same key signed it at about the same time.
func (rd *reader) join(to *content, f container, layer int) bool {
	if !f.file || f.armor == nil || len(to.texts) == 0 {
		return false
	}
	c := rd.enter(f, layer)
	if c == nil || !c.opened {
		return false
	}
	a, b := to.signature.normal(), c.signature.normal()
	apart := a.Made.Sub(b.Made).Abs()
	if a.Verdict != b.Verdict || a.Fingerprint != b.Fingerprint || apart > joinWithin || c.encrypted != to.encrypted {
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

func protectedHeader(p *part) *Header {
	if p.params["hp"] == "" && p.params["protected-headers"] == "" {
		return nil
	}
	h := p.header
	return &h
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
	fields, _ := splitHeader(b[:min(len(b), maxHeader)])
	for _, f := range fields {
		if strings.EqualFold(f.Name, "Content-Type") {
			return strings.Contains(f.raw, "/")
		}
	}
	return false
}

func isText(b []byte) bool {
	return bytes.IndexByte(b, 0) < 0 && (isASCII(b) || toUTF8(b, "") == string(b))
}

func describe(p *part) string {
	if p.name != "" {
		return p.kind + " \"" + p.name + "\""
	}
	return p.kind
}
