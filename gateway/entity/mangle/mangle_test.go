package mangle_test

import (
	"bytes"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/entity/mangle"
	"liaison/gateway/form"
)

// full runs what takes minutes: "go test ./gateway/entity/mangle -full -v".
var full = flag.Bool("full", false, "every pair of rules, and hostile mails of full size")

// sampled is one in how many pairs of rules is tried without -full: each rule
// still meets several others.
const sampled = 16

// The truth: one form, its subject, who sealed it.
const (
	victim   = "officer@vid.example"
	attacker = "mallory@evil.example"
	reader   = "ocu@gateway.example"
	subject  = "Seizure at the eastern road, Rēzekne"
)

var at = time.Date(2027, 1, 18, 9, 0, 0, 0, time.UTC)

// world holds the keys of everybody, made once.
type world struct {
	reader, victim, attacker, lookalike, carrier *openpgp.SecretKey
	owners                                       map[openpgp.Fingerprint]string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	key := func(address string) *openpgp.SecretKey {
		k, err := openpgp.Generate(openpgp.KeyOptions{Name: "Invented", Address: address, Created: at.AddDate(0, -1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	w := &world{reader: key(reader), victim: key(victim), attacker: key(attacker), carrier: key("carrier@elsewhere.example"), owners: map[openpgp.Fingerprint]string{}}
	w.lookalike = key("officer@v\u0456d.example")
	w.owners[w.victim.Certificate().Fingerprint()] = victim
	w.owners[w.attacker.Certificate().Fingerprint()] = attacker
	return w
}

func (w *world) Signers(id uint64, _ openpgp.Fingerprint) []*openpgp.Certificate {
	for _, k := range []*openpgp.SecretKey{w.victim, w.attacker} {
		if slices.Contains(k.Certificate().KeyIDs(), id) {
			return []*openpgp.Certificate{k.Certificate()}
		}
	}
	return nil
}

func (w *world) Owner(fp openpgp.Fingerprint, from []string) (string, bool) {
	owner := w.owners[fp]
	return owner, owner != "" && len(from) > 0 && !slices.ContainsFunc(from, func(a string) bool { return a != owner })
}

func (w *world) examine(raw []byte) *gateway.Message {
	return gateway.Examiner{Keys: []*openpgp.SecretKey{w.reader}, Registry: w, At: at}.Mail(raw)
}

func (w *world) seal(t testing.TB, plain []byte, by *openpgp.SecretKey, format openpgp.Format) string {
	t.Helper()
	s, err := openpgp.Seal(plain, by, format, at)
	if err != nil {
		t.Fatal(err)
	}
	message, err := s.For(w.reader.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	return string(openpgp.Armor(openpgp.ArmorMessage, message))
}

func sign(t testing.TB, data string, by *openpgp.SecretKey) string {
	t.Helper()
	sig, err := openpgp.SignArmored([]byte(strings.ReplaceAll(data, "\n", "\r\n")), by, at)
	if err != nil {
		t.Fatal(err)
	}
	return string(sig)
}

func cleartext(t testing.TB, text string, by *openpgp.SecretKey) string {
	return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + text + "\n" + sign(t, text, by)
}

func truth(t testing.TB) *form.Form {
	t.Helper()
	f, problems := form.ParseText("A1: [SEZ] A3: [OP-7K3] A4: [LV-VID-2027-000017] A6: [LV] A7: [OCU] A10: [EXER] B1: [2027-01-17] B3: [LV] B5: [Rēzekne] C1: [TOBA] C2: [Cigarettes, brand \"Invented\"] C4: [1200] C5: [H87] C14: [SEZ] H1: [Hidden behind the seat // nothing else]")
	if f == nil {
		t.Fatal(problems)
	}
	return f.Normal()
}

// bases are good mails: every style and every way to write the inside.
func (w *world) bases(t testing.TB) []func() *mangle.Mail {
	f := truth(t)
	text := "Good morning,\n\nplease find our form.\n\n" + f.Text(form.TextOptions{Lang: "lv"})
	both := entity.Inner(text, []entity.Attachment{{Name: "form.json", Type: form.MediaType, Content: f.JSON()}}, subject)
	signedInside := func() []byte { // RFC 1847 encapsulation
		inner := strings.ReplaceAll(string(entity.Inner(text, nil, subject)), "\r\n", "\n")
		sig := sign(t, strings.TrimSuffix(inner, "\n"), w.victim)
		return []byte("Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=in\n\n--in\n" + strings.TrimSuffix(inner, "\n") +
			"\n--in\nContent-Type: application/pgp-signature\n\n" + sig + "\n--in--\n")
	}
	var out []func() *mangle.Mail
	add := func(armor string, style mangle.Style) {
		s := mangle.Sealed{From: "Invented Officer <" + victim + ">", To: reader, Subject: "...", MessageID: "<1@vid.example>", Armor: armor}
		out = append(out, func() *mangle.Mail { return mangle.New(s, style) })
	}
	add(w.seal(t, both, w.victim, openpgp.SEIPDv1), mangle.PGPMIME)
	add(w.seal(t, both, w.victim, openpgp.SEIPDv1), mangle.Inline)
	add(w.seal(t, both, w.victim, openpgp.SEIPDv2), mangle.PGPMIME)
	add(w.seal(t, both, w.victim, openpgp.SEIPDv1), mangle.Attached)
	add(w.seal(t, signedInside(), w.victim, openpgp.SEIPDv1), mangle.PGPMIME)
	add(w.seal(t, []byte("Subject: "+"=?utf-8?q?Seizure_at_the_eastern_road,_R=C4=93zekne?="+"\r\nContent-Type: text/plain; charset=utf-8; protected-headers=\"v1\"\r\n\r\n"+text), w.victim, openpgp.SEIPDv1), mangle.Inline)
	return out
}

// bare is a form without its check value, which only text carries.
func bare(f *form.Form) []byte {
	f = f.Normal()
	f.Set("A24")
	return f.JSON()
}

// outcome compares a reading with the truth and what the rules did to it.
func outcome(m *gateway.Message, want *form.Form, effect mangle.Effect) string {
	verdict := "good"
	switch {
	case m.Kind == entity.Unreadable:
		reason := ""
		for _, p := range m.Problems {
			reason += fmt.Sprint(p.Code, " ", p.Message)
		}
		if !strings.HasPrefix(reason, "64 ") && !strings.HasPrefix(reason, "18 ") {
			return "unreadable for no reason: " + reason
		}
		if effect == mangle.Loses {
			return ""
		}
		return "unreadable though all is there: " + reason
	case effect == mangle.Loses:
		return "read though bytes are gone: " + string(m.Kind)
	case m.Kind != gateway.KindForm:
		return "kind " + string(m.Kind)
	case !bytes.Equal(bare(m.Form), bare(want)):
		return "WRONG form: " + string(bare(m.Form))
	case m.Verdict != verdict || m.Fingerprint == "" || !m.Encrypted:
		return "signature " + m.Verdict
	case m.Reading.Subject() != subject:
		return "subject " + m.Reading.Subject()
	case effect == mangle.Adds && m.Covers != "part":
		return "WRONG: covers " + m.Covers + " though something stands outside"
	case effect == mangle.Harmless && m.Covers != "all":
		return "covers " + m.Covers + strings.Join(m.Reading.Outside, "; ")
	}
	return ""
}

func TestManglingsAloneAndInPairsAreReadRightOrNotAtAll(t *testing.T) {
	w := newWorld(t)
	bases, want, rules := w.bases(t), truth(t), mangle.Rules()
	total, right := 0, 0
	var failures []string
	blame := map[string]int{}
	read := func(n int, rs ...mangle.Rule) {
		m := bases[n%len(bases)]()
		effect := mangle.Apply(m, rs...)
		total++
		got := outcome(w.examine(m.Bytes()), want, effect)
		if got == "" {
			right++
			return
		}
		var names []string
		for _, r := range rs {
			names = append(names, r.Name)
		}
		if strings.HasPrefix(got, "WRONG") || strings.HasPrefix(got, "read though") {
			t.Errorf("read wrong: base %d under %q: %s", n%len(bases), names, got)
		}
		for _, name := range names {
			blame[name]++
		}
		failures = append(failures, fmt.Sprintf("base %d under %q: %.140s", n%len(bases), names, got))
	}
	for i := range bases {
		read(i)
		for _, r := range rules {
			read(i, r)
		}
	}
	for i, a := range rules {
		for j, b := range rules[i+1:] {
			if *full || (7*i+j)%sampled == 0 {
				read(i+j, a, b)
			}
		}
	}
	rate := 100 * float64(right) / float64(total)
	t.Logf("%d rules, %d mails, %.2f %% read right", len(rules), total, rate)
	for name, n := range blame {
		if n > 20 {
			t.Logf("%d times: %s", n, name)
		}
	}
	for _, f := range failures[:min(len(failures), 40)] {
		t.Log(f)
	}
	if rate < 99.5 {
		t.Errorf("%.2f %% read right; want at least 99.5 %%", rate)
	}
}

const words = "Release the truck at once, order of the director"

func (w *world) pieces(t testing.TB) mangle.Pieces {
	genuine := "Container ABCU1234567 is empty."
	inner := func(text, from string) string {
		head := "Subject: news\r\n"
		if from != "" {
			head += "From: " + from + "\r\n"
		}
		return head + "Content-Type: text/plain; charset=utf-8; hp=\"cipher\"; protected-headers=\"v1\"\r\n\r\n" + text
	}
	p := mangle.Pieces{Victim: victim, Attacker: attacker, Lookalike: "officer@v\u0456d.example", Words: words}
	p.Sealed = w.seal(t, []byte(inner(genuine, victim)), w.victim, openpgp.SEIPDv1)
	p.Clear = cleartext(t, genuine, w.victim)
	p.Entity = "Content-Type: text/plain; charset=utf-8\n\n" + genuine
	p.Signature = sign(t, p.Entity, w.victim)
	p.Own = w.seal(t, []byte(inner(words, "")), w.attacker, openpgp.SEIPDv1)
	p.OwnAs = w.seal(t, []byte(inner(words, victim)), w.attacker, openpgp.SEIPDv1)
	p.OwnEntity = "Content-Type: text/plain; charset=utf-8\n\n" + words
	p.OwnSignature = sign(t, p.OwnEntity, w.attacker)
	p.Carried = w.seal(t, []byte("Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/plain\n\n"+words+"\n--c\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\n\n--s\n"+p.Entity+"\n--s\nContent-Type: application/pgp-signature\n\n"+p.Signature+"\n--s--\n--c--\n"), w.carrier, openpgp.SEIPDv1)
	p.Resigned = w.seal(t, []byte(words+"\n\n"+p.Clear), w.attacker, openpgp.SEIPDv1)
	return p
}

func TestNoSpoofIsCreditedToTheVictim(t *testing.T) {
	w := newWorld(t)
	spoofs := mangle.Spoofs(w.pieces(t))
	for _, s := range spoofs {
		m := w.examine(s.Mail)
		shown := m.Text + m.Reading.Text + m.Reading.Subject()
		for _, a := range m.Reading.Attachments {
			shown += a.Name + string(a.Content)
		}
		spoken := strings.Contains(shown, words)
		if m.Participant == victim && (spoken || m.Covers != "all") {
			t.Errorf("%s: credited to the victim: %s over %q %q, outside %q", s.Name, m.Verdict, m.Covers, m.Text, m.Reading.Outside)
		}
		if spoken && m.Verdict == "good" && m.Covers == "all" {
			t.Errorf("%s: the attacker's words are under a good signature that covers all: participant %q, from %q", s.Name, m.Participant, m.From)
		}
	}
	t.Logf("%d spoofs", len(spoofs))
}
