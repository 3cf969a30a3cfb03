package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// queued accepts n forms for Poland's WebSocket.
func queued(t *testing.T, s *store.Store, n int) (ids []gateway.DeliveryID) {
	for i := range n {
		d := to(poland, operation.WebSocket)
		accept(t, s, name("R%d", i), d)
		ids = append(ids, d.ID)
	}
	return ids
}

func sequenceNoGaps(t *testing.T, r Record) {
	s := open(t, r)
	ids := queued(t, s, 20)
	last, acked, err := s.OpenSession(ctx(t), session("s1"))
	if last != 0 || acked != 0 || err != nil {
		t.Fatalf("OpenSession = %d, %d, %v; want 0, 0", last, acked, err)
	}
	var wg sync.WaitGroup
	for _, id := range append(slices.Clone(ids), ids...) { // each twice, all at once
		wg.Go(func() {
			if _, err := s.Number(ctx(t), "s1", id); err != nil {
				t.Errorf("Number = %v", err)
			}
		})
	}
	wg.Wait()
	list, err := s.Numbered(ctx(t), opCode, poland, 0, 100)
	must(t, "Numbered", err)
	seen := make(map[gateway.DeliveryID]bool)
	for i, n := range list {
		seen[n.Delivery] = true
		if n.Seq != int64(i+1) {
			t.Fatalf("Numbered: number %d at place %d", n.Seq, i+1)
		}
		if again, err := s.Number(ctx(t), "s1", n.Delivery); again != n.Seq || err != nil {
			t.Errorf("Number again = %d, %v; want %d", again, err, n.Seq)
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d deliveries numbered; want 20", len(seen))
	}
	other := to(finland, operation.WebSocket)
	accept(t, s, "R-FI", other)
	if _, err := s.Number(ctx(t), "s1", other.ID); err == nil {
		t.Error("Number(another participant's delivery) = nil; want an error")
	}
}

func sessionReplaced(t *testing.T, r Record) {
	s := open(t, r)
	ids := queued(t, s, 2)
	_, _, err := s.OpenSession(ctx(t), session("s1"))
	must(t, "OpenSession", err)
	_, err = s.Number(ctx(t), "s1", ids[0])
	must(t, "Number", err)
	last, _, err := s.OpenSession(ctx(t), session("s2"))
	if last != 1 || err != nil {
		t.Errorf("OpenSession = last %d, %v; want 1", last, err)
	}
	if _, err := s.Number(ctx(t), "s1", ids[1]); !errors.Is(err, gateway.ErrFenced) {
		t.Errorf("Number in the older session = %v; want ErrFenced", err)
	}
	must(t, "CloseSession of the older", s.CloseSession(ctx(t), "s1"))
	ask := []string{"s1", ""}
	for i := range 1200 { // more than one statement takes
		ask = append(ask, fmt.Sprintf("none-%d", i))
	}
	live, err := s.LiveSessions(ctx(t), append(ask, "s2"))
	if err != nil || len(live) != 1 || !live["s2"] {
		t.Errorf("LiveSessions = %v, %v; want s2 alone", live, err)
	}
	if n, err := s.Number(ctx(t), "s2", ids[0]); n != 1 || err != nil {
		t.Errorf("Number in the newer session = %d, %v; want the number that it has", n, err)
	}
}

func unacknowledged(t *testing.T, r Record) {
	s := open(t, r)
	ids := queued(t, s, 4)
	_, _, err := s.OpenSession(ctx(t), session("s1"))
	must(t, "OpenSession", err)
	for _, d := range claim(t, s, dawn)[:3] { // the fourth hasn't left
		_, err := s.Number(ctx(t), "s1", d.ID)
		must(t, "Number", err)
		must(t, "Finish", s.Finish(ctx(t), handedOver(d), nil))
	}
	is := func(when string, p gateway.Priority, want ...gateway.DeliveryID) {
		t.Helper()
		_, err := s.Accept(ctx(t), inbound(when+string(p)), func(l gateway.Ledger) (*gateway.Decision, error) {
			ds, err := l.Unacknowledged(opCode, poland, p, 2)
			var got []gateway.DeliveryID
			for _, d := range ds {
				got = append(got, d.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("Unacknowledged %s, priority %s = %v; want %v", when, p, got, want)
			}
			return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode}, err
		})
		must(t, "Accept", err)
	}
	is("before", gateway.Routine, ids[0], ids[1])
	is("before", gateway.Urgent)
	_, err = s.Acknowledge(ctx(t), opCode, poland, 1, "agent")
	must(t, "Acknowledge", err)
	is("after the first", gateway.Routine, ids[1], ids[2])
	comesBack(t, s, ids[1], "gives up the WebSocket")
	is("after the second went on over mail", gateway.Routine, ids[2])
}

func acknowledgeOnce(t *testing.T, r Record) {
	s := open(t, r)
	ids := queued(t, s, 3)
	_, _, err := s.OpenSession(ctx(t), session("s1"))
	must(t, "OpenSession", err)
	for _, id := range ids {
		_, err := s.Number(ctx(t), "s1", id)
		must(t, "Number", err)
	}
	proving(t, s, "a person's reply", ids[0], gateway.ConfirmedByPerson)
	settled, err := s.Acknowledge(ctx(t), opCode, poland, 2, "agent")
	if err != nil || !slices.Equal(settled, ids[:2]) {
		t.Errorf("Acknowledge(2) = %v, %v; want the first two", settled, err)
	}
	if got := state(t, s, ids[0]); got != gateway.ConfirmedByPerson {
		t.Errorf("state = %q; want confirmed by person, as it was", got)
	}
	if got := state(t, s, ids[1]); got != gateway.ConfirmedBySystem {
		t.Errorf("state = %q; want confirmed by system", got)
	}
	for _, seq := range []int64{2, 1, 0} {
		if settled, err := s.Acknowledge(ctx(t), opCode, poland, seq, "agent"); err != nil || len(settled) != 0 {
			t.Errorf("Acknowledge(%d) again = %v, %v; want none", seq, settled, err)
		}
	}
	if settled, err := s.Acknowledge(ctx(t), opCode, poland, 99, "agent"); err != nil || len(settled) != 1 {
		t.Errorf("Acknowledge(beyond what was given) = %v, %v; want the last one", settled, err)
	}
	last, acked, err := s.OpenSession(ctx(t), session("s2"))
	if last != 3 || acked != 3 || err != nil {
		t.Errorf("OpenSession = %d, %d, %v; want 3, 3", last, acked, err)
	}
}
