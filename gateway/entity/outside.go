package entity

import (
	"bytes"
	"strings"
)

// nothing is what may stand around armor: it shows nothing.
const nothing = "\n\r >|\t\u00a0\u200b\u200c\u200d\u2060\ufeff\u00ad-*_="

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
		if what := rd.outsideLeaf(p, inside[p], c); what != "" {
			out = append(out, what)
		}
		return true
	})
	return out
}

func (rd *reader) outsideLeaf(p *part, inside bool, c *content) string {
	b := rd.view(p)
	c.keys = append(c.keys, certificatesIn(b)...)
	written := strings.HasPrefix(p.kind, "text/") && p.disposition != "attachment"
	rest := bytes.Trim(b, nothing)
	if inside && binaryMessage(b, p.name) {
		rest = nil
	} else if inside || written {
		rest = bytes.Trim(withoutArmor(b), nothing)
	}
	switch {
	case len(rest) == 0 && !p.clipped, string(rest) == "Version: 1", !inside && p.kind == "application/pgp-encrypted":
		return ""
	case inside, written:
		c.shown = true
		return "text in " + describe(p)
	}
	if strings.HasPrefix(p.kind, "image/") && p.disposition != "attachment" || p.disposition == "inline" {
		c.shown = true
	}
	return "attachment " + describe(p)
}

// besideSignature lists what stands in a multipart/signed and is neither the
// signed part nor a signature: footers added on the way, or something hidden.
func (rd *reader) besideSignature(p *part) []*part {
	var out []*part
	sig := p.children[1]
	if strings.HasPrefix(sig.kind, "text/") && !bareSignature(rd.tree.content(sig)) {
		out = append(out, sig)
	}
	for _, q := range p.children[2:] {
		if len(q.children) > 0 || len(bytes.TrimSpace(rd.tree.content(q))) > 0 {
			out = append(out, q)
		}
	}
	return out
}

// bareSignature reports whether a text is a signature and nothing more.
func bareSignature(b []byte) bool {
	b = bytes.TrimSpace(b)
	first, ok := nextMark(b, 0)
	if !ok || first.from != 0 || !first.begins || first.kind != "signature" {
		return false
	}
	last, ok := nextMark(b, first.to)
	return ok && !last.begins && last.to == len(b)
}

func describe(p *part) string {
	if p.name != "" {
		return p.kind + " \"" + p.name + "\""
	}
	return p.kind
}
