package openpgp

import (
	"bytes"
	"testing"
)

func FuzzOpen(f *testing.F) {
	lv, signer := newKey(f, "lv", 4), newKey(f, "ocu", 4)
	both := signedBy(f, []byte("text"), policy(day), parseOne(signer.raw), parseOne(lv.raw))
	for _, seed := range [][]byte{
		nil, both, literal(f, []byte("text")), compressed(f, make([]byte, 4096)),
		encryptPackets(f, both, lv), Armor(ArmorMessage, encryptPackets(f, both, lv)), cleartext(f, []byte("text\n- line\n"), signer),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		o, err := Open(message, []*SecretKey{lv}, lookup(signer), day, Limits{Plaintext: 1 << 16})
		if err != nil {
			if _, ok := err.(*OpenError); !ok {
				t.Fatalf("Open = %T; want an *OpenError", err)
			}
			return
		}
		if len(o.Plaintext) > 1<<16 {
			t.Fatalf("Open = %d bytes; want no more than the limit", len(o.Plaintext))
		}
		Recipients(message)
	})
}

func FuzzParseCertificates(f *testing.F) {
	for _, version := range []int{4, 6} {
		k := newKey(f, "lv", version)
		f.Add(k.Certificate().Bytes())
		f.Add(k.Certificate().Armored())
		f.Add(k.raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := ParseCertificates(data)
		if err != nil {
			return
		}
		for _, c := range certs {
			_ = c.Valid(Encryption, day)
			c.ValidUntil(Signing, day)
			c.Reads()
			c.Addresses()
			if _, err := c.Merge(c); err != nil {
				t.Logf("merge with itself: %v", err)
			}
			if back, err := ParseCertificates(c.Bytes()); err != nil || back[0].Fingerprint() != c.Fingerprint() {
				t.Fatalf("its own bytes read back: %v, %v", back, err)
			}
		}
	})
}

func FuzzDearmor(f *testing.F) {
	f.Add([]byte("text around\r\n-----BEGIN PGP MESSAGE-----\r\nVersion: 1\r\nyxR0AAAA\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n"))
	f.Add(Armor(ArmorMessage, literal(f, []byte("text"))))
	f.Add([]byte("-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = Dearmor(data)
		if len(data) == 0 {
			return
		}
		if back, err := Dearmor(Armor(ArmorMessage, data)); err != nil || !bytes.Equal(back, data) {
			t.Fatalf("Dearmor(Armor(%x)) = %x, %v", data, back, err)
		}
	})
}
