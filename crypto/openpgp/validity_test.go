package openpgp

import (
	"bytes"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// entityOf builds a certificate with the library alone: a primary key that
// lives for ever, and encryption subkeys from and until these days after day.
func entityOf(t testing.TB, encryption ...[2]int) *pgp.Entity {
	t.Helper()
	c := policy(day.AddDate(0, -1, 0))
	c.Algorithm, c.Curve, c.AEADConfig = packet.PubKeyAlgoEdDSA, packet.Curve25519, nil
	e, err := pgp.NewEntity("Invented Person", "", "invented@customs.example", c)
	if err != nil {
		t.Fatal(err)
	}
	e.Subkeys = nil
	for _, span := range encryption {
		at := *c
		at.Time = func() time.Time { return day.AddDate(0, 0, span[0]) }
		at.KeyLifetimeSecs = uint32((span[1] - span[0]) * 24 * 3600)
		if err := e.AddEncryptionSubkey(&at); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func secretOf(t testing.TB, e *pgp.Entity) *SecretKey {
	t.Helper()
	k, err := newSecretKey(e)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestValidUntilStopsAtTheFirstGap(t *testing.T) {
	days := func(n int) time.Time { return day.AddDate(0, 0, n) }
	for name, c := range map[string]struct {
		spans   [][2]int
		want    time.Time
		forever bool
	}{
		"a gap of a day":               {[][2]int{{-5, 10}, {11, 4000}}, days(10), false},
		"a gap before a long life":     {[][2]int{{-5, 3}, {4, 9000}}, days(3), false},
		"keys that overlap":            {[][2]int{{-5, 10}, {9, 40}}, days(40), false},
		"a key within another's life":  {[][2]int{{-5, 40}, {3, 6}}, days(40), false},
		"for more than twenty years":   {[][2]int{{-5, 8000}}, day.AddDate(20, 0, 0), true},
		"no key today, but tomorrow":   {[][2]int{{1, 10}}, time.Time{}, false},
		"the second after one's end":   {[][2]int{{-5, 10}, {10, 20}}, days(20), false},
		"three, the last after a hole": {[][2]int{{-5, 10}, {10, 20}, {22, 30}}, days(20), false},
	} {
		cert := secretOf(t, entityOf(t, c.spans...)).Certificate()
		if got, forever := cert.ValidUntil(Encryption, day); !got.Equal(c.want) || forever != c.forever {
			t.Errorf("%s: ValidUntil = %v, %v; want %v, %v", name, got, forever, c.want, c.forever)
		}
		if !c.want.IsZero() && !c.forever {
			if err := cert.Valid(Encryption, c.want); err != nil {
				t.Errorf("%s: in the last second: %v", name, err)
			}
			if cert.Valid(Encryption, c.want.Add(time.Second)) == nil {
				t.Errorf("%s: still valid a second later", name)
			}
		}
	}
}

func TestRevokedSubkeyIsRevokedNotMissing(t *testing.T) {
	e := entityOf(t, [2]int{-5, 100})
	if err := e.Subkeys[0].Revoke(packet.KeyCompromised, "", policy(day)); err != nil {
		t.Fatal(err)
	}
	err := secretOf(t, e).Certificate().Valid(Encryption, day)
	if ke, ok := err.(*KeyError); !ok || ke.Reason != "revoked" {
		t.Errorf("Valid = %v; want revoked", err)
	}
}

func TestAQuestionAboutOneDaySpoilsNoOther(t *testing.T) {
	c := policy(day)
	c.Algorithm, c.Curve, c.AEADConfig, c.SigLifetimeSecs = packet.PubKeyAlgoEdDSA, packet.Curve25519, nil, 24*3600
	e, err := pgp.NewEntity("Invented Person", "", "invented@customs.example", c)
	if err != nil {
		t.Fatal(err)
	}
	cert := secretOf(t, e).Certificate()
	if cert.Valid(Encryption, day.AddDate(1, 0, 0)) == nil {
		t.Error("valid after its self-signatures expired")
	}
	if err := cert.Valid(Encryption, day.Add(time.Hour)); err != nil {
		t.Errorf("after asking about next year: %v", err)
	}
}

func TestReadsDependsOnNoClock(t *testing.T) {
	for version, want := range map[int]Format{4: SEIPDv1, 6: SEIPDv2} {
		for _, created := range []time.Time{time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)} {
			k, err := Generate(KeyOptions{Name: "x", Address: "x@customs.example", Created: created, Expires: time.Hour, Version: version})
			if err != nil {
				t.Fatal(err)
			}
			if got := k.Certificate().Reads(); got != want {
				t.Errorf("version %d of %d: Reads = %d; want %d", version, created.Year(), got, want)
			}
		}
	}
}

func TestLimitsBindWhateverTheMessageIs(t *testing.T) {
	signer, lv := newKey(t, "ocu", 4), newKey(t, "lv", 4)
	reason := func(m []byte) string {
		_, err := Open(m, []*SecretKey{lv}, lookup(signer), day, Limits{Plaintext: 1 << 20})
		if oe, ok := err.(*OpenError); ok {
			return oe.Reason
		}
		return "opened"
	}
	zeros := make([]byte, 8<<20)
	bomb := compressed(t, zeros)
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	for name, m := range map[string][]byte{
		"compressed":          bomb,
		"compressed, armored": Armor(ArmorMessage, bomb),
		"compressed twice":    compressPackets(t, bomb),
		"encrypted":           encryptPackets(t, bomb, lv),
		"cleartext-signed":    cleartext(t, bytes.Repeat([]byte("0123456\n"), 1<<18), signer),
		"literal":             literal(t, zeros[:2<<20]),
	} {
		if got := reason(m); got != "too-large" {
			t.Errorf("%s: %s; want too-large", name, got)
		}
	}
	for name, m := range map[string][]byte{
		"compressed":       compressed(t, zeros[:1<<20]),
		"encrypted":        encryptPackets(t, compressed(t, zeros[:1<<20]), lv),
		"cleartext-signed": cleartext(t, []byte("short\n"), signer),
	} {
		if got := reason(m); got != "opened" {
			t.Errorf("%s, not more than the limit: %s; want opened", name, got)
		}
	}
}
