package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/store"
)

// offer offers an inbound that nobody decided yet.
func offer(t testing.TB, s *store.Store, in *gateway.Inbound, want int) {
	t.Helper()
	if n, receipt, err := s.Offer(ctx(t), in); n != want || receipt != nil || err != nil {
		t.Errorf("Offer = %d, %v, %v; want %d interruptions", n, receipt, err, want)
	}
}

func offerAgain(t *testing.T, r Record) {
	s := open(t, r)
	in := inbound("one")
	for range 4 { // the database went away each time, or its sender did
		offer(t, s, in, 0)
	}
	_, err := s.Accept(ctx(t), in, decision(newForm("R1", gateway.FormAccepted)))
	must(t, "Accept", err)
	n, receipt, err := s.Offer(ctx(t), in)
	if n != 0 || receipt == nil || !receipt.Repeated || receipt.Reference != "R1" || err != nil {
		t.Errorf("Offer after Accept = %d, %+v, %v; want the recorded receipt", n, receipt, err)
	}
}

func offerOfTheDead(t *testing.T, r Record) {
	in := inbound("one")
	for want := range 3 {
		s := open(t, r)
		offer(t, s, in, want)
		offer(t, s, in, want)
		r = r.Kill(t)
	}
	s := open(t, r)
	offer(t, s, in, 3)
	must(t, "Close", s.Close())
	offer(t, open(t, r), in, 3)
}

func offerOfTheLiving(t *testing.T, r Record) {
	if !r.Shared() {
		t.Skip("one node serves this database")
	}
	c := &clock{dawn}
	a, b := r.Open(t, "a", store.Options{Clock: c.Now}), r.Open(t, "b", store.Options{Clock: c.Now})
	in := inbound("one")
	offer(t, a, in, 0)
	offer(t, b, in, 0) // the mailbox has another reader; a only lost its lease
	offer(t, a, in, 0)
	c.now = c.now.Add(9 * time.Second)
	must(t, "Heartbeat of b", b.Heartbeat(ctx(t)))
	offer(t, b, in, 1) // for all that b can know, a is dead
	must(t, "Heartbeat of a", a.Heartbeat(ctx(t)))
	offer(t, a, in, 1)
}

func blame(t *testing.T, r Record) {
	s := open(t, r)
	in := inbound("one")
	offer(t, s, in, 0)
	want := 0
	for _, c := range []struct {
		cause error
		own   bool
	}{
		{errors.New("panic: index out of range"), true},
		{fmt.Errorf("read keys: %w", context.Canceled), false},
		{fmt.Errorf("record inbound: %w", context.DeadlineExceeded), false},
		{fmt.Errorf("record inbound: %w", &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}), false},
		{fmt.Errorf("begin: %w", io.ErrUnexpectedEOF), false},
		{fmt.Errorf("record inbound: %w", gateway.ErrFenced), false},
		{refused(t, s), true},
	} {
		if blamed, err := s.Blame(ctx(t), in, c.cause); blamed != c.own || err != nil {
			t.Errorf("Blame(%v) = %t, %v; want %t", c.cause, blamed, err, c.own)
		}
		if c.own {
			want++
		}
		if n, _, err := s.Offer(ctx(t), in); n != want || err != nil {
			t.Errorf("Offer after Blame(%v) = %d, %v; want %d", c.cause, n, err, want)
		}
	}
	offer(t, s, inbound("two"), 0)
}

// refused is what the database says to data that it doesn't take.
func refused(t testing.TB, s *store.Store) error {
	t.Helper()
	f := newForm("R1", gateway.FormAccepted)
	_, err := s.Accept(ctx(t), inbound("refused"), func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Verdict: gateway.Accepted, Operation: opCode, Subject: f.ID, Forms: []gateway.NewForm{{Form: f}, {Form: newForm("R1", gateway.FormAccepted)}}}, nil
	})
	mustFail(t, "Accept(two forms of one reference)", err)
	return err
}
