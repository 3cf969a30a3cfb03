package entity

import (
	"bytes"
	"crypto/sha256"
	"strings"
)

// container is something in a tree that can be opened or verified.
type container struct {
	part   *part
	armor  [][]byte // packets or cleartext, in all their readings; nil where the part is signed by a detached signature
	signed *detached
	file   bool // an attachment rather than text
	clear  bool // cleartext with its signature
	quoted bool
}

// detached is a signature in a part of its own and what it signs.
type detached struct {
	over *part
	by   *part
}

// find lists what can be opened in a tree: unquoted armor first, quoted only
// where nothing else is written. It never looks into forwarded or returned
// mails.
func (rd *reader) find(root *part) []container {
	var plain, quoted []container
	seen := map[[32]byte]bool{}
	rd.walk(root, func(p *part) bool {
		if d := signedBy(p); d != nil {
			plain = append(plain, container{part: p, signed: d})
			return false
		}
		for _, f := range rd.inLeaf(p) {
			key := sha256.Sum256(f.armor[0])
			if seen[key] {
				continue
			}
			seen[key] = true
			if f.quoted {
				quoted = append(quoted, f)
			} else {
				plain = append(plain, f)
			}
		}
		return true
	})
	if len(plain) > 0 || len(quoted) == 0 {
		return plain
	}
	if rd.answers(quoted) {
		return nil
	}
	return quoted
}

// answers reports whether somebody wrote something beside quoted armor: then
// that is the message, and the armor is history. What servers add stands in parts
// of its own.
func (rd *reader) answers(quoted []container) bool {
	for i, f := range quoted {
		if f.file || i > 0 && f.part == quoted[i-1].part {
			continue
		}
		beside := withoutArmor(rd.view(f.part))
		if ReplyText(string(beside[:min(len(beside), maxText)])) != "" {
			return true
		}
	}
	return false
}

func (rd *reader) walk(p *part, visit func(*part) bool) {
	if !visit(p) {
		return
	}
	for _, c := range p.children {
		rd.walk(c, visit)
	}
}

// signedBy finds a detached signature: in a multipart/signed (RFC 3156, section
// 5), or in what a server made of one: a multipart of the signed part and a
// signature that is nothing else.
func signedBy(p *part) *detached {
	if len(p.children) < 2 || !strings.HasPrefix(p.kind, "multipart/") || strings.Contains(p.params["protocol"], "pkcs7") {
		return nil
	}
	s := p.children[1]
	isSig := s.kind == "application/pgp-signature" || bytes.Contains(s.body[:min(len(s.body), 4<<10)], []byte("BEGIN PGP SIGNATURE"))
	switch {
	case p.kind == "multipart/signed" && (isSig || strings.Contains(p.params["protocol"], "pgp-signature")):
	case p.kind == "multipart/mixed" && len(p.children) == 2 && s.kind == "application/pgp-signature" && (s.name == "" || strings.EqualFold(s.name, "signature.asc")):
	default:
		return nil
	}
	return &detached{over: p.children[0], by: s}
}

func isSigned(p *part) bool { return signedBy(p) != nil }

func isLeaf(p *part) bool {
	return len(p.children) == 0 && !strings.HasPrefix(p.kind, "message/")
}

func (rd *reader) inLeaf(p *part) []container {
	if !isLeaf(p) {
		return nil
	}
	file := p.disposition == "attachment" || p.name != "" && !strings.HasPrefix(p.kind, "text/")
	b := rd.view(p)
	if binaryMessage(b, p.name) {
		return []container{{part: p, armor: [][]byte{b}, file: true}}
	}
	var out []container
	var asCame []block
	if len(b) != len(p.body) && mentionsPGP(p.body) { // the transfer encoding may be a lie
		asCame = blocks(p.body)
	}
	for i, bl := range blocks(b) {
		if bl.kind == "key" {
			continue
		}
		readings := bl.readings()
		if i < len(asCame) && asCame[i].kind == "message" && bl.kind == "message" {
			readings = append(readings, asCame[i].readings()...)
		}
		out = append(out, container{part: p, armor: readings, file: file, quoted: bl.quoted, clear: bl.kind == "signed"})
	}
	return out
}

// view is a leaf as OpenPGP is looked for in it: its content, as text where
// that hides it; its bytes as they came, where the transfer encoding is a lie; or
// what the content is once more encoded from, where a server lost or doubled it.
func (rd *reader) view(p *part) []byte {
	b := rd.tree.content(p)
	switch {
	case mentionsPGP(b):
		return rd.asText(p, b)
	case mentionsPGP(p.body):
		return rd.asText(p, p.body)
	case binaryMessage(b, p.name):
		return b
	}
	if utf16Of(b) != nil || stateful(strings.ToLower(p.params["charset"])) {
		if text := toUTF8(b, p.params["charset"]); mentionsPGP([]byte(text)) {
			return []byte(text)
		}
	}
	if once := encodedAgain(b, p.name); once != nil {
		return rd.asText(p, once)
	}
	if strings.HasPrefix(p.kind, "text/") {
		return []byte(rd.tree.readable(p))
	}
	return b
}

// asText is what a part shows of some bytes: HTML as text.
func (rd *reader) asText(p *part, b []byte) []byte {
	if p.kind == "text/html" || strings.HasPrefix(p.kind, "text/") && looksLikeHTML(string(b[:min(len(b), 512)])) {
		return []byte(HTMLText(toUTF8(b, p.params["charset"])))
	}
	return b
}

func mentionsPGP(b []byte) bool {
	_, ok := nextMark(b, 0)
	return ok
}

// encodedAgain decodes base64 that hides OpenPGP; nil for everything else.
func encodedAgain(b []byte, name string) []byte {
	head := bytes.TrimLeft(b[:min(len(b), 256)], " \t\r\n")
	line, _ := cutLine(head)
	if len(line) < 40 || !isBase64Line(line) || bytes.ContainsAny(line, " \t") {
		return nil
	}
	start := decodeBase64(head)
	if !mentionsPGP(start) && !binaryMessage(start, name) {
		return nil
	}
	return decodeBase64(b)
}

// withoutArmor is what stands in no block of armor.
func withoutArmor(b []byte) []byte {
	var out []byte
	at := 0
	for _, bl := range blocks(b) {
		out = append(out, b[at:bl.from]...)
		at = bl.to
	}
	return append(out, b[at:]...)
}

// certificatesIn are the certificates in a text, as packets.
func certificatesIn(b []byte) [][]byte {
	if !bytes.Contains(b, []byte("PUBLIC")) {
		return nil
	}
	var out [][]byte
	for _, bl := range blocks(b) {
		if bl.kind == "key" {
			out = append(out, bl.readings()[0])
		}
	}
	return out
}
