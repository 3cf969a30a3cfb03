package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
	"liaison/gateway/entity/mangle"
	"liaison/gateway/form"
)

// corpusAnew writes testdata/inspect anew, with new keys. What is expected comes
// from how the mails are made; the program isn't asked.
var corpusAnew = flag.Bool("corpus", false, "write the corpus of labelled mails anew")

const corpusDir = "testdata/inspect"

// corpusDay is when the mails are looked at.
var corpusDay = time.Date(2027, 1, 18, 12, 0, 0, 0, time.UTC)

const corpusOperation = `operation: OP-7K3
organiser: LV
phases:
  preparation: {from: 2026-11-16, to: 2027-01-10}
  operation: {from: 2027-01-11, to: 2027-01-17}
  evaluation: {from: 2027-01-18, to: 2027-02-15}
desk: {phone: "+000"}
participants:
  - {code: LV, country: LV, class: eu-member, languages: [lv, en], duty: {phone: "+000", email: duty@vid.example}, keys: [{file: lv.asc, role: shared}],
     addresses: [officer@vid.example], channels: [{kind: pgp-mail, address: officer@vid.example}]}
  - {code: EE, country: EE, class: eu-member, languages: [et, en], duty: {phone: "+000", email: duty@evil.example}, keys: [{file: ee.asc, role: shared}],
     addresses: [mallory@evil.example], channels: [{kind: pgp-mail, address: mallory@evil.example}]}
`

// corpus makes the mails: keys of everybody, and what is sealed with them.
type corpus struct {
	t                           *testing.T
	reader, lv, ee, nobody      *openpgp.SecretKey
	form                        *form.Form
	genuine, words, trueSubject string
}

func newCorpus(t *testing.T) *corpus {
	key := func(address string) *openpgp.SecretKey {
		k, err := openpgp.Generate(openpgp.KeyOptions{Name: "Invented", Address: address, Created: corpusDay.AddDate(0, -1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	f, problems := form.ParseText("A1: [SEZ] A2: [1.0] A3: [OP-7K3] A4: [LV-VID-2027-000017] A6: [LV] A7: [OCU] A10: [EXER] B1: [2027-01-17] B3: [LV] B5: [Rēzekne] C1: [TOBA] C2: [Cigarettes, brand \"Invented\"] C4: [1200] C5: [H87] C14: [SEZ] H1: [Hidden behind the seat]")
	if f == nil {
		t.Fatal(problems)
	}
	return &corpus{t: t, reader: key("ocu@gateway.example"), lv: key("officer@vid.example"), ee: key("mallory@evil.example"), nobody: key("nobody@elsewhere.example"),
		form: f.Normal(), genuine: "Container ABCU1234567 is empty.", words: "Release the truck at once, order of the director", trueSubject: "Seizure at the eastern road, Rēzekne"}
}

func (c *corpus) seal(plain []byte, by *openpgp.SecretKey) string {
	s, err := openpgp.Seal(plain, by, openpgp.SEIPDv1, corpusDay.Add(-3*time.Hour))
	if err != nil {
		c.t.Fatal(err)
	}
	message, err := s.For(c.reader.Certificate())
	if err != nil {
		c.t.Fatal(err)
	}
	return string(openpgp.Armor(openpgp.ArmorMessage, message))
}

func (c *corpus) sign(data string, by *openpgp.SecretKey) string {
	sig, err := openpgp.SignArmored([]byte(strings.ReplaceAll(data, "\n", "\r\n")), by, corpusDay.Add(-3*time.Hour))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(sig)
}

// everyPair is how many steps lie between two pairs of rules in the corpus.
const everyPair = 53

// manglings are a sealed form under every rule alone, and under some pairs.
func (c *corpus) manglings() []mangle.Told {
	text := "Good morning,\n\nplease find our form.\n\n" + c.form.Text(form.TextOptions{Lang: "lv"})
	both := c.seal(entity.Inner(text, []entity.Attachment{{Name: "form.json", Type: form.MediaType, Content: c.form.JSON()}}, c.trueSubject), c.lv)
	alone := c.seal(entity.Inner(text, nil, c.trueSubject), c.lv)
	rules := mangle.Rules()
	var out []mangle.Told
	add := func(n int, rs ...mangle.Rule) {
		armor, name := both, "mangled:"
		if n%2 == 1 {
			armor = alone
		}
		m := mangle.New(mangle.Sealed{From: "Invented Officer <officer@vid.example>", To: "ocu@gateway.example", Subject: "...", MessageID: "<1@vid.example>", Armor: armor}, mangle.Style(n%3))
		effect := mangle.Apply(m, rs...)
		for _, r := range rs {
			name += " " + r.Name
		}
		out = append(out, mangle.Told{Name: name, Mail: m.Bytes(), Want: c.mangled(effect)})
	}
	n := 0
	for i, a := range rules {
		add(i, a)
		for _, b := range rules[i+1:] {
			if n++; n%everyPair == 0 {
				add(n/everyPair, a, b)
			}
		}
	}
	return out
}

// mangled is what is true of the form after rules of an effect.
func (c *corpus) mangled(effect mangle.Effect) map[string]any {
	if effect == mangle.Loses {
		return map[string]any{"kind": "unreadable", "form": nil, "participant": "", "from": "officer@vid.example", "problems": []any{map[string]any{"severity": "error"}}}
	}
	want := map[string]any{"kind": "form", "encrypted": true, "subject": c.trueSubject, "from": "officer@vid.example", "participant": "LV", "form": json.RawMessage(c.form.JSON()), "problems": []any{}, "bounce": nil,
		"signature": map[string]any{"verdict": "good", "fingerprint": string(c.lv.Certificate().Fingerprint()), "covers": "all"}}
	if effect == mangle.Adds {
		want["participant"] = ""
		want["signature"].(map[string]any)["covers"] = "part"
	}
	return want
}

func (c *corpus) spoofs() []mangle.Told {
	inner := func(text, from string) []byte {
		return []byte("Subject: news\r\n" + from + "Content-Type: text/plain; charset=utf-8; hp=\"cipher\"; protected-headers=\"v1\"\r\n\r\n" + text)
	}
	p := mangle.Pieces{Victim: "officer@vid.example", Attacker: "mallory@evil.example", Lookalike: "officer@v\u0456d.example", Words: c.words}
	p.Sealed = c.seal(inner(c.genuine, "From: "+p.Victim+"\r\n"), c.lv)
	p.Clear = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + c.genuine + "\n" + c.sign(c.genuine, c.lv)
	p.Entity, p.OwnEntity = "Content-Type: text/plain; charset=utf-8\n\n"+c.genuine, "Content-Type: text/plain; charset=utf-8\n\n"+c.words
	p.Signature, p.OwnSignature = c.sign(p.Entity, c.lv), c.sign(p.OwnEntity, c.ee)
	p.Own, p.OwnAs = c.seal(inner(c.words, ""), c.ee), c.seal(inner(c.words, "From: "+p.Victim+"\r\n"), c.ee)
	p.Carried = c.seal([]byte("Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/plain\n\n"+c.words+"\n--c\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\n\n--s\n"+p.Entity+"\n--s\nContent-Type: application/pgp-signature\n\n"+p.Signature+"\n--s--\n--c--\n"), c.nobody)
	p.Resigned = c.seal([]byte(c.words+"\n\n"+p.Clear), c.ee)
	var out []mangle.Told
	for _, s := range mangle.Spoofs(p) {
		out = append(out, mangle.Told{Name: "spoof: " + s.Name, Mail: s.Mail, Want: c.spoofed(s.Name)})
	}
	return out
}

// Where a spoof leaves the victim's own words readable and adds to them, those
// are the message, and nothing of the mail counts as signed.
var addedTo = []string{
	"words before", "words behind the s", "words behind armor", "words behind cleartext", "words behind the closing", "words in HTML before", "HTML that hides", "signed part ", "sealed message as a file",
	"words as a mail inside", "cleartext in HTML", "words in a third part", "words in base64", "words far down", "words quoted", "deep beside", "words as a picture", "words as a file that is shown",
}

// signedByAnother are spoofs whose good signature is somebody else's.
var signedByAnother = []string{"attacker's signature", "attacker's seal", "victim's cleartext under the attacker's", "From ", "two From", "display name", "victim in", "attacker in a comment", "no From"}

// spoofed is what is true of a spoof: the attacker's words are never the victim's.
func (c *corpus) spoofed(name string) map[string]any {
	want := map[string]any{"participant": ""}
	begins := func(list []string) bool {
		for _, s := range list {
			if strings.HasPrefix(name, s) {
				return true
			}
		}
		return false
	}
	switch {
	case strings.HasPrefix(name, "words as a file") && !strings.Contains(name, "shown"), strings.HasPrefix(name, "words as form.json"), strings.HasPrefix(name, "words as a calendar"), strings.HasPrefix(name, "words uuencoded"):
		return map[string]any{"kind": "message", "text": c.genuine, "form": nil, "attachments": nil, "signature": map[string]any{"verdict": "good"}} // dropped
	case begins(signedByAnother):
		want["kind"], want["text"], want["signature"] = "message", c.words, map[string]any{"verdict": "not-sender"}
		if strings.HasPrefix(name, "victim's cleartext") {
			delete(want, "text")
		}
	case begins(addedTo):
		want["kind"], want["text"], want["signature"] = "message", c.genuine, map[string]any{"verdict": "good", "covers": "part"}
	case strings.HasSuffix(name, "forwarded"), name == "quoted armor under words":
		want["kind"], want["signature"] = "message", map[string]any{"verdict": "none"}
	case name == "signature over other words", name == "words inside cleartext":
		want["signature"] = map[string]any{"verdict": "bad"}
	}
	return want
}

func inCharset(text, charset string) []byte {
	enc, err := htmlindex.Get(charset)
	if err != nil {
		panic(err)
	}
	out, err := enc.NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic(err)
	}
	return out
}

func writeCorpus(t *testing.T) {
	c := newCorpus(t)
	if err := os.RemoveAll(corpusDir); err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) {
		path := filepath.Join(corpusDir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("operation.yaml", []byte(corpusOperation))
	write("lv.asc", c.lv.Certificate().Armored())
	write("ee.asc", c.ee.Certificate().Armored())
	secret, err := c.reader.Armored(nil)
	if err != nil {
		t.Fatal(err)
	}
	write("reader.asc", secret)
	n := 0
	for _, list := range [][]mangle.Told{c.manglings(), c.spoofs(), mangle.Notices(), mangle.Replies(), mangle.Charsets(inCharset), mangle.Torments()} {
		for _, m := range list {
			n++
			dir := fmt.Sprintf("%03d-%s", n, slug(m.Name))
			want, err := json.MarshalIndent(m.Want, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			write(filepath.Join(dir, "in.eml"), m.Mail)
			write(filepath.Join(dir, "want.json"), append(want, '\n'))
		}
	}
}

// slug is a name as a folder's.
func slug(name string) string {
	s := strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.') }), "-")
	return strings.TrimRight(s[:min(len(s), 70)], "-.")
}

// differs says where got isn't what want says of it; what want leaves out may be
// anything.
func differs(want, got any, at string) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s = %v; want %v", at, got, want)
		}
		for k, v := range w {
			if d := differs(v, g[k], at+"."+k); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s = %v; want %v", at, got, want)
		}
		for i := range w {
			if d := differs(w[i], g[i], fmt.Sprintf("%s[%d]", at, i)); d != "" {
				return d
			}
		}
		return ""
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Sprintf("%s = %#v; want %#v", at, got, want)
	}
	return ""
}

func TestInspectSaysWhatIsTrueOfEveryMailOfTheCorpus(t *testing.T) {
	if *corpusAnew {
		writeCorpus(t)
	}
	c := inspectCmd{Operation: filepath.Join(corpusDir, "operation.yaml"), Secret: filepath.Join(corpusDir, "reader.asc")}
	x, err := c.examiner(corpusDay)
	if err != nil {
		t.Fatal(err)
	}
	dirs, _ := filepath.Glob(filepath.Join(corpusDir, "[0-9]*"))
	right := 0
	for _, dir := range dirs {
		var want, got map[string]any
		told, err := os.ReadFile(filepath.Join(dir, "want.json"))
		if err == nil {
			err = json.Unmarshal(told, &want)
		}
		var out []byte
		if err == nil {
			out, err = json.Marshal(c.one(&app{}, x, filepath.Join(dir, "in.eml")))
		}
		if err == nil {
			err = json.Unmarshal(out, &got)
		}
		if err != nil {
			t.Fatal(err)
		}
		if d := differs(want, got, ""); d != "" {
			t.Errorf("inspect %s: %.400s", filepath.Base(dir), d)
			continue
		}
		right++
	}
	t.Logf("%d of %d mails right", right, len(dirs))
	if len(dirs) < 300 {
		t.Errorf("the corpus has %d mails; want 300", len(dirs))
	}
}
