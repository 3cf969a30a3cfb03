package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// Problem is a certificate that doesn't serve on every day of a span.
type Problem struct {
	gateway.Holding
	Purpose openpgp.Purpose
	Reason  string    // expired, revoked, weak, not-yet-valid, no-subkey, unconfirmed, unreadable
	Until   time.Time // the last second on which it serves; zero: not even at the beginning
}

// String says it for an operator, with what to do.
func (p Problem) String() string {
	who := fmt.Sprintf("%s: certificate %s", p.Participant, p.Fingerprint.Grouped())
	switch {
	case p.Reason == "unconfirmed":
		return who + " is not confirmed; compare the fingerprint by phone, then \"liaison key confirm\""
	case p.Reason == "unreadable":
		return who + " can't be read; import it again"
	case p.Until.IsZero():
		return fmt.Sprintf("%s can't be used for %s (%s); ask for a renewed one", who, p.Purpose, p.Reason)
	}
	return fmt.Sprintf("%s stops serving for %s on %s; ask for a renewed one before", who, p.Purpose, p.Until.UTC().Format("2006-01-02 15:04 MST"))
}

// Check judges every certificate of an operation that isn't blocked, for every
// day from one time to another: can it be encrypted to, and can it sign, without
// a gap?
func (r *Ring) Check(ctx context.Context, op operation.Code, from, to time.Time) ([]Problem, error) {
	if op == "" {
		return nil, errors.New("check certificates: an operation is needed")
	}
	list, err := r.records.Keys(ctx, op, "", "")
	if err != nil {
		return nil, fmt.Errorf("check certificates: %w", err)
	}
	var problems []Problem
	for _, k := range list {
		if k.State == gateway.KeyBlocked {
			continue
		}
		if k.State == gateway.KeyProposed {
			problems = append(problems, Problem{Holding: k.Holding, Reason: "unconfirmed"})
		}
		c, err := r.parse(k.Certificate)
		if err != nil {
			problems = append(problems, Problem{Holding: k.Holding, Reason: "unreadable"})
			continue
		}
		for _, purpose := range []openpgp.Purpose{openpgp.Encryption, openpgp.Signing} {
			if p, ok := gap(c, purpose, from, to); ok {
				p.Holding = k.Holding
				problems = append(problems, p)
			}
		}
	}
	return problems, nil
}

// gap finds the first moment at which a certificate stops serving.
func gap(c *openpgp.Certificate, purpose openpgp.Purpose, from, to time.Time) (Problem, bool) {
	until, forever := c.ValidUntil(purpose, from)
	if forever || !until.IsZero() && !until.Before(to) {
		return Problem{}, false
	}
	ask := from
	if !until.IsZero() {
		ask = until.Add(2 * time.Second)
	}
	p := Problem{Purpose: purpose, Until: until, Reason: "expired"}
	var why *openpgp.KeyError
	if errors.As(c.Valid(purpose, ask), &why) {
		p.Reason = why.Reason
	}
	return p, true
}
