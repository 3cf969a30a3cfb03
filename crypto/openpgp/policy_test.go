package openpgp

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// signedBy returns the packets of a message with a signature of each.
func signedBy(t testing.TB, data []byte, config *packet.Config, signers ...*pgp.Entity) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pgp.SignWithParams(nopCloser{&out}, signers, &pgp.SignParams{Config: config})
	return written(t, &out, w, err, data)
}

// sha1Signed returns a signature that says it is of SHA-1, before its literal
// data. The library writes none, so that a true one is relabelled; what is weak
// is told before anything is verified.
func sha1Signed(t testing.TB, data []byte, signer *pgp.Entity) []byte {
	t.Helper()
	sig, err := SignDetached(data, secretOf(t, signer), day)
	if err != nil {
		t.Fatal(err)
	}
	p, err := packet.NewOpaqueReader(bytes.NewReader(sig)).Next()
	if err != nil {
		t.Fatal(err)
	}
	p.Contents[3] = 2 // the hash algorithm (RFC 9580, section 5.2.3)
	var out bytes.Buffer
	if err := p.Serialize(&out); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), literal(t, data)...)
}

// flipped returns packets with a bit of the last byte turned: with signed
// packets, that of the outermost signature.
func flipped(packets []byte) []byte {
	out := bytes.Clone(packets)
	out[len(out)-1] ^= 1
	return out
}

func rsaEntity(t testing.TB, bits int) (*pgp.Entity, *packet.Config) {
	t.Helper()
	c := policy(day.AddDate(0, -1, 0))
	c.Algorithm, c.RSABits, c.MinRSABits, c.AEADConfig = packet.PubKeyAlgoRSA, bits, uint16(bits), nil
	e, err := pgp.NewEntity("Small", "", "small@customs.example", c)
	if err != nil {
		t.Fatal(err)
	}
	signing := *c
	signing.Time = func() time.Time { return day }
	return e, &signing
}

// expiringAfter returns the certificate of a key that lives no longer than that.
func expiringAfter(t testing.TB, e *pgp.Entity, life time.Duration) *SecretKey {
	t.Helper()
	seconds := uint32(life / time.Second)
	for _, id := range e.Identities {
		id.SelfCertifications[0].Packet.KeyLifetimeSecs = &seconds
		if err := id.ReSign(policy(e.PrimaryKey.CreationTime)); err != nil {
			t.Fatal(err)
		}
	}
	return secretOf(t, e)
}

func TestVerdictOfWhateverWasSigned(t *testing.T) {
	lv, text := newKey(t, "lv", 4), []byte("text")
	first, second, revoked, retired, expired := entityOf(t), entityOf(t), entityOf(t), entityOf(t), entityOf(t)
	small, smallConfig := rsaEntity(t, 1024)
	ordinary := policy(day)
	both := signedBy(t, text, ordinary, first, second)
	bySmall := signedBy(t, text, smallConfig, small)
	byRevoked, byRetired, byExpired := signedBy(t, text, ordinary, revoked), signedBy(t, text, ordinary, retired), signedBy(t, text, ordinary, expired)
	if err := revoked.Revoke(packet.KeyCompromised, "", policy(day.AddDate(0, 0, 5))); err != nil {
		t.Fatal(err)
	}
	if err := retired.Revoke(packet.KeyRetired, "", policy(day.AddDate(0, 0, 5))); err != nil {
		t.Fatal(err)
	}
	a, b := secretOf(t, first), secretOf(t, second)
	for name, c := range map[string]struct {
		packets []byte
		certs   []*SecretKey
		at      time.Time
		want    []Verdict // the best, then each from the innermost
	}{
		"unsigned":                           {literal(t, text), nil, day, []Verdict{None}},
		"two signers":                        {both, []*SecretKey{a, b}, day, []Verdict{Good, Good, Good}},
		"two signers, one of them unknown":   {both, []*SecretKey{a}, day, []Verdict{Good, UnknownKey, Good}},
		"a good one beside a bad one":        {flipped(both), []*SecretKey{a, b}, day, []Verdict{Good, Good, Bad}},
		"a bad one beside an unknown one":    {flipped(both), []*SecretKey{a}, day, []Verdict{Bad, UnknownKey, Bad}},
		"nobody known":                       {both, nil, day, []Verdict{UnknownKey, UnknownKey, UnknownKey}},
		"the recipient's own key":            {signedBy(t, text, ordinary, parseOne(lv.raw)), nil, day, []Verdict{UnknownKey, UnknownKey}},
		"expired when it signed":             {byExpired, []*SecretKey{expiringAfter(t, expired, 24*time.Hour)}, day, []Verdict{ExpiredKey, ExpiredKey}},
		"compromised later":                  {byRevoked, []*SecretKey{secretOf(t, revoked)}, day, []Verdict{RevokedKey, RevokedKey}},
		"to be retired later":                {byRetired, []*SecretKey{secretOf(t, retired)}, day, []Verdict{Good, Good}},
		"retired by the time of the verdict": {byRetired, []*SecretKey{secretOf(t, retired)}, day.AddDate(0, 0, 6), []Verdict{RevokedKey, RevokedKey}},
		"SHA-1":                              {sha1Signed(t, text, first), []*SecretKey{a}, day, []Verdict{Weak, Weak}},
		"RSA of 1024 bits":                   {bySmall, []*SecretKey{secretOf(t, small)}, day, []Verdict{Weak, Weak}},
		"dated hours ahead":                  {both, []*SecretKey{a, b}, day.Add(-23 * time.Hour), []Verdict{Good, Good, Good}},
		"dated days ahead":                   {both, []*SecretKey{a, b}, day.AddDate(0, 0, -3), []Verdict{Bad, Bad, Bad}},
		"compressed around the signature":    {compressPackets(t, both), []*SecretKey{a, b}, day, []Verdict{Good, Good, Good}},
	} {
		for _, encrypted := range []bool{true, false} {
			message := c.packets
			if encrypted {
				message = encryptPackets(t, c.packets, lv)
			}
			o, err := Open(message, []*SecretKey{lv}, lookup(c.certs...), c.at, Limits{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got := []Verdict{o.Signature.Verdict}
			for _, s := range o.Signatures {
				got = append(got, s.Verdict)
			}
			if !slices.Equal(got, c.want) || o.Encrypted != encrypted || !bytes.Equal(o.Plaintext, text) {
				t.Errorf("%s: Open = %v, encrypted %v, %q; want %v, %v", name, got, o.Encrypted, o.Plaintext, c.want, encrypted)
			}
		}
	}
}

func TestNothingWithoutIntegrityIsOpened(t *testing.T) {
	lv := newKey(t, "lv", 4)
	message := encryptPackets(t, literal(t, bytes.Repeat([]byte("nominal "), 20)), lv)
	reader := packet.NewOpaqueReader(bytes.NewReader(message))
	session, _ := reader.Next()
	body, err := reader.Next()
	if err != nil || body.Tag != 18 {
		t.Fatalf("the body is packet %v, %v", body, err)
	}
	join := func(tag uint8, contents []byte) []byte {
		var out bytes.Buffer
		for _, p := range []*packet.OpaquePacket{session, {Tag: tag, Contents: contents}} {
			if err := p.Serialize(&out); err != nil {
				t.Fatal(err)
			}
		}
		return out.Bytes()
	}
	for name, c := range map[string]struct {
		message []byte
		want    string
	}{
		"tag 9":                       {join(9, body.Contents[1:]), "no-integrity"},
		"tag 9, the MDC stripped":     {join(9, body.Contents[1:len(body.Contents)-22]), "no-integrity"},
		"tag 20 of LibrePGP":          {join(20, body.Contents), "no-integrity"},
		"the MDC stripped":            {join(18, body.Contents[:len(body.Contents)-22]), "corrupt"},
		"a byte of the MDC stripped":  {join(18, body.Contents[:len(body.Contents)-1]), "corrupt"},
		"a bit of the text turned":    {join(18, append(bytes.Clone(body.Contents[:60]), flipped(body.Contents[60:61])[0])), "corrupt"},
		"nothing but the session key": {message[:len(message)-len(body.Contents)], "corrupt"},
	} {
		o, err := Open(c.message, []*SecretKey{lv}, nil, day, Limits{})
		if oe, ok := err.(*OpenError); !ok || oe.Reason != c.want {
			t.Errorf("%s: Open = %+v, %v; want %s", name, o, err, c.want)
		}
	}
	if _, err := Open(join(18, body.Contents), []*SecretKey{lv}, nil, day, Limits{}); err != nil {
		t.Errorf("put together again: %v", err)
	}
}

func TestASmallRSAKeyIsNotEncryptedTo(t *testing.T) {
	small, _ := rsaEntity(t, 1024)
	sealed, err := Seal([]byte("text"), newKey(t, "ocu", 4), SEIPDv1, day)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sealed.For(secretOf(t, small).Certificate())
	if ke, ok := err.(*KeyError); !ok || ke.Reason != "weak" {
		t.Errorf("For = %v; want weak", err)
	}
}

func TestMergeKeepsWhatEitherCopyHas(t *testing.T) {
	e := entityOf(t, [2]int{-5, 100})
	short := secretOf(t, e).Certificate()
	c := policy(day.AddDate(0, 0, 1))
	c.Algorithm, c.Curve, c.AEADConfig = packet.PubKeyAlgoEdDSA, packet.Curve25519, nil
	first := e.Subkeys
	e.Subkeys = nil
	if err := e.AddEncryptionSubkey(c); err != nil {
		t.Fatal(err)
	}
	other := secretOf(t, e).Certificate()
	e.Subkeys = append(first, e.Subkeys...)
	if err := e.Revoke(packet.KeyCompromised, "", policy(day)); err != nil {
		t.Fatal(err)
	}
	revoked := secretOf(t, e).Certificate()

	for _, pair := range [][2]*Certificate{{short, other}, {other, short}} {
		merged, err := pair[0].Merge(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := len(merged.KeyIDs()); got != 3 {
			t.Errorf("merged: %d keys; want 3", got)
		}
		if err := merged.Valid(Encryption, day); err != nil {
			t.Errorf("by the one copy's subkey: %v", err)
		}
		if err := merged.Valid(Encryption, day.AddDate(1, 0, 0)); err != nil {
			t.Errorf("by the other copy's subkey: %v", err)
		}
		again, err := merged.Merge(pair[0])
		if err != nil || !bytes.Equal(again.Bytes(), merged.Bytes()) {
			t.Errorf("merging a copy again changes the certificate: %v", err)
		}
	}
	merged, err := short.Merge(revoked)
	if err != nil || !merged.Revoked(day) {
		t.Errorf("a revocation got lost: %v", err)
	}
	if _, err := short.Merge(newKey(t, "other", 4).Certificate()); err == nil {
		t.Error("another certificate was merged")
	}
}

func TestManySealToOneCertificateAtOnce(t *testing.T) {
	signer, lv := newKey(t, "ocu", 4), newKey(t, "lv", 4)
	fresh := onlyCertificate(t, lv.Certificate().Bytes())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 4 {
				sealed, err := Seal([]byte("text"), signer, SealedFormat(fresh), day)
				if err != nil {
					t.Error(err)
					return
				}
				message, err := sealed.For(fresh)
				if err != nil {
					t.Error(err)
					return
				}
				o, err := Open(message, []*SecretKey{lv}, lookup(signer), day.Add(time.Duration(i)*time.Hour), Limits{})
				if err != nil || o.Signature.Verdict != Good {
					t.Errorf("Open = %+v, %v", o, err)
				}
			}
		})
	}
	group.Wait()
}

func TestDetachedSignatureOfAClockThatIsAheadCountsForADay(t *testing.T) {
	k := newKey(t, "lv", 4)
	for ahead, want := range map[time.Duration]Verdict{0: Good, time.Second: Good, 23 * time.Hour: Good, 25 * time.Hour: Bad} {
		signature, err := SignDetached([]byte("text"), k, day.Add(ahead))
		if err != nil {
			t.Fatal(err)
		}
		if s := VerifyDetached([]byte("text"), signature, lookup(k), day); s.Verdict != want {
			t.Errorf("VerifyDetached of a signature made %s ahead = %s (%s); want %s", ahead, s.Verdict, s.Detail, want)
		}
	}
}
