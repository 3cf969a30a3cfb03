package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// Proposal is a certificate that somebody brings.
type Proposal struct {
	Certificate *openpgp.Certificate
	Source      string // file or person that it came from
	Role        string // shared (default) · personal · spare
	Holder      string // who reads with it: "functional mailbox", a function
	By          string // who proposes: an operator's name, a participant code
}

// Change says what a proposal or a confirmation came to.
type Change string

// The changes.
const (
	Unchanged Change = "unchanged" // known, and nothing new in it
	Proposed  Change = "proposed"  // waits for Confirm
	Merged    Change = "merged"    // a newer copy of a known certificate
	Revoked   Change = "revoked"   // the newer copy revokes it: it is not used any more
	Second    Change = "second"    // the first of two persons confirmed a replacement
	Done      Change = "confirmed"
	Blocked   Change = "blocked"
)

// verdict is what a change comes to: the record to put, and how the audit log
// reads. Without an action nothing is put.
type verdict struct {
	record              gateway.KeyRecord
	change              Change
	by, action, justify string
}

// change judges a participant's records and puts one, in one transaction.
func (r *Ring) change(ctx context.Context, op operation.Code, p operation.ParticipantCode, judge func([]gateway.KeyRecord) (verdict, error)) (Change, error) {
	if op == "" || p == "" {
		return "", errors.New("look up certificate: operation and participant are needed")
	}
	var v verdict
	err := r.records.ChangeKeys(ctx, op, p, func(list []gateway.KeyRecord) (*gateway.KeyRecord, gateway.AuditEntry, error) {
		var err error
		if v, err = judge(list); err != nil || v.action == "" {
			return nil, gateway.AuditEntry{}, err
		}
		return &v.record, gateway.AuditEntry{Kind: gateway.Administration, At: r.clock(), Actor: v.by, Action: v.action, Operation: op,
			Reference: string(v.record.Fingerprint), Recipients: []operation.ParticipantCode{p}, Justification: v.justify}, nil
	})
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.recent, holder{op, p})
	return v.change, nil
}

// Propose records a new certificate as proposed. A newer copy of one that is
// known under the same primary fingerprint keeps its state: its valid
// self-signatures are merged, and a revocation blocks it at once.
func (r *Ring) Propose(ctx context.Context, op operation.Code, p operation.ParticipantCode, proposal Proposal) (Change, error) {
	if proposal.Certificate == nil || proposal.By == "" {
		return "", errors.New("propose certificate: a certificate and who brings it are needed")
	}
	if proposal.Role == "" {
		proposal.Role = "shared"
	}
	return r.change(ctx, op, p, func(list []gateway.KeyRecord) (verdict, error) {
		fp := proposal.Certificate.Fingerprint()
		if known, err := find(list, op, p, fp); err == nil {
			return r.merge(known, proposal)
		}
		now := r.clock()
		state, change, action := gateway.KeyProposed, Proposed, "certificate proposed"
		if proposal.Certificate.Revoked(now) {
			state, change, action = gateway.KeyBlocked, Revoked, "revoked certificate recorded as blocked"
		}
		k := gateway.KeyRecord{
			Holding:     gateway.Holding{Operation: op, Participant: p, Fingerprint: fp, State: state},
			Certificate: proposal.Certificate.Bytes(), KeyIDs: proposal.Certificate.KeyIDs(),
			Role: proposal.Role, Holder: proposal.Holder, Source: proposal.Source, Added: now,
		}
		return verdict{k, change, proposal.By, action, "from " + proposal.Source}, nil
	})
}

// merge takes over what a newer copy of a known certificate adds.
func (r *Ring) merge(known gateway.KeyRecord, proposal Proposal) (verdict, error) {
	old, err := r.parse(known.Certificate)
	if err != nil {
		return verdict{}, fmt.Errorf("merge certificate %s: %w", known.Fingerprint, err)
	}
	merged, err := old.Merge(proposal.Certificate)
	if err != nil {
		return verdict{}, fmt.Errorf("merge certificate %s: %w", known.Fingerprint, err)
	}
	if bytes.Equal(merged.Bytes(), known.Certificate) {
		return verdict{change: Unchanged}, nil
	}
	change, action := Merged, "certificate renewed by its own signatures"
	known.Certificate, known.KeyIDs = merged.Bytes(), merged.KeyIDs()
	if merged.Revoked(r.clock()) {
		change, action = Revoked, "certificate revoked by its holder"
		known.State = gateway.KeyBlocked
	}
	return verdict{known, change, proposal.By, action, "from " + proposal.Source}, nil
}

// Confirm makes a proposed certificate the one in use, after by compared its
// whole fingerprint with its holder; how says over which number or in which
// meeting. Where the participant has a confirmed certificate already, it is a
// replacement and needs a second, different person: the first call returns
// Second. Replaced certificates stay confirmed until they are blocked, so that
// what is on its way can still be read.
func (r *Ring) Confirm(ctx context.Context, op operation.Code, p operation.ParticipantCode, fingerprint, by, how string) (Change, error) {
	by, how = strings.TrimSpace(by), strings.TrimSpace(how)
	if by == "" || how == "" {
		return "", errors.New("confirm certificate: say who compared the fingerprint and how (a number known before, a meeting)")
	}
	fp, err := openpgp.ParseFingerprint(fingerprint)
	if err != nil {
		return "", fmt.Errorf("confirm certificate: %w", err)
	}
	return r.change(ctx, op, p, func(list []gateway.KeyRecord) (verdict, error) {
		k, err := find(list, op, p, fp)
		if err != nil {
			return verdict{}, err
		}
		if err := r.confirmable(k); err != nil || k.State == gateway.KeyConfirmed {
			return verdict{change: Unchanged}, err
		}
		return confirm(k, replaced(list), by, how, r.clock())
	})
}

// confirm is the first or only confirmation, or the second of a replacement.
func confirm(k gateway.KeyRecord, replaces openpgp.Fingerprint, by, how string, now time.Time) (verdict, error) {
	first := k.ConfirmedBy
	k.ConfirmedAt, k.Replaces = now, replaces
	switch {
	case replaces == "":
		k.ConfirmedBy, k.How = by, how
	case first == "":
		k.ConfirmedBy, k.How = by, how
		return verdict{k, Second, by, "certificate replacement confirmed by the first person", how}, nil
	case same(first, by):
		return verdict{}, fmt.Errorf("confirm certificate %s: %s confirmed it already; a replacement needs a second person", k.Fingerprint.Grouped(), first)
	default:
		k.ConfirmedBy, k.How = first+", "+by, k.How+"; "+how
	}
	k.State = gateway.KeyConfirmed
	return verdict{k, Done, by, "certificate confirmed", how}, nil
}

// confirmable refuses what would fail in use.
func (r *Ring) confirmable(k gateway.KeyRecord) error {
	if k.State == gateway.KeyBlocked {
		return fmt.Errorf("confirm certificate %s: it is blocked; a blocked certificate never comes back, ask for a new one", k.Fingerprint.Grouped())
	}
	c, err := r.parse(k.Certificate)
	if err != nil {
		return fmt.Errorf("confirm certificate %s: %w", k.Fingerprint, err)
	}
	now := r.clock()
	if c.Revoked(now) {
		return fmt.Errorf("confirm certificate %s: it is revoked; ask for a new one", k.Fingerprint.Grouped())
	}
	for _, purpose := range []openpgp.Purpose{openpgp.Encryption, openpgp.Signing} {
		if err := c.Valid(purpose, now); err != nil {
			return fmt.Errorf("confirm certificate: %w; ask its holder for a renewed one", err)
		}
	}
	return nil
}

// replaced returns the participant's confirmed certificate that a newcomer would
// replace; "" where there is none. A spare beside a shared one is a replacement
// too: whoever could add a key of their own could read everything.
func replaced(list []gateway.KeyRecord) openpgp.Fingerprint {
	var fp openpgp.Fingerprint
	var since time.Time
	for _, k := range list {
		if k.State == gateway.KeyConfirmed && !k.ConfirmedAt.Before(since) {
			fp, since = k.Fingerprint, k.ConfirmedAt
		}
	}
	return fp
}

// Block is the emergency brake: the certificate is not sealed to, opens no
// session and signs nothing from now on. It needs one person and a reason. The
// caller ends sessions and drops what was sealed.
func (r *Ring) Block(ctx context.Context, op operation.Code, p operation.ParticipantCode, fingerprint, by, reason string) error {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" {
		return errors.New("block certificate: say who blocks it and why")
	}
	fp, err := openpgp.ParseFingerprint(fingerprint)
	if err != nil {
		return fmt.Errorf("block certificate: %w", err)
	}
	_, err = r.change(ctx, op, p, func(list []gateway.KeyRecord) (verdict, error) {
		k, err := find(list, op, p, fp)
		if err != nil || k.State == gateway.KeyBlocked {
			return verdict{change: Unchanged}, err
		}
		k.State = gateway.KeyBlocked
		return verdict{k, Blocked, by, "certificate blocked", reason}, nil
	})
	return err
}

// find returns one registration of a participant.
func find(list []gateway.KeyRecord, op operation.Code, p operation.ParticipantCode, fp openpgp.Fingerprint) (gateway.KeyRecord, error) {
	i := slices.IndexFunc(list, func(k gateway.KeyRecord) bool { return k.Fingerprint == fp })
	if i < 0 {
		return gateway.KeyRecord{}, fmt.Errorf("certificate %s of %s in %s: %w; see \"liaison key list\"", fp.Grouped(), p, op, gateway.ErrNotFound)
	}
	return list[i], nil
}

// same compares two persons' names as people write them.
func same(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}
