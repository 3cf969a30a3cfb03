package commtest

import (
	"context"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Anybody may dial in anybody's name: what such a connection shows is kept once in
// a while, and never speaks against a channel that works.
const (
	unprovenEvery = time.Minute
	unprovenMost  = 1000
)

// Unproven hears of a connection that proved nothing, in a participant's name. It
// is a hint at why a system that is tested now doesn't answer.
func (r *Runner) Unproven(ctx context.Context, code operation.Code, p operation.ParticipantCode) {
	op, err := r.operation(ctx, code)
	if err != nil || op == nil || op.Participant(p) == nil || !r.hint(string(code)+"/"+string(p)) {
		return
	}
	runs, err := r.Record.TestRuns(ctx, code)
	if err != nil {
		r.log().Error("keep a hint about a connection", "err", err)
		return
	}
	d := &gateway.Decision{Operation: code}
	for _, run := range runs {
		if !run.Ended.IsZero() {
			continue
		}
		if party, err := r.Record.TestParty(ctx, run.ID, p); err == nil && !party.Ended {
			d.Tests.Heard = append(d.Tests.Heard, gateway.Hearing{Run: run.ID, Operation: code, Participant: p, At: r.Now(), Kind: gateway.HeardSession,
				Text: "a connection in this name proved nothing"})
		}
	}
	if len(d.Tests.Heard) == 0 {
		return
	}
	if err := r.Record.Record(ctx, func(gateway.Ledger) (*gateway.Decision, error) { return d, nil }); err != nil {
		r.log().Error("keep a hint about a connection", "err", err)
	}
}

// hint reports whether a hint of this name may be kept again.
func (r *Runner) hint(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Now()
	if last, ok := r.unproven[name]; ok && now.Sub(last) < unprovenEvery {
		return false
	}
	if r.unproven == nil || len(r.unproven) >= unprovenMost {
		r.unproven = map[string]time.Time{}
	}
	r.unproven[name] = now
	return true
}
