package mangle

import (
	"fmt"
	"slices"
	"strings"
)

// Pieces are what an attacker has: genuine messages of the victim, a key of the
// attacker's own, and words that the victim never said.
type Pieces struct {
	Victim, Attacker string // addresses
	Lookalike        string // an address of the attacker's that looks like the victim's
	Words            string

	Sealed    string // a genuine message of the victim's, sealed to the reader; armored
	Clear     string // one signed as cleartext
	Entity    string // one that is a MIME entity, with CRLF
	Signature string // over Entity, armored

	Own          string // Words under the attacker's key, sealed to the reader; armored
	OwnAs        string // the same with the victim in its protected From
	OwnEntity    string // Words as an entity, with CRLF
	OwnSignature string // the attacker's, over OwnEntity
	Carried      string // sealed to the reader by nobody's key: Words, then Sealed's like signed
	Resigned     string // sealed under the attacker's key: Words around Clear
}

// Spoof is a mail by which an attacker tries to be taken for the victim.
type Spoof struct {
	Name string
	Mail []byte
}

// Spoofs are all of them, by the classes of "Johnny, you are fired" (USENIX
// Security 2019) and what else mail makes possible.
func Spoofs(p Pieces) []Spoof {
	var out []Spoof
	for name, body := range p.bodies() {
		out = append(out, Spoof{name, p.mail("From: Invented Officer <"+p.Victim+">", body)})
	}
	for name, from := range p.froms() {
		for how, body := range map[string]string{"sealed": sealedBody(p.Own), "signed": signedBody(p.OwnEntity, p.OwnSignature), "sealed, its From protected": sealedBody(p.OwnAs)} {
			out = append(out, Spoof{name + ", " + how, p.mail(from, body)})
		}
	}
	slices.SortFunc(out, func(a, b Spoof) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (p Pieces) mail(from, body string) []byte {
	head := "To: ocu@gateway.example\r\nSubject: OP-7K3 000123\r\nDate: Mon, 18 Jan 2027 09:00:00 +0100\r\nMessage-ID: <spoof@invented.example>\r\nMIME-Version: 1.0\r\n"
	if from != "" {
		head = from + "\r\n" + head
	}
	return []byte(head + strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\n", "\r\n"))
}

func sealedBody(armor string) string {
	return multipart("encrypted; protocol=\"application/pgp-encrypted\"", "enc", "Content-Type: application/pgp-encrypted\n\nVersion: 1", "Content-Type: application/octet-stream; name=encrypted.asc\n\n"+armor)
}

func signedBody(entity, signature string) string {
	return multipart("signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256", "sig", entity, "Content-Type: application/pgp-signature; name=signature.asc\n\n"+signature)
}

// multipart makes a body of parts, each with its header.
func multipart(kind, boundary string, parts ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Content-Type: multipart/%s; boundary=\"=_%s\"\n\n", kind, boundary)
	for _, p := range parts {
		fmt.Fprintf(&b, "--=_%s\n%s\n", boundary, p)
	}
	fmt.Fprintf(&b, "--=_%s--\n", boundary)
	return b.String()
}

func part(kind, text string) string { return "Content-Type: " + kind + "\n\n" + text }

// bodies are mails from the victim's address with the attacker's words somewhere
// about a genuine message, or under a signature that isn't the victim's.
func (p Pieces) bodies() map[string]string {
	plain, words := "text/plain; charset=utf-8", p.Words
	text := part(plain, words)
	html := part("text/html; charset=utf-8", "<html><body><p>"+words+"</p></body></html>")
	hiding := part("text/html; charset=utf-8", "<html><body><p>"+words+"</p><div style=\"display:none\"><!--</body></html>")
	sealed, signed, file := sealedBody(p.Sealed), signedBody(p.Entity, p.Signature), "Content-Type: application/octet-stream; name=message.asc\nContent-Disposition: attachment; filename=message.asc\n\n"+p.Sealed
	out := map[string]string{
		"words before the sealed part":                       multipart("mixed", "m", text, sealed),
		"words behind the sealed part":                       multipart("mixed", "m", sealed, text),
		"words before the signed part":                       multipart("mixed", "m", text, signed),
		"words behind the signed part":                       multipart("mixed", "m", signed, text),
		"words in HTML before the signed part":               multipart("mixed", "m", html, signed),
		"HTML that hides the signed part":                    multipart("mixed", "m", hiding, signed),
		"HTML that hides the sealed part":                    multipart("mixed", "m", hiding, sealed),
		"signed part referred to as a picture":               multipart("related", "m", part("text/html", "<p>"+words+"</p><img src=\"cid:signed\">"), "Content-ID: <signed>\n"+signed),
		"signed part as an alternative":                      multipart("alternative", "m", signed, html),
		"signed part as the other alternative":               multipart("alternative", "m", html, signed),
		"sealed message as a file beside words":              multipart("mixed", "m", text, file),
		"sealed message as a file beside HTML":               multipart("mixed", "m", html, file),
		"signed mail forwarded":                              multipart("mixed", "m", text, "Content-Type: message/rfc822\n\nFrom: "+p.Victim+"\n"+signed),
		"sealed mail forwarded":                              multipart("mixed", "m", text, "Content-Type: message/rfc822\n\nFrom: "+p.Victim+"\n"+sealed),
		"words as a mail inside":                             multipart("mixed", "m", sealed, "Content-Type: message/rfc822\n\nFrom: "+p.Victim+"\n\n"+words),
		"words before armor":                                 part(plain, words+"\n\n"+p.Sealed),
		"words behind armor":                                 part(plain, p.Sealed+"\n"+words),
		"words before cleartext":                             part(plain, words+"\n\n"+p.Clear),
		"words behind cleartext":                             part(plain, p.Clear+"\n"+words),
		"words among the headers of cleartext":               part(plain, strings.Replace(p.Clear, "\n\n", "\n"+words+"\n\n", 1)),
		"words in a header of cleartext":                     part(plain, strings.Replace(p.Clear, "\n\n", "\nComment: "+words+"\n\n", 1)),
		"words inside cleartext":                             part(plain, strings.Replace(p.Clear, "\n\n", "\n\n"+words+"\n", 1)),
		"cleartext in HTML behind words":                     part("text/html", "<p>"+words+"</p><div style=\"display:none\"><pre>"+p.Clear+"</pre></div>"),
		"cleartext in a comment of HTML":                     part("text/html", "<p>"+words+"</p><!--\n"+p.Clear+"\n-->"),
		"attacker's armor behind the victim's":               part(plain, p.Sealed+"\n"+p.Own),
		"attacker's armor before the victim's":               part(plain, p.Own+"\n"+p.Sealed),
		"attacker's cleartext and the victim's armor":        multipart("mixed", "m", text, part(plain, p.Clear), part(plain, p.Sealed)),
		"words in a third part of the signed":                multipart("signed; protocol=\"application/pgp-signature\"", "s", p.Entity, "Content-Type: application/pgp-signature\n\n"+p.Signature, text),
		"words behind the signature in its part":             multipart("signed; protocol=\"application/pgp-signature\"", "s", p.Entity, part(plain, p.Signature+"\n"+words)),
		"words before the signature in its part":             multipart("signed; protocol=\"application/pgp-signature\"", "s", p.Entity, part(plain, words+"\n"+p.Signature)),
		"signature over other words":                         signedBody(p.OwnEntity, p.Signature),
		"attacker's signature":                               signedBody(p.OwnEntity, p.OwnSignature),
		"attacker's seal":                                    sealedBody(p.Own),
		"attacker's seal, the victim in its protected From":  sealedBody(p.OwnAs),
		"words and the victim's signed part sealed unsigned": sealedBody(p.Carried),
		"victim's cleartext under the attacker's signature":  sealedBody(p.Resigned),
		"signature as a file beside words":                   multipart("mixed", "m", p.OwnEntity, "Content-Type: application/pgp-signature; name=signature.asc\n\n"+p.Signature),
		"words as a calendar":                                multipart("mixed", "m", sealed, part("text/calendar; charset=utf-8", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:"+words+"\nEND:VEVENT\nEND:VCALENDAR")),
		"words as a picture":                                 multipart("mixed", "m", sealed, "Content-Type: image/svg+xml\nContent-Disposition: inline\n\n<svg><text>"+words+"</text></svg>"),
		"words as a file that is shown":                      multipart("mixed", "m", sealed, "Content-Type: application/pdf; name=order.pdf\nContent-Disposition: inline; filename=order.pdf\n\n%PDF "+words),
		"words as a file":                                    multipart("mixed", "m", sealed, "Content-Type: text/plain; name=order.txt\nContent-Disposition: attachment; filename=order.txt\n\n"+words),
		"words as form.json beside":                          multipart("mixed", "m", sealed, "Content-Type: application/vnd.jco-form+json; name=form.json\nContent-Disposition: attachment; filename=form.json\n\n{\"H1\":\""+words+"\"}"),
		"words in base64 beside":                             multipart("mixed", "m", "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"+strings.TrimSpace(strings.ReplaceAll(lines64([]byte(words)), "\r\n", "\n")), sealed),
		"words uuencoded before armor":                       part(plain, strings.ReplaceAll(uuencode("order.txt", []byte(words)), "\r\n", "\n")+p.Sealed),
		"words far down":                                     part(plain, p.Sealed+strings.Repeat("\n", 3000)+words),
		"words quoted":                                       part(plain, p.Sealed+"\n> "+words),
		"words behind the closing delimiter":                 multipart("mixed", "m", sealed) + "--=_m\n" + text + "\n--=_m--\n",
		"armor in two parts with words between":              multipart("mixed", "m", part(plain, p.Sealed[:len(p.Sealed)/2]), text, part(plain, p.Sealed[len(p.Sealed)/2:])),
		"quoted armor under words":                           part(plain, words+"\n\nOn Monday "+p.Victim+" wrote:\n> "+strings.ReplaceAll(p.Sealed, "\n", "\n> ")),
		"deep beside words":                                  multipart("mixed", "a", multipart("mixed", "b", multipart("mixed", "c", text)), multipart("mixed", "d", multipart("mixed", "e", signed))),
	}
	return out
}

// froms are header fields that make a mail of the attacker's own look like the
// victim's.
func (p Pieces) froms() map[string]string {
	v, a := p.Victim, p.Attacker
	local, domain, _ := strings.Cut(v, "@")
	return map[string]string{
		"From is the victim":                               "From: " + v,
		"From has two addresses, the victim first":         "From: " + v + ", " + a,
		"From has two addresses, the victim last":          "From: " + a + ", " + v,
		"two From fields, the victim first":                "From: " + v + "\r\nFrom: " + a,
		"two From fields, the victim last":                 "From: " + a + "\r\nFrom: " + v,
		"display name is the victim's address":             "From: \"" + v + "\" <" + a + ">",
		"display name is the victim's address, unquoted":   "From: " + v + " <" + a + ">",
		"display name has the victim in brackets":          "From: \"Invented Officer <" + v + ">\" <" + a + ">",
		"display name in encoded words":                    "From: =?utf-8?q?" + strings.ReplaceAll(v, "@", "=40") + "?= <" + a + ">",
		"display name with a wide at sign":                 "From: \"" + local + "\uff20" + domain + "\" <" + a + ">",
		"display name with invisible letters":              "From: \"" + local + "\u200b@" + domain + "\" <" + a + ">",
		"victim in a comment":                              "From: " + a + " (" + v + ")",
		"attacker in a comment":                            "From: " + v + " (" + a + ")",
		"From in a group":                                  "From: officers: " + v + ", " + a + ";",
		"From is empty":                                    "From:",
		"From has no address":                              "From: Invented Officer",
		"From has empty brackets":                          "From: Invented Officer <>",
		"no From, the victim in Sender":                    "Sender: " + v,
		"no From, the victim in Reply-To":                  "Reply-To: " + v,
		"victim in From, attacker in Sender":               "From: " + v + "\r\nSender: " + a,
		"From with two pairs of brackets":                  "From: <" + v + "> <" + a + ">",
		"From with a source route":                         "From: <@" + domain + ":" + a + ">, <" + v + ">",
		"From that never closes":                           "From: \"Invented <" + v + "> " + a,
		"From with a stray blank before its colon":         "From : " + v + "\r\nFrom: " + a,
		"From folded":                                      "From:\r\n " + v + ",\r\n " + a,
		"From with a NUL":                                  "From: " + v + "\x00 <" + a + ">",
		"From looks like the victim":                       "From: " + p.Lookalike,
		"From is the victim with a line break in the name": "From: =?utf-8?q?Invented=0AFrom=3A_" + strings.ReplaceAll(v, "@", "=40") + "?= <" + v + ">",
	}
}
