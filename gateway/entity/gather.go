package entity

import (
	"bytes"
	"strings"
)

// find lists what can be opened in a tree: unquoted armor first. It never
// looks into forwarded or returned mails.
func (rd *reader) find(root *part) []container {
	var plain, quoted []container
	seen := map[string]bool{}
	rd.walk(root, func(p *part) bool {
		if isSigned(p) {
			plain = append(plain, container{part: p})
			return false
		}
		for _, f := range rd.inLeaf(p) {
			if key := string(f.armor); seen[key] {
				continue
			} else {
				seen[key] = true
			}
			if f.quoted {
				quoted = append(quoted, f)
			} else {
				plain = append(plain, f)
			}
		}
		return true
	})
	if len(plain) > 0 {
		return plain
	}
	return quoted
}

func (rd *reader) walk(p *part, visit func(*part) bool) {
	if !visit(p) {
		return
	}
	for _, c := range p.children {
		rd.walk(c, visit)
	}
}

func isSigned(p *part) bool {
	if p.kind != "multipart/signed" || len(p.children) < 2 || strings.Contains(p.params["protocol"], "pkcs7") {
		return false
	}
	s := p.children[1]
	return s.kind == "application/pgp-signature" || strings.Contains(p.params["protocol"], "pgp-signature") || bytes.Contains(s.body, []byte(beginSig))
}

func isLeaf(p *part) bool {
	return len(p.children) == 0 && !strings.HasPrefix(p.kind, "message/")
}

func (rd *reader) inLeaf(p *part) []container {
	if !isLeaf(p) {
		return nil
	}
	b := rd.tree.content(p)
	file := p.disposition == "attachment" || p.name != "" && !strings.HasPrefix(p.kind, "text/")
	if binaryMessage(b, p.name) {
		return []container{{part: p, armor: b, file: true}}
	}
	if !bytes.Contains(b, []byte("-----BEGIN PGP ")) {
		return nil
	}
	var out []container
	for _, bl := range blocks(rd.lines(p, b), false) {
		out = append(out, container{part: p, armor: bl.armor, file: file, quoted: bl.quoted})
	}
	return out
}

func (rd *reader) lines(p *part, b []byte) []string {
	return strings.Split(rd.readable(p, b), "\n")
}

// readable is a leaf as text: decoded, HTML turned to text.
func (rd *reader) readable(p *part, b []byte) string {
	text := clean(toUTF8(b, p.params["charset"]))
	if p.kind == "text/html" {
		text = HTMLText(text)
	}
	return text
}

// outsideOf describes what in a tree isn't in the containers, and notes in c
// whether a mail program would show any of it as the message.
func (rd *reader) outsideOf(root *part, found []container, c *content) []string {
	inside := map[*part]bool{}
	for _, f := range found {
		inside[f.part] = true
	}
	var out []string
	rd.walk(root, func(p *part) bool {
		switch {
		case isSigned(p) && inside[p]:
			for _, q := range rd.besideSignature(p) {
				out, c.shown = append(out, "text or a file added to the signed part: "+describe(q)), true
			}
			return false
		case strings.HasPrefix(p.kind, "message/"):
			out, c.shown = append(out, "a mail inside the mail"), true
			return false
		case len(p.children) > 0:
			return true
		}
		b := rd.tree.content(p)
		if bytes.Contains(b, []byte(beginKey)) {
			c.keys = append(c.keys, keysIn(rd.lines(p, b))...)
		}
		if inside[p] && !strings.HasPrefix(p.kind, "text/") {
			if binaryMessage(b, p.name) || strings.TrimSpace(withoutArmor(rd.lines(p, b))) == "" {
				return true
			}
		}
		if strings.HasPrefix(p.kind, "text/") && p.disposition != "attachment" || inside[p] {
			rest := strings.TrimSpace(withoutArmor(rd.lines(p, b)))
			if rest != "" && rest != "Version: 1" {
				out, c.shown = append(out, "text in "+describe(p)), true
			}
			return true
		}
		if p.kind == "application/pgp-encrypted" || strings.TrimSpace(string(b)) == "Version: 1" || len(bytes.TrimSpace(b)) == 0 {
			return true
		}
		out = append(out, "attachment "+describe(p))
		if strings.HasPrefix(p.kind, "image/") && p.disposition != "attachment" {
			c.shown = true
		}
		return true
	})
	return out
}

// besideSignature lists what stands in a multipart/signed and is neither the
// signed part nor a signature: footers added on the way, or something hidden.
func (rd *reader) besideSignature(p *part) []*part {
	var out []*part
	sig := strings.TrimSpace(string(rd.tree.content(p.children[1])))
	if strings.HasPrefix(p.children[1].kind, "text/") && (!strings.HasPrefix(sig, beginSig) || !strings.HasSuffix(sig, "-----END PGP SIGNATURE-----")) {
		out = append(out, p.children[1])
	}
	for _, q := range p.children[2:] {
		if len(q.children) > 0 || len(bytes.TrimSpace(rd.tree.content(q))) > 0 {
			out = append(out, q)
		}
	}
	return out
}

// withoutArmor is the lines that stand in no block of armor.
func withoutArmor(lines []string) string {
	for _, key := range []bool{false, true} {
		var out []string
		at := 0
		for _, b := range blocks(lines, key) {
			out = append(out, lines[at:b.from]...)
			at = b.to
		}
		lines = append(out, lines[at:]...)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n >|\t\u00a0\u200b\ufeff")
}

func keysIn(lines []string) [][]byte {
	var out [][]byte
	for _, b := range blocks(lines, true) {
		out = append(out, b.armor)
	}
	return out
}

// gather takes a whole tree as the message.
func (rd *reader) gather(root *part) *content {
	c := &content{signature: Signature{Verdict: verdictNone}}
	rd.collect(root, c)
	return c
}

func (rd *reader) collect(p *part, c *content) {
	switch {
	case p.kind == "multipart/alternative":
		rd.collectAlternative(p, c)
	case len(p.children) > 0:
		for _, child := range p.children {
			rd.collect(child, c)
		}
	case strings.HasPrefix(p.kind, "multipart/"):
	case p.kind == "text/rfc822-headers" && p.params["protected-headers"] != "":
		// Legacy Display: a copy of the protected headers for old programs.
	case strings.HasPrefix(p.kind, "message/"):
		c.attachments = append(c.attachments, Attachment{Name: p.name, Type: p.kind, Content: p.body})
	default:
		rd.collectLeaf(p, c)
	}
}

func (rd *reader) collectLeaf(p *part, c *content) {
	b := rd.tree.content(p)
	if isTNEF(p, b) {
		texts, files := readTNEF(b)
		c.texts, c.attachments = append(c.texts, texts...), append(c.attachments, files...)
		return
	}
	if p.kind == "application/pgp-keys" {
		c.keys = append(c.keys, b)
	}
	text := p.kind == "text/plain" || p.kind == "text/html"
	if text && p.disposition != "attachment" && (p.name == "" || p.kind == "text/plain") {
		t := rd.readable(p, b)
		if p.params["hp-legacy-display"] == "1" {
			_, t, _ = strings.Cut(t, "\n\n")
		}
		c.texts = append(c.texts, t)
		if p.kind == "text/plain" {
			c.keys = append(c.keys, keysIn(strings.Split(t, "\n"))...)
		}
		return
	}
	kind := p.kind
	if p.header.Get("Content-Type") == "" {
		kind = "application/octet-stream"
	}
	c.attachments = append(c.attachments, Attachment{Name: p.name, Type: kind, Content: b, Inline: p.disposition == "inline"})
}

// collectAlternative takes the plain text, or else the last alternative; what
// isn't text comes along from all of them.
func (rd *reader) collectAlternative(p *part, c *content) {
	var plain, other *content
	for _, child := range p.children {
		alt := &content{}
		rd.collect(child, alt)
		c.attachments, c.keys = append(c.attachments, alt.attachments...), append(c.keys, alt.keys...)
		if strings.TrimSpace(alt.text()) == "" {
			continue
		}
		if child.kind == "text/plain" && plain == nil {
			plain = alt
		}
		other = alt
	}
	if plain == nil {
		plain = other
	}
	if plain != nil {
		c.texts = append(c.texts, plain.texts...)
	}
}
