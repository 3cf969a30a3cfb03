package entity

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// rtfPrefix is the dictionary that compressed rich text begins with (MS-OXRTFCP,
// section 2.1.2.1).
const rtfPrefix = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// uncompressRTF undoes MS-OXRTFCP, up to maxText.
func uncompressRTF(b []byte) []byte {
	if len(b) < 16 {
		return nil
	}
	magic := b[8:12]
	b = b[16:]
	if bytes.Equal(magic, []byte("MELA")) {
		return b[:min(len(b), maxText)]
	}
	if !bytes.Equal(magic, []byte("LZFu")) {
		return nil
	}
	var ring [4096]byte
	write := copy(ring[:], rtfPrefix)
	var out []byte
	put := func(c byte) {
		out = append(out, c)
		ring[write] = c
		write = (write + 1) % len(ring)
	}
	for len(b) > 0 && len(out) < maxText {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if flags>>bit&1 == 0 {
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out
			}
			ref := binary.BigEndian.Uint16(b)
			b = b[2:]
			at := int(ref >> 4)
			if at == write {
				return out
			}
			for n := 0; n < int(ref&0xf)+2; n++ {
				put(ring[(at+n)%len(ring)])
			}
		}
	}
	return out
}

// rtfHidden are groups whose text is no text.
var rtfHidden = map[string]bool{
	"fonttbl": true, "colortbl": true, "stylesheet": true, "info": true, "pict": true, "header": true, "footer": true, "headerl": true, "headerr": true,
	"footerl": true, "footerr": true, "object": true, "themedata": true, "datastore": true, "listtable": true, "listoverridetable": true, "generator": true, "xmlnstbl": true, "rsidtbl": true,
}

// rtfSigns are control words that stand for a character.
var rtfSigns = map[string]string{
	"par": "\n", "line": "\n", "row": "\n", "cell": "\t", "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’",
	"ldblquote": "“", "rdblquote": "”", "bullet": "•", "~": "\u00a0", "_": "-", "{": "{", "}": "}", "\\": "\\", "\n": "\n",
}

// rtf reads rich text as text.
type rtf struct {
	out     strings.Builder
	pending []byte // in the code page of the font
	ansi    encoding.Encoding
	fonts   map[int]encoding.Encoding
	plain   int        // the font where none is named
	groups  []rtfGroup // that are open; never none
	skip    int        // characters that repeat what \u said
	uc      int
}

type rtfGroup struct {
	hidden bool
	font   int
}

// rtfCharsets are the code pages of the character sets that a font can have.
var rtfCharsets = map[int]uint32{128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250}

const maxRTFGroups, maxRTFFonts = 200, 1000

func rtfText(b []byte) string {
	r := &rtf{ansi: charmap.Windows1252, fonts: map[int]encoding.Encoding{}, groups: []rtfGroup{{}}, uc: 1}
	for len(b) > 0 {
		switch c := b[0]; c {
		case '{':
			r.flush()
			if len(r.groups) > maxRTFGroups {
				return r.out.String()
			}
			r.groups = append(r.groups, *r.group())
			b = b[1:]
		case '}':
			r.flush()
			r.groups = r.groups[:max(1, len(r.groups)-1)]
			b = b[1:]
		case '\\':
			b = r.control(b[1:])
		default:
			if c != '\r' && c != '\n' {
				r.write(c)
			}
			b = b[1:]
		}
	}
	r.flush()
	return r.out.String()
}

func (r *rtf) group() *rtfGroup { return &r.groups[len(r.groups)-1] }
func (r *rtf) hides() bool      { return r.group().hidden }

func (r *rtf) write(c byte) {
	if r.skip > 0 {
		r.skip--
	} else if !r.hides() {
		r.pending = append(r.pending, c)
	}
}

func (r *rtf) flush() {
	if len(r.pending) > 0 {
		page := r.fonts[r.group().font]
		if page == nil {
			page = r.ansi
		}
		r.out.WriteString(decoded(r.pending, page))
		r.pending = r.pending[:0]
	}
}

// control reads what follows a backslash and returns what is behind it.
func (r *rtf) control(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if b[0] == '\'' && len(b) >= 3 {
		hi, ok1 := unhex(b[1])
		lo, ok2 := unhex(b[2])
		if ok1 && ok2 {
			r.write(hi<<4 | lo)
		}
		return b[3:]
	}
	n := 0
	for n < len(b) && n < 32 && (b[n] >= 'a' && b[n] <= 'z' || b[n] >= 'A' && b[n] <= 'Z') {
		n++
	}
	if n == 0 {
		r.word(string(b[:1]), 0)
		return b[1:]
	}
	end := n
	for end < len(b) && end < n+11 && (b[end] >= '0' && b[end] <= '9' || end == n && b[end] == '-') {
		end++
	}
	number, _ := strconv.Atoi(string(b[n:end]))
	r.word(string(b[:n]), number)
	if end < len(b) && b[end] == ' ' {
		end++
	}
	return b[end:]
}

func (r *rtf) word(name string, number int) {
	sign := rtfSigns[name]
	switch {
	case name == "*" || rtfHidden[name]:
		r.group().hidden = true
	case name == "ansicpg":
		if page := encodingOf(codePageName(uint32(number))); page != nil {
			r.ansi = page
		}
	case name == "f":
		r.flush()
		r.group().font = number
	case name == "plain":
		r.flush()
		r.group().font = r.plain
	case name == "deff":
		r.plain, r.group().font = number, number
	case name == "fcharset" && len(r.fonts) < maxRTFFonts:
		r.fonts[r.group().font] = encodingOf(codePageName(rtfCharsets[number]))
	case name == "uc":
		r.uc = max(0, min(number, 8))
	case name == "u" && !r.hides():
		r.flush()
		r.out.WriteRune(rune(uint16(number)))
		r.skip = r.uc
	case sign != "" && !r.hides():
		r.flush()
		r.out.WriteString(sign)
	}
}
