package entity

import (
	"net/url"
	"strconv"
	"strings"
)

// mediaType reads a media type or disposition with its parameters (RFC 2045,
// 2183, 2231), and what programs write in their place: lost semicolons, repeated
// parameters, quotes that never close, encoded words, raw 8-bit. The type is in
// lower case; one that can't be is the fallback.
func mediaType(v, fallback string) (string, map[string]string) {
	kind, rest, _ := strings.Cut(v, ";")
	if first, more, ok := strings.Cut(strings.TrimSpace(kind), " "); ok { // the semicolon is lost
		kind = strings.Trim(first, `"`)
		if strings.Contains(more, "=") {
			rest = more + ";" + rest
		}
	}
	kind = strings.ToLower(strings.TrimSpace(kind))
	if fallback != "" && !isMediaType(kind) {
		kind = fallback
	}
	p := params{plain: map[string]string{}, pieces: map[string]map[int]piece{}}
	for n := 0; rest != "" && n < maxParams; n++ {
		var name, value string
		name, value, rest = nextParam(rest)
		p.add(strings.ToLower(name), value)
	}
	return kind, p.joined()
}

const maxParams = 100

func isMediaType(s string) bool {
	a, b, ok := strings.Cut(s, "/")
	return ok && a != "" && b != "" && !strings.ContainsAny(s, " \t\"<>@,;:\\[]?=()")
}

// nextParam takes one "name=value" from the front of s.
func nextParam(s string) (name, value, rest string) {
	s = strings.TrimLeft(s, "; \t,")
	at := strings.IndexByte(s, '=')
	if end := strings.IndexByte(s, ';'); at < 0 || end >= 0 && end < at {
		_, rest, _ = strings.Cut(s, ";")
		return "", "", rest
	}
	name = strings.TrimSpace(s[:at])
	if i := strings.LastIndexAny(name, " \t"); i >= 0 { // words of a lost parameter
		name = name[i+1:]
	}
	s = strings.TrimLeft(s[at+1:], " \t")
	if strings.HasPrefix(s, `"`) {
		value, rest = quotedString(s[1:])
		return name, value, rest
	}
	end := strings.IndexByte(s, ';')
	if end < 0 {
		end = len(s)
	}
	value, rest = strings.TrimSpace(s[:end]), s[end:]
	if i := strings.IndexAny(value, " \t"); i >= 0 && strings.Contains(value[i:], "=") && !strings.HasPrefix(value, "=?") {
		rest, value = value[i:]+rest, value[:i] // the semicolon is lost
	}
	return name, strings.Trim(value, `"'`), rest
}

// quotedString reads up to the closing quote; where there is none, up to the
// next semicolon.
func quotedString(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	value, rest, _ = strings.Cut(s, ";")
	return value, rest
}

// params gathers parameters; pieces are those in sections (RFC 2231, section 3).
type params struct {
	plain  map[string]string
	pieces map[string]map[int]piece
}

type piece struct {
	value   string
	encoded bool
}

func (p *params) add(name, value string) {
	base, section, _ := strings.Cut(name, "*")
	if base == "" {
		return
	}
	if section == "" && !strings.HasSuffix(name, "*") {
		if p.plain[base] == "" { // of several the first, as programs do
			p.plain[base] = value
		}
		return
	}
	number, encoded := strings.CutSuffix(section, "*")
	n, err := strconv.Atoi(number)
	if err != nil {
		n, encoded = 0, true // "name*=", one section
	}
	if p.pieces[base] == nil {
		p.pieces[base] = map[int]piece{}
	}
	if _, twice := p.pieces[base][n]; !twice {
		p.pieces[base][n] = piece{value, encoded}
	}
}

// joined puts the sections together and decodes them.
func (p *params) joined() map[string]string {
	for name, sections := range p.pieces {
		var b strings.Builder
		charset := ""
		for n := 0; n < len(sections); n++ {
			s := sections[n]
			if s.encoded && n == 0 {
				if label, rest, ok := strings.Cut(s.value, "'"); ok {
					charset = label
					_, s.value, _ = strings.Cut(rest, "'")
				}
			}
			if s.encoded {
				if plain, err := url.PathUnescape(s.value); err == nil {
					s.value = plain
				}
			}
			b.WriteString(s.value)
		}
		if b.Len() > 0 {
			p.plain[name] = toUTF8([]byte(b.String()), charset)
		}
	}
	return p.plain
}
