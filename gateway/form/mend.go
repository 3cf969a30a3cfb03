package form

import (
	"io"
	"mime/quotedprintable"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What mail programs do to a value on the way, undone. Each is tried on every
// value of a form whose A24 doesn't hold; what makes it hold was the sender's
// form. Nothing is mended without that proof.
var (
	straight = strings.NewReplacer("‘", "'", "’", "'", "‚", "'", "‛", "'", "“", `"`, "”", `"`, "„", `"`, "‟", `"`, "«", `"`, "»", `"`)
	hyphens  = strings.NewReplacer("‐", "-", "‑", "-", "–", "-", "—", "-")
	dashes   = strings.NewReplacer("–", "--", "—", "--")
	dots     = strings.NewReplacer("…", "...")

	joinedQuote  = regexp.MustCompile(`(^| )(?:> ?)+`)
	joinedBar    = regexp.MustCompile(`(^| )(?:\| ?)+`)
	joinedBullet = regexp.MustCompile(`(^| )[-*•·] `)
	joinedNumber = regexp.MustCompile(`(^| )[0-9]{1,3}[.)] `)
	escaped      = regexp.MustCompile(`\\$`)
	mailLink     = regexp.MustCompile(`\s?<(?:mailto|https?):[^<>\s]*>`)
)

// spelling and structure are the two families of such changes; one of each may
// have happened.
var spelling = []func(string) string{
	func(s string) string { return s },
	straight.Replace,
	func(s string) string { return hyphens.Replace(straight.Replace(s)) },
	func(s string) string { return dots.Replace(straight.Replace(s)) },
	func(s string) string { return dots.Replace(hyphens.Replace(straight.Replace(s))) },
	func(s string) string { return dots.Replace(dashes.Replace(straight.Replace(s))) },
}

var structure = []func(string) string{
	func(s string) string { return s },
	func(s string) string { return mailLink.ReplaceAllString(s, "") },
	func(s string) string { return escaped.ReplaceAllString(s, "") },
	func(s string) string { return joinedQuote.ReplaceAllString(s, "$1") },
	func(s string) string { return joinedBar.ReplaceAllString(s, "$1") },
	func(s string) string { return joinedBullet.ReplaceAllString(s, "$1") },
	func(s string) string { return joinedNumber.ReplaceAllString(s, "$1") },
}

// mostMended is how large a form is mended, in bytes of its values: forty checks of
// one that is as large as it may be would take a minute.
const mostMended = 64 << 10

// mend looks for the change on the way that explains why A24 doesn't hold.
func (r *reader) mend() {
	size := 0
	for _, values := range r.f.boxes {
		for _, v := range values {
			size += len(v) + 1
		}
	}
	if size > mostMended {
		return
	}
	for i, spell := range spelling {
		for k, build := range structure {
			f := r.f.mapped(func(v string) string { return build(spell(v)) })
			if (i > 0 || k > 0) && f.Equal(r.f) {
				continue // it has no such sign
			}
			if holds(f.Get("A24"), f.CheckValue()) {
				f.remember()
				r.f = f
				return
			}
		}
	}
}

// leftEncoded decodes a text that came in quoted-printable and stayed so: lines
// that end in "=", and no "=" that isn't part of the encoding.
func leftEncoded(text string) (string, bool) {
	text = lineEnds(text)
	if strings.Count(text, "=\n") < 2 {
		return "", false
	}
	decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(text)))
	return string(decoded), err == nil && utf8.Valid(decoded)
}

// unlinked takes off an address that a program repeated as a link behind itself.
func unlinked(v string) string {
	return mailLink.ReplaceAllStringFunc(v, func(link string) string {
		address := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(link), "<mailto:"), ">")
		before, _, _ := strings.Cut(v, link)
		if strings.HasSuffix(before, address) {
			return ""
		}
		return link
	})
}

// mapped changes every value.
func (f *Form) mapped(change func(string) string) *Form {
	g := f.Clone()
	for _, values := range g.boxes {
		for i := range values {
			values[i] = change(values[i])
		}
	}
	return g
}
