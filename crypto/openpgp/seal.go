package openpgp

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Sealed is a message signed and encrypted once, without recipients: For puts
// the key packets of some in front. It is safe for concurrent use; keep it
// short and in memory, since it holds the session key.
//
// The signature carries no intended-recipient subpackets (RFC 9580, section
// 5.2.3.36), because the body is shared: what binds a message to operation and
// recipients stands inside it.
type Sealed struct {
	format     Format
	sessionKey []byte
	body       []byte
	at         time.Time
}

// Size is how many bytes the shared body has.
func (s *Sealed) Size() int { return len(s.body) }

// Seal signs and encrypts plaintext with a fresh session key.
func Seal(plaintext []byte, signer *SecretKey, format Format, at time.Time) (*Sealed, error) {
	config := policy(at)
	signed, err := signInline(plaintext, signer, config)
	if err != nil {
		return nil, err
	}
	s := &Sealed{format: format, sessionKey: make([]byte, packet.CipherAES256.KeySize()), at: at}
	if _, err := io.ReadFull(rand.Reader, s.sessionKey); err != nil {
		return nil, fmt.Errorf("make session key: %v", err)
	}
	var body bytes.Buffer
	body.Grow(len(signed) + len(signed)/16 + 128)
	suite := packet.CipherSuite{Cipher: packet.CipherAES256, Mode: packet.AEADModeOCB}
	w, err := packet.SerializeSymmetricallyEncrypted(&body, packet.CipherAES256, format == SEIPDv2, suite, s.sessionKey, config)
	if err == nil {
		_, err = w.Write(signed)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypt: %v", err)
	}
	s.body = body.Bytes()
	return s, nil
}

// signInline returns a signed message: one-pass signature, literal data,
// signature.
func signInline(plaintext []byte, signer *SecretKey, config *packet.Config) ([]byte, error) {
	e, giveBack := signer.borrow()
	defer giveBack()
	var out bytes.Buffer
	out.Grow(len(plaintext) + 512)
	w, err := pgp.SignWithParams(nopCloser{&out}, []*pgp.Entity{e}, &pgp.SignParams{Hints: &pgp.FileHints{IsUTF8: false}, Config: config})
	if err == nil {
		_, err = w.Write(plaintext)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %v", signer.cert.Fingerprint(), err)
	}
	return out.Bytes(), nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// For returns the binary message for these recipients. Each must have an
// encryption key that is valid at the time of sealing; an error names the one
// that hasn't, and none at all is an error too.
func (s *Sealed) For(recipients ...*Certificate) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(s.body) + 160*len(recipients))
	if err := s.Write(&out, recipients...); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Write writes what For returns.
func (s *Sealed) Write(w io.Writer, recipients ...*Certificate) error {
	if len(recipients) == 0 {
		return fmt.Errorf("a message needs at least one recipient's certificate")
	}
	config := policy(s.at)
	for _, c := range recipients {
		key, err := c.encryptionKey(s.at)
		if err != nil {
			return err
		}
		if err := packet.SerializeEncryptedKeyAEAD(w, key, packet.CipherAES256, s.format == SEIPDv2, s.sessionKey, config); err != nil {
			return fmt.Errorf("encrypt to %s: %v", c.Fingerprint(), err)
		}
	}
	_, err := w.Write(s.body)
	return err
}

// encryptionKey is the certificate's encryption key for a day. It is worked out
// once an hour, and again when something about the certificate changes by
// itself: its self-signatures are not verified again for each message.
func (c *Certificate) encryptionKey(at time.Time) (*packet.PublicKey, error) {
	c.encMu.Lock()
	defer c.encMu.Unlock()
	if c.encKey != nil && !at.Before(c.encFrom) && at.Before(c.encTo) {
		return c.encKey, nil
	}
	if err := c.Valid(Encryption, at); err != nil {
		return nil, err
	}
	e, giveBack := c.borrow()
	defer giveBack()
	key, err := e.EncryptionKeyWithError(at, policy(at))
	if err != nil {
		return nil, &KeyError{Fingerprint: c.Fingerprint(), Purpose: Encryption, Reason: "no-subkey"}
	}
	c.encKey, c.encFrom, c.encTo = key.PublicKey, at, at.Add(time.Hour)
	if change := c.nextChange(at); !change.IsZero() && change.Before(c.encTo) {
		c.encTo = change
	}
	return c.encKey, nil
}

// SignDetached returns a detached binary signature over data.
func SignDetached(data []byte, key *SecretKey, at time.Time) ([]byte, error) {
	e, giveBack := key.borrow()
	defer giveBack()
	var out bytes.Buffer
	if err := pgp.DetachSign(&out, []*pgp.Entity{e}, bytes.NewReader(data), policy(at)); err != nil {
		return nil, fmt.Errorf("sign with %s: %v", key.cert.Fingerprint(), err)
	}
	return out.Bytes(), nil
}

// SignArmored returns a detached armored signature over data.
func SignArmored(data []byte, key *SecretKey, at time.Time) ([]byte, error) {
	sig, err := SignDetached(data, key, at)
	if err != nil {
		return nil, err
	}
	return Armor(ArmorSignature, sig), nil
}
