package commtest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

// riga is a time of the day on which tuesday is, at LV's contact.
func riga(day, hour, minute int) time.Time {
	return time.Date(2026, 12, day, hour-2, minute, 0, 0, time.UTC)
}

func TestDeadlinesRunInTheContactsOpenHours(t *testing.T) {
	for name, c := range map[string]struct {
		begins time.Time
		term   operation.Term
		want   time.Time
	}{
		"two working days end two working days later":       {riga(15, 10, 0), operation.Term{Days: 2}, riga(17, 10, 0)},
		"two working days begun on Friday end on Tuesday":   {riga(18, 10, 0), operation.Term{Days: 2}, riga(22, 10, 0)},
		"four hours end on the same day":                    {riga(15, 10, 0), operation.Term{Time: 4 * time.Hour}, riga(15, 14, 0)},
		"four hours begun two before closing end next day":  {riga(15, 14, 0), operation.Term{Time: 4 * time.Hour}, riga(16, 10, 0)},
		"half an hour begun at night ends after they open":  {riga(15, 22, 0), operation.Term{Time: 30 * time.Minute}, riga(16, 8, 30)},
		"half an hour begun on Saturday ends on Monday":     {riga(19, 12, 0), operation.Term{Time: 30 * time.Minute}, riga(21, 8, 30)},
		"a closed day doesn't count":                        {time.Date(2027, 1, 5, 13, 0, 0, 0, time.UTC), operation.Term{Time: 2 * time.Hour}, time.Date(2027, 1, 7, 7, 0, 0, 0, time.UTC)},
		"who names no hours has the time by the wall clock": {riga(19, 12, 0), operation.Term{Time: 30 * time.Minute}, riga(19, 12, 30)},
	} {
		op, _ := operation.Parse([]byte(worldOperation), "operation.yaml")
		who := operation.ParticipantCode("LV")
		if name == "who names no hours has the time by the wall clock" {
			who = "PL"
		}
		plans, err := commtest.NewPlans(op, commtest.Self{Code: "OCU"}, commtest.Order{Deadline: c.term}, commtest.Selection{}, nil, c.begins)
		if err != nil {
			t.Fatal(err)
		}
		if got := plans[who].Due; !got.Equal(c.want) {
			t.Errorf("%s: %s from %s = %s; want %s", name, c.term, c.begins, got.UTC(), c.want)
		}
	}
}

func TestPlanNamesWhoIsClosedAndProposesWhenTheyAreThere(t *testing.T) {
	op, _ := operation.Parse([]byte(worldOperation), "operation.yaml")
	closed := time.Date(2027, 1, 6, 9, 0, 0, 0, time.UTC)
	plans, err := commtest.NewPlans(op, commtest.Self{Code: "OCU"}, commtest.Order{Deadline: operation.Term{Time: time.Hour}}, commtest.Selection{}, nil, closed)
	if err != nil {
		t.Fatal(err)
	}
	if lv := plans["LV"]; !lv.Closed || !lv.Better.Equal(time.Date(2027, 1, 7, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("LV on its closed day: closed %v, better %s; want closed, better when it opens on the 7th", lv.Closed, lv.Better.UTC())
	}
	if pl := plans["PL"]; pl.Closed || !pl.Better.IsZero() {
		t.Errorf("PL: closed %v, better %s; want open", pl.Closed, pl.Better)
	}
}

func TestSilentContactIsRemindedThenTheDeputyThenTheOrganiser(t *testing.T) {
	w := newWorld(t, tuesday) // 10:00 in Riga
	for _, p := range []operation.ParticipantCode{"CY", "PL"} {
		w.answers[p] = w.fills("AX")
	}
	w.begin(commtest.Order{Deadline: operation.Term{Time: 4 * time.Hour}})
	for _, c := range []struct {
		until time.Time
		want  []string
	}{
		{riga(15, 11, 59), nil},
		{riga(15, 12, 0), []string{"LV a@lv.example"}},
		{riga(15, 13, 0), []string{"LV b@lv.example"}},
		{riga(15, 13, 35), nil},
		{riga(15, 13, 36), []string{"CY"}}, // who hasn't answered
		{riga(15, 14, 0), []string{"CY"}},  // the end
		{riga(15, 18, 0), nil},
	} {
		w.notices = nil
		w.now = c.until
		w.must("rest", w.rest())
		if diff := cmp.Diff(c.want, w.notices); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", c.until.Format("15:04"), diff)
		}
	}
	if got := w.verdict("LV"); got != commtest.Red {
		t.Errorf("LV is %s; want RED", got)
	}
}

func TestAutomaticReplyAsksTheDeputyAtOnce(t *testing.T) {
	w := newWorld(t, tuesday)
	w.answers["LV"] = func(p gateway.Probe, _ *gateway.Form) *gateway.Hearing {
		h := w.heard(p, gateway.HeardAuto)
		return &h
	}
	w.begin(commtest.Order{Deadline: operation.Term{Days: 2}})
	w.must("rest", w.rest())
	if !slices.Contains(w.notices, "LV b@lv.example") {
		t.Errorf("after an automatic reply %q were written to; want LV's deputy, at once", w.notices)
	}
}

func TestUnansweredWhileClosedIsAwayAndNotRed(t *testing.T) {
	w := newWorld(t, riga(15, 15, 50)) // LV closes at 16:00
	w.begin(commtest.Order{Deadline: operation.Term{Time: time.Hour}, Within: time.Hour})
	w.must("until", w.until(riga(15, 17, 0), 10*time.Minute))
	if got := w.verdict("LV"); got != commtest.Away {
		t.Errorf("LV, which had 10 minutes of its hour, is %s; want AWAY", got)
	}
	if got := w.verdict("PL"); got != commtest.Red {
		t.Errorf("PL, which is there day and night, is %s; want RED", got)
	}
}

// ee has two channels that share neither key nor server, and a system.
const ee = `  - {code: EE, country: EE, class: eu-member, authority: Customs, reference: EE, languages: [en], duty: {phone: "+372 1"}, addresses: [jco@ee.example, desk@other.example],
     channels: [{kind: pgp-mail, address: jco@ee.example}, {kind: mail, address: desk@other.example, fallback: redacted}]}
`

const fi = `  - {code: FI, country: FI, class: eu-member, authority: Customs, reference: FI, languages: [en], duty: {phone: "+358 1"}, addresses: [jco@fi.example], channels: [{kind: websocket}]}
`

func TestProofFadesAfterFourteenDays(t *testing.T) {
	w := newWorld(t, tuesday, ee)
	w.answers["EE"] = w.fills("EX")
	id := w.begin(commtest.Order{Deadline: operation.Term{Time: time.Hour}})
	w.must("hear", w.hear(gateway.Hearing{Run: id, Operation: w.op.Code, Participant: "EE", At: w.now, Kind: gateway.HeardCall, SpokeTo: "E. Invented", Number: "+372 1"}))
	w.must("until", w.until(tuesday.Add(2*time.Hour), 30*time.Minute))
	for _, c := range []struct {
		after time.Duration
		want  commtest.Verdict
		faded bool
	}{{0, commtest.Green, false}, {14*24*time.Hour - time.Minute, commtest.Green, false}, {14*24*time.Hour + time.Minute, commtest.Amber, true}} {
		w.now = tuesday.Add(c.after)
		if got := w.standing().Stand(w.op.Participant("EE")); got.Verdict != c.want || got.Faded != c.faded {
			t.Errorf("after %s EE is %s, faded %v; want %s, %v", c.after, got.Verdict, got.Faded, c.want, c.faded)
		}
	}
	if cells := commtest.Failing(w.standing().Stands()).Cells["EE"]; len(cells) != 2 {
		t.Errorf("a re-test asks EE over channels %v; want both: the proof is old", cells)
	}
}

// TestNothingButAnAnswerKeepsAProofFresh: GREEN rests on two channels, and each on
// its own answer.
func TestNothingButAnAnswerKeepsAProofFresh(t *testing.T) {
	for name, later := range map[string]func(*world, gateway.Probe){
		"nothing": func(*world, gateway.Probe) {},
		"an automatic reply": func(w *world, p gateway.Probe) {
			w.must("hear", w.hear(w.heard(p, gateway.HeardAuto)))
		},
		"a receipt": func(w *world, p gateway.Probe) { // the old mail is deleted at last
			h := w.heard(p, gateway.HeardReport)
			h.Report = "read-receipt"
			w.must("hear", w.hear(h))
		},
		"an answer without a signature": func(w *world, p gateway.Probe) {
			h := w.heard(p, gateway.HeardAnswer)
			h.Verdict, h.Codes = "none", []string{p.Code}
			w.must("hear", w.hear(h))
		},
		"a new proof of the first channel alone": func(w *world, _ gateway.Probe) {
			order := commtest.Order{Mode: "TEST", Priority: gateway.Routine, By: "test", Cause: "by hand", Deadline: operation.Term{Time: time.Hour}}
			_, err := w.runner.Start(t.Context(), w.op, order, commtest.Selection{Participants: []operation.ParticipantCode{"EE"}, Kinds: []operation.ChannelKind{operation.PGPMail}})
			w.must("Start", err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tuesday, ee)
			w.answers["EE"] = w.fills("EX")
			id := w.begin(commtest.Order{Deadline: operation.Term{Time: time.Hour}})
			w.must("hear", w.hear(gateway.Hearing{Run: id, Operation: w.op.Code, Participant: "EE", At: w.now, Kind: gateway.HeardCall, SpokeTo: "E. Invented", Number: "+372 1"}))
			w.must("until", w.until(tuesday.Add(2*time.Hour), 30*time.Minute))
			party, err := w.st.TestParty(t.Context(), id, "EE")
			w.must("TestParty", err)
			w.now = tuesday.AddDate(0, 0, 13)
			later(w, party.Probes[0])
			w.must("until", w.until(w.now.Add(2*time.Hour), 30*time.Minute))
			w.now = tuesday.AddDate(0, 0, 15)
			if got := w.standing().Stand(w.op.Participant("EE")); got.Verdict != commtest.Amber || !got.Faded {
				t.Errorf("after 15 days, and %s meanwhile, EE is %s, faded %v; want AMBER, faded", name, got.Verdict, got.Faded)
			}
		})
	}
}

func TestProofOfPlainMailFadesToo(t *testing.T) {
	w := newWorld(t, tuesday, ge)
	w.answers["GE"] = w.fills("GX")
	id := w.begin(commtest.Order{Deadline: operation.Term{Time: time.Hour}})
	w.must("hear", w.hear(gateway.Hearing{Run: id, Operation: w.op.Code, Participant: "GE", At: w.now, Kind: gateway.HeardCall, SpokeTo: "G. Invented", Number: "+995 1"}))
	w.must("until", w.until(tuesday.Add(2*time.Hour), 30*time.Minute))
	for after, faded := range map[time.Duration]bool{0: false, 15 * 24 * time.Hour: true} {
		w.now = tuesday.Add(after)
		if got := w.standing().Stand(w.op.Participant("GE")); got.Verdict != commtest.Amber || got.Faded != faded || got.Mark == "" {
			t.Errorf("after %s GE is %s %q, faded %v; want AMBER, marked as plain, %v", after, got.Verdict, got.Mark, got.Faded, faded)
		}
	}
}

func TestChangeOfKeyAddressOrChannelIsToBeTestedAnew(t *testing.T) {
	w := newWorld(t, tuesday)
	for _, p := range []operation.ParticipantCode{"LV", "PL", "CY"} {
		w.answers[p] = w.fills("AX")
	}
	w.begin(commtest.Order{Deadline: operation.Term{Time: time.Hour}})
	w.must("until", w.until(tuesday.Add(2*time.Hour), time.Hour))
	w.confirm("PL") // another key
	w.op.Participant("LV").Channels[0].Address = "new@lv.example"
	for p, want := range map[operation.ParticipantCode]commtest.Verdict{"PL": commtest.Untested, "LV": commtest.Untested, "CY": commtest.Amber} {
		if got := w.verdict(p); got != want {
			t.Errorf("%s is %s; want %s", p, got, want)
		}
	}
	cy := w.op.Participant("CY")
	cy.Channels = append([]operation.Channel{{Kind: operation.WebSocket}}, cy.Channels...)
	if got := w.standing().Stand(cy); got.Runs[0] != "" || got.Runs[1] == "" {
		t.Errorf("CY with a channel before the proven one: proofs of %q; want the old one's, and none of the new", got.Runs)
	}
}

func TestScheduledTestsBeginByThemselves(t *testing.T) {
	w := newWorld(t, time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC), fi)
	w.must("until", w.scheduledUntil(time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC)))
	want := []string{"T-21 2026-12-21 08:00 LV until 2026-12-23 10:00", "T-7 2027-01-04 08:00 LV until 2027-01-04 14:00", "T-1 2027-01-10 08:00 LV until 2027-01-11 08:30"}
	for day := 11; day <= 17; day++ {
		want = append(want, fmt.Sprintf("heartbeat 2027-01-%d 06:00 FI until 2027-01-%d 06:15", day, day))
	}
	if diff := cmp.Diff(want, w.begun()); diff != "" {
		t.Errorf("tests that began (-want +got):\n%s", diff)
	}
	for p, calls := range w.calls("heartbeat") {
		if p != "FI" || calls != 1 {
			t.Errorf("a heartbeat asks %s %d times; want FI's system alone, once", p, calls)
		}
	}
}

func TestScheduledTestThatNoGatewayServedForBeginsLateRatherThanNot(t *testing.T) {
	w := newWorld(t, time.Date(2026, 12, 20, 12, 0, 0, 0, time.UTC))
	w.must("Schedule", w.runner.Schedule(t.Context()))
	w.now = time.Date(2027, 1, 5, 9, 0, 0, 0, time.UTC) // down over T-21 and T-7
	w.must("rest", w.rest())
	w.must("rest", w.rest())
	if got := w.begun(); len(got) != 1 || got[0][:len("T-7 2027-01-05 09:00")] != "T-7 2027-01-05 09:00" {
		t.Errorf("tests that began = %q; want the one of T-7, once, when the gateway was back", got)
	}
}

func TestHeartbeatThatFailsCountsAgainstTheProof(t *testing.T) {
	w := newWorld(t, time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC), fi)
	w.answers["FI"] = func(p gateway.Probe, call *gateway.Form) *gateway.Hearing {
		h := w.fills("FX")(p, call)
		h.Medium, h.From = gateway.ByWebSocket, ""
		return h
	}
	w.session("FI")
	id := w.begin(commtest.Order{Deadline: operation.Term{Time: time.Hour}}, "FI")
	w.must("until", w.until(w.now.Add(2*time.Hour), 30*time.Minute))
	if got := w.verdict("FI"); got != commtest.Amber {
		t.Fatalf("FI after %s is %s; want AMBER: it has one channel", id, got)
	}
	w.answers["FI"], w.notices = nil, nil
	w.must("until", w.scheduledUntil(time.Date(2027, 1, 11, 7, 0, 0, 0, time.UTC)))
	if got := w.verdict("FI"); got != commtest.Red {
		t.Errorf("FI after a heartbeat without an answer is %s; want RED", got)
	}
	if diff := cmp.Diff([]string{"CY"}, w.notices); diff != "" {
		t.Errorf("after the heartbeat (-want +got):\n%s\nwant the organiser told, and nobody reminded", diff)
	}
}

// session lets a participant's system be connected.
func (w *world) session(p operation.ParticipantCode) {
	w.t.Helper()
	_, _, err := w.st.OpenSession(w.t.Context(), gateway.Session{ID: "s-" + string(p), Operation: w.op.Code, Participant: p, Fingerprint: "AAAA"})
	w.must("OpenSession", err)
}

// scheduledUntil turns the clock on by quarters of an hour, as Run does by itself.
func (w *world) scheduledUntil(end time.Time) error {
	for w.now.Before(end) {
		if err := w.runner.Schedule(w.t.Context()); err != nil {
			return err
		}
		if err := w.rest(); err != nil {
			return err
		}
		w.now = w.now.Add(15 * time.Minute)
	}
	return w.rest()
}

// begun lists the runs: their cause, when they began, and until when the first of
// LV and FI that was asked has time, in its own zone.
func (w *world) begun() []string {
	w.t.Helper()
	var out []string
	for _, past := range slices.Backward(w.standing().Past) {
		who := operation.ParticipantCode("LV")
		part, ok := past.Parts[who]
		if !ok {
			who = "FI"
			part = past.Parts[who]
		}
		zone := w.op.Participant(who).Calendar().Zone()
		out = append(out, fmt.Sprintf("%s %s %s until %s", past.Order.Cause, past.Run.Started.UTC().Format("2006-01-02 15:04"), who, part.Plan.Due.In(zone).Format("2006-01-02 15:04")))
	}
	return out
}

// calls counts who was asked in runs of a cause, the most in one of them.
func (w *world) calls(cause string) map[operation.ParticipantCode]int {
	w.t.Helper()
	out := map[operation.ParticipantCode]int{}
	for _, past := range w.standing().Past {
		if past.Order.Cause != cause {
			continue
		}
		for p := range past.Parts {
			party, err := w.st.TestParty(context.Background(), past.Run.ID, p)
			w.must("TestParty", err)
			out[p] = max(out[p], len(party.Probes))
		}
	}
	return out
}
