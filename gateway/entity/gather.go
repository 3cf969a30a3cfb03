package entity

import (
	"regexp"
	"strings"
)

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
	if p.kind == "application/pgp-keys" {
		c.keys = append(c.keys, rd.tree.content(p))
	}
	if isText(p) {
		t := rd.tree.readable(p)
		c.clipped = c.clipped || p.clipped
		if p.params["hp-legacy-display"] == "1" {
			t = withoutLegacyDisplay(t)
		}
		c.texts = append(c.texts, t)
		c.rich = c.rich || p.kind != "text/plain"
		if p.kind == "text/plain" {
			c.keys = append(c.keys, certificatesIn([]byte(t))...)
		}
		return
	}
	kind := p.kind
	if p.header.Get("Content-Type") == "" && len(p.header.Fields) > 0 {
		kind = "application/octet-stream"
	}
	c.attachments = append(c.attachments, Attachment{Name: p.name, Type: kind, Content: rd.tree.content(p), Inline: p.disposition == "inline"})
}

// legacyField is a line of a protected header as a text repeats it for old programs.
var legacyField = regexp.MustCompile(`(?i)^(?:subject|from|to|cc|date|reply-to|sender)\s*:`)

// withoutLegacyDisplay takes off the protected header that a text repeats at its
// beginning (RFC 9788): in plain text up to a blank line, which HTML made text
// needn't have.
func withoutLegacyDisplay(t string) string {
	head, rest, _ := strings.Cut(t, "\n")
	for legacyField.MatchString(head) {
		t = rest
		head, rest, _ = strings.Cut(t, "\n")
	}
	return strings.TrimLeft(t, "\n")
}

// isText reports whether a leaf is shown as text: plain text that has a name may
// be what Exchange made of a body, HTML that has one is a file.
func isText(p *part) bool {
	switch p.kind {
	case "text/plain":
		return p.disposition != "attachment"
	case "text/html":
		return p.disposition != "attachment" && p.name == ""
	}
	return strings.HasPrefix(p.kind, "text/") && p.disposition == "" && p.name == "" && p.kind != "text/calendar" && p.kind != "text/rfc822-headers"
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
		if !alt.rich && plain == nil {
			plain = alt
		}
		other = alt
	}
	if plain == nil {
		plain = other
	}
	if plain != nil {
		c.texts = append(c.texts, plain.texts...)
		c.rich = c.rich || plain.rich
		c.clipped = c.clipped || plain.clipped
	}
}
