package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
)

func certificate(t testing.TB, name string) string {
	return string(newKey(t, name).Certificate().Armored())
}

// roster reads a file with these words and certificates.
func roster(t testing.TB, text string) (*Roster, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "participants.asc")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadRoster(file)
}

func ownerLineOf(t testing.TB, code, name string) string {
	return code + " " + newKey(t, name).Certificate().Fingerprint().Grouped() + "\n"
}

func TestOriginSaysWhoProvedWhat(t *testing.T) {
	expired, err := openpgp.Generate(openpgp.KeyOptions{Name: "expired", Address: "invented@example.com", Created: time.Now().Add(-48 * time.Hour), Expires: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	keyCache.Store("expired", expired)
	list, err := roster(t, ownerLineOf(t, "PL", "PL")+certificate(t, "PL")+ownerLineOf(t, "EE", "EE")+certificate(t, "EE")+"no owner here\n"+certificate(t, "unnamed")+
		ownerLineOf(t, "PL", "expired")+certificate(t, "expired"))
	if err != nil {
		t.Fatal(err)
	}
	signed := func(by string) func(p *parcel) {
		return func(p *parcel) {
			at := time.Now()
			if by == "expired" {
				at = at.Add(-47*time.Hour - 30*time.Minute)
			}
			signature, err := openpgp.SignArmored([]byte(p.form), newKey(t, by), at)
			if err != nil {
				t.Fatal(err)
			}
			p.signature = signature
		}
	}
	for name, c := range map[string]struct {
		change func(p *parcel)
		want   Proof
		words  string
	}{
		"signed by PL":              {signed("PL"), Proven, "PROVEN: PL signed this form itself"},
		"in time by an expired key": {signed("expired"), Proven, "PROVEN"},
		"signed by EE":              {signed("EE"), Contradicted, "signed with the key of EE"},
		"signed by nobody's":        {signed("unnamed"), Unnamed, "without saying whose it is: unnamed <invented@example.com>"},
		"signed by a stranger":      {signed("stranger"), Unlisted, "your list has no certificate of the key"},
		"over another form": {func(p *parcel) {
			signed("PL")(p)
			p.form = strings.Replace(p.form, "SEZ", "WRN", 1)
			p.relay = relayOf(pl1, []byte(p.form))
		}, Bad, "does not fit it"},
		"no signature at all":   {func(p *parcel) { p.signature = []byte("hello") }, Bad, "does not fit it"},
		"signed as mail":        {func(*parcel) {}, Relayed, "rests on its word"},
		"plain mail":            {func(p *parcel) { p.relay.Assurance = gateway.PlainChannel }, Unsigned, "NOT SIGNED"},
		"plain, yet a good one": {func(p *parcel) { p.relay.Assurance = gateway.PlainChannel; signed("PL")(p) }, Proven, "PROVEN"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.opt.Roster = list
			p := b.form(1, "d1", pl1)
			c.change(p)
			b.take(b.open(), p)
			var o Origin
			if err := json.Unmarshal([]byte(b.read("in", pl1, "origin.json")), &o); err != nil || o.Proof != c.want || o.Originator != "PL" || o.Assurance != p.relay.Assurance {
				t.Errorf("origin = %+v, %v; want %s", o, err, c.want)
			}
			text := b.read("in", pl1, "form.txt")
			if !strings.Contains(text, c.words) || !strings.HasSuffix(strings.TrimSpace(text), "the form as text") || strings.ContainsAny(text, "[]") {
				t.Errorf("form.txt =\n%s\nwant %q above the form", text, c.words)
			}
		})
	}
	t.Run("without a roster", func(t *testing.T) {
		b := newBench(t)
		p := b.form(1, "d1", pl1)
		signed("PL")(p)
		b.take(b.open(), p)
		if got := b.read("in", pl1, "origin.json"); !strings.Contains(got, `"unlisted"`) {
			t.Errorf("origin = %s; want unlisted", got)
		}
	})
}

func TestFormOfTheUnitItselfNamesTheKeyThatSignedIt(t *testing.T) {
	for lang := range words()["origin-unit"] {
		b := newBench(t)
		b.opt.Language = lang
		p := b.form(1, "d1", "OCU-TST-2026-000001")
		p.relay.From, p.relay.Signer = "OCU", ""
		b.take(b.open(), p)
		key := b.gateway.Certificate().Fingerprint()
		var o Origin
		if err := json.Unmarshal([]byte(b.read("in", p.relay.Reference, "origin.json")), &o); err != nil || o.Proof != OfUnit || o.Originator != "OCU" || o.Fingerprint != key {
			t.Errorf("origin = %+v, %v; want %s by %s", o, err, OfUnit, key)
		}
		if text, want := b.read("in", p.relay.Reference, "form.txt"), say(lang, "origin-unit", "from", "OCU", "key", key.Grouped()); !strings.Contains(text, want) {
			t.Errorf("form.txt =\n%s\nwant %q above the form", text, want)
		}
	}
}

func TestAttachmentsAreTheOriginatorsWhereTheFormNamesThem(t *testing.T) {
	b := newBench(t)
	p := b.form(1, "d1", pl1)
	sum := sha256.Sum256([]byte("declared"))
	p.form = `{"A1":"SEZ","A4":"` + pl1 + `","A22":["photo.jpg;8;` + hex.EncodeToString(sum[:]) + `"]}`
	p.relay = relayOf(pl1, []byte(p.form))
	p.files = []entity.Attachment{{Name: "photo.jpg", Content: []byte("declared")}, {Name: "slipped in [A1].pdf", Content: []byte("foreign")}}
	b.take(b.open(), p)
	text := b.read("in", pl1, "form.txt")
	if !strings.Contains(text, "photo.jpg: named in the form") || !strings.Contains(text, "slipped in (A1).pdf: not named in the form") {
		t.Errorf("form.txt =\n%s\nwant one attachment named, the other not", text)
	}
}

func TestRosterSaysWhoseACertificateIs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"PL", "EE"} {
		if err := os.WriteFile(filepath.Join(dir, name+".asc"), []byte(certificate(t, name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ReadRoster(dir)
	if err != nil {
		t.Fatal(err)
	}
	if owner, _ := r.owner(newKey(t, "EE").Certificate().Fingerprint()); owner != "EE" {
		t.Errorf("owner of EE.asc = %q; want EE", owner)
	}
	for name, text := range map[string]string{
		"no certificate":          "hello",
		"a line about another":    ownerLineOf(t, "PL", "EE") + certificate(t, "PL"),
		"two owners":              ownerLineOf(t, "PL", "PL") + certificate(t, "PL") + ownerLineOf(t, "EE", "PL") + certificate(t, "PL"),
		"a block that is no such": strings.Replace(certificate(t, "PL"), "\n\n", "\n\nAAAA", 1),
	} {
		if _, err := roster(t, text); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
	if _, err := ReadRoster(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing file was read")
	}
	binary := filepath.Join(t.TempDir(), "all.gpg")
	if err := os.WriteFile(binary, append(newKey(t, "PL").Certificate().Bytes(), newKey(t, "EE").Certificate().Bytes()...), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := ReadRoster(binary); err != nil || len(r.certs) != 2 {
		t.Errorf("two binary certificates = %v, %v; want both, nobody's", r, err)
	}
}
