package commtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// Record is what the test needs of the record, beside its clock.
type Record interface {
	// Record writes what decide leads to in one transaction.
	Record(ctx context.Context, decide func(gateway.Ledger) (*gateway.Decision, error)) error
	// TestParty returns a participant's part of a run with its evidence.
	TestParty(ctx context.Context, run gateway.RunID, p operation.ParticipantCode) (*gateway.TestParty, error)
	// TestRuns returns an operation's runs, newest first.
	TestRuns(ctx context.Context, op operation.Code) ([]gateway.TestRun, error)
	// Keys returns an operation's certificates; an empty p means all participants.
	Keys(ctx context.Context, op operation.Code, p operation.ParticipantCode, fp openpgp.Fingerprint) ([]gateway.KeyRecord, error)
	// Operations returns the operations in force, with a version that changes
	// whenever one of them does.
	Operations(ctx context.Context) ([]*operation.Operation, int64, error)
}

// Surveyor tries what can be reached before anything is sent.
type Surveyor interface {
	// Reach tries a participant's channels, and our own servers that they need.
	Reach(ctx context.Context, op *operation.Operation, p *operation.Participant) []gateway.ReachFact
}

// Runner carries runs of the test forward, by the clock.
type Runner struct {
	Self   Self
	Clock  gateway.Clock
	Record Record
	Survey Surveyor // nil: nothing is tried
	Now    func() time.Time
	Log    *slog.Logger
	Watch  func(Summary) // told how a run ended; may be nil

	version int64 // of the operations whose tests are scheduled; Run's own

	mu       sync.Mutex // guards unproven
	unproven map[string]time.Time
}

// Paces of the runner.
const (
	lookEvery = 500 * time.Millisecond
	takeMost  = 64
	workers   = 8
)

// Run carries runs forward until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		n, err := r.Step(ctx)
		err = errors.Join(err, r.schedule(ctx))
		if err != nil && ctx.Err() == nil {
			r.log().Error("carry a communications test forward", "err", err)
		}
		if n == takeMost && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (r *Runner) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

// Step does what is due now, and returns how much that was.
func (r *Runner) Step(ctx context.Context) (int, error) {
	due, err := r.Clock.ClaimDue(ctx, []string{gateway.DueTest, gateway.DueRun, dueSchedule}, takeMost, r.Now())
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex // guards errs
	var errs []error
	var wg sync.WaitGroup
	room := make(chan struct{}, workers)
	for _, d := range due {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			if err := r.do(ctx, d); err != nil && !errors.Is(err, gateway.ErrFenced) {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s %s: %w", d.Kind, d.Key, err))
			}
		})
	}
	wg.Wait()
	return len(due), errors.Join(errs...)
}

func (r *Runner) do(ctx context.Context, d gateway.Due) error {
	switch d.Kind {
	case gateway.DueRun:
		return r.tend(ctx, d)
	case dueSchedule:
		return r.scheduled(ctx, d)
	}
	return r.party(ctx, d)
}

func (r *Runner) operation(ctx context.Context, code operation.Code) (*operation.Operation, error) {
	ops, _, err := r.Record.Operations(ctx)
	if err != nil {
		return nil, err
	}
	for _, op := range ops {
		if op.Code == code {
			return op, nil
		}
	}
	return nil, nil
}
