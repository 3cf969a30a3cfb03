package openpgp

import (
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func TestASigningSubkeyThatWasRetiredSignsNoMoreWhateverItsDate(t *testing.T) {
	e := entityOf(t)
	c := policy(day.AddDate(0, -1, 0))
	c.Algorithm, c.Curve, c.AEADConfig = packet.PubKeyAlgoEdDSA, packet.Curve25519, nil
	if err := e.AddSigningSubkey(c); err != nil {
		t.Fatal(err)
	}
	message := signedBy(t, []byte("text"), policy(day), e)
	sub := &e.Subkeys[len(e.Subkeys)-1]
	if err := sub.Revoke(packet.KeySuperseded, "", policy(day.AddDate(0, 0, 5))); err != nil {
		t.Fatal(err)
	}
	k := secretOf(t, e)
	for at, want := range map[time.Time]Verdict{day: Good, day.AddDate(0, 0, 4): Good, day.AddDate(0, 0, 6): RevokedKey} {
		o, err := Open(message, nil, lookup(k), at, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if o.Signature.Verdict != want {
			t.Errorf("on %s: %s; want %s", at.Format(time.DateOnly), o.Signature.Verdict, want)
		}
	}
}
