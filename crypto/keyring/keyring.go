// Package keyring keeps the participants' certificates: pinned by their full
// fingerprint, used only after a person confirmed them over a number known
// before, replaced only by two.
//
// It guarantees that nothing but a confirmed certificate is ever sealed to or
// opens a session; that a newer copy of a known certificate brings expiry dates,
// subkeys and revocations without another confirmation, and nothing else does;
// that a valid revocation works at once; that every change has its audit entry
// in the same transaction.
//
// It stores nothing itself (gateway.KeyRecords does) and does no cryptography of
// its own (crypto/openpgp does). Read Ring, then Propose, Confirm and Block.
package keyring

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// Ring answers for certificates and changes them. It meets gateway.Keyring and
// may be used from any goroutine.
type Ring struct {
	records gateway.KeyRecords
	clock   func() time.Time

	mu     sync.Mutex // guards the rest
	parsed map[[32]byte]*openpgp.Certificate
	recent map[holder]recent
}

type holder struct {
	operation   operation.Code
	participant operation.ParticipantCode
}

// recent is what was read of a participant's certificates just now.
type recent struct {
	certs []*openpgp.Certificate
	until time.Time
}

// recentFor is how long that is believed: a certificate that another process
// blocks is sealed to no longer than this.
const recentFor = 500 * time.Millisecond

var _ gateway.Keyring = (*Ring)(nil)

// parsedMost bounds the cache of parsed certificates, of 7 KB each; an operation
// has some hundreds.
const parsedMost = 1024

// New returns a ring over the record. clock may be nil for time.Now.
func New(records gateway.KeyRecords, clock func() time.Time) *Ring {
	if clock == nil {
		clock = time.Now
	}
	return &Ring{records: records, clock: clock, parsed: make(map[[32]byte]*openpgp.Certificate), recent: make(map[holder]recent)}
}

// Signers returns the registered certificates, in whatever state, that hold a
// key of this id, or whose primary fingerprint is fp.
func (r *Ring) Signers(ctx context.Context, keyID uint64, fp openpgp.Fingerprint) ([]*openpgp.Certificate, error) {
	list, err := r.records.KeysByID(ctx, keyID)
	if err != nil {
		return nil, fmt.Errorf("look up key id: %w", err)
	}
	if fp != "" {
		more, err := r.records.Keys(ctx, "", "", fp)
		if err != nil {
			return nil, fmt.Errorf("look up fingerprint: %w", err)
		}
		list = append(list, more...)
	}
	return r.certificates(list)
}

// Holdings returns who registered the certificate of this primary fingerprint,
// in every operation.
func (r *Ring) Holdings(ctx context.Context, fp openpgp.Fingerprint) ([]gateway.Holding, error) {
	if fp == "" {
		return nil, nil // the record would take it for "all"
	}
	list, err := r.records.Keys(ctx, "", "", fp)
	if err != nil {
		return nil, fmt.Errorf("look up holdings: %w", err)
	}
	holdings := make([]gateway.Holding, len(list))
	for i, k := range list {
		holdings[i] = k.Holding
	}
	return holdings, nil
}

// Recipients returns a participant's confirmed certificates that aren't revoked,
// as they were half a second ago at the most. Whether each can be encrypted to
// today is asked where that happens.
func (r *Ring) Recipients(ctx context.Context, op operation.Code, p operation.ParticipantCode) ([]*openpgp.Certificate, error) {
	who, now := holder{op, p}, time.Now()
	r.mu.Lock()
	known, ok := r.recent[who]
	r.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.certs, nil
	}
	certs, err := r.Confirmed(ctx, op, p)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.recent[who] = recent{certs, now.Add(recentFor)}
	}
	return certs, err
}

// Confirmed returns a participant's confirmed certificates that aren't revoked.
func (r *Ring) Confirmed(ctx context.Context, op operation.Code, p operation.ParticipantCode) ([]*openpgp.Certificate, error) {
	if op == "" || p == "" {
		return nil, nil // the record would take it for "all"
	}
	list, err := r.records.Keys(ctx, op, p, "")
	if err != nil {
		return nil, fmt.Errorf("look up confirmed certificates: %w", err)
	}
	list = slices.DeleteFunc(list, func(k gateway.KeyRecord) bool { return k.State != gateway.KeyConfirmed })
	certs, err := r.certificates(list)
	if err != nil {
		return nil, err
	}
	now := r.clock()
	return slices.DeleteFunc(certs, func(c *openpgp.Certificate) bool { return c.Revoked(now) }), nil
}

// Version returns a number that grows whenever a certificate of anybody changes.
func (r *Ring) Version(ctx context.Context) (int64, error) { return r.records.KeysVersion(ctx) }

// certificates parses records, each certificate once however many registered it.
func (r *Ring) certificates(list []gateway.KeyRecord) ([]*openpgp.Certificate, error) {
	var out []*openpgp.Certificate
	for _, k := range list {
		c, err := r.parse(k.Certificate)
		if err != nil {
			return nil, fmt.Errorf("certificate %s of %s/%s: %w", k.Fingerprint, k.Operation, k.Participant, err)
		}
		if c.Fingerprint() != k.Fingerprint {
			return nil, fmt.Errorf("certificate %s of %s/%s: the record holds %s under this name", k.Fingerprint, k.Operation, k.Participant, c.Fingerprint())
		}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out, nil
}

// parse reads a certificate, or remembers it by the hash of its bytes: parsing
// and checking self-signatures costs more than sealing does.
func (r *Ring) parse(raw []byte) (*openpgp.Certificate, error) {
	sum := sha256.Sum256(raw)
	r.mu.Lock()
	c := r.parsed[sum]
	r.mu.Unlock()
	if c != nil {
		return c, nil
	}
	list, err := openpgp.ParseCertificates(raw)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("the record holds %d certificates; want one", len(list))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.parsed[sum]; known != nil {
		return known, nil // somebody was faster; one pointer for one certificate
	}
	if len(r.parsed) >= parsedMost {
		clear(r.parsed)
	}
	r.parsed[sum] = list[0]
	return list[0], nil
}
