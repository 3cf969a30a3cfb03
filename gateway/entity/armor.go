package entity

import (
	"bytes"
	"encoding/base64"
	"html"
	"path"
	"regexp"
	"slices"
	"strings"
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
		m := marker.FindSubmatch(b[word:min(len(b), word+140)])
		d := dashes.FindIndex(b[lead:word])
		if m == nil || d == nil {
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
		end, to := closing(b, m)
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

// closing finds where a block's data ends and where what comes after begins.
func closing(b []byte, begin mark) (end, to int) {
	last := begin.kind
	if last == "signed" {
		last = "signature"
	}
	for at := begin.to; ; {
		m, ok := nextMark(b, at)
		switch {
		case !ok:
			return len(b), len(b)
		case !m.begins && m.kind == last:
			return m.from, m.to
		case m.begins && !(m.kind == "signature" && last == "signature"):
			return m.from, m.from
		}
		at = m.to
	}
}

func lineStart(b []byte, at int) int { return bytes.LastIndexByte(b[:at], '\n') + 1 }

var (
	armorHeader = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*:(\s|$)`)
	base64Token = regexp.MustCompile(`^[A-Za-z0-9+/]*={0,3}[A-Za-z0-9+/]{0,4}$`)
	longToken   = regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)
	invisible   = strings.NewReplacer("\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u00ad", "", "\u00a0", " ", "\u202f", " ", "\ufffd", " ")
)

// packets decodes the base64 between an armor's markers, whatever mail did to
// it: leftovers of quoted-printable and HTML, quote marks, blanks, lost line
// breaks, lines joined or cut anew, a lost blank line, foreign lines, a checksum
// that is missing, wrong, or joined to the last line. A checksum that fits decides
// between readings; it is no proof (RFC 9580, section 6.1).
func packets(body []byte) [][]byte {
	if data, sum, whole := decodeLines(body); len(body) > maxText || whole && (sum == "" || sumIs(data, sum)) {
		return [][]byte{data}
	}
	body = withoutQuotes(body)
	forms := [][]byte{body}
	if softBroken(body) { // words that came between would be joined to data
		forms[0] = withoutWords(body)
	}
	for n := 0; n < 3 && (bytes.Contains(forms[0], []byte("=3D")) || softBroken(forms[0])); n++ {
		forms = [][]byte{decodeQP(forms[0]), body}
	}
	var readings [][]byte
	for _, form := range forms {
		if bytes.Contains(form, []byte("&#")) {
			form = []byte(html.UnescapeString(string(form)))
		}
		tokens := armorTokens(form)
		for _, list := range [][]string{tokens, regular(tokens)} {
			data, sum := decodeTokens(list)
			if sum != "" && sumIs(data, sum) {
				return [][]byte{data}
			}
			if !contains(readings, data) {
				readings = append(readings, data)
			}
		}
	}
	return readings
}

// decodeLines decodes armor that nothing happened to: headers, then lines of
// base64 and a checksum. whole is false where there are other lines, which are
// left out.
func decodeLines(body []byte) (data []byte, sum string, whole bool) {
	data = make([]byte, 0, len(body)/4*3+3)
	whole = true
	var acc uint32
	bits, padded := 0, false
	for len(body) > 0 {
		var line []byte
		line, body = cutLine(body)
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || len(data) == 0 && armorHeader.Match(line):
			continue
		case len(line) == 5 && line[0] == '=' && clear64(line[1:]):
			sum = string(line[1:])
			continue
		case padded || !clear64(bytes.TrimRight(line, "=")):
			whole = false
			continue
		}
		for _, c := range line {
			if c == '=' {
				padded = true
				continue
			}
			acc = acc<<6 | uint32(base64Value[c])
			if bits += 6; bits >= 8 {
				bits -= 8
				data = append(data, byte(acc>>bits))
			}
		}
	}
	return data, sum, whole
}

func clear64(b []byte) bool {
	for _, c := range b {
		if base64Value[c] == 0xff {
			return false
		}
	}
	return true
}

// withoutQuotes takes quote marks off the beginnings of lines.
func withoutQuotes(b []byte) []byte {
	if !bytes.ContainsAny(b, ">|") {
		return b
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		out = append(append(out, bytes.TrimLeft(line, " \t>|")...), '\n')
	}
	return out
}

// withoutWords leaves out lines of several words, none of which is as long as
// armor's data.
func withoutWords(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		var line []byte
		line, b = cutLine(b)
		words := bytes.Fields(line)
		if len(words) > 2 && !slices.ContainsFunc(words, func(w []byte) bool { return len(w) >= 16 }) {
			continue
		}
		out = append(append(out, line...), '\n')
	}
	return out
}

func contains(list [][]byte, b []byte) bool {
	for _, other := range list {
		if bytes.Equal(other, b) {
			return true
		}
	}
	return false
}

// armorTokens are the pieces of base64 in armor.
func armorTokens(body []byte) []string {
	var tokens []string
	for len(body) > 0 {
		var line []byte
		line, body = cutLine(body)
		text := strings.TrimLeft(string(line), " \t>|")
		if !isASCII(line) {
			text = strings.TrimLeft(invisible.Replace(strings.ToValidUTF8(string(line), " ")), " \t>|")
		}
		if len(tokens) == 0 && armorHeader.MatchString(text) {
			at := longToken.FindStringIndex(text) // what was joined to a header
			if at == nil {
				continue
			}
			text = text[at[0]:]
		}
		fields := slices.DeleteFunc(strings.Fields(text), func(f string) bool { return strings.Trim(f, ">|") == "" })
		if isData(fields) {
			tokens = append(tokens, fields...)
		}
	}
	return tokens
}

// isData tells a line of armor from words that came between: tokens of base64, a
// long one among them if there are several.
func isData(fields []string) bool {
	longest := 0
	for _, f := range fields {
		if !base64Token.MatchString(f) {
			return false
		}
		longest = max(longest, len(f))
	}
	return len(fields) == 1 || longest >= 16
}

// regular leaves out tokens that are shorter than the lines of the armor are,
// but for the last.
func regular(tokens []string) []string {
	count := map[int]int{}
	width := 0
	for _, f := range tokens {
		if count[len(f)]++; count[len(f)] > count[width] {
			width = len(f)
		}
	}
	var out []string
	for i, f := range tokens {
		if len(f) == width || i == len(tokens)-1 || strings.HasPrefix(tokens[i+1], "=") || strings.HasPrefix(f, "=") {
			out = append(out, f)
		}
	}
	return out
}

// decodeTokens decodes up to the padding; what stands behind it is the checksum.
func decodeTokens(tokens []string) (data []byte, sum string) {
	n := 0
	for _, f := range tokens {
		n += len(f)
	}
	data = make([]byte, 0, n/4*3+3)
	var acc uint32
	bits, padded := 0, false
	for _, f := range tokens {
		for i := 0; i < len(f); i++ {
			v := base64Value[f[i]]
			switch {
			case v == 0xff:
				padded = true
				continue
			case padded:
				if len(sum) < 5 {
					sum += f[i : i+1]
				}
				continue
			}
			acc = acc<<6 | uint32(v)
			if bits += 6; bits >= 8 {
				bits -= 8
				data = append(data, byte(acc>>bits))
			}
		}
	}
	return data, sum
}

// softBroken tells soft line breaks from base64's own padding: there is one that
// isn't near the end.
func softBroken(body []byte) bool {
	at := bytes.Index(body, []byte("=\n"))
	if crlf := bytes.Index(body, []byte("=\r\n")); at < 0 || crlf >= 0 && crlf < at {
		at = crlf
	}
	return at >= 0 && len(bytes.TrimSpace(body[at:])) > 16
}

// sumIs reports whether a checksum (RFC 9580, section 6.1.1) fits.
func sumIs(b []byte, sum string) bool {
	want, err := base64.StdEncoding.DecodeString(sum)
	if err != nil || len(want) != 3 {
		return false
	}
	crc := uint32(0xB704CE)
	for _, c := range b {
		crc ^= uint32(c) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
	}
	return want[0] == byte(crc>>16) && want[1] == byte(crc>>8) && want[2] == byte(crc)
}

// cleartext writes a cleartext-signed message (RFC 9580, section 7) anew: its
// text as it is, without quote marks, its signature repaired.
func cleartext(body, prefix []byte) []byte {
	sig, ok := nextMark(body, 0)
	for ok && !(sig.begins && sig.kind == "signature") {
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
