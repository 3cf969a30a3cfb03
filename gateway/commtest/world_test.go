package commtest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/form"
	"liaison/gateway/operation"
	"liaison/gateway/store"
	"liaison/gateway/store/storetest"
)

// world is a unit that tests, its record, and participants who answer. Its clock
// is turned by hand, and its process can die.
type world struct {
	t      *testing.T
	record storetest.Record
	st     *store.Store
	runner *commtest.Runner
	now    time.Time
	op     *operation.Operation

	handed  map[gateway.DeliveryID]int // mails that left, by their identity
	arrived []gateway.Delivery         // mails that nobody reacted to yet
	notices []string                   // who was written to besides, in order
	answers map[operation.ParticipantCode]func(gateway.Probe, *gateway.Form) *gateway.Hearing

	mu    sync.Mutex // guards the rest
	dies  int        // at which step, 0 for never
	steps int
}

var errDead = errors.New("the process died here")

// step is a moment at which the process may die; it stays dead.
func (w *world) step() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps++
	if w.dies > 0 && w.steps >= w.dies {
		return errDead
	}
	return nil
}

const worldOperation = `operation: OP-7K3
title: A test
organiser: CY
legal_basis: NAPLES2
phases:
  preparation: {from: 2026-11-02, to: 2027-01-10}
  operation: {from: 2027-01-11, to: 2027-01-17}
  evaluation: {from: 2027-01-18, to: 2027-02-15}
desk: {phone: "+000"}
participants:
  - {code: CY, country: CY, class: eu-member, authority: Customs, reference: CY, languages: [en], duty: {phone: "+357 1"}, addresses: [jco@cy.example], channels: [{kind: pgp-mail, address: jco@cy.example}]}
  - {code: LV, country: LV, class: eu-member, authority: Customs, reference: LV, languages: [en], duty: {phone: "+371 1"},
     contacts: [{name: A. Invented, email: a@lv.example, hours: "08:00-16:00", timezone: Europe/Riga, deputy: B. Invented}, {name: B. Invented, email: b@lv.example}],
     closed: [2027-01-06], addresses: [jco@lv.example], channels: [{kind: pgp-mail, address: jco@lv.example}]}
  - {code: PL, country: PL, class: eu-member, authority: Customs, reference: PL, languages: [en], duty: {phone: "+48 1"}, addresses: [jco@pl.example], channels: [{kind: pgp-mail, address: jco@pl.example}]}
`

// Tuesday, 10:00 in Riga.
var tuesday = time.Date(2026, 12, 15, 8, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, begins time.Time, more ...string) *world {
	t.Helper()
	text := worldOperation + strings.Join(more, "")
	op, problems := operation.Parse([]byte(text), "operation.yaml")
	if op == nil {
		t.Fatalf("operation: %v", problems)
	}
	w := worldOn(t, storetest.NewSQLite(t), op, begins)
	entry := gateway.AuditEntry{Kind: gateway.Administration, At: w.now, Actor: "test", Action: "operation applied", Operation: op.Code}
	w.must("ApplyOperation", w.st.ApplyOperation(t.Context(), op, []byte(text), entry))
	for _, p := range op.Participants {
		w.confirm(p.Code)
	}
	return w
}

// worldOn starts a world on a record.
func worldOn(t *testing.T, record storetest.Record, op *operation.Operation, begins time.Time) *world {
	w := &world{t: t, record: record, now: begins, op: op, handed: map[gateway.DeliveryID]int{},
		answers: map[operation.ParticipantCode]func(gateway.Probe, *gateway.Form) *gateway.Hearing{}}
	w.start()
	return w
}

func (w *world) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s = %v", what, err)
	}
}

func (w *world) clock() time.Time { return w.now }

// start starts the unit's process on its record.
func (w *world) start() {
	w.t.Helper()
	w.st = w.record.Open(w.t, "gateway", store.Options{Clock: w.clock})
	m := mortal{w.st, w}
	w.runner = &commtest.Runner{Self: commtest.Self{Code: "OCU", Address: "ocu@gateway.example", Phone: "+000"}, Clock: m, Record: m, Survey: allWell{}, Now: w.clock}
}

// allWell finds everything reachable.
type allWell struct{}

func (allWell) Reach(context.Context, *operation.Operation, *operation.Participant) []gateway.ReachFact {
	return []gateway.ReachFact{{At: -1, Kind: "mail", What: "log-in", OK: true}, {At: -1, Kind: "websocket", What: "listener", OK: true}}
}

// mortal is a record whose process dies at a step.
type mortal struct {
	*store.Store
	w *world
}

// confirm gives a participant a key that is confirmed.
func (w *world) confirm(p operation.ParticipantCode) {
	w.t.Helper()
	key, err := openpgp.Generate(openpgp.KeyOptions{Name: string(p), Address: "jco@" + strings.ToLower(string(p)) + ".example", Created: w.now.Add(-time.Hour)})
	w.must("Generate", err)
	ring := keyring.New(w.st, w.clock)
	_, err = ring.Propose(w.t.Context(), w.op.Code, p, keyring.Proposal{Certificate: key.Certificate(), Source: "test", By: "test"})
	w.must("Propose", err)
	for _, person := range []string{"one", "another"} { // a replacement takes two
		_, err = ring.Confirm(w.t.Context(), w.op.Code, p, string(key.Certificate().Fingerprint()), person, "test")
		w.must("Confirm", err)
	}
}

// block blocks a participant's key.
func (w *world) block(p operation.ParticipantCode) {
	w.t.Helper()
	keys, err := w.st.Keys(w.t.Context(), w.op.Code, p, "")
	w.must("Keys", err)
	w.must("Block", keyring.New(w.st, w.clock).Block(w.t.Context(), w.op.Code, p, string(keys[0].Fingerprint), "test", "test"))
}

// post brings away what waits, as the flow does, and lets the participants answer
// what they have got.
func (w *world) post() error {
	ds, err := w.st.Claim(w.t.Context(), gateway.Want{Limit: 100}, w.now)
	if err != nil {
		return err
	}
	for _, d := range ds {
		if err := w.step(); err != nil { // after the claim
			return err
		}
		w.handOver(d)
		if err := w.step(); err != nil { // after the hand-over, before it is recorded
			return err
		}
		state := gateway.HandedOver
		if d.Channel == operation.WebSocket {
			state = gateway.ConfirmedBySystem // it acknowledges
		}
		a := &gateway.Attempt{Delivery: d, Evidence: gateway.Evidence{Outcome: gateway.Sent, Channel: d.Channel, At: w.now, Detail: "250 2.0.0 queued", By: "mx.example"}, Next: gateway.Next{State: state}}
		if err := w.st.Finish(w.t.Context(), a, nil); err != nil {
			return err
		}
		if err := w.step(); err != nil { // after it is recorded
			return err
		}
	}
	for len(w.arrived) > 0 {
		if err := w.answer(w.arrived[0]); err != nil {
			return err
		}
		w.arrived = w.arrived[1:]
	}
	return nil
}

// handOver is a mail's arrival at a participant, who drops what came before.
func (w *world) handOver(d gateway.Delivery) {
	if w.handed[d.ID]++; w.handed[d.ID] == 1 {
		w.arrived = append(w.arrived, d)
	}
}

// answer lets a participant react to what arrived.
func (w *world) answer(d gateway.Delivery) error {
	f, err := w.st.Form(w.t.Context(), d.Form)
	if err != nil {
		return err
	}
	if d.Type != "TST" {
		w.notices = append(w.notices, strings.TrimSpace(string(d.Participant)+" "+f.Content.Facts[gateway.FactAddress]))
		return nil
	}
	write := w.answers[d.Participant]
	if write == nil {
		return nil
	}
	p, err := w.st.ProbeOf(w.t.Context(), w.op.Code, d.ID, "")
	if err != nil {
		return err
	}
	if h := write(*p, f); h != nil {
		return w.hear(*h)
	}
	return nil
}

func (w *world) hear(h gateway.Hearing) error {
	return w.st.Record(w.t.Context(), func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Operation: w.op.Code, Tests: gateway.TestRecord{Heard: []gateway.Hearing{h}}}, nil
	})
}

// heard is a hearing about a probe.
func (w *world) heard(p gateway.Probe, kind gateway.HearingKind) gateway.Hearing {
	return gateway.Hearing{Run: p.Run, Operation: p.Operation, Participant: p.Participant, At: w.now, Kind: kind, Probe: p.Delivery, Medium: gateway.ByMail,
		From: w.op.Participant(p.Participant).Channels[p.ChannelAt].Address, Registered: true}
}

// fills answers a call as somebody with these initials does: signed, with the
// whole form.
func (w *world) fills(initials string) func(gateway.Probe, *gateway.Form) *gateway.Hearing {
	return func(p gateway.Probe, call *gateway.Form) *gateway.Hearing {
		f := form.New("TSR")
		for i := range call.Content.Boxes.Rows("C") {
			for _, box := range []string{"C1", "C2", "C4", "C5", "C14"} {
				if i > 0 {
					box += ".2"
				}
				f.Set(box, call.Content.Boxes.Get(box))
			}
		}
		f.Set("T2", p.Code)
		f.Set("T5", "Y")
		f.Set("T6", "Y")
		f.Set("T7", call.Content.Boxes.Get("T7"))
		f.Set("T8", "Y "+p.FileCode)
		f.Set("T9", initials)
		keys, err := w.st.Keys(w.t.Context(), p.Operation, p.Participant, "")
		w.must("Keys", err)
		h := w.heard(p, gateway.HeardAnswer)
		h.Encrypted, h.Verdict, h.Covers, h.Signer, h.Signed, h.KeyState = true, "good", "all", p.Participant, string(keys[0].Fingerprint), gateway.KeyConfirmed
		h.Made, h.Type, h.Boxes, h.Codes, h.Judged = w.now, "TSR", f.JSON(), []string{p.Code}, gateway.Accepted
		return &h
	}
}

// rest carries the test forward until nothing is due now.
func (w *world) rest() error {
	for range 100 {
		n, err := w.runner.Step(w.t.Context())
		if err == nil {
			err = w.post()
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
	return errors.New("the test doesn't come to rest")
}

// until turns the clock on in steps, and carries the test forward after each.
func (w *world) until(end time.Time, each time.Duration) error {
	for {
		if err := w.rest(); err != nil {
			return err
		}
		if !w.now.Before(end) {
			return nil
		}
		w.now = w.now.Add(each)
	}
}

// begin starts a run over these participants, or over all.
func (w *world) begin(order commtest.Order, who ...operation.ParticipantCode) gateway.RunID {
	w.t.Helper()
	if order.Mode == "" {
		order.Mode, order.Priority, order.By, order.Cause = "TEST", gateway.Routine, "test", "by hand"
	}
	id, err := w.runner.Start(w.t.Context(), w.op, order, commtest.Selection{Participants: who})
	w.must("Start", err)
	return id
}

// standing is how everyone stands now.
func (w *world) standing() commtest.Standing {
	w.t.Helper()
	s := commtest.Standing{Operation: w.op, Self: w.runner.Self, Now: w.now, Keys: map[operation.ParticipantCode][]gateway.KeyRecord{}}
	keys, err := w.st.Keys(w.t.Context(), w.op.Code, "", "")
	w.must("Keys", err)
	for _, k := range keys {
		s.Keys[k.Participant] = append(s.Keys[k.Participant], k)
	}
	runs, err := w.st.TestRuns(w.t.Context(), w.op.Code)
	w.must("TestRuns", err)
	for _, r := range runs {
		parties, err := w.st.TestParties(w.t.Context(), r.ID)
		w.must("TestParties", err)
		past, err := commtest.ReadPast(r, parties)
		w.must("ReadPast", err)
		s.Past = append(s.Past, past)
	}
	return s
}

func (w *world) verdict(p operation.ParticipantCode) commtest.Verdict {
	w.t.Helper()
	return w.standing().Stand(w.op.Participant(p)).Verdict
}
