package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway/operation"
)

// What the flow itself lets time start.
const (
	// DueWatch watches an urgent form (the key is its id): its sender hears when
	// all have confirmed it, and who hasn't when its limit passes.
	DueWatch = "watch"
	// DueJoin lets a participant's next channel join its WebSocket, where forms of one
	// priority weren't acknowledged within its share of the limit; the key is
	// operation, participant and priority.
	DueJoin = "join"
	// DueDigest tells a sender once a day which of its other forms were not
	// confirmed in time; the key is operation and participant.
	DueDigest = "digest"
)

// dueTimeout bounds one look at what is due, with what is done of it.
const dueTimeout = time.Minute

// The digest's hour of the day, where the sender is.
const digestHour = 7

// runClock does what is due until ctx ends.
func (g *Gateway) runClock(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if err := g.doDue(ctx); err != nil && ctx.Err() == nil {
			g.opt.Log.Error("do what is due", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (g *Gateway) doDue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dueTimeout)
	defer cancel()
	due, err := g.opt.Clock.ClaimDue(ctx, []string{DueWatch, DueJoin, DueDigest}, claimMost, g.opt.Now())
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range due {
		decide := map[string]func(context.Context, Due) func(Ledger) (*Decision, time.Time, error){
			DueWatch: g.watch, DueJoin: g.join, DueDigest: g.digest}[d.Kind](ctx, d)
		if err := g.opt.Clock.FinishDue(ctx, d, decide); !errors.Is(err, ErrFenced) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// AsksConfirmation reports whether a delivery waits for a confirmation: over the WebSocket
// an agent's, else a person's where the form asks for it. Other mail is settled
// by time.
func AsksConfirmation(d Delivery) bool {
	return d.Channel == operation.WebSocket || d.Channel != "" && asksPerson(d.Role, d.Priority, d.Type)
}

// wantsPerson reports whether a form asks a person to confirm.
func wantsPerson(f *Form) bool { return asksPerson(f.Role, f.Priority, f.Type) }

func asksPerson(role Role, p Priority, formType string) bool {
	return role == Original && (p == Urgent || slices.Contains([]string{"WRN", "SHF", "PRS"}, formType))
}

// starts is what time starts because of an accepted form and its deliveries.
func (g *Gateway) starts(op *operation.Operation, f *Form, deliveries []NewDelivery, now time.Time) []Due {
	sender := op.Participant(f.Sender)
	if f.Sender == g.opt.Code || sender == nil {
		return nil
	}
	look := Due{Kind: DueWatch, Key: string(f.ID), At: now.Add(op.Priorities.Urgent.Duration)}
	due := []Due{{Kind: DueDigest, Key: digestKey(op.Code, f.Sender), At: nextDigest(sender, now)}}
	for _, d := range deliveries {
		if d.ChannelAt+1 >= len(g.channels(op, d.Participant)) {
			continue
		}
		end := now.Add(g.share(op, d.Participant, f.Priority))
		switch {
		case f.Priority == Urgent && end.Before(look.At):
			look.At = end
		case f.Priority != Urgent && d.Channel == operation.WebSocket:
			due = append(due, Due{Kind: DueJoin, Key: digestKey(op.Code, d.Participant) + "/" + string(f.Priority), At: end})
		}
	}
	if f.Priority == Urgent {
		return []Due{look}
	}
	return due
}

func digestKey(op operation.Code, sender operation.ParticipantCode) string {
	return string(op) + "/" + string(sender)
}

// nextDigest is the digest's next hour where the participant's first contact is,
// in UTC where no time zone is known.
func nextDigest(p *operation.Participant, after time.Time) time.Time {
	zone := time.UTC
	if len(p.Contacts) > 0 {
		if z, err := time.LoadLocation(p.Contacts[0].Timezone); err == nil {
			zone = z
		}
	}
	local := after.In(zone)
	next := time.Date(local.Year(), local.Month(), local.Day(), digestHour, 0, 0, 0, zone)
	if !next.After(after) {
		next = time.Date(local.Year(), local.Month(), local.Day()+1, digestHour, 0, 0, 0, zone)
	}
	return next
}

// watch looks at an urgent form: when its limit has passed or one of its
// deliveries is waited for no longer.
func (g *Gateway) watch(ctx context.Context, due Due) func(Ledger) (*Decision, time.Time, error) {
	return func(l Ledger) (*Decision, time.Time, error) {
		f, err := l.Form(FormID(due.Key))
		if errors.Is(err, ErrNotFound) || err == nil && f.State != FormAccepted {
			return nil, time.Time{}, nil // replaced: its correction is watched
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		op, err := g.operation(ctx, f.Operation)
		if err != nil || op == nil {
			return nil, time.Time{}, err
		}
		ds, err := l.Deliveries(f.ID)
		if err != nil {
			return nil, time.Time{}, err
		}
		return g.judgeWatch(ctx, l, op, f, ds)
	}
}

func (g *Gateway) judgeWatch(ctx context.Context, l Ledger, op *operation.Operation, f *Form, ds []Delivery) (*Decision, time.Time, error) {
	now, limit := g.opt.Now(), f.Received.Add(op.Priorities.Urgent.Duration)
	open, confirmed, lost := byConfirmation(ds)
	out := &Decision{Operation: f.Operation}
	switch {
	case len(open) == 0 && len(confirmed) > 0 && len(lost) == 0:
		return out, time.Time{}, g.tellWaiting(l, out, op, f.Sender, f.Reference, "all-confirmed", confirmed, now)
	case len(open) == 0:
		return nil, time.Time{}, nil // who wasn't reached was told of one by one
	case now.Before(limit):
		next, err := g.joinNext(ctx, l, out, op, open, now)
		if next.IsZero() || limit.Before(next) {
			next = limit
		}
		return out, next, err
	}
	told, err := l.Once("limit "+string(f.ID), now, 10*365*24*time.Hour)
	if err != nil || told {
		return nil, op.End(), err
	}
	return out, op.End(), g.tellWaiting(l, out, op, f.Sender, f.Reference, "late", open, now)
}

// joinNext lets the next channel join where one had a delivery for its share of the
// limit and nobody confirmed it. It returns when to look again, zero for never.
func (g *Gateway) joinNext(ctx context.Context, l Ledger, out *Decision, op *operation.Operation, open []Delivery, now time.Time) (next time.Time, err error) {
	for _, d := range open {
		share := g.share(op, d.Participant, d.Priority)
		end := d.ChannelFrom.Add(share)
		switch replaced, err := replacedBy(l, d); {
		case err != nil:
			return next, err
		case replaced || !g.hasNext(op, d):
			continue
		case end.After(now):
		case d.State == HandedOver && !d.Queued:
			if err := g.goOn(ctx, l, out, op, d, unconfirmed, now); err != nil {
				return next, err
			}
			end = now.Add(share)
		default: // the queue is at it, and has the same limit
			end = now.Add(share)
		}
		if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next, nil
}

// joinMost is how many deliveries of one participant are put on the next channel at
// once.
const joinMost = 100

// join looks at what a participant's WebSocket was given and didn't acknowledge.
func (g *Gateway) join(ctx context.Context, due Due) func(Ledger) (*Decision, time.Time, error) {
	key := strings.Split(due.Key, "/")
	return func(l Ledger) (*Decision, time.Time, error) {
		if len(key) != 3 {
			return nil, time.Time{}, nil
		}
		op, err := g.operation(ctx, operation.Code(key[0]))
		if err != nil || op == nil {
			return nil, time.Time{}, err
		}
		open, err := l.Unacknowledged(op.Code, operation.ParticipantCode(key[1]), Priority(key[2]), joinMost)
		if err != nil {
			return nil, time.Time{}, err
		}
		out := &Decision{Operation: op.Code}
		now := g.opt.Now()
		next, err := g.joinNext(ctx, l, out, op, open, now)
		if len(out.Fallbacks) > 0 { // there may be more
			next = now
		}
		return out, next, err
	}
}

// byConfirmation sorts the deliveries that ask for confirmation: those that
// wait for it, those that have it, and those that won't get it.
func byConfirmation(ds []Delivery) (open, confirmed, lost []Delivery) {
	for _, d := range ds {
		switch {
		case !AsksConfirmation(d):
		case d.State == Withheld, d.State == Failed:
			lost = append(lost, d)
		case d.State.Rank() >= ConfirmedBySystem.Rank():
			confirmed = append(confirmed, d)
		default:
			open = append(open, d)
		}
	}
	return open, confirmed, lost
}

// digest tells a sender what of its forms passed its limit since the last
// digest, in one notice.
func (g *Gateway) digest(ctx context.Context, due Due) func(Ledger) (*Decision, time.Time, error) {
	code, sender, _ := strings.Cut(due.Key, "/")
	return func(l Ledger) (*Decision, time.Time, error) {
		op, err := g.operation(ctx, operation.Code(code))
		if err != nil || op == nil || op.Participant(operation.ParticipantCode(sender)) == nil {
			return nil, time.Time{}, err
		}
		now := g.opt.Now()
		next := nextDigest(op.Participant(operation.ParticipantCode(sender)), now)
		from, to := due.At.AddDate(0, 0, -1), next.AddDate(0, 0, -1)
		var open []Delivery
		for p, limit := range map[Priority]time.Duration{Prior: op.Priorities.Priority.Duration, Routine: op.Priorities.Routine.Duration} {
			ds, err := l.Unconfirmed(op.Code, operation.ParticipantCode(sender), p, from.Add(-limit), to.Add(-limit))
			if err != nil {
				return nil, time.Time{}, err
			}
			open = append(open, slices.DeleteFunc(ds, func(d Delivery) bool { return !AsksConfirmation(d) })...)
		}
		if len(open) == 0 {
			return nil, next, nil
		}
		slices.SortFunc(open, func(a, b Delivery) int { return int(a.Number - b.Number) })
		out := &Decision{Operation: op.Code}
		return out, next, g.tellWaiting(l, out, op, operation.ParticipantCode(sender), "", "late", open, now)
	}
}

// tellWaiting adds a status notice about several deliveries to a decision: to a
// person one mail that lists them, to a system one status frame for each.
func (g *Gateway) tellWaiting(l Ledger, out *Decision, op *operation.Operation, to operation.ParticipantCode, about, say string, ds []Delivery, now time.Time) error {
	sender := op.Participant(to)
	if sender == nil || len(sender.Channels) == 0 {
		return nil
	}
	groups := [][]Delivery{ds}
	if sender.Channels[0].Kind == operation.WebSocket {
		groups = nil
		for _, d := range ds {
			groups = append(groups, []Delivery{d})
		}
	}
	for _, group := range groups {
		w := words{kind: "ACK", about: about, facts: map[string]string{factSay: say, factWaiting: waitingLines(op, group)}}
		if len(group) == 1 {
			d := group[0]
			w.about, w.number = d.Reference, d.Number
			w.facts[factRecipient], w.facts[factState], w.facts[factReason] = string(d.Participant), string(d.State), say
			w.facts[factPhone] = phoneOf(op, d.Participant)
		}
		if w.about != "" {
			f, err := l.Form(group[0].Form)
			if err != nil {
				return err
			}
			w.mode = f.Mode
		}
		n, err := g.speak(l, op, to, Notice, w, now)
		if err != nil {
			return err
		}
		out.Forms = append(out.Forms, NewForm{n, []NewDelivery{{ID: NewDeliveryID(), Participant: to, Channel: sender.Channels[0].Kind, Priority: Urgent, State: Pending, NotBefore: now}}})
	}
	return nil
}

func phoneOf(op *operation.Operation, code operation.ParticipantCode) string {
	if p := op.Participant(code); p != nil {
		return p.Duty.Phone
	}
	return ""
}

// waitingLines are the facts of a notice about several deliveries: reference,
// recipient, state and phone of each, by tabs.
func waitingLines(op *operation.Operation, ds []Delivery) string {
	var lines []string
	for _, d := range ds {
		lines = append(lines, strings.Join([]string{d.Reference, string(d.Participant), string(d.State), phoneOf(op, d.Participant)}, "\t"))
	}
	return strings.Join(lines, "\n")
}

// waitingText says them in words, on an open channel, which others can read, without
// what a sender may have written into a reference.
func waitingText(facts string, say func(string, ...any) string, open bool) string {
	var b strings.Builder
	for line := range strings.SplitSeq(facts, "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 4 {
			continue
		}
		state := State(f[2])
		b.WriteString("- ")
		if reference := quotable(f[0], open); reference != "" {
			b.WriteString(reference + ", ")
		}
		fmt.Fprintf(&b, "%s: %s.", f[1], say("people-"+stateKey(state)))
		if f[3] != "" && state.Rank() < ConfirmedBySystem.Rank() {
			b.WriteString(" " + say("call", f[1], f[3]))
		}
		b.WriteString("\n")
	}
	return b.String()
}
