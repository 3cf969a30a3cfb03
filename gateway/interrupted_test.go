package gateway_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// brittle is a record at which accepting breaks as a test wants.
type brittle struct {
	gateway.Store
	breaks func() error // nil: it doesn't
}

func (b *brittle) Accept(ctx context.Context, in *gateway.Inbound, decide func(gateway.Ledger) (*gateway.Decision, error)) (*gateway.Receipt, error) {
	if b.breaks != nil {
		if err := b.breaks(); err != nil {
			return nil, err
		}
	}
	return b.Store.Accept(ctx, in, decide)
}

func TestOnlyWhatMayBeItsOwnFaultHoldsAMessageUnopened(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func() error
		want   gateway.Verdict // after three failures; what is accepted then was told as transient
	}{
		"the database is away": {func() error {
			return fmt.Errorf("accept: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")})
		}, gateway.Accepted},
		"the sender gives up":          {func() error { return fmt.Errorf("accept: %w", context.DeadlineExceeded) }, gateway.Accepted},
		"the work is another node's":   {func() error { return gateway.ErrFenced }, gateway.Accepted},
		"it panics":                    {func() error { panic("index out of range") }, gateway.Held},
		"it can't be decided whatever": {func() error { return errors.New("no such template") }, gateway.Held},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t)
			record := &brittle{Store: f.store, breaks: c.breaks}
			f.opt.Store = record
			transient := 0
			f.opt.Watch = func(e gateway.Event) {
				if gateway.KindOf(e.Err) == gateway.Transient {
					transient++
				}
			}
			f.setMail(f)
			raw := f.write(officer("LV"), seizure("PL"), "")
			for range 3 {
				offerOnce(f, t.Context(), raw)
			}
			if outside := c.want == gateway.Accepted; outside != (transient == 3) {
				t.Errorf("%d of three failures were told as transient", transient)
			}
			record.breaks = nil
			if got := f.accept(raw); got.Verdict != c.want {
				t.Errorf("Accept after three failures = %s; want %s", got.Verdict, c.want)
			}
		})
	}
}

func TestWhoWatchesHearsOfAMessageThatWasNotRecorded(t *testing.T) {
	f := newFlow(t)
	var heard []gateway.Event
	f.opt.Watch = func(e gateway.Event) { heard = append(heard, e) }
	f.opt.Store = &brittle{Store: f.store, breaks: func() error {
		return gateway.Errorf(gateway.Transient, "", "the database is away")
	}}
	f.setMail(f)
	offerOnce(f, t.Context(), f.write(officer("LV"), seizure("PL"), ""))
	if len(heard) != 1 || heard[0].Medium != gateway.ByMail || heard[0].What != "" || gateway.KindOf(heard[0].Err) != gateway.Transient {
		t.Errorf("heard %+v; want one message by mail with a transient error", heard)
	}
}

func TestAGatewayThatIsToldToStopInterruptsNothing(t *testing.T) {
	f := newFlow(t)
	raw := f.write(officer("LV"), seizure("PL"), "")
	record := &brittle{Store: f.store}
	f.opt.Store = record
	f.setMail(f)
	for range 3 {
		ctx, stop := context.WithCancel(t.Context())
		record.breaks = func() error { stop(); return errors.New("whatever comes of it") }
		offerOnce(f, ctx, raw)
	}
	record.breaks = nil
	if got := f.accept(raw); got.Verdict != gateway.Accepted {
		t.Errorf("Accept after three stops = %s; want accepted", got.Verdict)
	}
}

func TestAMessageThatCouldNotBeProcessedIsKeptWholeAndSaysSo(t *testing.T) {
	f := newFlow(t)
	record := &brittle{Store: f.store, breaks: func() error { panic("index out of range") }}
	f.opt.Store = record
	f.setMail(f)
	raw := f.write(officer("LV"), seizure("PL"), "")
	for range 3 {
		offerOnce(f, t.Context(), raw)
	}
	record.breaks = nil
	receipt := f.accept(raw)
	in, err := f.store.Inbound(t.Context(), receipt.Inbound)
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Verdict != gateway.Held || string(in.Raw) != string(raw) || !strings.Contains(in.Reason, "could not be processed") {
		t.Errorf("Accept after three panics = %s (%s), %d bytes kept; want it held whole, %d bytes", receipt.Verdict, in.Reason, len(in.Raw), len(raw))
	}
}

// offerOnce offers a mail as an adapter does that survives whatever happens.
func offerOnce(f *flow, ctx context.Context, raw []byte) {
	f.t.Helper()
	defer func() { _ = recover() }()
	sum := sha256.Sum256(raw)
	if _, err := f.g.Accept(ctx, &gateway.Inbound{Medium: gateway.ByMail, Raw: raw, Received: f.now, Repeats: []gateway.Repeat{{Name: fmt.Sprintf("%x", sum), Digest: sum}}}); err == nil {
		f.t.Error("Accept = nil; want the failure")
	}
}

// flickering is a record that is away for a moment whenever an attempt asks it.
type flickering struct {
	gateway.Store
	gateway.Reads
	reads, finishes atomic.Int64 // which of them fail: the nth
}

var errAway = &net.OpError{Op: "dial", Err: errors.New("connection refused")}

func (r *flickering) Operations(ctx context.Context) ([]*operation.Operation, int64, error) {
	if r.reads.Add(-1) == 0 {
		return nil, 0, errAway
	}
	return r.Reads.Operations(ctx)
}

func (r *flickering) Finish(ctx context.Context, a *gateway.Attempt, consequence func(gateway.Ledger) (*gateway.Decision, error)) error {
	if r.finishes.Add(-1) == 0 {
		return errAway
	}
	return r.Store.Finish(ctx, a, consequence)
}

func TestARecordThatIsAwayForAMomentDelaysAndDoublesNothing(t *testing.T) {
	for name, fails := range map[string]struct{ read, finish int64 }{
		"as the attempt begins":            {read: 2}, // the first is the claim's
		"as what came of it is recorded":   {finish: 1},
		"both, one after the other of two": {read: 2, finish: 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFlow(t)
			f.submit("LV", seizure("PL"), gateway.Accepted)
			r := &flickering{Store: f.store, Reads: f.store}
			r.reads.Store(fails.read)
			r.finishes.Store(fails.finish)
			f.opt.Store, f.opt.Reads = r, r
			f.setMail(f)
			f.pass(0)
			for range 5 { // within the leases of what was claimed
				f.pass(10 * time.Second)
			}
			if got := f.cameBy("PL"); len(got) != 1 {
				t.Errorf("PL has it %d times within a minute; want once", len(got))
			}
			for range 10 {
				f.pass(time.Minute)
			}
			f.gets("PL")
		})
	}
}
