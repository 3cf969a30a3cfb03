package commtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// surveyTimeout bounds trying what can be reached.
const surveyTimeout = 20 * time.Second

// party carries one participant's part of a run forward: what the world says is
// gathered before the transaction, everything else is decided inside it.
func (r *Runner) party(ctx context.Context, d gateway.Due) error {
	run, code, _ := strings.Cut(d.Key, "/")
	id, who := gateway.RunID(run), operation.ParticipantCode(code)
	before, err := r.Record.TestParty(ctx, id, who)
	if errors.Is(err, gateway.ErrNotFound) {
		return r.Clock.FinishDue(ctx, d, nothing)
	}
	if err != nil {
		return err
	}
	op, err := r.operation(ctx, before.Operation)
	if err != nil {
		return err
	}
	if op == nil || op.Participant(who) == nil { // closed, or taken out of it
		return r.Clock.FinishDue(ctx, d, func(gateway.Ledger) (*gateway.Decision, time.Time, error) { return r.drop(before), time.Time{}, nil })
	}
	facts, err := r.gather(ctx, op, op.Participant(who), before)
	if err != nil {
		return err
	}
	return r.Clock.FinishDue(ctx, d, func(l gateway.Ledger) (*gateway.Decision, time.Time, error) {
		return r.advance(l, op, id, who, facts)
	})
}

// nothing ends what was due.
func nothing(gateway.Ledger) (*gateway.Decision, time.Time, error) { return nil, time.Time{}, nil }

// drop ends the part of who isn't in the operation any more.
func (r *Runner) drop(p *gateway.TestParty) *gateway.Decision {
	return &gateway.Decision{Operation: p.Operation, Tests: gateway.TestRecord{
		Parties: []gateway.TestParty{{Run: p.Run, Operation: p.Operation, Participant: p.Participant, Ended: true, Detail: p.Detail}},
		Look:    []gateway.Due{{Kind: gateway.DueRun, Key: string(p.Run), At: r.Now()}}}}
}

// gather is what is known of the world beside what came in: what can be reached,
// once, and the participant's certificates, whenever they changed.
func (r *Runner) gather(ctx context.Context, op *operation.Operation, p *operation.Participant, party *gateway.TestParty) ([]gateway.Hearing, error) {
	if party.Ended {
		return nil, nil
	}
	fact := gateway.Hearing{Run: party.Run, Operation: party.Operation, Participant: party.Participant, At: r.Now()}
	var out []gateway.Hearing
	var known []gateway.KeyFact
	reached := r.Survey == nil
	for _, e := range party.Heard {
		reached = reached || e.Kind == gateway.HeardReach
		if e.Kind == gateway.HeardKeys {
			known = e.Keys
		}
	}
	if !reached {
		survey, stop := context.WithTimeout(ctx, surveyTimeout)
		defer stop()
		f := fact
		f.Kind, f.Facts = gateway.HeardReach, r.Survey.Reach(survey, op, p)
		out = append(out, f)
	}
	records, err := r.Record.Keys(ctx, op.Code, p.Code, "")
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	if facts := KeyFacts(records, r.Now()); known == nil || !reflect.DeepEqual(facts, known) {
		f := fact
		f.Kind, f.Keys = gateway.HeardKeys, facts
		out = append(out, f)
	}
	return out, nil
}

// KeyFacts says of each certificate until when it serves.
func KeyFacts(records []gateway.KeyRecord, now time.Time) []gateway.KeyFact {
	out := []gateway.KeyFact{}
	for _, k := range records {
		f := gateway.KeyFact{Fingerprint: string(k.Fingerprint), State: k.State, Role: k.Role}
		certs, err := openpgp.ParseCertificates(k.Certificate)
		if err != nil || len(certs) != 1 {
			f.Encrypts.Reason, f.Signs.Reason = "unreadable", "unreadable"
			out = append(out, f)
			continue
		}
		f.Encrypts, f.Signs = validity(certs[0], openpgp.Encryption, now), validity(certs[0], openpgp.Signing, now)
		f.Features = map[openpgp.Format]string{openpgp.SEIPDv1: "SEIPD v1", openpgp.SEIPDv2: "SEIPD v2"}[certs[0].Reads()]
		out = append(out, f)
	}
	return out
}

func validity(c *openpgp.Certificate, p openpgp.Purpose, now time.Time) gateway.Validity {
	var why *openpgp.KeyError
	if err := c.Valid(p, now); errors.As(err, &why) {
		return gateway.Validity{Reason: why.Reason}
	} else if err != nil {
		return gateway.Validity{Reason: "unusable"}
	}
	until, forever := c.ValidUntil(p, now)
	if forever {
		return gateway.Validity{Now: true}
	}
	return gateway.Validity{Now: true, Until: until.UTC()}
}

// advance judges what is recorded and does what follows, in one transaction.
func (r *Runner) advance(l gateway.Ledger, op *operation.Operation, run gateway.RunID, who operation.ParticipantCode, facts []gateway.Hearing) (*gateway.Decision, time.Time, error) {
	party, err := l.TestParty(run, who)
	if err != nil {
		return nil, time.Time{}, err
	}
	part, err := ReadPart(party)
	if err != nil {
		return nil, time.Time{}, err
	}
	a := &advance{r: r, l: l, op: op, party: party, part: part, now: r.Now(), d: &gateway.Decision{Operation: op.Code}}
	a.d.Tests.Heard = facts
	party.Heard = append(party.Heard, facts...)
	if party.Ended { // something came late: it counts, and leads to nothing
		a.judge()
		return a.finish(), time.Time{}, nil
	}
	theRun, err := l.TestRun(run)
	if err != nil {
		return nil, time.Time{}, err
	}
	if a.order, err = ReadOrder(theRun); err != nil {
		return nil, time.Time{}, err
	}
	m := Next(a.judge(), part.Asked, a.part.Result, a.now)
	if err := a.do(m); err != nil {
		return nil, time.Time{}, err
	}
	a.judge()
	return a.finish(), m.Wake, nil
}

// advance is one participant's part on its way through a transaction.
type advance struct {
	r     *Runner
	l     gateway.Ledger
	op    *operation.Operation
	party *gateway.TestParty
	part  Part
	order Order
	now   time.Time
	d     *gateway.Decision
}

func (a *advance) judge() Case {
	c := Case{Plan: a.part.Plan, Evidence: a.party, Self: a.r.Self, Calendar: a.op.Participant(a.party.Participant).Calendar()}
	a.part.Result = Judge(c, a.now)
	return c
}

// do carries moves out.
func (a *advance) do(m Moves) error {
	for _, ask := range m.Asks {
		if err := a.ask(ask); err != nil {
			return err
		}
	}
	if m.Participant {
		if err := a.remind(); err != nil {
			return err
		}
		a.part.Asked.Participant = a.now
	}
	if m.Deputy {
		if err := a.deputy(m.Auto); err != nil {
			return err
		}
		a.part.Asked.Deputy = a.now
	}
	if m.Organiser {
		a.part.Asked.Organiser = a.now
	}
	a.party.Ended = m.End
	if m.End || m.Organiser {
		a.d.Tests.Look = append(a.d.Tests.Look, gateway.Due{Kind: gateway.DueRun, Key: string(a.party.Run), At: a.now})
	}
	return nil
}

// named takes the next number and reference of the unit's own.
func (a *advance) named() (number int64, ref string, err error) {
	if number, err = a.l.NextNumber(a.op.Code); err != nil {
		return 0, "", err
	}
	ref, err = a.l.NextReference(a.op.Code, a.r.Self.Code, ownReference(a.r.Self, a.now))
	return number, ref, err
}

// ask makes a test call; it leaves by the ordinary outbox.
func (a *advance) ask(ask Ask) error {
	number, ref, err := a.named()
	if err != nil {
		return err
	}
	f, probe := call{op: a.op, self: a.r.Self, order: a.order, party: a.party, plan: a.part.Plan, cell: ask.Cell, style: ask.Style, again: ask.Again,
		now: a.now, number: number, ref: ref}.make()
	a.d.Forms = append(a.d.Forms, f)
	a.d.Tests.Probes = append(a.d.Tests.Probes, probe)
	a.party.Probes = append(a.party.Probes, probe)
	a.d.Audit = append(a.d.Audit, gateway.AuditEntry{Kind: gateway.Administration, At: a.now, Actor: "gateway", Action: "test call made", Operation: a.op.Code,
		Reference: ref, Recipients: []operation.ParticipantCode{a.party.Participant}, Channel: string(ask.Cell.Kind)})
	return nil
}

// finish is the decision with the part's new state.
func (a *advance) finish() *gateway.Decision {
	a.d.Tests.Parties = []gateway.TestParty{{Run: a.party.Run, Operation: a.party.Operation, Participant: a.party.Participant, Ended: a.party.Ended, Detail: pack(a.part)}}
	return a.d
}
