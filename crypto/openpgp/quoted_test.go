package openpgp

import (
	"bytes"
	"testing"
)

func TestCleartextQuotedInSignedPacketsIsTheirText(t *testing.T) {
	lv, pl := newKey(t, "lv", 4), newKey(t, "pl", 4)
	text := append([]byte("as you wrote:\n"), cleartext(t, []byte("an older text\n"), pl)...)
	message := signedBy(t, text, policy(day), parseOne(lv.raw))
	o, err := Open(message, nil, lookup(lv, pl), day, Limits{})
	if err != nil || o.Signature.Fingerprint != lv.Certificate().Fingerprint() || !bytes.Equal(o.Plaintext, text) {
		t.Errorf("Open = %+v, %v; want the whole text under the outer signature", o, err)
	}
}
