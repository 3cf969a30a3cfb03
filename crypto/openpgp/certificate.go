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

	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
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
// blocks, if need be) or binary. Secret parts are dropped. At most 1 MiB.
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
	}
	return out, nil
}

func newCertificate(e *pgp.Entity) (*Certificate, error) {
	var raw bytes.Buffer
	if err := e.Serialize(&raw); err != nil {
		return nil, fmt.Errorf("read certificate: %v", err)
	}
	public, err := pgp.ReadEntity(packet.NewReader(bytes.NewReader(raw.Bytes())))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %v", err)
	}
	return &Certificate{entity: public, raw: raw.Bytes()}, nil
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

// UserIDs returns the user IDs, sorted.
func (c *Certificate) UserIDs() []string {
	var ids []string
	for name := range c.entity.Identities {
		ids = append(ids, name)
	}
	slices.Sort(ids)
	return ids
}

// Addresses returns the mail addresses of the user IDs that aren't revoked, in
// lower case.
func (c *Certificate) Addresses() []string {
	var out []string
	for _, id := range c.entity.Identities {
		if len(id.Revocations) > 0 {
			continue
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
	}
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

// Purpose is what a key is asked for.
type Purpose int

// The purposes.
const (
	Encryption Purpose = iota
	Signing
)

func (p Purpose) String() string { return [...]string{"encryption", "signing"}[p] }

// KeyError says why a certificate can't serve a purpose on a day.
type KeyError struct {
	Fingerprint Fingerprint
	Purpose     Purpose
	Reason      string // expired, revoked, weak, not-yet-valid, no-subkey
}

func (e *KeyError) Error() string {
	words := map[string]string{"expired": "its %s key has expired", "revoked": "it was revoked, so its %s key can't be used",
		"weak": "its %s key is too weak (RSA under 2048 bits, DSA or ElGamal)", "not-yet-valid": "its %s key is not valid yet", "no-subkey": "it has no usable %s key"}
	return fmt.Sprintf("certificate %s: "+words[e.Reason], e.Fingerprint, e.Purpose)
}

// Valid reports whether the certificate can serve the purpose at a time: nil,
// or a *KeyError. It is a question about one subkey, one purpose, one day.
func (c *Certificate) Valid(p Purpose, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.usable(p, at); ok {
		return nil
	}
	return &KeyError{Fingerprint: fingerprintOf(c.entity.PrimaryKey), Purpose: p, Reason: c.reason(p, at)}
}

func (c *Certificate) usable(p Purpose, at time.Time) (*packet.PublicKey, bool) {
	var key pgp.Key
	var ok bool
	if p == Encryption {
		key, ok = c.entity.EncryptionKey(at, policy(at))
	} else {
		key, ok = c.entity.SigningKey(at, policy(at))
	}
	if !ok {
		return nil, false
	}
	return key.PublicKey, true
}

// reason finds out why there is no usable key, by asking the same question on
// other days.
func (c *Certificate) reason(p Purpose, at time.Time) string {
	if c.entity.Revoked(at) {
		return "revoked"
	}
	for _, day := range c.turningPoints() {
		if _, ok := c.usable(p, day); ok {
			if day.Before(at) {
				return "expired"
			}
			return "not-yet-valid"
		}
	}
	if bits, err := c.entity.PrimaryKey.BitLength(); err == nil && c.entity.PrimaryKey.PubKeyAlgo <= packet.PubKeyAlgoRSASignOnly && bits < 2048 {
		return "weak"
	}
	if c.entity.PrimaryKey.PubKeyAlgo == packet.PubKeyAlgoDSA {
		return "weak"
	}
	return "no-subkey"
}

// turningPoints are the moments around which the answer can change: a second
// after each key and signature began.
func (c *Certificate) turningPoints() []time.Time {
	var out []time.Time
	add := func(t time.Time) { out = append(out, t.Add(time.Second)) }
	add(c.entity.PrimaryKey.CreationTime)
	for _, id := range c.entity.Identities {
		for _, s := range id.SelfCertifications {
			add(s.Packet.CreationTime)
		}
	}
	for _, s := range c.entity.DirectSignatures {
		add(s.Packet.CreationTime)
	}
	for _, sub := range c.entity.Subkeys {
		add(sub.PublicKey.CreationTime)
		for _, s := range sub.Bindings {
			add(s.Packet.CreationTime)
		}
	}
	slices.SortFunc(out, func(a, b time.Time) int { return a.Compare(b) })
	return out
}

// ValidUntil returns the last second until which the purpose is served without
// a gap, seen from a time; forever where no end is in sight (twenty years). The
// zero time: not even then.
func (c *Certificate) ValidUntil(p Purpose, from time.Time) (until time.Time, forever bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.usable(p, from); !ok {
		return time.Time{}, false
	}
	low, high := from, from
	for step := 24 * time.Hour; ; step *= 2 {
		high = low.Add(step)
		if high.Sub(from) > 20*365*24*time.Hour {
			return high, true
		}
		if _, ok := c.usable(p, high); !ok {
			break
		}
		low = high
	}
	for high.Sub(low) > time.Second {
		mid := low.Add(high.Sub(low) / 2)
		if _, ok := c.usable(p, mid); ok {
			low = mid
		} else {
			high = mid
		}
	}
	return low, false
}

// Revoked reports whether the whole certificate is revoked at a time.
func (c *Certificate) Revoked(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entity.Revoked(at)
}

// Merge returns the certificate with what a newer copy of it adds: valid
// self-signatures, subkeys, user IDs, revocations. Another primary key is an
// error.
func (c *Certificate) Merge(newer *Certificate) (*Certificate, error) {
	if c.Fingerprint() != newer.Fingerprint() {
		return nil, fmt.Errorf("%s is another certificate than %s, not a newer copy of it", newer.Fingerprint(), c.Fingerprint())
	}
	merged, err := parseEntities(mergePackets(c.raw, newer.raw))
	if err != nil {
		return nil, err
	}
	return newCertificate(merged[0])
}

// mergePackets puts the packets of both copies together: each component once,
// with the signatures of both.
func mergePackets(a, b []byte) []byte {
	var order []string
	signatures := map[string][][]byte{}
	for _, raw := range [][]byte{a, b} {
		component := ""
		reader := packet.NewOpaqueReader(bytes.NewReader(raw))
		for {
			op, err := reader.Next()
			if err != nil {
				break
			}
			var buf bytes.Buffer
			if op.Serialize(&buf) != nil {
				break
			}
			if op.Tag != packetSignature {
				component = buf.String()
				if _, seen := signatures[component]; !seen {
					order, signatures[component] = append(order, component), nil
				}
				continue
			}
			if !slices.ContainsFunc(signatures[component], func(s []byte) bool { return bytes.Equal(s, buf.Bytes()) }) {
				signatures[component] = append(signatures[component], buf.Bytes())
			}
		}
	}
	var out bytes.Buffer
	for _, group := range [][]string{keepTags(order, packetUserID, false), keepTags(order, packetUserID, true)} {
		for _, component := range group {
			out.WriteString(component)
			for _, s := range signatures[component] {
				out.Write(s)
			}
		}
	}
	return out.Bytes()
}

// Packet tags (RFC 9580, section 5).
const (
	packetSignature = 2
	packetUserID    = 13
	packetSubkey    = 14
)

// keepTags returns the components before the subkeys, or the subkeys: a
// certificate has its user IDs first.
func keepTags(order []string, _ int, subkeys bool) []string {
	var out []string
	for _, component := range order {
		op, err := packet.NewOpaqueReader(strings.NewReader(component)).Next()
		if err == nil && (op.Tag == packetSubkey) == subkeys {
			out = append(out, component)
		}
	}
	return out
}

// Format is the format of an encrypted message's body.
type Format int

// The formats: integrity protection by MDC, or by AEAD (RFC 9580, section 5.13).
const (
	SEIPDv1 Format = 1
	SEIPDv2 Format = 2
)

// Reads returns the newest format that the certificate says it reads.
func (c *Certificate) Reads() Format {
	c.mu.Lock()
	defer c.mu.Unlock()
	self, err := c.entity.PrimarySelfSignature(time.Time{}, policy(time.Time{}))
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

