package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

func killAfterAccept(t *testing.T, r Record) {
	s := open(t, r)
	in, f := inbound("one"), newForm("R1", gateway.FormAccepted)
	_, err := s.Accept(ctx(t), in, decision(f, to(poland, operation.Mail)))
	must(t, "Accept", err)
	s = open(t, r.Kill(t))
	if got, err := s.Form(ctx(t), f.ID); err != nil || got.Content.Text != f.Content.Text {
		t.Errorf("Form after a kill = %v; want the form", err)
	}
	// the sender didn't hear the answer and offers again
	if _, receipt, err := s.Offer(ctx(t), in); err != nil || receipt == nil || receipt.Form != f.ID {
		t.Errorf("Offer after a kill = %+v, %v; want the recorded receipt", receipt, err)
	}
	if ds := claim(t, s, dawn); len(ds) != 1 {
		t.Errorf("Claim after a kill = %d; want the delivery, once", len(ds))
	}
}

func killAfterClaim(t *testing.T, r Record) {
	s := open(t, r)
	d := to(poland, operation.Mail)
	accept(t, s, "R1", d)
	old := claim(t, s, dawn)
	_, _, err := s.OpenSession(ctx(t), session("s1"))
	must(t, "OpenSession", err)
	s = open(t, r.Kill(t))
	again := claim(t, s, dawn)
	if len(again) != 1 || again[0].ID != d.ID {
		t.Fatalf("Claim after a restart = %v; want the delivery at once: the start voids claims", again)
	}
	if err := s.Finish(ctx(t), handedOver(old[0]), nil); !errors.Is(err, gateway.ErrFenced) {
		t.Errorf("Finish of the dead claim = %v; want ErrFenced", err)
	}
	if live, err := s.LiveSessions(ctx(t), []string{"s1"}); err != nil || live["s1"] {
		t.Errorf("LiveSessions = %v, %v; want none: the start ends sessions", live, err)
	}
	must(t, "Finish", s.Finish(ctx(t), handedOver(again[0]), nil))
	if es, err := s.Attempts(ctx(t), d.ID); err != nil || len(es) != 2 {
		t.Errorf("Attempts = %d, %v; want both", len(es), err)
	}
}

func failOver(t *testing.T, r Record) {
	if !r.Shared() {
		t.Skip("one node serves this database")
	}
	c := &clock{dawn}
	a, b := r.Open(t, "a", store.Options{Clock: c.Now}), r.Open(t, "b", store.Options{Clock: c.Now})
	accept(t, a, "R1", to(poland, operation.Mail))
	socket := to(poland, operation.WebSocket)
	accept(t, a, "R2", socket)
	_, _, err := a.OpenSession(ctx(t), session("s1"))
	must(t, "OpenSession", err)
	dead := claim(t, a, dawn)
	if len(dead) != 2 {
		t.Fatalf("Claim of a = %d; want 2", len(dead))
	}
	c.now = dawn.Add(9 * time.Second) // a is silent for longer than 8 seconds
	must(t, "Heartbeat of b", b.Heartbeat(ctx(t)))
	ds := claim(t, b, c.now)
	if len(ds) != 1 || ds[0].Reference != "R1" {
		t.Fatalf("Claim of b = %+v; want the mail delivery of the dead node", ds)
	}
	if ds := claim(t, b, c.now.Add(2*time.Hour)); len(ds) != 1 || !ds[0].Unreachable {
		t.Errorf("Claim of b after the share = %+v; want the WebSocket delivery, unreachable", ds)
	}
	if _, err := a.Claim(ctx(t), gateway.Want{Limit: 10}, c.now); !errors.Is(err, gateway.ErrFenced) {
		t.Errorf("Claim of a = %v; want ErrFenced: it couldn't heartbeat", err)
	}
	for _, d := range dead {
		if err := a.Finish(ctx(t), handedOver(d), nil); !errors.Is(err, gateway.ErrFenced) {
			t.Errorf("Finish of a = %v; want ErrFenced", err)
		}
	}
	must(t, "Finish of b", b.Finish(ctx(t), handedOver(ds[0]), nil))
	// another process under a's name: the old one learns it at its next heartbeat
	_ = r.Open(t, "a", store.Options{Clock: c.Now})
	if err := a.Heartbeat(ctx(t)); !errors.Is(err, gateway.ErrFenced) {
		t.Errorf("Heartbeat of the replaced process = %v; want ErrFenced", err)
	}
}

func disjointClaims(t *testing.T, r Record) {
	if !r.Shared() {
		t.Skip("one node serves this database")
	}
	a, b := r.Open(t, "a", store.Options{}), r.Open(t, "b", store.Options{})
	const n = 60
	for i := range n {
		accept(t, a, name("R%d", i), to(poland, operation.Mail))
	}
	var mu sync.Mutex
	seen := make(map[gateway.DeliveryID]int)
	var wg sync.WaitGroup
	for _, s := range []*store.Store{a, b, a, b} {
		wg.Go(func() {
			for {
				ds, err := s.Claim(ctx(t), gateway.Want{Limit: 7}, dawn)
				if err != nil {
					t.Errorf("Claim = %v", err)
					return
				}
				if len(ds) == 0 {
					return
				}
				mu.Lock()
				for _, d := range ds {
					seen[d.ID]++
				}
				mu.Unlock()
				for _, d := range ds {
					if err := s.Finish(ctx(t), handedOver(d), nil); err != nil {
						t.Errorf("Finish = %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	// A row that the other node has locked is skipped: sweep up what was left.
	for _, d := range claim(t, a, dawn) {
		seen[d.ID]++
	}
	if len(seen) != n {
		t.Errorf("%d deliveries claimed; want %d", len(seen), n)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("delivery %s claimed %d times", id, times)
		}
	}
}

// heartbeatBesideWork: what goes on under the node's epoch keeps a new process of
// its name waiting, and its own heartbeat not.
func heartbeatBesideWork(t *testing.T, r Record) {
	if !r.Shared() {
		t.Skip("one writer, one process: nothing goes on beside")
	}
	s := r.Open(t, "a", store.Options{})
	accept(t, s, "R1", to(poland, operation.Mail))
	d := claim(t, s, dawn)[0]
	replaced := make(chan *store.Store, 1)
	err := s.Finish(ctx(t), handedOver(d), func(gateway.Ledger) (*gateway.Decision, error) {
		beating, stop := context.WithTimeout(ctx(t), 10*time.Second)
		defer stop()
		if err := s.Heartbeat(beating); err != nil {
			t.Errorf("Heartbeat while an attempt is recorded = %v; want nil", err)
		}
		go func() { replaced <- r.Open(t, "a", store.Options{}) }()
		select {
		case <-replaced:
			t.Error("another process took the node's name while an attempt was recorded under it")
		case <-time.After(300 * time.Millisecond):
		}
		return nil, nil
	})
	must(t, "Finish", err)
	if <-replaced; !errors.Is(s.Heartbeat(ctx(t)), gateway.ErrFenced) {
		t.Error("Heartbeat of the replaced process: want ErrFenced")
	}
}
