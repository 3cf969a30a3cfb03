package entity

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"liaison/gateway/entity/mangle"
)

// seedMails adds every mail of the golden directories.
func seedMails(f *testing.F) {
	files, _ := filepath.Glob("testdata/[0-9]*/in.eml")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && len(raw) < 64<<10 {
			f.Add(raw)
		}
	}
}

func FuzzRead(f *testing.F) {
	seedMails(f)
	f.Add([]byte("Content-Type: multipart/signed; boundary=b\n\n--b\n\nx\n--b\n\n-----BEGIN PGP SIGNATURE-----\nGOOD\n--b--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := Read(raw, pretend{}, Limits{})
		switch {
		case r == nil || r.Kind == "":
			t.Fatal("Read gave no kind")
		case (r.Covers == "") != (r.Signature.Verdict == verdictNone):
			t.Fatalf("Read = %+v; want covers with a signature", see(r))
		case !utf8.ValidString(r.Text) || !utf8.ValidString(r.Written):
			t.Fatalf("Read = %+v; want text in UTF-8", see(r))
		case r.Kind == Unreadable && len(r.Problems) == 0:
			t.Fatal("unreadable without a reason")
		}
		for _, a := range r.Senders() {
			if strings.ContainsAny(a, "\r\n\x00") {
				t.Fatalf("Senders = %q", a)
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte("From: =?utf-8?q?a=40b?= <a@b.example>\r\nSubject: =?x?b?!?=\r\n folded\r\n\r\nbody"))
	f.Add([]byte("From a@b\nTo: (\"\\"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		fields, body, _ := splitHeader(raw)
		if len(body) > len(raw) {
			t.Fatal("the body is longer than the mail")
		}
		for _, field := range newHeader(fields).Fields {
			if !utf8.ValidString(field.Value) || strings.ContainsAny(field.Value, "\x00\x7f") {
				t.Fatalf("field %q = %q", field.Name, field.Value)
			}
		}
	})
}

func FuzzMediaType(f *testing.F) {
	for _, s := range []string{"text/plain; charset=utf-8", "multipart/mixed boundary=x", "a/b; n*0*=utf-8''%C4; n*1=x", "a/b; n=\"x\\\"", "text/plain;;=;a", "; boundary*="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if kind, _ := mediaType(s, "text/plain"); !isMediaType(kind) || kind != strings.ToLower(kind) {
			t.Fatalf("mediaType(%q) = %q", s, kind)
		}
	})
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"\"a@b.example\" <c@d.example>", "a@b (c@d)", "<a@b> <c@d>", "g: a@b, c@d;", "=?utf-8?q?a=40b?= <c@d>", "o\uff20d", "\"", "xn--a@xn--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range parseAddresses(s) {
			if c := Canonical(a.Addr); Canonical(c) != c {
				t.Fatalf("Canonical(%q) = %q, whose own is %q", a.Addr, c, Canonical(c))
			}
			LooksLike(a.Addr, s)
			claims(a.Name)
		}
	})
}

func FuzzArmor(f *testing.F) {
	for _, s := range []string{armored("E|good|AA", "text"), "> " + strings.ReplaceAll(armored("E|good|AA", "text"), "\n", "\n> "), beginSigned + "\n\nx\n" + beginSig + "\nGOOD\n" + endSig,
		"—BEGIN PGP MESSAGE— aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8g=3D —END PGP MESSAGE—", strings.Repeat(beginMessage, 3)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		past := 0
		for _, bl := range blocks(b) {
			if bl.from < past || bl.to <= bl.from || bl.to > len(b) {
				t.Fatalf("block [%d, %d) after %d of %d", bl.from, bl.to, past, len(b))
			}
			past = bl.to
			if len(bl.readings()) == 0 {
				t.Fatal("a block without a reading")
			}
		}
		if len(withoutArmor(b)) > len(b) {
			t.Fatal("more is left than there was")
		}
	})
}

func FuzzHTML(f *testing.F) {
	f.Add("<p>a<table><tr><td>b</td><td>c</tr></table><blockquote>d</blockquote><!-- x --><style>y")
	f.Add("<div style=\"display:none\">a</div>&nbsp;&#0;&#x110000;")
	f.Fuzz(func(t *testing.T, s string) {
		if got := HTMLText(strings.ToValidUTF8(s, "?")); !utf8.ValidString(got) {
			t.Fatalf("HTMLText = %q", got)
		}
	})
}

func FuzzReplyText(f *testing.F) {
	for _, m := range mangle.Languages {
		f.Add(m.Banner + "\n\n" + m.Answer + "\n\n" + m.Farewell + "\nName\n" + m.Footer + "\n\n" + m.Attributions[0] + "\n> old\n" + m.Block + "\n\n" + m.Disclaimer)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		if got := ReplyText(s); len(got) > len(s) || !utf8.ValidString(got) {
			t.Fatalf("ReplyText(%q) = %q", s, got)
		}
	})
}

func FuzzTNEF(f *testing.F) {
	head := []byte{0x78, 0x9f, 0x3e, 0x22, 1, 0}
	attribute := func(id uint32, data string) []byte {
		b := binary.LittleEndian.AppendUint32([]byte{2}, id)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
		return append(append(b, data...), 0, 0)
	}
	f.Add(bytes.Join([][]byte{head, attribute(tnefBody, "text"), attribute(tnefRendering, "x"), attribute(tnefFileTitle, "a.txt\x00"), attribute(tnefFileData, "data")}, nil))
	f.Add(bytes.Join([][]byte{head, attribute(tnefMessageProps, "\x01\x00\x00\x00\x02\x01\x13\x10\x01\x00\x00\x00\x04\x00\x00\x00<p>x")}, nil))
	f.Add(bytes.Join([][]byte{head, attribute(tnefRendering, ""), attribute(tnefFileProps, "\x02\x00\x00\x00\x1f\x00\x07\x37\x01\x00\x00\x00\x04\x00\x00\x00a\x00\x00\x00\x0d\x00\x01\x37\x01\x00\x00\x00\x18\x00\x00\x000123456789012345\x78\x9f\x3e\x22\x01\x00\x00\x00")}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isTNEF(b) {
			b = append(head, b...)
			if !isTNEF(b) {
				return
			}
		}
		tr := &tree{limits: Limits{Size: 1 << 20}.filled()}
		p := leaf("application/ms-tnef", b, "")
		tr.unwrapTNEF(p, b, 0)
		for _, c := range p.children {
			if tr.readable(c); len(c.body) > 2*len(b)+maxText {
				t.Fatalf("a child of %d bytes out of %d", len(c.body), len(b))
			}
		}
	})
}

func FuzzRTF(f *testing.F) {
	f.Add([]byte(`{\rtf1\ansi\ansicpg1257{\fonttbl x}\f0 R\'eega\par \u353?\uc1 a\tab{\*\x y}}`))
	f.Add([]byte("\x10\x00\x00\x00\x10\x00\x00\x00LZFu\x00\x00\x00\x00\x03abc\x00\x10"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !utf8.ValidString(rtfText(b)) || !utf8.ValidString(rtfText(uncompressRTF(b))) {
			t.Fatal("not UTF-8")
		}
	})
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte("Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1 (x)\nDiagnostic-Code: smtp; 550\n folded\n\nOriginal-Recipient: x;y\nStatus: 4"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list := fates(b)
		if len(list) > maxRecipients {
			t.Fatalf("%d recipients", len(list))
		}
		for _, r := range list {
			if r.Recipient == "" || r.Action == "" || r.Final != (r.Action == "failed") || (r.Action == "failed" || r.Action == "delayed") != (r.Cause != "") {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzProse(f *testing.F) {
	files, _ := filepath.Glob("testdata/[0-9]*bounce*/in.eml")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			_, body, _ := splitHeader(raw)
			f.Add(string(body))
		}
	}
	f.Add("<a@b.example>:\n550 5.1.1 unknown\n\n--- Below this line is a copy.\n\nFrom: x@y.example\nReceived: z\n")
	f.Add("  |/bin/x\n    (expanded from: <a@b.example>)\n>>> RCPT To:<c@d.example>\n<<< 452 4.2.2 full\nRecipient: <e@f.example>")
	f.Fuzz(func(t *testing.T, s string) {
		rd := &reader{tree: tree{limits: Limits{}.filled()}}
		n := rd.notice(rd.tree.parse([]byte("To: us@gateway.example\n\n"+s), 0))
		for _, r := range append(n.recipients(nil), n.recipients([]string{"a@b.example"})...) {
			if r.Recipient == "" || len(r.Diagnostic) > maxDiagnostic || !utf8.ValidString(r.Diagnostic) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzWrappers(f *testing.F) {
	f.Add([]byte("begin 644 a.txt\n#0V%T\n`\nend\n"))
	f.Add(append([]byte{0x30, 0x80}, append(append(append([]byte{}, oidSigned...), 0xa0, 0x80, 0x30, 0x80, 2, 1, 1, 0x31, 0), append(append([]byte{0x30, 0x80}, oidData...), 0xa0, 0x80, 0x24, 0x80, 4, 2, 'h', 'i', 0, 0)...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(signedContent(b)) > len(b) {
			t.Fatal("more came out than went in")
		}
		files, text := uuencoded(b)
		if len(text) > len(b) {
			t.Fatal("more text came out than went in")
		}
		for _, a := range files {
			if len(a.Content) > 2*len(b) {
				t.Fatal("more came out than went in")
			}
		}
		if len(decodeBase64(b)) > len(b) || len(decodeQP(b)) > len(b) {
			t.Fatal("more came out than went in")
		}
	})
}

func FuzzCharset(f *testing.F) {
	for label := range map[string]bool{"": true, "utf-7": true, "utf-16": true, "iso-2022-jp": true, "koi8-r": true, "cp1257": true, "x": true, "gb18030": true} {
		f.Add([]byte("R\xeega +AOQ-"), label)
	}
	f.Fuzz(func(t *testing.T, b []byte, label string) {
		if got := toUTF8(b, label); !utf8.ValidString(got) {
			t.Fatalf("toUTF8(%q, %q) = %q", b, label, got)
		}
		if got := decodeWords("=?" + label + "?q?" + string(b) + "?="); !utf8.ValidString(got) {
			t.Fatalf("decodeWords = %q", got)
		}
	})
}

func FuzzAuthResults(f *testing.F) {
	f.Add("mx.gateway.example; dmarc=pass header.from=vid.example; spf=pass")
	f.Add("mx.gateway.example 1; dmarc=fail (p=none); dmarc=pass")
	f.Fuzz(func(t *testing.T, s string) {
		r := &Reading{Header: Header{Fields: []Field{{Name: "Authentication-Results", Value: s}}}}
		if a := r.AuthResults("other.example"); a.DMARC != "" && !strings.Contains(strings.ToLower(s), "other.example") {
			t.Fatalf("AuthResults of another server = %+v", a)
		}
	})
}
