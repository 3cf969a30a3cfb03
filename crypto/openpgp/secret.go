package openpgp

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Errors of reading secret keys.
var (
	ErrLocked     = errors.New("the secret key is locked and no passphrase was given: set LIAISON_PASSPHRASE or name a passphrase_file")
	ErrPassphrase = errors.New("the passphrase does not open this secret key")
)

// SecretKey is an unlocked secret key. It refuses to print and is safe for
// concurrent use.
type SecretKey struct {
	raw    []byte // unlocked
	cert   *Certificate
	copies sync.Pool // of *pgp.Entity, each for one call of the library at a time
}

// borrow lends a copy for one call of the library, and the way to give it back.
func (k *SecretKey) borrow() (*pgp.Entity, func()) { return borrow(&k.copies, k.raw) }

// String refuses to print.
func (*SecretKey) String() string { return "[secret key]" }

// GoString refuses to print.
func (*SecretKey) GoString() string { return "[secret key]" }

// LogValue refuses to print.
func (*SecretKey) LogValue() slog.Value { return slog.StringValue("[secret key]") }

// MarshalJSON refuses to print.
func (*SecretKey) MarshalJSON() ([]byte, error) { return []byte(`"[secret key]"`), nil }

// ParseSecretKeys reads secret keys, armored or binary, and unlocks them with
// the passphrase where they are locked.
func ParseSecretKeys(data, passphrase []byte) ([]*SecretKey, error) {
	entities, err := parseEntities(data)
	if err != nil {
		return nil, err
	}
	var out []*SecretKey
	for _, e := range entities {
		if e.PrivateKey == nil {
			return nil, fmt.Errorf("%s is a certificate without its secret key", fingerprintOf(e.PrimaryKey))
		}
		if err := unlock(e, passphrase); err != nil {
			return nil, err
		}
		k, err := newSecretKey(e)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

func unlock(e *pgp.Entity, passphrase []byte) error {
	locked := e.PrivateKey.Encrypted
	for _, sub := range e.Subkeys {
		locked = locked || sub.PrivateKey != nil && sub.PrivateKey.Encrypted
	}
	switch {
	case !locked:
		return nil
	case len(passphrase) == 0:
		return ErrLocked
	case e.DecryptPrivateKeys(passphrase) != nil:
		return ErrPassphrase
	}
	return nil
}

func newSecretKey(e *pgp.Entity) (*SecretKey, error) {
	cert, err := newCertificate(e)
	if err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&raw, nil); err != nil {
		return nil, fmt.Errorf("read secret key: %v", err)
	}
	return &SecretKey{raw: raw.Bytes(), cert: cert}, nil
}

// Certificate returns the public part.
func (k *SecretKey) Certificate() *Certificate { return k.cert }

// KeyOptions say what to generate.
type KeyOptions struct {
	Name    string // of the user ID
	Address string
	Created time.Time     // required
	Expires time.Duration // 0: never
	Version int           // 4 (default) or 6

	// Encrypts is how long the encryption subkey alone serves, where its life is
	// another than the key's; 0: as long as the key.
	Encrypts time.Duration
}

// Generate makes a Curve25519 key: version 4 by default, which all programs
// read, or version 6 with AEAD.
func Generate(o KeyOptions) (*SecretKey, error) {
	if o.Created.IsZero() {
		return nil, errors.New("generate key: say when it was created")
	}
	c := policy(o.Created)
	c.Algorithm = packet.PubKeyAlgoEdDSA
	c.Curve = packet.Curve25519
	c.KeyLifetimeSecs = uint32(o.Expires / time.Second)
	c.AEADConfig = nil
	if o.Version == 6 {
		c.V6Keys = true
		c.Algorithm = packet.PubKeyAlgoEd25519
		c.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeGCM, ChunkSize: 4096}
	}
	e, err := pgp.NewEntity(o.Name, "", o.Address, c)
	if err != nil {
		return nil, fmt.Errorf("generate key: %v", err)
	}
	if o.Encrypts > 0 {
		if err := limitSubkeys(e, o.Encrypts, c); err != nil {
			return nil, fmt.Errorf("generate key: %v", err)
		}
	}
	return newSecretKey(e)
}

// limitSubkeys binds the subkeys anew, for a life of their own.
func limitSubkeys(e *pgp.Entity, life time.Duration, c *packet.Config) error {
	seconds := uint32(life / time.Second)
	for i := range e.Subkeys {
		for _, b := range e.Subkeys[i].Bindings {
			b.Packet.KeyLifetimeSecs = &seconds
			if err := b.Packet.SignKey(e.Subkeys[i].PublicKey, e.PrivateKey, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// Armored returns the armored secret key, locked with the passphrase unless
// that is empty. The lock is one that GnuPG 2.2 reads (iterated and salted S2K,
// AES-256) for version 4, Argon2 for version 6.
func (k *SecretKey) Armored(passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		return Armor(ArmorSecretKey, k.raw), nil
	}
	copied := parseOne(k.raw)
	if copied == nil {
		return nil, errors.New("lock secret key: it can't be read back")
	}
	if err := copied.EncryptPrivateKeys(passphrase, nil); err != nil {
		return nil, fmt.Errorf("lock secret key: %v", err)
	}
	var locked bytes.Buffer
	if err := copied.SerializePrivateWithoutSigning(&locked, nil); err != nil {
		return nil, fmt.Errorf("write secret key: %v", err)
	}
	return Armor(ArmorSecretKey, locked.Bytes()), nil
}
