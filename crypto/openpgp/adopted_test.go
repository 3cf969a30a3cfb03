package openpgp

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// adopting returns a certificate of its own with another's key as a subkey.
func adopting(t testing.TB, other *SecretKey) *Certificate {
	t.Helper()
	e := entityOf(t)
	stolen := *parseOne(other.raw).PrimaryKey
	stolen.IsSubkey = true
	sig := &packet.Signature{Version: 4, SigType: packet.SigTypeSubkeyBinding, PubKeyAlgo: e.PrimaryKey.PubKeyAlgo, Hash: policy(day).Hash(),
		CreationTime: day.AddDate(0, 0, -1), IssuerKeyId: &e.PrimaryKey.KeyId, FlagsValid: true, FlagEncryptStorage: true}
	if err := sig.SignKey(&stolen, e.PrivateKey, policy(day)); err != nil {
		t.Fatal(err)
	}
	e.Subkeys = append(e.Subkeys, pgp.Subkey{PublicKey: &stolen, Primary: e, Bindings: []*packet.VerifiableSignature{packet.NewVerifiableSig(sig)}})
	cert, err := newCertificate(e)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestWhoAdoptsAnothersKeySpoilsNoneOfItsSignatures(t *testing.T) {
	lv := newKey(t, "lv", 4)
	thief := adopting(t, lv)
	signature, err := SignDetached([]byte("text"), lv, day)
	if err != nil {
		t.Fatal(err)
	}
	for name, certs := range map[string][]*Certificate{"first": {thief, lv.Certificate()}, "last": {lv.Certificate(), thief}} {
		s := VerifyDetached([]byte("text"), signature, func(uint64, Fingerprint) []*Certificate { return certs }, day)
		if s.Verdict != Good || s.Fingerprint != lv.Certificate().Fingerprint() {
			t.Errorf("the adopting certificate %s: VerifyDetached = %s by %s (%s); want good, by its owner", name, s.Verdict, s.Fingerprint, s.Detail)
		}
	}
	if s := VerifyDetached([]byte("text"), signature, func(uint64, Fingerprint) []*Certificate { return []*Certificate{thief} }, day); s.Verdict == Good {
		t.Errorf("under the adopting certificate alone: %s; want it not good", s.Verdict)
	}
}

func TestAUserIDThatTheKeyDidNotCertifyIsNobodysAddress(t *testing.T) {
	owner := secretOf(t, entityOf(t)).Certificate()
	var doctored bytes.Buffer
	packets := packet.NewOpaqueReader(bytes.NewReader(owner.Bytes()))
	for p, err := packets.Next(); err == nil; p, err = packets.Next() {
		if err := p.Serialize(&doctored); err != nil {
			t.Fatal(err)
		}
		if p.Tag != 2 {
			continue
		}
		if err := packet.NewUserId("Unit", "", "unit@customs.example").Serialize(&doctored); err != nil {
			t.Fatal(err)
		}
		if err := p.Serialize(&doctored); err != nil { // the signature of another user ID
			t.Fatal(err)
		}
	}
	certs, err := ParseCertificates(doctored.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := certs[0].Addresses(); !slices.Equal(got, []string{"invented@customs.example"}) {
		t.Errorf("Addresses = %q; want what the key certified alone", got)
	}
	if got := certs[0].UserIDs(); len(got) != 1 {
		t.Errorf("UserIDs = %q; want what the key certified alone", got)
	}
}
