// Package openpgp opens and seals OpenPGP messages (RFC 9580). It is the only
// importer of the OpenPGP library and the only place that interprets the
// library's verdicts.
//
// It guarantees that "opened" never means "was encrypted", that nothing without
// integrity protection is opened, that a verdict is good only for an intact
// signature of a certificate that was looked up and was valid when it was made,
// and that opening spends no more memory than the limits allow.
//
// It reads no files, opens no connections and has no clock: keys, certificates
// and time are handed in. Whose a certificate is, and whether it may be
// believed, is decided elsewhere. Read Open and Seal first.
package openpgp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// certificateLimit bounds what is parsed as certificates, in bytes.
const certificateLimit = 1 << 20

// Fingerprint is a whole fingerprint, upper-case hex: 40 digits for version 4,
// 64 for version 6 (RFC 9580, section 5.5.4). Short key ids are never one.
type Fingerprint string

// ParseFingerprint reads a fingerprint as people write it: blanks, colons and
// lower case are fine; anything shorter than a whole one is an error.
func ParseFingerprint(s string) (Fingerprint, error) {
	s = strings.ToUpper(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n:\u00a0", r) {
			return -1
		}
		return r
	}, s))
	s = strings.TrimPrefix(s, "0X")
	if _, err := hex.DecodeString(s); err != nil || len(s) != 40 && len(s) != 64 {
		return "", fmt.Errorf("%q is not a fingerprint: give all 40 digits (or 64, for a version 6 certificate)", s)
	}
	return Fingerprint(s), nil
}

// Grouped writes the fingerprint in groups of four, for reading aloud.
func (f Fingerprint) Grouped() string {
	var groups []string
	for s := string(f); s != ""; {
		n := min(4, len(s))
		groups, s = append(groups, s[:n]), s[n:]
	}
	return strings.Join(groups, " ")
}

func fingerprintOf(pub *packet.PublicKey) Fingerprint {
	return Fingerprint(strings.ToUpper(hex.EncodeToString(pub.Fingerprint)))
}

// Certificate is a public key with its user IDs and subkeys. It is safe for
// concurrent use.
type Certificate struct {
	mu     sync.Mutex // guards entity, whose methods cache inside
	entity *pgp.Entity
	raw    []byte
	copies sync.Pool // of *pgp.Entity, each for one call of the library at a time

	encMu   sync.Mutex // guards encKey, encFrom, encTo
	encKey  *packet.PublicKey
	encFrom time.Time
	encTo   time.Time

	fromSecret bool // set before anybody else has it
}

// borrow lends a copy for one call of the library, and the way to give it back.
func (c *Certificate) borrow() (*pgp.Entity, func()) { return borrow(&c.copies, c.raw) }

func borrow(pool *sync.Pool, raw []byte) (*pgp.Entity, func()) {
	e, _ := pool.Get().(*pgp.Entity)
	if e == nil {
		e = parseOne(raw)
	}
	return e, func() {
		if e != nil {
			pool.Put(e)
		}
	}
}

// ParseCertificates reads one or several certificates, armored (in several
// blocks, if need be) or binary. Secret parts are dropped; FromSecret tells that
// there were some. At most 1 MiB.
func ParseCertificates(data []byte) ([]*Certificate, error) {
	entities, err := parseEntities(data)
	if err != nil {
		return nil, err
	}
	out := make([]*Certificate, len(entities))
	for i, e := range entities {
		if out[i], err = newCertificate(e); err != nil {
			return nil, err
		}
		out[i].fromSecret = e.PrivateKey != nil || slices.ContainsFunc(e.Subkeys, func(s pgp.Subkey) bool { return s.PrivateKey != nil })
	}
	return out, nil
}

// FromSecret reports whether the certificate was read from a secret key, locked or
// not: who asks for certificates and gets one should say so.
func (c *Certificate) FromSecret() bool { return c.fromSecret }

func newCertificate(e *pgp.Entity) (*Certificate, error) {
	var raw bytes.Buffer
	if err := e.Serialize(&raw); err != nil {
		return nil, fmt.Errorf("read certificate: %v", err)
	}
	public, err := pgp.ReadEntity(packet.NewReader(bytes.NewReader(raw.Bytes())))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %v", err)
	}
	return &Certificate{entity: settle(public), raw: raw.Bytes()}, nil
}

func parseEntities(data []byte) (pgp.EntityList, error) {
	if len(data) > certificateLimit {
		return nil, fmt.Errorf("a key file of %d bytes is too large; the limit is 1 MiB", len(data))
	}
	blocks := [][]byte{data}
	if armored := dearmorAll(data, "PGP PUBLIC KEY BLOCK", "PGP PRIVATE KEY BLOCK"); len(armored) > 0 {
		blocks = armored
	}
	var all pgp.EntityList
	for _, b := range blocks {
		list, err := pgp.ReadKeyRing(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("this is no OpenPGP key: %v", err)
		}
		all = append(all, list...)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no OpenPGP key in it")
	}
	return all, nil
}

// Fingerprint returns the fingerprint of the primary key.
func (c *Certificate) Fingerprint() Fingerprint { return fingerprintOf(c.entity.PrimaryKey) }

// Version is the version of the primary key: 4 or 6.
func (c *Certificate) Version() int { return c.entity.PrimaryKey.Version }

// UserIDs returns the user IDs that the key itself has certified, sorted: anybody can
// add others to a copy.
func (c *Certificate) UserIDs() []string {
	var ids []string
	c.certified(func(id *pgp.Identity) { ids = append(ids, id.Name) })
	slices.Sort(ids)
	return ids
}

func (c *Certificate) certified(each func(*pgp.Identity)) {
	e, giveBack := c.borrow()
	defer giveBack()
	if e == nil {
		return
	}
	for _, id := range e.Identities {
		if _, err := id.LatestValidSelfCertification(time.Time{}, policy(e.PrimaryKey.CreationTime)); err == nil {
			each(id)
		}
	}
}

// Addresses returns the mail addresses of the user IDs that the key itself has
// certified and not revoked, in lower case.
func (c *Certificate) Addresses() []string {
	var out []string
	c.certified(func(id *pgp.Identity) {
		if len(id.Revocations) > 0 {
			return
		}
		address := id.Name
		if a, err := mail.ParseAddress(id.Name); err == nil {
			address = a.Address
		} else if id.UserId != nil && id.UserId.Email != "" {
			address = id.UserId.Email
		}
		if strings.Contains(address, "@") {
			out = append(out, strings.ToLower(address))
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// Bytes returns the binary certificate.
func (c *Certificate) Bytes() []byte { return bytes.Clone(c.raw) }

// Armored returns the armored certificate.
func (c *Certificate) Armored() []byte { return Armor(ArmorPublicKey, c.raw) }

// KeyIDs returns the key ids of the primary key and all subkeys.
func (c *Certificate) KeyIDs() []uint64 {
	ids := []uint64{c.entity.PrimaryKey.KeyId}
	for _, sub := range c.entity.Subkeys {
		ids = append(ids, sub.PublicKey.KeyId)
	}
	return ids
}

// Format is the format of an encrypted message's body.
type Format int

// The formats: integrity protection by MDC, or by AEAD (RFC 9580, section 5.13).
const (
	SEIPDv1 Format = 1
	SEIPDv2 Format = 2
)

// Reads returns the newest format that the certificate says it reads, by its
// newest self-signature, whether or not that has expired: what a program reads
// doesn't depend on the day.
func (c *Certificate) Reads() Format {
	c.mu.Lock()
	defer c.mu.Unlock()
	self, err := c.entity.PrimarySelfSignature(time.Time{}, policy(c.entity.PrimaryKey.CreationTime))
	if err == nil && self != nil && self.SEIPDv2 {
		return SEIPDv2
	}
	return SEIPDv1
}

// SealedFormat is the newest format that all of them read.
func SealedFormat(certs ...*Certificate) Format {
	for _, c := range certs {
		if c.Reads() != SEIPDv2 {
			return SEIPDv1
		}
	}
	if len(certs) == 0 {
		return SEIPDv1
	}
	return SEIPDv2
}
