package entity

import (
	"bytes"
	"encoding/base64"
	"html"
	"path"
	"regexp"
	"strings"
)

// block is a piece of armor in a text: the bytes [from, to), and what it holds:
// packets, or for cleartext the whole message written anew.
type block struct {
	from, to int
	quoted   bool
	kind     string // message, signed, key, signature
	data     []byte
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
	dashes = regexp.MustCompile(dash + `(?:` + blank + `?` + dash + `)*` + blank + `*$`)
)

// mark is where a marker stands.
type mark struct {
	from, to int
	begins   bool
	kind     string
}

// nextMark finds the next marker from at on; false where there is none.
func nextMark(b []byte, at int) (mark, bool) {
	for {
		i := bytes.Index(b[at:], []byte("PGP"))
		if i < 0 {
			return mark{}, false
		}
		pgp := at + i
		at = pgp + 3
		lead := max(0, pgp-48)
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

const maxBlocks = 32

// blocks finds armor in a text, quoted and indented armor too. One that never
// ends reaches to the next one, or to the end of the text. A marker without data
// behind it is just text.
func blocks(b []byte) []block {
	var out []block
	for at := 0; len(out) < maxBlocks; {
		m, ok := nextMark(b, at)
		if !ok {
			break
		}
		at = m.to
		if !m.begins || m.kind == "signature" {
			continue
		}
		end, to := closing(b, m)
		line := lineStart(b, m.from)
		prefix := b[line:m.from]
		bl := block{from: m.from, to: to, kind: m.kind}
		if bare := bytes.Trim(prefix, "> |\t\u00a0"); len(bare) == 0 {
			bl.from = line
			bl.quoted = bytes.ContainsAny(prefix, ">|")
		}
		if string(prefix) == "- " { // dash-escaped: part of a text that is signed itself
			continue
		}
		if m.kind == "signed" {
			bl.data = cleartext(b[m.to:end], prefix)
		} else {
			bl.data = packets(b[m.to:end])
		}
		if ended := to > end; len(bl.data) < minPackets && !(ended && len(bl.data) > 0) {
			continue
		}
		out = append(out, bl)
		at = to
	}
	return out
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
	base64Token = regexp.MustCompile(`^[A-Za-z0-9+/]+={0,2}$`)
	checksum    = regexp.MustCompile(`^=(?:3D)?([A-Za-z0-9+/]{4})$`)
	tailSum     = regexp.MustCompile(`^([A-Za-z0-9+/]+={0,2})=([A-Za-z0-9+/]{4})$`)
	longToken   = regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)
	invisible   = strings.NewReplacer("\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u00ad", "", "\u00a0", " ", "\u202f", " ", "\ufffd", " ")
)

// packets decodes the base64 between an armor's markers, whatever mail did to
// it: leftovers of quoted-printable and HTML, quote marks, blanks, lost line
// breaks, lines joined or cut anew, a lost blank line, foreign lines, a checksum
// that is missing, wrong, or joined to the last line. The checksum only decides
// between readings; it is no proof (RFC 9580, section 6.1).
func packets(body []byte) []byte {
	if bytes.Contains(body, []byte("=3D")) || softBroken(body) {
		body = decodeQP(body)
	}
	if bytes.Contains(body, []byte("&#")) {
		body = []byte(html.UnescapeString(string(body)))
	}
	var tokens []string
	sum := ""
	for len(body) > 0 {
		var line []byte
		line, body = cutLine(body)
		text := strings.TrimLeft(string(line), " \t>|")
		if !isASCII(line) {
			text = strings.TrimLeft(invisible.Replace(strings.ToValidUTF8(string(line), " ")), " \t>|")
		}
		if len(tokens) == 0 && armorHeader.MatchString(text) {
			text = longToken.FindString(text) // what was joined to a header
		}
		fields := strings.Fields(text)
		if !isData(fields, len(tokens)) {
			continue
		}
		for _, f := range fields {
			if m := checksum.FindStringSubmatch(f); m != nil {
				sum = m[1]
				continue
			}
			if m := tailSum.FindStringSubmatch(f); m != nil && len(f)%4 == 1 {
				f, sum = m[1], m[2]
			}
			tokens = append(tokens, f)
		}
	}
	whole := decodeTokens(tokens)
	if sum != "" && !sumIs(whole, sum) {
		if fewer := decodeTokens(regular(tokens)); sumIs(fewer, sum) {
			return fewer
		}
	}
	return whole
}

// isData tells a line of armor from words that came between: tokens of base64,
// long ones if there are several.
func isData(fields []string, sofar int) bool {
	for i, f := range fields {
		if checksum.MatchString(f) || tailSum.MatchString(f) {
			continue
		}
		if !base64Token.MatchString(f) || len(fields) > 1 && i < len(fields)-1 && len(f) < 16 {
			return false
		}
	}
	return len(fields) > 0 && (sofar > 0 || len(fields[0]) > 3)
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
		if len(f) == width || i == len(tokens)-1 {
			out = append(out, f)
		}
	}
	return out
}

func decodeTokens(tokens []string) []byte {
	n := 0
	for _, f := range tokens {
		n += len(f)
	}
	out := make([]byte, 0, n/4*3+3)
	var acc uint32
	bits := 0
	for _, f := range tokens {
		for i := 0; i < len(f); i++ {
			v := base64Value[f[i]]
			if v == 0xff {
				continue
			}
			acc = acc<<6 | uint32(v)
			if bits += 6; bits >= 8 {
				bits -= 8
				out = append(out, byte(acc>>bits))
			}
		}
	}
	return out
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
	data := packets(body[sig.to:])
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
