package commtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Plans plans a run without starting it: what would be asked of whom, and who is
// closed on that day.
func (r *Runner) Plans(ctx context.Context, op *operation.Operation, order Order, sel Selection) (map[operation.ParticipantCode]Plan, error) {
	records, err := r.Record.Keys(ctx, op.Code, "", "")
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	keys := map[operation.ParticipantCode][]gateway.KeyRecord{}
	for _, k := range records {
		keys[k.Participant] = append(keys[k.Participant], k)
	}
	return NewPlans(op, r.Self, order, sel, keys, r.Now())
}

// Start starts a run: its plan and everything that is due because of it are
// recorded in one transaction, and whichever gateway serves carries it forward.
func (r *Runner) Start(ctx context.Context, op *operation.Operation, order Order, sel Selection) (gateway.RunID, error) {
	plans, err := r.Plans(ctx, op, order, sel)
	if err != nil {
		return "", err
	}
	if len(plans) == 0 {
		return "", errors.New("nothing is selected: no participant has such a channel")
	}
	var id gateway.RunID
	err = r.Record.Record(ctx, func(l gateway.Ledger) (d *gateway.Decision, err error) {
		id, d, err = r.begin(l, op, order, plans)
		return d, err
	})
	return id, err
}

// begin is the decision that starts a run.
func (r *Runner) begin(l gateway.Ledger, op *operation.Operation, order Order, plans map[operation.ParticipantCode]Plan) (gateway.RunID, *gateway.Decision, error) {
	n, err := l.NextRun(op.Code)
	if err != nil {
		return "", nil, err
	}
	now := r.Now()
	id := gateway.RunID(fmt.Sprintf("%s-T%03d", op.Code, n))
	d := &gateway.Decision{Operation: op.Code, Audit: []gateway.AuditEntry{{Kind: gateway.Administration, At: now, Actor: order.By, Action: "communications test started",
		Operation: op.Code, Reference: string(id), Justification: order.Cause}}}
	d.Tests.Runs = []gateway.TestRun{{ID: id, Operation: op.Code, Number: n, Started: now, Detail: pack(order)}}
	d.Due = append(d.Due, gateway.Due{Kind: gateway.DueRun, Key: string(id), At: now.Add(tendEvery)})
	for _, code := range slices.Sorted(maps.Keys(plans)) {
		d.Tests.Parties = append(d.Tests.Parties, gateway.TestParty{Run: id, Operation: op.Code, Participant: code, Detail: pack(Part{Plan: plans[code]})})
		d.Due = append(d.Due, gateway.Due{Kind: gateway.DueTest, Key: gateway.PartyKey(id, code), At: now})
	}
	return id, d, nil
}

// tendEvery is how often a run is looked at without a reason.
const tendEvery = time.Hour

// tend looks at a run as a whole: the organiser hears in one message of those
// who haven't answered, and of the end.
func (r *Runner) tend(ctx context.Context, due gateway.Due) error {
	var ended *Summary // with this look
	err := r.Clock.FinishDue(ctx, due, func(l gateway.Ledger) (*gateway.Decision, time.Time, error) {
		ended = nil
		run, err := l.TestRun(gateway.RunID(due.Key))
		if errors.Is(err, gateway.ErrNotFound) || err == nil && !run.Ended.IsZero() {
			return nil, time.Time{}, nil
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		op, err := r.operation(ctx, run.Operation)
		if err != nil {
			return nil, time.Time{}, err
		}
		parties, err := l.TestParties(run.ID)
		if err != nil {
			return nil, time.Time{}, err
		}
		d, next, summary, err := r.tended(l, op, run, parties)
		ended = summary
		return d, next, err
	})
	if err == nil && ended != nil && r.Watch != nil {
		r.Watch(*ended)
	}
	return err
}

// tended is what a look at a run leads to; summary is how it ended, nil while it
// goes on.
func (r *Runner) tended(l gateway.Ledger, op *operation.Operation, run *gateway.TestRun, parties []gateway.TestParty) (d *gateway.Decision, next time.Time, summary *Summary, err error) {
	order, err := ReadOrder(run)
	if err != nil {
		return nil, time.Time{}, nil, err
	}
	now := r.Now()
	d = &gateway.Decision{Operation: run.Operation}
	var tell string
	list, codes := callList(parties, func(p Part) bool { return !p.Asked.Organiser.IsZero() })
	if fresh := slices.DeleteFunc(codes, func(c operation.ParticipantCode) bool { return slices.Contains(order.Told, c) }); len(fresh) > 0 {
		order.Told, tell = append(order.Told, fresh...), "remind-organiser"
	}
	next = now.Add(tendEvery)
	if !slices.ContainsFunc(parties, func(p gateway.TestParty) bool { return !p.Ended }) {
		run.Ended, next = now, time.Time{}
		summary = summarise(op, parties, now)
		order.Summary = summary
		if !order.Silent || order.Summary.Counts[Red] > 0 {
			tell, list = "remind-ended", order.Summary.words()
		}
		d.Audit = append(d.Audit, gateway.AuditEntry{Kind: gateway.Administration, At: now, Actor: "gateway", Action: "communications test ended", Operation: run.Operation, Reference: string(run.ID)})
	}
	run.Detail = pack(order)
	d.Tests.Runs = []gateway.TestRun{*run}
	if tell != "" && op != nil {
		err = r.tellOrganiser(l, op, d, run.ID, order, tell, list)
	}
	return d, next, summary, err
}

func (r *Runner) tellOrganiser(l gateway.Ledger, op *operation.Operation, d *gateway.Decision, run gateway.RunID, order Order, key string, list []string) error {
	to, lang, kind, at, ok := organiserWay(op, r.Self)
	if !ok {
		return nil
	}
	a := &advance{r: r, l: l, op: op, party: &gateway.TestParty{Run: run}, order: order, now: r.Now(), d: d}
	return a.notify(to, kind, at, "", []string{say(lang, key, map[string]string{"run": string(run), "list": strings.Join(list, ", ")})})
}

// summarise is how a run ended.
func summarise(op *operation.Operation, parties []gateway.TestParty, now time.Time) *Summary {
	s := &Summary{Counts: map[Verdict]int{}, Verdicts: map[operation.ParticipantCode]Verdict{}}
	for i := range parties {
		part, err := ReadPart(&parties[i])
		if err != nil {
			continue
		}
		v := verdictOf(part, now)
		s.Counts[v]++
		s.Verdicts[parties[i].Participant] = v
	}
	return s
}

// verdictOf is what a run by itself says of a participant. A silent one asks no
// person: its best is AMBER.
func verdictOf(part Part, now time.Time) Verdict {
	if part.Plan.Silent {
		if slices.ContainsFunc(part.Result.Cells, func(x CellResult) bool { return x.Level() < Proven }) {
			return Red
		}
		return Amber
	}
	return Conclude(part.Result, part.Plan.Second, now).Verdict
}

// words list a summary: "GREEN 3 (EE LV PL)".
func (s *Summary) words() []string {
	var out []string
	for _, v := range []Verdict{Green, Amber, Red, Away} {
		var codes []string
		for _, code := range slices.Sorted(maps.Keys(s.Verdicts)) {
			if s.Verdicts[code] == v {
				codes = append(codes, string(code))
			}
		}
		if len(codes) > 0 {
			out = append(out, fmt.Sprintf("%s %d (%s)", v, len(codes), strings.Join(codes, " ")))
		}
	}
	return out
}
