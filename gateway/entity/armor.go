package entity

import (
	"bytes"
	"encoding/base64"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// block is a piece of armor in a text: the bytes [from, to), what of them is data,
// and what stands before its first marker on the line.
type block struct {
	from, to     int
	quoted       bool
	kind         string // message, signed, key
	body, prefix []byte
}

const (
	beginMessage = "-----BEGIN PGP MESSAGE-----"
	beginSigned  = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSig     = "-----BEGIN PGP SIGNATURE-----"
	endSig       = "-----END PGP SIGNATURE-----"
)

// What mail programs leave of a marker: dashes of every kind and number, blanks
// of every kind.
const (
	dash  = `[-\x{00ad}\x{2010}-\x{2015}\x{2212}\x{fe58}\x{fe63}\x{ff0d}\x{fffd}]`
	blank = `[\s\x{00a0}\x{200b}\x{202f}\x{feff}\x{fffd}]`
)

var (
	marker = regexp.MustCompile(`^` + blank + `*(BEGIN|END)` + blank + `+PGP` + blank + `+(MESSAGE|SIGNED` + blank + `+MESSAGE|PUBLIC` + blank + `+KEY` + blank + `+BLOCK|SIGNATURE)(?:,` + blank + `*PART[^-\n]{1,16})?` + blank + `*` + dash + `+`)
	dashes = regexp.MustCompile(dash + `(?:[ \t\x{00a0}]?` + dash + `)*` + blank + `*$`)
)

// endsInDash and goesOnAsMarker are what must stand before and behind a marker's
// "BEGIN PGP", to tell most of what is none without an expression.
func endsInDash(b []byte) bool {
	r, _ := utf8.DecodeLastRune(bytes.TrimRightFunc(b, unicode.IsSpace))
	return r == '-' || r >= 0x80
}

func goesOnAsMarker(b []byte) bool {
	b = bytes.TrimLeftFunc(b[:min(len(b), 120)], isBlank)
	return bytes.HasPrefix(b, []byte("MESSAGE")) || bytes.HasPrefix(b, []byte("SIG")) || bytes.HasPrefix(b, []byte("PUBLIC"))
}

// isBlank is blank for a letter.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r == 0x200b || r == 0xfeff || r == 0xfffd }

// mark is where a marker stands.
type mark struct {
	from, to int
	begins   bool
	kind     string
}

// nextMark finds the next marker from at on; false where there is none.
func nextMark(b []byte, at int) (mark, bool) {
	start := at
	for {
		i := bytes.Index(b[at:], []byte("PGP"))
		if i < 0 {
			return mark{}, false
		}
		pgp := at + i
		at = pgp + 3
		lead := max(start, pgp-48)
		word := bytes.LastIndex(b[lead:pgp], []byte("BEGIN"))
		if end := bytes.LastIndex(b[lead:pgp], []byte("END")); end > word {
			word = end
		}
		if word < 0 {
			continue
		}
		word += lead
		if !endsInDash(b[lead:word]) || !goesOnAsMarker(b[pgp+3:]) { // asked first: a mail may hold millions
			continue
		}
		m := marker.FindSubmatch(b[word:min(len(b), word+140)])
		if m == nil {
			continue
		}
		d := dashes.FindIndex(b[lead:word])
		if d == nil {
			continue
		}
		kind := map[byte]string{'M': "message", 'P': "key"}[m[2][0]]
		if kind == "" {
			kind = "signature"
			if bytes.HasPrefix(m[2], []byte("SIGNED")) {
				kind = "signed"
			}
		}
		return mark{from: lead + d[0], to: word + len(m[0]), begins: m[1][0] == 'B', kind: kind}, true
	}
}

// How many blocks are found in a text, and markers looked at.
const (
	maxBlocks = 32
	maxMarks  = 1000
)

// blocks finds armor in a text, quoted and indented armor too. One that never
// ends reaches to the next one, or to the end of the text. A marker without data
// behind it is just text.
func blocks(b []byte) []block {
	var out []block
	past := 0 // where the block before ends
	for at, n := 0, 0; len(out) < maxBlocks && n < maxMarks; n++ {
		m, ok := nextMark(b, at)
		if !ok {
			break
		}
		line := max(lineStart(b, m.from), past)
		at = m.to
		if !m.begins || m.kind == "signature" {
			continue
		}
		end, to := closing(b, m, b[line:m.from])
		bl := block{from: m.from, to: to, kind: m.kind, body: b[m.to:end], prefix: b[line:m.from]}
		if bare := bytes.Trim(bl.prefix, "> |\t\u00a0"); len(bare) == 0 {
			bl.from = line
			bl.quoted = bytes.ContainsAny(bl.prefix, ">|")
		}
		if string(bl.prefix) == "- " { // dash-escaped: part of a text that is signed itself
			continue
		}
		ended := to > end
		n, used := dataIn(bl.body)
		if n < minPackets && !(ended && n > 0) {
			continue
		}
		if !ended && m.kind != "signed" {
			bl.to, bl.body = m.to+used, bl.body[:used]
		}
		out = append(out, bl)
		at, past = bl.to, bl.to
	}
	return out
}

// readings are the packets in a block, or for cleartext the whole message written
// anew. Where what mail did to it can be read in more than one way, they are all of
// them, the likeliest first.
func (bl *block) readings() [][]byte {
	if bl.kind == "signed" {
		return [][]byte{cleartext(bl.body, bl.prefix)}
	}
	return packets(bl.body)
}

// dataIn counts what may be base64 in armor and finds where the last line of it
// ends, without decoding.
func dataIn(body []byte) (n, end int) {
	rest := body
	for len(rest) > 0 {
		var line []byte
		line, rest = cutLine(rest)
		if k, ok := looksEncoded(line); ok {
			n += k
			end = len(body) - len(rest)
		}
	}
	return n, end
}

// looksEncoded reports whether a line may be a piece of armor's data, or what is
// left of one, and how long it is.
func looksEncoded(line []byte) (n int, ok bool) {
	line = bytes.Trim(line, " \t>|")
	word, longest, foreign := 0, 0, false
	for _, c := range line {
		switch {
		case base64Value[c] != 0xff:
			n++
			if word++; word > longest {
				longest = word
			}
		case c == '=' || c == '&' || c == '#' || c == ';' || c >= 0x80:
		case c == ' ' || c == '\t' || c == '>' || c == '|':
			word = 0
		default:
			word, foreign = 0, true
		}
	}
	if foreign {
		return longest, longest >= 40 // data joined to words
	}
	return n, n > 0 && (longest >= 16 || bytes.IndexByte(line, ' ') < 0)
}

// minPackets is less than any message, signature or certificate is long; what is
// shorter counts only between markers.
const minPackets = 24

// isOfText reports whether a marker stands in the text of a cleartext-signed message
// whose own has this prefix: quoted once more, or behind a dash escape (RFC 9580,
// section 7.2).
func (m mark) isOfText(b, prefix []byte) bool {
	return bytes.HasPrefix(b[m.from:m.to], []byte("- -")) || bytes.ContainsAny(unquote(b[lineStart(b, m.from):m.from], prefix), ">|")
}

// closing finds where a block's data ends and where what comes after begins.
func closing(b []byte, begin mark, prefix []byte) (end, to int) {
	last := begin.kind
	if last == "signed" {
		last = "signature"
	}
	for at := begin.to; ; {
		m, ok := nextMark(b, at)
		switch {
		case !ok:
			return len(b), len(b)
		case begin.kind == "signed" && m.isOfText(b, prefix):
		case !m.begins && m.kind == last:
			return m.from, m.to
		case m.begins && !(m.kind == "signature" && last == "signature"):
			return m.from, m.from
		}
		at = m.to
	}
}

func lineStart(b []byte, at int) int { return bytes.LastIndexByte(b[:at], '\n') + 1 }

// cleartext writes a cleartext-signed message (RFC 9580, section 7) anew: its
// text as it is, without quote marks, its signature repaired.
func cleartext(body, prefix []byte) []byte {
	sig, ok := nextMark(body, 0)
	for ok && !(sig.begins && sig.kind == "signature" && !sig.isOfText(body, prefix)) {
		sig, ok = nextMark(body, sig.to)
	}
	if !ok {
		return nil
	}
	data := packets(body[sig.to:])[0]
	var b bytes.Buffer
	b.WriteString(beginSigned + "\n")
	text := bytes.TrimPrefix(bytes.TrimLeft(body[:lineStart(body, sig.from)], " \t\r"), []byte("\n"))
	headers := true
	for len(text) > 0 {
		var line []byte
		line, text = cutLine(text)
		line = unquote(line, prefix)
		if headers && len(bytes.TrimSpace(line)) > 0 && !armorHeader.Match(line) {
			b.WriteByte('\n') // the blank line is lost
		}
		headers = headers && armorHeader.Match(line)
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteString(beginSig + "\n\n")
	encoded := base64.StdEncoding.EncodeToString(data)
	for len(encoded) > 64 {
		b.WriteString(encoded[:64] + "\n")
		encoded = encoded[64:]
	}
	b.WriteString(encoded + "\n" + endSig + "\n")
	return b.Bytes()
}

func unquote(line, prefix []byte) []byte {
	if rest, ok := bytes.CutPrefix(line, prefix); ok {
		return rest
	}
	return bytes.TrimPrefix(line, bytes.TrimRight(prefix, " \t"))
}

// binaryMessage reports whether bytes look like an OpenPGP message (RFC 9580,
// section 10.3) rather than some other binary file.
func binaryMessage(b []byte, name string) bool {
	if len(b) < minPackets || b[0]&0x80 == 0 {
		return false
	}
	tag, at := int(b[0]&0x3f), 2
	if b[0]&0x40 == 0 {
		tag = int(b[0]&0x3f) >> 2
		at = []int{2, 3, 5, 1}[b[0]&3]
	} else if b[1] >= 192 && b[1] < 224 {
		at = 3
	} else if b[1] == 255 {
		at = 6
	}
	v := b[at]
	switch tag {
	case 1:
		return v == 3 || v == 6
	case 3:
		return v >= 4 && v <= 6
	case 4:
		return v == 3 || v == 6
	}
	ext := strings.ToLower(path.Ext(name))
	return (tag == 8 || tag == 18 || tag == 20 || tag == 9) && (ext == ".pgp" || ext == ".gpg" || ext == ".asc")
}
