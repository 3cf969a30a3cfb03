package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

func claimOrder(t *testing.T, r Record) {
	s := open(t, r)
	var want []gateway.DeliveryID
	routine, urgent, prior := to(poland, operation.Mail), to(poland, operation.PGPMail), to(poland, operation.Mail)
	urgent.Priority, prior.Priority = gateway.Urgent, gateway.Prior
	for i, d := range []gateway.NewDelivery{routine, urgent, prior} {
		accept(t, s, name("R%d", i), d)
	}
	want = []gateway.DeliveryID{urgent.ID, prior.ID, routine.ID}
	var got []gateway.DeliveryID
	for _, d := range claim(t, s, dawn) {
		got = append(got, d.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Claim = %v; want %v", got, want)
	}
	if again := claim(t, s, dawn); len(again) != 0 {
		t.Errorf("Claim again = %d deliveries; want none", len(again))
	}
}

func neverClaimed(t *testing.T, r Record) {
	s := open(t, r)
	later := to(finland, operation.Mail)
	later.NotBefore = dawn.Add(time.Hour)
	accept(t, s, "R1", to(poland, operation.Phone), later)
	if ds := claim(t, s, dawn); len(ds) != 0 {
		t.Errorf("Claim = %v; want none", ds)
	}
	if ds := claim(t, s, dawn.Add(time.Hour)); len(ds) != 1 || ds[0].ID != later.ID {
		t.Errorf("Claim an hour later = %v; want the delivery that had to wait", ds)
	}
}

func session(id string) gateway.Session {
	return gateway.Session{ID: id, Operation: opCode, Participant: poland, Fingerprint: "BBBB"}
}

func websocketClaims(t *testing.T, r Record) {
	s := open(t, r)
	accept(t, s, "R1", to(poland, operation.WebSocket))
	if ds := claim(t, s, dawn.Add(time.Minute)); len(ds) != 0 {
		t.Fatalf("Claim without a session = %v; want none", ds)
	}
	_, _, err := s.OpenSession(ctx(t), session("s1"))
	must(t, "OpenSession", err)
	ds := claim(t, s, dawn.Add(time.Minute))
	if len(ds) != 1 || ds[0].Unreachable {
		t.Fatalf("Claim with a session = %+v; want one, reachable", ds)
	}
	must(t, "Finish", s.Finish(ctx(t), &gateway.Attempt{Delivery: ds[0], Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn},
		Next: gateway.Next{State: gateway.Pending, RetryAt: dawn, Channel: operation.WebSocket}}, nil))
	must(t, "CloseSession", s.CloseSession(ctx(t), "s1"))
	if ds := claim(t, s, dawn.Add(59*time.Minute)); len(ds) != 0 {
		t.Errorf("Claim within the channel's share = %v; want none", ds)
	}
	if ds := claim(t, s, dawn.Add(61*time.Minute)); len(ds) != 1 || !ds[0].Unreachable {
		t.Errorf("Claim after the channel's share = %+v; want one, unreachable", ds)
	}
}

// connectsMeanwhile: who connects while it is being recorded that nobody was there
// doesn't wait for the next day.
func connectsMeanwhile(t *testing.T, r Record) {
	s := open(t, r)
	d := to(poland, operation.WebSocket)
	accept(t, s, "R1", d)
	claimed := claim(t, s, dawn.Add(61*time.Minute))
	if len(claimed) != 1 || !claimed[0].Unreachable {
		t.Fatalf("Claim after the channel's share = %+v; want one, unreachable", claimed)
	}
	_, _, err := s.OpenSession(ctx(t), session("s1"))
	must(t, "OpenSession", err)
	must(t, "Finish", s.Finish(ctx(t), &gateway.Attempt{Delivery: claimed[0], Evidence: gateway.Evidence{Outcome: gateway.Bounced, At: dawn},
		Next: gateway.Next{State: gateway.Pending, Reason: "not-connected", RetryAt: dawn.Add(25 * time.Hour), Channel: operation.WebSocket}}, nil))
	if ds := claim(t, s, dawn.Add(62*time.Minute)); len(ds) != 1 || ds[0].Unreachable {
		t.Errorf("Claim with a session = %+v; want one, reachable", ds)
	}
}

// longQueue: what is left on a lane is due now, and not only when something else
// happens or the next sweep comes.
func longQueue(t *testing.T, r Record) {
	s := open(t, r)
	const queue = 40
	for i := range queue {
		accept(t, s, name("Q%d", i), to(poland, operation.Mail))
	}
	waits, cancel := context.WithTimeout(ctx(t), 10*time.Second)
	defer cancel()
	claimed := len(claim(t, s, dawn))
	for claimed < queue {
		select {
		case <-s.Wake():
		case <-waits.Done():
			t.Fatalf("%d of %d are claimed and nothing wakes", claimed, queue)
		}
		claimed += len(claim(t, s, dawn))
	}
}

// fullMedium: a node that has enough of one medium claims of the other alone.
func fullMedium(t *testing.T, r Record) {
	s := open(t, r)
	accept(t, s, "M", to(poland, operation.Mail))
	accept(t, s, "S", to(finland, operation.WebSocket))
	ses := session("s1")
	ses.Participant = finland
	_, _, err := s.OpenSession(ctx(t), ses)
	must(t, "OpenSession", err)
	for _, c := range []struct {
		full gateway.Medium
		want operation.ParticipantCode
	}{{gateway.ByMail, finland}, {gateway.ByWebSocket, poland}} {
		ds, err := s.Claim(ctx(t), gateway.Want{Limit: 9, Full: []gateway.Medium{c.full}}, dawn)
		if err != nil || len(ds) != 1 || ds[0].Participant != c.want {
			t.Errorf("Claim where %s is full = %+v, %v; want the one to %s", c.full, ds, err, c.want)
		}
	}
}

// sessionEndsDuringClaim: whether a delivery is given up rests on how long nobody
// reached the participant, never on where its session is when the claim is read.
func sessionEndsDuringClaim(t *testing.T, r Record) {
	s := open(t, r)
	queued(t, s, 1)
	for i := range 40 { // a claim that looks through other lanes too takes a while
		accept(t, s, name("M%d", i), to(operation.ParticipantCode(name("P%d", i)), operation.Mail))
	}
	over := make(chan struct{})
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for i := 0; ; i++ {
			id := fmt.Sprintf("s%d", i)
			if _, _, err := s.OpenSession(ctx(t), session(id)); err != nil {
				t.Errorf("OpenSession = %v", err)
			}
			if err := s.CloseSession(ctx(t), id); err != nil {
				t.Errorf("CloseSession = %v", err)
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for range 15 { // some of them fall together with an end
		for _, d := range claim(t, s, dawn) {
			if d.Unreachable {
				t.Errorf("%s was claimed as unreachable at once; want nothing given up before its time", d.ID)
			}
			must(t, "Finish", s.Finish(ctx(t), &gateway.Attempt{Delivery: d, Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn},
				Next: gateway.Next{State: gateway.Pending, RetryAt: dawn, Channel: operation.WebSocket}}, nil))
		}
	}
	close(over)
	sessions.Wait()
}

func fencedFinish(t *testing.T, r Record) {
	c := &clock{dawn}
	s := r.Open(t, "a", store.Options{Clock: c.Now})
	d := to(poland, operation.Mail)
	accept(t, s, "R1", d)
	first := claim(t, s, dawn)
	c.now = dawn.Add(31 * time.Second)
	must(t, "Heartbeat", s.Heartbeat(ctx(t)))
	second := claim(t, s, dawn.Add(31*time.Second))
	if len(first) != 1 || len(second) != 1 {
		t.Fatalf("claims = %d, %d; want the delivery twice, the second after its lease", len(first), len(second))
	}
	told := 0
	consequence := func(gateway.Ledger) (*gateway.Decision, error) { told++; return nil, nil }
	if err := s.Finish(ctx(t), handedOver(first[0]), consequence); !errors.Is(err, gateway.ErrFenced) {
		t.Errorf("Finish(old claim) = %v; want ErrFenced", err)
	}
	if got := state(t, s, d.ID); got != gateway.Pending || told != 0 {
		t.Errorf("after a fenced Finish: state %q, %d consequences; want pending, 0", got, told)
	}
	if es, err := s.Attempts(ctx(t), d.ID); err != nil || len(es) != 1 || es[0].Detail != "250 2.0.0 queued" {
		t.Errorf("Attempts = %+v, %v; want the fenced attempt's evidence", es, err)
	}
	must(t, "Finish", s.Finish(ctx(t), handedOver(second[0]), consequence))
	if got := state(t, s, d.ID); got != gateway.HandedOver || told != 1 {
		t.Errorf("after Finish: state %q, %d consequences; want handed over, 1", got, told)
	}
}

func channelChange(t *testing.T, r Record) {
	s := open(t, r)
	d := to(poland, operation.PGPMail)
	accept(t, s, "R1", d)
	now := dawn
	for i, next := range []gateway.Next{
		{State: gateway.Pending, RetryAt: dawn.Add(time.Minute), Channel: operation.PGPMail},
		{State: gateway.Pending, RetryAt: dawn.Add(2 * time.Minute), Channel: operation.Mail, ChannelAt: 1, Reason: "refused-by-server"},
		{State: gateway.HandedOver},
	} {
		ds := claim(t, s, now)
		if len(ds) != 1 || ds[0].Attempts != []int{0, 1, 0}[i] {
			t.Fatalf("claim %d = %+v", i, ds)
		}
		must(t, "Finish", s.Finish(ctx(t), &gateway.Attempt{Delivery: ds[0], Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: now}, Next: next}, nil))
		if next.State == gateway.Pending {
			if early := claim(t, s, next.RetryAt.Add(-time.Second)); len(early) != 0 {
				t.Fatalf("claimed before RetryAt")
			}
			now = next.RetryAt
		}
	}
	got, err := s.Delivery(ctx(t), d.ID)
	must(t, "Delivery", err)
	if got.Channel != operation.Mail || got.ChannelAt != 1 || !got.ChannelFrom.Equal(dawn.Add(2*time.Minute)) || got.State != gateway.HandedOver {
		t.Errorf("Delivery = %+v", got)
	}
}

// proving accepts an inbound that proves something about a delivery.
func proving(t *testing.T, s *store.Store, mail string, id gateway.DeliveryID, st gateway.State) {
	t.Helper()
	_, err := s.Accept(ctx(t), inbound(mail), func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode,
			Evidence: []gateway.Evidence{{Delivery: id, Outcome: gateway.Observed, State: st, Channel: operation.Mail, At: dawn, Detail: mail}}}, nil
	})
	must(t, "Accept "+mail, err)
}

func stateForward(t *testing.T, r Record) {
	s := open(t, r)
	d := to(poland, operation.Mail)
	accept(t, s, "R1", d)
	for _, step := range []struct{ proves, want gateway.State }{
		{gateway.HandedOver, gateway.HandedOver},
		{gateway.Failed, gateway.Failed},
		{gateway.HandedOver, gateway.Failed},
		{gateway.ConfirmedByPerson, gateway.ConfirmedByPerson},
		{gateway.Failed, gateway.ConfirmedByPerson},
		{gateway.ConfirmedBySystem, gateway.ConfirmedByPerson},
		{"", gateway.ConfirmedByPerson},
	} {
		proving(t, s, name("%s %s", step.proves, gateway.NewFormID()), d.ID, step.proves)
		if got := state(t, s, d.ID); got != step.want {
			t.Errorf("after evidence of %q: %q; want %q", step.proves, got, step.want)
		}
	}
	if es, err := s.Attempts(ctx(t), d.ID); err != nil || len(es) != 7 {
		t.Errorf("Attempts = %d, %v; want all 7", len(es), err)
	}
	if got, _ := s.Delivery(ctx(t), d.ID); !got.Confirmed.Equal(dawn) {
		t.Errorf("Confirmed = %v; want %v", got.Confirmed, dawn)
	}
}

func withheldRelease(t *testing.T, r Record) {
	s := open(t, r)
	d := to(poland, operation.Mail)
	d.State, d.Reason = gateway.Withheld, "not-cleared"
	accept(t, s, "R1", d)
	proving(t, s, "a reply", d.ID, gateway.ConfirmedByPerson)
	if got := state(t, s, d.ID); got != gateway.Withheld {
		t.Errorf("after evidence: %q; want withheld", got)
	}
	mustFail(t, "ReleaseDelivery without a reason", s.ReleaseDelivery(ctx(t), d.ID, "A. Example", "", nil))
	must(t, "ReleaseDelivery", s.ReleaseDelivery(ctx(t), d.ID, "A. Example", "declared by phone", nil))
	if err := s.ReleaseDelivery(ctx(t), d.ID, "B. Example", "me too", nil); !errors.Is(err, store.ErrNotWaiting) {
		t.Errorf("ReleaseDelivery again = %v; want ErrNotWaiting", err)
	}
	if ds := claim(t, s, time.Now().Add(time.Hour)); len(ds) != 1 || ds[0].ID != d.ID {
		t.Errorf("Claim after release = %v; want the delivery", ds)
	}
}

// reachedStates: what was rolled back, and evidence that moves nothing, don't count.
func reachedStates(t *testing.T, r Record) {
	s := open(t, r)
	first, second := to(poland, operation.Mail), to(finland, operation.Mail)
	second.State, second.Reason = gateway.Withheld, "not-cleared"
	accept(t, s, "R1", first, second)
	_, err := s.Accept(ctx(t), inbound("in vain"), func(gateway.Ledger) (*gateway.Decision, error) {
		f := newForm("R2", gateway.FormAccepted)
		return &gateway.Decision{Verdict: gateway.Accepted, Operation: opCode, Sender: latvia, Subject: f.ID,
			Forms:    []gateway.NewForm{{Form: f, Deliveries: []gateway.NewDelivery{to(poland, operation.Mail)}}},
			Evidence: []gateway.Evidence{{Delivery: gateway.NewDeliveryID(), Outcome: gateway.Observed, At: dawn}}}, nil
	})
	mustFail(t, "Accept with evidence about nothing", err)
	proving(t, s, "a receipt", first.ID, gateway.HandedOver)
	proving(t, s, "the same again", first.ID, gateway.HandedOver)
	must(t, "ReleaseDelivery", s.ReleaseDelivery(ctx(t), second.ID, "A. Example", "declared by phone", nil))
	for _, d := range claim(t, s, time.Now().Add(time.Hour)) {
		must(t, "Finish", s.Finish(ctx(t), &gateway.Attempt{Delivery: d, Evidence: gateway.Evidence{Outcome: gateway.Sent, State: gateway.HandedOver, At: dawn},
			Next: gateway.Next{State: gateway.HandedOver}}, nil))
	}
	want := map[gateway.State]int64{gateway.Pending: 2, gateway.Withheld: 1, gateway.HandedOver: 2}
	if got := s.Reached(); !maps.Equal(got, want) {
		t.Errorf("Reached = %v; want %v", got, want)
	}
}

func heldRelease(t *testing.T, r Record) {
	s := open(t, r)
	f := newForm("R1", gateway.FormHeld)
	_, err := s.Accept(ctx(t), inbound("one"), decision(f))
	must(t, "Accept", err)
	if held, err := s.ListHeld(ctx(t)); err != nil || len(held) != 1 || held[0].Form != f.ID {
		t.Fatalf("ListHeld = %+v, %v; want the form's inbound", held, err)
	}
	release := func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Forms: []gateway.NewForm{{Form: gateway.Form{ID: f.ID, Assurance: gateway.PlainChannel}, Deliveries: []gateway.NewDelivery{to(poland, operation.Mail)}}}}, nil
	}
	must(t, "ReleaseForm", s.ReleaseForm(ctx(t), f.ID, "A. Example", "called back", release))
	if err := s.RefuseForm(ctx(t), f.ID, "B. Example", "no", nil); !errors.Is(err, store.ErrNotWaiting) {
		t.Errorf("RefuseForm after release = %v; want ErrNotWaiting", err)
	}
	if ds := claim(t, s, dawn); len(ds) != 1 || ds[0].Form != f.ID || ds[0].Operation != opCode {
		t.Errorf("Claim = %+v; want the released form's delivery", ds)
	}
	if held, err := s.ListHeld(ctx(t)); err != nil || len(held) != 0 {
		t.Errorf("ListHeld = %v, %v; want none", held, err)
	}
	if list, err := s.ListForms(ctx(t), store.Filter{Operation: opCode, State: gateway.FormAccepted}); err != nil || len(list) != 1 || len(list[0].Deliveries) != 1 {
		t.Errorf("ListForms = %+v, %v; want the form with its delivery", list, err)
	}
	if got, err := s.Form(ctx(t), f.ID); err != nil || got.Assurance != gateway.PlainChannel || got.Signer != "" {
		t.Errorf("Form = %+v, %v; want it to rest on what the release said", got, err)
	}
}

func replaceForms(t *testing.T, r Record) {
	s := open(t, r)
	sent, waiting, flying := to(poland, operation.Mail), to(finland, operation.Mail), to("EE", operation.Mail)
	waiting.NotBefore, flying.NotBefore = dawn.Add(time.Hour), dawn.Add(time.Minute)
	id := accept(t, s, "R1", sent, waiting, flying)
	must(t, "Finish", s.Finish(ctx(t), handedOver(claim(t, s, dawn)[0]), nil))
	inFlight := claim(t, s, dawn.Add(time.Minute))
	var left []operation.ParticipantCode
	_, err := s.Accept(ctx(t), inbound("can"), func(l gateway.Ledger) (*gateway.Decision, error) {
		var err error
		left, err = l.Replace(id, gateway.FormCancelled)
		return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode}, err
	})
	must(t, "Accept", err)
	slices.Sort(left)
	if want := []operation.ParticipantCode{"EE", poland}; !slices.Equal(left, want) {
		t.Errorf("Replace = %v; want %v", left, want)
	}
	if got := state(t, s, waiting.ID); got != gateway.Withheld {
		t.Errorf("waiting delivery is %q; want withheld", got)
	}
	must(t, "Finish in flight", s.Finish(ctx(t), &gateway.Attempt{Delivery: inFlight[0], Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn},
		Next: gateway.Next{State: gateway.Pending, RetryAt: dawn, Channel: operation.Mail}}, nil))
	if got := state(t, s, flying.ID); got != gateway.Withheld {
		t.Errorf("a retry of a cancelled form is %q; want withheld", got)
	}
	if err := s.ReleaseDelivery(ctx(t), waiting.ID, "A. Example", "mistake", nil); !errors.Is(err, store.ErrNotWaiting) {
		t.Errorf("ReleaseDelivery of a cancelled form = %v; want ErrNotWaiting", err)
	}
	if ds := claim(t, s, dawn.Add(2*time.Hour)); len(ds) != 0 {
		t.Errorf("Claim = %v; want none", ds)
	}
}

// comesBack takes a delivery to the plain channel behind its first.
func comesBack(t *testing.T, s *store.Store, id gateway.DeliveryID, name string) {
	t.Helper()
	_, err := s.Accept(ctx(t), inbound(name), func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode, Evidence: []gateway.Evidence{{Delivery: id, Outcome: gateway.Refuted, At: dawn, Detail: "bounce 5.1.1"}},
			Fallbacks: []gateway.Fallback{{Delivery: id, Channel: operation.Mail, ChannelAt: 1, Reason: "bounced", At: dawn}}}, nil
	})
	must(t, "Accept", err)
}

func goesOnOverTheNextChannel(t *testing.T, r Record) {
	s := open(t, r)
	sent := to(poland, operation.PGPMail)
	accept(t, s, "R1", sent)
	must(t, "Finish", s.Finish(ctx(t), handedOver(claim(t, s, dawn)[0]), nil))
	if ds := claim(t, s, dawn); len(ds) != 0 {
		t.Fatalf("Claim of what was handed over = %v; want none", ds)
	}
	again := func(what string, attempts int) gateway.Delivery {
		t.Helper()
		ds := claim(t, s, dawn)
		if len(ds) != 1 || ds[0].ID != sent.ID || ds[0].Channel != operation.Mail || ds[0].ChannelAt != 1 || ds[0].State != gateway.HandedOver || !ds[0].Queued || ds[0].Attempts != attempts {
			t.Fatalf("Claim of what %s = %+v; want it over the next channel, handed over as before", what, ds)
		}
		return ds[0]
	}
	comesBack(t, s, sent.ID, "report 1")
	if depths, err := s.Depths(ctx(t)); err != nil || len(depths) == 0 || depths[0].Queue != "delivery mail" || depths[0].Count != 1 {
		t.Errorf("Depths = %+v, %v; want one that waits for mail", depths, err)
	}
	first := again("came back", 0)
	comesBack(t, s, sent.ID, "report 2") // about the first channel: the claim stays
	if held, err := s.Holds(ctx(t), first); err != nil || !held {
		t.Errorf("Holds after a second report = %v, %v; want the claim untouched", held, err)
	}
	must(t, "Finish", s.Finish(ctx(t), &gateway.Attempt{Delivery: first, Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn},
		Next: gateway.Next{State: gateway.Pending, RetryAt: dawn, Channel: operation.Mail, ChannelAt: 1}}, nil))
	must(t, "Finish", s.Finish(ctx(t), handedOver(again("is tried again", 1)), nil))
	if ds := claim(t, s, dawn.Add(time.Hour)); len(ds) != 0 {
		t.Errorf("Claim of what the next channel took = %v; want none", ds)
	}
	if d, err := s.Delivery(ctx(t), sent.ID); err != nil || d.State != gateway.HandedOver || d.Queued {
		t.Errorf("Delivery = %+v, %v; want it handed over, and in no queue", d, err)
	}
}

func confirmedThoughItCameBack(t *testing.T, r Record) {
	s := open(t, r)
	sent := to(poland, operation.PGPMail)
	accept(t, s, "R1", sent)
	must(t, "Finish", s.Finish(ctx(t), handedOver(claim(t, s, dawn)[0]), nil))
	comesBack(t, s, sent.ID, "report")
	under := claim(t, s, dawn)[0]
	_, err := s.Accept(ctx(t), inbound("reply"), func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode,
			Evidence: []gateway.Evidence{{Delivery: sent.ID, Outcome: gateway.Confirmed, State: gateway.ConfirmedByPerson, At: dawn}}}, nil
	})
	must(t, "Accept", err)
	if err := s.Finish(ctx(t), &gateway.Attempt{Delivery: under, Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn},
		Next: gateway.Next{State: gateway.Pending, RetryAt: dawn, Channel: operation.Mail, ChannelAt: 1}}, nil); !errors.Is(err, gateway.ErrFenced) {
		t.Errorf("Finish after a confirmation = %v; want ErrFenced", err)
	}
	comesBack(t, s, sent.ID, "report after all")
	if ds := claim(t, s, dawn.Add(time.Hour)); len(ds) != 0 {
		t.Errorf("Claim of what is confirmed = %v; want none", ds)
	}
}

func replacedThoughItCameBack(t *testing.T, r Record) {
	c := &clock{dawn}
	s := r.Open(t, "a", store.Options{Clock: c.Now})
	waits, tried := to(poland, operation.PGPMail), to("EE", operation.PGPMail)
	id := accept(t, s, "R1", waits, tried)
	for _, d := range claim(t, s, dawn) {
		must(t, "Finish", s.Finish(ctx(t), handedOver(d), nil))
	}
	comesBack(t, s, tried.ID, "report EE")
	under := claim(t, s, dawn)[0]
	comesBack(t, s, waits.ID, "report PL")
	_, err := s.Accept(ctx(t), inbound("can"), func(l gateway.Ledger) (*gateway.Decision, error) {
		_, err := l.Replace(id, gateway.FormCancelled)
		return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode}, err
	})
	must(t, "Accept", err)
	must(t, "Finish", s.Finish(ctx(t), &gateway.Attempt{Delivery: under, Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn},
		Next: gateway.Next{State: gateway.Pending, RetryAt: dawn, Channel: operation.Mail, ChannelAt: 1}}, nil))
	must(t, "Heartbeat", s.Heartbeat(ctx(t)))
	if ds := claim(t, s, dawn.Add(time.Hour)); len(ds) != 0 {
		t.Errorf("Claim of what was cancelled = %v; want none", ds)
	}
	for _, d := range []gateway.NewDelivery{waits, tried} {
		if got, err := s.Delivery(ctx(t), d.ID); err != nil || got.State != gateway.HandedOver || got.Queued {
			t.Errorf("Delivery to %s = %+v, %v; want it handed over as it was, and in no queue", d.Participant, got, err)
		}
	}
}

func versionsOfAForm(t *testing.T, r Record) {
	s := open(t, r)
	id := accept(t, s, "V1", to(poland, operation.Mail))
	is := func(after string, want gateway.FormID, state gateway.FormState) {
		t.Helper()
		_, err := s.Accept(ctx(t), inbound("asked after "+after), func(l gateway.Ledger) (*gateway.Decision, error) {
			got, now, err := l.Version(id)
			if got != want || now != state {
				t.Errorf("Version after %s = %s, %s; want %s, %s", after, got, now, want, state)
			}
			return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode}, err
		})
		must(t, "Accept", err)
	}
	is("V1", id, gateway.FormAccepted)
	latest := id
	for _, version := range []struct {
		reference string
		state     gateway.FormState
	}{{"V2", gateway.FormAccepted}, {"V3", gateway.FormAccepted}, {"V4", gateway.FormHeld}} {
		f := newForm(version.reference, version.state)
		f.Type, f.Answers = "COR", id
		_, err := s.Accept(ctx(t), inbound(f.Reference), func(l gateway.Ledger) (*gateway.Decision, error) {
			if version.state == gateway.FormAccepted {
				if _, err := l.Replace(id, gateway.FormCorrected); err != nil {
					return nil, err
				}
				latest = f.ID
			}
			return decision(f)(l)
		})
		must(t, "Accept", err)
		is(version.reference, latest, gateway.FormCorrected)
	}
	_, err := s.Accept(ctx(t), inbound("nobody"), func(l gateway.Ledger) (*gateway.Decision, error) {
		_, _, err := l.Version("nobody")
		return nil, err
	})
	if !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Version of a form that isn't there = %v; want ErrNotFound", err)
	}
}

func correctionFollows(t *testing.T, r Record) {
	c := &clock{dawn}
	s := r.Open(t, "a", store.Options{Clock: c.Now})
	for name, end := range map[string]func(gateway.Delivery) error{
		"a handing over": func(d gateway.Delivery) error { return s.Finish(ctx(t), handedOver(d), nil) },
		"a try again": func(d gateway.Delivery) error {
			return s.Finish(ctx(t), &gateway.Attempt{Delivery: d, Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn},
				Next: gateway.Next{State: gateway.Pending, RetryAt: dawn, Channel: operation.Mail}}, nil)
		},
		"the end of its lease": func(gateway.Delivery) error {
			c.now = c.now.Add(31 * time.Second)
			return s.Heartbeat(ctx(t))
		},
	} {
		original, correction := to(poland, operation.Mail), to(poland, operation.Mail)
		id := accept(t, s, "original of "+name, original)
		flying := claim(t, s, c.now)
		f := newForm("correction of "+name, gateway.FormAccepted)
		f.Type, f.Answers = "COR", id
		_, err := s.Accept(ctx(t), inbound(f.Reference), func(l gateway.Ledger) (*gateway.Decision, error) {
			if _, err := l.Replace(id, gateway.FormCorrected); err != nil {
				return nil, err
			}
			return decision(f, correction)(l)
		})
		must(t, "Accept", err)
		if ds := claim(t, s, c.now); len(ds) != 0 {
			t.Errorf("Claim while an attempt at the original is under way = %v; want none: a correction would overtake it", ds)
		}
		must(t, name, end(flying[0]))
		ds := claim(t, s, c.now)
		if len(ds) != 1 || ds[0].ID != correction.ID {
			t.Fatalf("Claim after the attempt came to %s = %v; want the correction", name, ds)
		}
		must(t, "Finish", s.Finish(ctx(t), handedOver(ds[0]), nil))
	}
}
