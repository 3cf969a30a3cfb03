package openpgp

import (
	"bytes"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB, name string, version int) *SecretKey {
	t.Helper()
	k, err := Generate(KeyOptions{Name: name, Address: name + "@customs.example", Created: day.AddDate(0, -1, 0), Expires: 365 * 24 * time.Hour, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func lookup(keys ...*SecretKey) Lookup {
	return func(id uint64, _ Fingerprint) (out []*Certificate) {
		for _, k := range keys {
			for _, have := range k.Certificate().KeyIDs() {
				if have == id {
					out = append(out, k.Certificate())
				}
			}
		}
		return out
	}
}

func TestEachRecipientOpensTheSharedBody(t *testing.T) {
	for _, version := range []int{4, 6} {
		signer, lv, pl := newKey(t, "ocu", version), newKey(t, "lv", version), newKey(t, "pl", version)
		sealed, err := Seal([]byte("JCOFORM"), signer, SealedFormat(lv.Certificate(), pl.Certificate()), day)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []*SecretKey{lv, pl} {
			message, err := sealed.For(k.Certificate())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range [][]byte{message, Armor(ArmorMessage, message), bytes.ReplaceAll(Armor(ArmorMessage, message), []byte("\n"), []byte(" \r\n"))} {
				o, err := Open(m, []*SecretKey{k}, lookup(signer), day, Limits{})
				if err != nil {
					t.Fatalf("v%d: %v", version, err)
				}
				if !o.Encrypted || o.Signature.Verdict != Good || string(o.Plaintext) != "JCOFORM" || o.Signature.Fingerprint != signer.Certificate().Fingerprint() {
					t.Errorf("v%d: Open = %+v", version, o)
				}
			}
			if _, err := Open(message, []*SecretKey{signer}, lookup(signer), day, Limits{}); err == nil {
				t.Error("a key that is no recipient opened the message")
			}
		}
		if want := Format(map[int]int{4: 1, 6: 2}[version]); sealed.format != want {
			t.Errorf("v%d: format = %d; want %d", version, sealed.format, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	signer, other, lv := newKey(t, "ocu", 4), newKey(t, "other", 4), newKey(t, "lv", 4)
	sealed, _ := Seal([]byte("text"), signer, SEIPDv1, day)
	message, _ := sealed.For(lv.Certificate())
	open := func(l Lookup, m []byte) Verdict {
		o, err := Open(m, []*SecretKey{lv}, l, day, Limits{})
		if err != nil {
			return "not opened"
		}
		return o.Signature.Verdict
	}
	if got := open(lookup(other), message); got != UnknownKey {
		t.Errorf("unknown signer: %s; want %s", got, UnknownKey)
	}
	broken := bytes.Clone(message)
	broken[len(broken)-10] ^= 1
	if got := open(lookup(signer), broken); got != "not opened" {
		t.Errorf("damaged: %s; want not opened", got)
	}
	late := day.AddDate(2, 0, 0)
	sealed, err := Seal([]byte("text"), signer, SEIPDv1, late)
	if err == nil {
		t.Error("Seal with an expired key: no error")
	}
	sig, _ := SignDetached([]byte("data\nline\n"), signer, day)
	if got := VerifyDetached([]byte("data\nline\n"), sig, lookup(signer), day).Verdict; got != Good {
		t.Errorf("detached: %s", got)
	}
	if got := VerifyDetached([]byte("data\nlime\n"), sig, lookup(signer), day).Verdict; got != Bad {
		t.Errorf("detached over other data: %s", got)
	}
	if got := VerifyDetached([]byte("data\nline\n"), sig, lookup(other), day).Verdict; got != UnknownKey {
		t.Errorf("detached by unknown: %s", got)
	}
}

func TestLockedKeyNeedsItsPassphrase(t *testing.T) {
	k := newKey(t, "lv", 4)
	locked, err := k.Armored([]byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSecretKeys(locked, nil); err != ErrLocked {
		t.Errorf("no passphrase: %v; want ErrLocked", err)
	}
	if _, err := ParseSecretKeys(locked, []byte("wrong")); err != ErrPassphrase {
		t.Errorf("wrong passphrase: %v; want ErrPassphrase", err)
	}
	keys, err := ParseSecretKeys(locked, []byte("correct horse"))
	if err != nil || keys[0].Certificate().Fingerprint() != k.Certificate().Fingerprint() {
		t.Errorf("ParseSecretKeys = %v, %v", keys, err)
	}
}

func TestValidityIsAQuestionAboutOneDay(t *testing.T) {
	c := newKey(t, "lv", 4).Certificate()
	if err := c.Valid(Encryption, day); err != nil {
		t.Error(err)
	}
	err := c.Valid(Encryption, day.AddDate(2, 0, 0))
	if ke, ok := err.(*KeyError); !ok || ke.Reason != "expired" {
		t.Errorf("two years on: %v; want expired", err)
	}
	until, forever := c.ValidUntil(Signing, day)
	if want := day.AddDate(0, -1, 0).Add(365 * 24 * time.Hour); forever || until.Sub(want).Abs() > 2*time.Second {
		t.Errorf("ValidUntil = %v; want %v", until, want)
	}
	merged, err := c.Merge(c)
	if err != nil || !bytes.Equal(merged.Bytes(), c.Bytes()) {
		t.Errorf("merging a certificate with itself changes it: %v", err)
	}
}

func TestDecompressionStopsAtTheLimit(t *testing.T) {
	signer, lv := newKey(t, "ocu", 4), newKey(t, "lv", 4)
	sealed, _ := Seal(make([]byte, 2<<20), signer, SEIPDv1, day)
	message, _ := sealed.For(lv.Certificate())
	_, err := Open(message, []*SecretKey{lv}, lookup(signer), day, Limits{Plaintext: 1 << 20})
	if oe, ok := err.(*OpenError); !ok || oe.Reason != "too-large" {
		t.Errorf("Open = %v; want too-large", err)
	}
}
