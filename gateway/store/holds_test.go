package store

import (
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// holding is a store that runs, with a clock of the test's for the leases, and one
// claimed delivery.
func holding(t *testing.T) (s *Store, d gateway.Delivery, pass func(time.Duration)) {
	t.Helper()
	now := time.Now()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "liaison.db"), Options{Key: sha256.Sum256([]byte("tests")), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.beats.Store(true) // as Run does
	in := &gateway.Inbound{Medium: gateway.ByMail, Raw: []byte("raw"), Received: now, Repeats: []gateway.Repeat{{Name: "uid"}}}
	_, err = s.Accept(t.Context(), in, func(gateway.Ledger) (*gateway.Decision, error) {
		f := gateway.Form{ID: gateway.NewFormID(), Operation: "OP-7K3", Role: gateway.Original, Type: "SEZ", Reference: "LV-1", Sender: "LV", State: gateway.FormAccepted, Assurance: gateway.Signed, Received: now}
		return &gateway.Decision{Verdict: gateway.Accepted, Operation: "OP-7K3", Forms: []gateway.NewForm{{Form: f, Deliveries: []gateway.NewDelivery{{Participant: "PL", Channel: operation.PGPMail}}}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pass = func(by time.Duration) {
		t.Helper()
		for end := now.Add(by); now.Before(end); {
			now = now.Add(beatEvery)
			if err := s.Heartbeat(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s, claimOne(t, s), pass
}

func claimOne(t *testing.T, s *Store) gateway.Delivery {
	t.Helper()
	list, err := s.Claim(t.Context(), gateway.Want{Limit: 10}, time.Now())
	if err != nil || len(list) != 1 {
		t.Fatalf("Claim = %v, %v; want one delivery", list, err)
	}
	return list[0]
}

// ago is a delivery as if it had been claimed a while before.
func ago(d gateway.Delivery, by time.Duration) gateway.Delivery {
	d.Claimed = d.Claimed.Add(-by)
	return d
}

func wantHeld(t *testing.T, s *Store, d gateway.Delivery, want bool, when string) {
	t.Helper()
	if held, err := s.Holds(t.Context(), d); held != want || err != nil {
		t.Errorf("Holds %s = %v, %v; want %v", when, held, err, want)
	}
}

func TestAClaimThatWaitedForItsTurnLongerThanItsLeaseIsHeldOnce(t *testing.T) {
	s, first, pass := holding(t)
	wantHeld(t, s, first, true, "at once")
	pass(attemptMax + leaseFor)
	again := claimOne(t, s)
	wantHeld(t, s, ago(first, attemptMax+leaseFor), false, "of the first claim, after the second")
	wantHeld(t, s, again, true, "of the second claim")
}

func TestAClaimThatWaitedForItsTurnBeginsAnewWithIt(t *testing.T) {
	s, d, pass := holding(t)
	pass(attemptMax - leaseFor)
	wantHeld(t, s, ago(d, attemptMax-leaseFor), true, "within its lease")
	pass(attemptMax - leaseFor) // as long as an attempt may last
	if list, err := s.Claim(t.Context(), gateway.Want{Limit: 10}, time.Now()); err != nil || len(list) != 0 {
		t.Errorf("Claim during the attempt = %v, %v; want none", list, err)
	}
}

func TestAProcessThatSleptHoldsWhatNobodyTookMeanwhile(t *testing.T) {
	s, d, pass := holding(t)
	slept := func() { s.beat.Store(time.Now().Add(-2 * leaseFor).UnixMilli()) }
	slept()
	wantHeld(t, s, d, true, "before the first heartbeat afterwards")
	slept()
	pass(beatEvery)
	wantHeld(t, s, d, true, "after the first heartbeat afterwards")
	pass(attemptMax + leaseFor)
	slept()
	again := claimOne(t, s)
	wantHeld(t, s, d, false, "when somebody took it")
	pass(beatEvery)
	wantHeld(t, s, ago(d, time.Hour), false, "when somebody took it, after the first heartbeat afterwards")
	wantHeld(t, s, again, true, "of a new claim")
}
