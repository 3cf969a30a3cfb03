package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"liaison/configs"
	"liaison/crypto/openpgp"
)

// organiserSigned verifies that the organiser of the operation signed a text:
// with a confirmed certificate of its own, or the unit's where the unit organises.
func (b *testBench) organiserSigned(text, signature []byte) (string, error) {
	certs, err := ring(b.st).Confirmed(b.ctx, b.op.Code, b.op.Organiser)
	if err != nil {
		return "", fmt.Errorf("look up the organiser's certificates: %w", err)
	}
	if b.op.Organiser == b.runner.Self.Code {
		for _, k := range b.s.keys {
			certs = append(certs, k.Certificate())
		}
	}
	if len(certs) == 0 {
		return "", fmt.Errorf("the organiser %s of %s has no confirmed certificate, so nothing can be signed by it", b.op.Organiser, b.op.Code)
	}
	return signedBy(text, signature, certs, b.s.now(), "the organiser "+string(b.op.Organiser))
}

// signedBy verifies a detached signature and returns the signer's fingerprint.
func signedBy(text, signature []byte, certs []*openpgp.Certificate, now time.Time, whose string) (string, error) {
	lookup := func(id uint64, fp openpgp.Fingerprint) []*openpgp.Certificate {
		return slices.DeleteFunc(slices.Clone(certs), func(c *openpgp.Certificate) bool {
			return !slices.Contains(c.KeyIDs(), id) && c.Fingerprint() != fp
		})
	}
	s := openpgp.VerifyDetached(text, signature, lookup, now)
	if s.Verdict != openpgp.Good {
		return "", fmt.Errorf("this is no good signature of %s: %s %s", whose, s.Verdict, s.Detail)
	}
	return string(s.Fingerprint), nil
}

// signWith signs a text with a secret key in a file.
func signWith(file string, text []byte, now time.Time) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, wrongf("read the key: %w", err)
	}
	passphrase, err := configs.Secret("", "LIAISON_PASSPHRASE")
	if err != nil {
		return nil, err
	}
	keys, err := openpgp.ParseSecretKeys(data, passphrase)
	if err != nil {
		return nil, wrongf("%s: %w", file, err)
	}
	return openpgp.SignArmored(text, keys[0], now)
}

// readFile reads a file that a flag names.
func readFile(file, flag string) ([]byte, error) {
	if file == "" {
		return nil, wrongf("%s is missing: name the file", flag)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, wrongf("%s: %w", flag, err)
	}
	return data, nil
}
