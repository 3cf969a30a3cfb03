package commtest

import (
	"context"
	"fmt"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// dueSchedule lets the clock begin an operation's next test; the key is its code.
const dueSchedule = "test-schedule"

// heartbeatTerm is how long a system may take to answer the silent daily test.
var heartbeatTerm = operation.Term{Time: 15 * time.Minute}

// schedule sets when the tests of operations begin, whenever operations change.
// What became due while no gateway served is begun late rather than not.
func (r *Runner) schedule(ctx context.Context) error {
	ops, version, err := r.Record.Operations(ctx)
	if err != nil || r.version == version {
		return err
	}
	var look []gateway.Due
	now := r.Now()
	for _, op := range ops {
		if at := nextTest(op, now); !at.IsZero() {
			look = append(look, gateway.Due{Kind: dueSchedule, Key: string(op.Code), At: at})
		}
	}
	if len(look) > 0 {
		err = r.Record.Record(ctx, func(gateway.Ledger) (*gateway.Decision, error) {
			return &gateway.Decision{Tests: gateway.TestRecord{Look: look}}, nil
		})
	}
	if err == nil {
		r.version = version
	}
	return err
}

// nextTest is when the next scheduled test of an operation begins, zero where
// there is none left.
func nextTest(op *operation.Operation, now time.Time) time.Time {
	var next time.Time
	for _, d := range op.TestDays() {
		if at := op.Begins(d); at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if at, ok := op.NextHeartbeat(now); ok && (next.IsZero() || at.Before(next)) {
		next = at
	}
	return next
}

// planned is the scheduled test that should have begun last, with the name under
// which it begins once.
func planned(op *operation.Operation, now time.Time) (order Order, name string, ok bool) {
	var begun time.Time
	for _, d := range op.TestDays() {
		if at := op.Begins(d); !at.After(now) && at.After(begun) {
			begun, order, ok = at, Order{Cause: fmt.Sprintf("T-%d", d.Days), Deadline: d.Deadline}, true
		}
	}
	yesterday := now.AddDate(0, 0, -1)
	if at, beats := op.NextHeartbeat(yesterday); beats && !at.After(now) && at.After(begun) {
		begun, order, ok = at, Order{Cause: "heartbeat", Deadline: heartbeatTerm, Silent: true}, true
	}
	if !order.Silent && !now.Before(op.Phases.Operation.From.Time) {
		ok = false // what was to come before the operation comes too late now
	}
	order.By, order.Mode, order.Priority = "gateway", "TEST", gateway.Routine
	return order, fmt.Sprintf("test %s %s %s", op.Code, order.Cause, begun.Format(time.RFC3339)), ok
}

// scheduled begins an operation's test, once, and sets when the next begins.
func (r *Runner) scheduled(ctx context.Context, due gateway.Due) error {
	op, err := r.operation(ctx, operation.Code(due.Key))
	if err != nil {
		return err
	}
	if op == nil {
		return r.Clock.FinishDue(ctx, due, nothing)
	}
	now := r.Now()
	order, name, ok := planned(op, now)
	var plans map[operation.ParticipantCode]Plan
	if ok {
		if plans, err = r.Plans(ctx, op, order, Selection{}); err != nil {
			return err
		}
	}
	return r.Clock.FinishDue(ctx, due, func(l gateway.Ledger) (*gateway.Decision, time.Time, error) {
		next := nextTest(op, now)
		if len(plans) == 0 {
			return nil, next, nil
		}
		done, err := l.Once(name, now, 10*365*24*time.Hour)
		if err != nil || done {
			return nil, next, err
		}
		_, d, err := r.begin(l, op, order, plans)
		return d, next, err
	})
}
