package mangle

import (
	"fmt"
	"strings"
)

// Told is a mail with the truth about it: what reading it must give, in the words
// of "liaison inspect". What the truth leaves out isn't determined.
type Told struct {
	Name string
	Mail []byte
	Want map[string]any
}

const (
	us      = "ocu@gateway.example"
	them    = "officer@vid.example"
	callID  = "<call-7@gateway.example>"
	head    = "Date: Mon, 18 Jan 2027 09:00:00 +0100\nMessage-ID: <m1@mx.vid.example>\nMIME-Version: 1.0\n"
	ofThem  = "From: Invented Officer <" + them + ">\nTo: " + us + "\nSubject: Re: OP-7K3 000123\n" + head
	plainly = "Content-Type: text/plain; charset=utf-8\n\n"
)

func told(name, mail string, want map[string]any) Told {
	mail = strings.ReplaceAll(strings.ReplaceAll(mail, "\r\n", "\n"), "\n", "\r\n")
	return Told{name, []byte(mail), want}
}

// said is the truth about a mail of words that a person wrote.
func said(text string) map[string]any {
	return map[string]any{"kind": "message", "encrypted": false, "text": text, "participant": "", "bounce": nil, "form": nil,
		"signature": map[string]any{"verdict": "none", "fingerprint": "", "covers": ""}, "problems": []any{}}
}

// Replies are answers above, between and below what programs quote, in every
// language of the Union; the answer alone is what the sender wrote.
func Replies() []Told {
	var out []Told
	for _, l := range Languages {
		add := func(name, text string) {
			out = append(out, told("reply "+l.Lang+" "+name, ofThem+plainly+text, said(l.Answer)))
		}
		old := "> Please confirm the arrival of the container.\n> Quantity C4: [9]\n"
		add("attribution", l.Answer+"\n\n"+l.Attributions[0]+"\n"+old)
		add("below, disclaimer", l.Attributions[len(l.Attributions)-1]+"\n"+old+"\n"+l.Answer+"\n\n"+l.Disclaimer+"\n")
		add("banner, footer, block", l.Banner+"\n\n"+l.Answer+"\n\n"+l.Footer+"\n\n"+l.Block+"\n\nPlease confirm the arrival.\nQuantity C4: [9]\n")
	}
	return out
}

// Charsets are words in the charsets that people's programs write, declared,
// undeclared and wrongly declared. encode puts text into a charset.
func Charsets(encode func(text, charset string) []byte) []Told {
	var out []Told
	for _, c := range []struct{ charset, text string }{
		{"windows-1257", "Konteiners ir tukšs. Vadītājs brauc uz Rēzekni, zīmogs vēl šķiet vesels."},
		{"iso-8859-13", "Konteineris tuščias, vairuotojas važiuoja į Šiaulius, plomba dar sveika."},
		{"windows-1250", "Kontejner je prázdný, řidič jede do Břeclavi, závěra je ještě neporušená."},
		{"iso-8859-2", "Kontener jest pusty, kierowca jedzie do Łodzi, plomba jest jeszcze cała, więc czekać."},
		{"windows-1251", "Контейнерът е празен, шофьорът пътува към Русе, пломбата е още цяла."},
		{"koi8-r", "Контейнер пуст, водитель едет в Даугавпилс, пломба ещё цела."},
		{"iso-8859-5", "Контейнерът е празен, шофьорът пътува към Варна, пломбата е цяла."},
		{"windows-1253", "Το εμπορευματοκιβώτιο είναι άδειο, ο οδηγός πηγαίνει στη Λάρισα."},
		{"iso-8859-7", "Το εμπορευματοκιβώτιο είναι άδειο, ο οδηγός πηγαίνει στο Βόλο."},
		{"iso-8859-1", "Der Behälter ist leer, der Fahrer fährt nach Görlitz, das Siegel hält noch."},
		{"utf-8", "Konteiner on tühi, juht sõidab Pärnusse, plomm on veel terve."},
	} {
		add := func(name, label string, body []byte) {
			m := told("charset "+name, ofThem, said(c.text))
			m.Mail = append(m.Mail, "Content-Type: text/plain"+label+"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"...)
			m.Mail = append(append(m.Mail, body...), "\r\n"...)
			out = append(out, m)
		}
		body := encode(c.text, c.charset)
		add(c.charset+" declared", "; charset="+c.charset, body)
		add(c.charset+" undeclared", "", body)
		if c.charset != "utf-8" {
			add(c.charset+" called UTF-8", "; charset=utf-8", body)
		}
		add(c.charset+" under an unknown name", "; charset=x-invented", []byte(c.text))
	}
	return out
}

// Torments are mails that break the rules of MIME, and some that only use them.
func Torments() []Told {
	var out []Told
	word := "Container ABCU1234567 is empty."
	add := func(name, body string, want map[string]any) { out = append(out, told("mime "+name, ofThem+body, want)) }
	unreadable := func(code int) map[string]any {
		return map[string]any{"kind": "unreadable", "encrypted": false, "form": nil, "participant": "", "problems": []any{map[string]any{"code": code, "severity": "error"}}}
	}
	with := func(want map[string]any, key string, value any) map[string]any { want[key] = value; return want }
	nested := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"=_%d\"\n\n--=_%d\n", i, i)
		}
		return b.String() + plainly + word + "\n"
	}
	add("plain", plainly+word, said(word))
	add("no type", "\n"+word, said(word))
	add("type in capitals", "CONTENT-TYPE: TEXT/PLAIN; CHARSET=\"UTF-8\"\n\n"+word, said(word))
	add("base64", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"+lines64([]byte(word)), said(word))
	add("base64 with a footer in clear", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"+lines64([]byte(word))+"\n--\nInvented list, see below\n", said(word))
	add("base64 without padding", "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"+strings.TrimRight(lines64([]byte(word)), "=\r\n"), said(word))
	add("quoted-printable", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nR=C4=93zek=\nne, quantity=3D9, 100 =ZZ\n", said("Rēzekne, quantity=9, 100 =ZZ"))
	add("alternative", multipart("alternative", "a", part("text/plain; charset=utf-8", word), part("text/html; charset=utf-8", "<p>Other <b>words</b></p>")), said(word))
	add("HTML alone", "Content-Type: text/html; charset=utf-8\n\n<html><head><style>p {}</style><title>no</title></head><body><p>Container ABCU1234567<br>is&nbsp;empty.</p><script>no()</script></body></html>", said("Container ABCU1234567\nis empty."))
	add("HTML with a table", "Content-Type: text/html; charset=utf-8\n\n<table><tr><td>Seal</td><td>123</td></tr><tr><td>Driver</td><td>unknown</td></tr></table>", said("Seal\t123\nDriver\tunknown"))
	add("HTML with a link to far away", "Content-Type: text/html; charset=utf-8\n\n<p>"+word+"</p><img src=\"http://tracker.example/x.gif\" alt=\"\">", said(word))
	add("boundary not declared", "Content-Type: multipart/mixed\n\n--=_x\n"+plainly+word+"\n--=_x--\n", said(word))
	add("boundary wrong", "Content-Type: multipart/mixed; boundary=\"=_other\"\n\n--=_x\n"+plainly+word+"\n--=_x--\n", said(word))
	add("boundary never closed", "Content-Type: multipart/mixed; boundary=\"=_x\"\n\n--=_x\n"+plainly+word+"\n", said(word))
	add("boundary with blanks behind", "Content-Type: multipart/mixed; boundary=\"=_x\"\n\n--=_x   \n"+plainly+word+"\n--=_x--   \n", said(word))
	add("boundary the same inside", multipart("mixed", "x", multipart("alternative", "x", part("text/plain", word))), said(word))
	add("boundary of a quote and a blank", "Content-Type: multipart/mixed; boundary='x y'\n\n--'x y'\n"+plainly+word+"\n--'x y'--\n", said(word))
	add("preamble and epilogue", "Content-Type: multipart/mixed; boundary=\"=_x\"\n\nThis is a multipart message.\n--=_x\n"+plainly+word+"\n--=_x--\nNothing here.\n", said(word))
	add("fifty deep", nested(50), said(word))
	add("two hundred deep", nested(200), unreadable(18))
	add("two thousand parts", multipart("mixed", "m", strings.Split(strings.Repeat("\n\nx|", 2000), "|")...), unreadable(18))
	add("header of a million letters", "X-Long: "+strings.Repeat("x", 263_000)+"\n"+plainly+word, unreadable(18))
	add("one piece of a split mail", "Content-Type: message/partial; id=\"a@b.example\"; number=1; total=3\n\nFrom: a@b.example\n\n"+word, unreadable(18))
	add("only piece of a split mail", "Content-Type: message/partial; id=\"a@b.example\"; number=1; total=1\n\nContent-Type: text/plain\n\n"+word, said(word))
	add("uuencoded file", plainly+word+"\n\n"+uuencode("seal.txt", []byte("123")), with(said(word), "attachments", []any{map[string]any{"name": "seal.txt", "bytes": 3}}))
	add("winmail.dat", multipart("mixed", "m", part("text/plain", word), "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"+lines64([]byte(winmail("seal.bin", "123\x00")))),
		with(said(word), "attachments", []any{map[string]any{"name": "seal.bin", "bytes": 4}}))
	add("file with a name in pieces", multipart("mixed", "m", part("text/plain", word), "Content-Type: application/pdf\nContent-Disposition: attachment; filename*0*=utf-8''R%C4%93; filename*1=\"zekne.pdf\"\n\n%PDF"),
		with(said(word), "attachments", []any{map[string]any{"name": "Rēzekne.pdf", "type": "application/pdf", "bytes": 4}}))
	add("file with a name in encoded words", multipart("mixed", "m", part("text/plain", word), "Content-Type: application/pdf; name=\"=?utf-8?q?R=C4=93zekne=2Epdf?=\"\nContent-Disposition: attachment\n\n%PDF"),
		with(said(word), "attachments", []any{map[string]any{"name": "Rēzekne.pdf", "bytes": 4}}))
	add("file with a path in its name", multipart("mixed", "m", part("text/plain", word), "Content-Type: application/pdf; name=\"..\\\\..\\\\order.pdf\"\n\n%PDF"),
		with(said(word), "attachments", []any{map[string]any{"name": "order.pdf", "bytes": 4}}))
	add("calendar", multipart("mixed", "m", part("text/plain", word), part("text/calendar; charset=utf-8; method=REQUEST", "BEGIN:VCALENDAR\nEND:VCALENDAR")),
		with(said(word), "attachments", []any{map[string]any{"type": "text/calendar"}}))
	add("mail in the mail", multipart("mixed", "m", part("text/plain", word), "Content-Type: message/rfc822\n\nFrom: x@y.example\n\nOther words"), with(said(word), "attachments", []any{map[string]any{"type": "message/rfc822"}}))
	out = append(out,
		told("mime subject in pieces", strings.Replace(ofThem, "Subject: Re: OP-7K3 000123", "Subject: =?utf-8?q?R=C4?=\n =?utf-8?q?=93zekne?=", 1)+plainly+word, with(said(word), "subject", "Rēzekne")),
		told("mime subject in base64 cut anywhere", strings.Replace(ofThem, "Subject: Re: OP-7K3 000123", "Subject: =?utf-8?b?UsSTe?=\n =?utf-8?b?mVrbmU=?=", 1)+plainly+word, with(said(word), "subject", "Rēzekne")),
		told("mime subject in raw 8 bits", strings.Replace(ofThem, "Re: OP-7K3 000123", "R\u0113zekne", 1)+plainly+word, with(said(word), "subject", "Rēzekne")),
		told("mime without a header", word+"\n", unreadable(18)),
		told("mime of nothing", "", unreadable(18)),
		told("mime bare line of mbox", "From officer@vid.example Mon Jan 18 09:00:00 2027\n"+ofThem+plainly+word, said(word)),
	)
	return out
}
