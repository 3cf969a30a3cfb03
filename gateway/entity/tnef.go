package entity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

// Outlook's winmail.dat (MS-OXTNEF, section 2.1.3): attributes of the message,
// then of each attached file, with MAPI properties among them (MS-OXTNEF 2.1.3.4).
const (
	tnefSignature    = 0x223E9F78
	tnefBody         = 0x800C
	tnefFileTitle    = 0x8010
	tnefFileData     = 0x800F
	tnefRendering    = 0x9002
	tnefMessageProps = 0x9003
	tnefFileProps    = 0x9005
	tnefCodePage     = 0x9007

	propBody     = 0x1000
	propRTF      = 0x1009
	propHTML     = 0x1013
	propCodePage = 0x3FDE
	propData     = 0x3701
	propName     = 0x3704
	propLongName = 0x3707
	propMIMEType = 0x370E

	maxTNEFEntries = 4096
	maxTNEFFiles   = 256
)

func isTNEF(b []byte) bool { return len(b) > 6 && binary.LittleEndian.Uint32(b) == tnefSignature }

// tnef is what a winmail.dat holds; a property is taken as it comes.
type tnef struct {
	charset string
	plain   []byte
	props   map[uint16]value
	files   []tnefFile
}

type tnefFile struct {
	name  string
	data  []byte
	props map[uint16]value
}

// value is a MAPI property's.
type value struct {
	kind uint16
	data []byte
}

// unwrapTNEF makes children of the text and the files in a winmail.dat.
func (t *tree) unwrapTNEF(p *part, b []byte, depth int) {
	m := readTNEF(b)
	if c := m.body(); c != nil && t.room(int64(len(c.body)), depth) {
		p.children = append(p.children, c)
	}
	for _, f := range m.files {
		c := f.part(m.charset)
		if !t.room(int64(len(c.body)), depth) {
			return
		}
		t.parts++
		if isTNEF(c.body) && c.kind == "application/ms-tnef" { // a message in a message
			t.unwrapTNEF(c, c.body, depth+1)
		}
		p.children = append(p.children, c)
	}
}

func readTNEF(b []byte) *tnef {
	m := &tnef{props: map[uint16]value{}}
	b = b[6:]
	for n := 0; len(b) >= 11 && n < maxTNEFEntries; n++ {
		id := binary.LittleEndian.Uint32(b[1:]) & 0xffff
		size := uint64(binary.LittleEndian.Uint32(b[5:]))
		data := b[9:min(uint64(len(b)), 9+size)] // what is cut short is read as far as it goes
		m.attribute(id, data)
		b = b[min(uint64(len(b)), 9+size+2):]
	}
	return m
}

func (m *tnef) attribute(id uint32, data []byte) {
	var file *tnefFile
	if n := len(m.files); n > 0 {
		file = &m.files[n-1]
	}
	switch {
	case id == tnefCodePage && len(data) >= 4:
		m.charset = codePageName(binary.LittleEndian.Uint32(data))
	case id == tnefBody:
		m.plain = data
	case id == tnefMessageProps:
		m.props = properties(data)
	case id == tnefRendering && len(m.files) < maxTNEFFiles:
		m.files = append(m.files, tnefFile{})
	case id == tnefFileTitle && file != nil:
		file.name = m.string(data)
	case id == tnefFileData && file != nil:
		file.data = data
	case id == tnefFileProps && file != nil:
		file.props = properties(data)
	}
}

func (m *tnef) string(b []byte) string {
	return clean(toUTF8(bytes.TrimRight(b, "\x00"), m.charset))
}

// body is the text: plain where there is some, else HTML, else rich text.
func (m *tnef) body() *part {
	if v, ok := m.props[propBody]; ok && len(m.plain) == 0 {
		m.plain = []byte(v.text(m.charset))
	}
	if len(bytes.TrimSpace(m.plain)) > 0 {
		return leaf("text/plain", bytes.TrimRight(m.plain, "\x00"), m.charset)
	}
	charset := m.charset
	if v := m.props[propCodePage]; len(v.data) >= 4 {
		charset = codePageName(binary.LittleEndian.Uint32(v.data))
	}
	if v, ok := m.props[propHTML]; ok {
		return leaf("text/html", bytes.TrimRight(v.data, "\x00"), charset)
	}
	if v, ok := m.props[propRTF]; ok {
		return leaf("text/plain", []byte(rtfText(uncompressRTF(v.data))), "utf-8")
	}
	return nil
}

func codePageName(n uint32) string {
	switch n {
	case 65001:
		return "utf-8"
	case 20127:
		return "us-ascii"
	case 20866:
		return "koi8-r"
	case 932:
		return "shift_jis"
	case 936:
		return "gbk"
	case 949:
		return "euc-kr"
	case 950:
		return "big5"
	}
	if n >= 28591 && n <= 28606 {
		return fmt.Sprintf("iso-8859-%d", n-28590)
	}
	return fmt.Sprintf("windows-%d", n)
}

func (f tnefFile) part(charset string) *part {
	c := leaf("application/octet-stream", f.data, "")
	if v, ok := f.props[propData]; ok && len(v.data) > 0 {
		c.body = v.data
		if v.kind == 0x0d && len(v.data) > 16 { // an object, behind its interface's name
			if c.body = v.data[16:]; isTNEF(c.body) {
				c.kind = "application/ms-tnef"
			}
		}
		c.raw = c.body
	}
	c.name, c.disposition = f.name, "attachment"
	for _, id := range []uint16{propLongName, propName} {
		if v, ok := f.props[id]; ok && v.text(charset) != "" {
			c.name = v.text(charset)
			break
		}
	}
	c.name = fileName(c.name)
	if kind := strings.ToLower(f.props[propMIMEType].text(charset)); isMediaType(kind) && !strings.HasPrefix(kind, "multipart/") && !strings.HasPrefix(kind, "message/") && c.kind == "application/octet-stream" {
		c.kind = kind
	}
	return c
}

// text is a property that is a string.
func (v value) text(charset string) string {
	switch v.kind {
	case 0x1f:
		return clean(strings.TrimRight(decoded(v.data, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)), "\x00"))
	case 0x1e, 0x102:
		return clean(toUTF8(bytes.TrimRight(v.data, "\x00"), charset))
	}
	return ""
}

// cursor reads little-endian values and remembers whether they were all there.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n uint32) []byte {
	if c.bad || uint64(n) > uint64(len(c.b)) {
		c.bad = true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// padded takes n bytes and what fills them up to a multiple of four.
func (c *cursor) padded(n uint32) []byte {
	out := c.take(n)
	if pad := (4 - n%4) % 4; uint64(pad) <= uint64(len(c.b)) {
		c.take(pad)
	}
	return out
}

// properties reads a list of MAPI properties; of several values the first.
func properties(b []byte) map[uint16]value {
	out := map[uint16]value{}
	c := &cursor{b: b}
	count := c.uint32()
	for n := uint32(0); n < count && n < maxTNEFEntries && !c.bad; n++ {
		tag := c.uint32()
		kind, id := uint16(tag), uint16(tag>>16)
		if id >= 0x8000 {
			c.take(16)
			if c.uint32() == 0 {
				c.uint32()
			} else {
				c.padded(c.uint32())
			}
		}
		times := uint32(1)
		if kind&0x1000 != 0 {
			times = c.uint32()
		}
		var first []byte
		for i := uint32(0); i < times && !c.bad; i++ {
			if data := c.value(kind&^0x1000, kind&0x1000 != 0); i == 0 {
				first = data
			}
		}
		if _, twice := out[id]; !twice && !c.bad {
			out[id] = value{kind &^ 0x1000, first}
		}
	}
	return out
}

// value reads one value of a kind; strings and objects are counted, and in a list
// only measured.
func (c *cursor) value(kind uint16, listed bool) []byte {
	switch kind {
	case 0x05, 0x06, 0x07, 0x14, 0x40:
		return c.take(8)
	case 0x48:
		return c.take(16)
	case 0x0d, 0x1e, 0x1f, 0x102:
		if !listed {
			if times := c.uint32(); times != 1 {
				c.bad = true
			}
		}
		return c.padded(c.uint32())
	}
	return c.take(4)
}
