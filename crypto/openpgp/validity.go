package openpgp

import (
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

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
	return &KeyError{Fingerprint: fingerprintOf(c.entity.PrimaryKey), Purpose: p, Reason: reason(c.entity, p, at)}
}

func (c *Certificate) usable(p Purpose, at time.Time) (*packet.PublicKey, bool) {
	return usable(c.entity, p, at)
}

func usable(e *pgp.Entity, p Purpose, at time.Time) (*packet.PublicKey, bool) {
	var key pgp.Key
	var ok bool
	if p == Encryption {
		key, ok = e.EncryptionKey(at, policy(at))
	} else {
		key, ok = e.SigningKey(at, policy(at))
	}
	if !ok {
		return nil, false
	}
	return key.PublicKey, true
}

// reason finds out why there is no usable key, by asking the same question
// wherever the answer can change.
func reason(e *pgp.Entity, p Purpose, at time.Time) string {
	if e.Revoked(at) {
		return "revoked"
	}
	for _, change := range changes(e) {
		if _, ok := usable(e, p, change); ok {
			if change.Before(at) {
				return "expired"
			}
			return "not-yet-valid"
		}
	}
	for i := range e.Subkeys {
		sub := &e.Subkeys[i]
		if sub.Revoked(nil, at) && (p == Encryption) == sub.PublicKey.PubKeyAlgo.CanEncrypt() {
			return "revoked"
		}
	}
	if bits, err := e.PrimaryKey.BitLength(); err == nil && e.PrimaryKey.PubKeyAlgo <= packet.PubKeyAlgoRSASignOnly && bits < 2048 {
		return "weak"
	}
	if e.PrimaryKey.PubKeyAlgo == packet.PubKeyAlgoDSA {
		return "weak"
	}
	return "no-subkey"
}

// changes are all seconds at which an answer about the certificate can become
// another, in order: where a key or signature begins, and the first second after
// its end. Between two of them nothing changes, so that asking at each leaves no
// gap out, however short.
func changes(e *pgp.Entity) []time.Time {
	var out []time.Time
	end := func(from time.Time, lifetime *uint32) {
		if lifetime != nil && *lifetime > 0 {
			out = append(out, from.Add(time.Duration(*lifetime)*time.Second+time.Second))
		}
	}
	add := func(key *packet.PublicKey, signatures ...[]*packet.VerifiableSignature) {
		out = append(out, key.CreationTime)
		for _, s := range slices.Concat(signatures...) {
			out = append(out, s.Packet.CreationTime)
			end(s.Packet.CreationTime, s.Packet.SigLifetimeSecs)
			end(key.CreationTime, s.Packet.KeyLifetimeSecs)
			if back := s.Packet.EmbeddedSignature; back != nil {
				out = append(out, back.CreationTime)
				end(back.CreationTime, back.SigLifetimeSecs)
			}
		}
	}
	add(e.PrimaryKey, e.DirectSignatures, e.Revocations)
	for _, id := range e.Identities {
		add(e.PrimaryKey, id.SelfCertifications, id.Revocations)
	}
	for _, sub := range e.Subkeys {
		add(sub.PublicKey, sub.Bindings, sub.Revocations)
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// settle has the library judge signatures that expire without regard to the
// day. Else it would judge them on the first day that it is asked about and
// remember that: a question about next year would spoil the answers about today.
func settle(e *pgp.Entity) *pgp.Entity {
	none, config := time.Time{}, policy(e.PrimaryKey.CreationTime)
	for _, s := range expiring(e.DirectSignatures) {
		one := *e
		one.DirectSignatures = s
		_, _ = one.LatestValidDirectSignature(none, config)
	}
	for _, id := range e.Identities {
		for _, s := range expiring(id.SelfCertifications) {
			one := *id
			one.SelfCertifications = s
			_, _ = one.LatestValidSelfCertification(none, config)
		}
		for _, s := range expiring(id.Revocations) {
			one := *id
			one.Revocations = s
			one.Revoked(nil, none, config)
		}
	}
	for i := range e.Subkeys {
		for _, s := range expiring(e.Subkeys[i].Bindings) {
			one := e.Subkeys[i]
			one.Bindings = s
			_, _ = one.LatestValidBindingSignature(none, config)
		}
	}
	return e
}

// expiring returns the signatures that expire, each in a list of its own.
func expiring(all []*packet.VerifiableSignature) (out [][]*packet.VerifiableSignature) {
	for _, s := range all {
		if s.Packet.SigLifetimeSecs != nil {
			out = append(out, []*packet.VerifiableSignature{s})
		}
	}
	return out
}

// ValidUntil returns the last second until which the purpose is served without
// a gap, seen from a time, by whichever keys; forever where no end is in sight
// (twenty years). The zero time: not even then.
func (c *Certificate) ValidUntil(p Purpose, from time.Time) (until time.Time, forever bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.usable(p, from); !ok {
		return time.Time{}, false
	}
	horizon := from.AddDate(20, 0, 0)
	for _, change := range changes(c.entity) {
		if !change.After(from) || change.After(horizon) {
			continue
		}
		if _, ok := c.usable(p, change); !ok {
			return change.Add(-time.Second), false
		}
	}
	return horizon, true
}

// nextChange is the next second after a time at which an answer can become
// another; the zero time: never again.
func (c *Certificate) nextChange(from time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range changes(c.entity) {
		if change.After(from) {
			return change
		}
	}
	return time.Time{}
}

// Revoked reports whether the whole certificate is revoked at a time.
func (c *Certificate) Revoked(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entity.Revoked(at)
}
