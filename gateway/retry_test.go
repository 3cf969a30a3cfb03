package gateway_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// cameBy is over which channels a participant's forms came since it was asked
// last.
func (f *flow) cameBy(code string) (kinds []operation.ChannelKind) {
	f.mu.Lock()
	for _, out := range f.sent {
		if string(out.Participant) == code {
			kinds = append(kinds, out.Channel.Kind)
		}
	}
	f.mu.Unlock()
	f.got(code)
	return kinds
}

func TestTheNextChannelJoinsAfterItsShareOfTheOperationsOwnLimit(t *testing.T) {
	// FI has a WebSocket, where nobody is connected, and mail: half the limit each.
	const priorities = "priorities: {U: 10m, P: 2h, R: 24h}"
	for _, c := range []struct {
		limits, urgency string
		share           time.Duration
	}{
		{priorities, "U", 5 * time.Minute},
		{priorities, "P", time.Hour},
		{priorities, "R", 12 * time.Hour},
		{"priorities: {U: 2m, P: 20m, R: 2h}", "U", time.Minute},
		{"priorities: {U: 2m, P: 20m, R: 2h}", "R", time.Hour},
	} {
		t.Run(c.limits+" "+c.urgency, func(t *testing.T) {
			f := newFlowOf(t, strings.Replace(operationYAML, priorities, c.limits, 1))
			f.submit("LV", seizure("FI", "A9: ["+c.urgency+"]"), gateway.Accepted)
			f.pass(c.share - time.Second)
			if got := f.cameBy("FI"); len(got) != 0 {
				t.Errorf("before its share is over FI has it by %q; want it to wait for the WebSocket", got)
			}
			f.pass(2 * time.Second)
			if got := f.cameBy("FI"); len(got) != 1 || got[0] != operation.PGPMail {
				t.Errorf("after its share FI has it by %q; want one pgp-mail", got)
			}
		})
	}
}

func TestTheNextChannelJoinsWhereAnUrgentFormIsNotConfirmedWithinItsShare(t *testing.T) {
	// EE has OpenPGP mail, and plain mail behind it: half of ten minutes each.
	for _, confirmed := range []bool{false, true} {
		f := newFlow(t)
		r := f.submit("LV", seizure("EE", "A9: [U]"), gateway.Accepted)
		f.pass(0)
		f.got("LV")
		f.pass(5*time.Minute - time.Second)
		if got := f.cameBy("EE"); len(got) != 1 || got[0] != operation.PGPMail {
			t.Fatalf("before the share of its first channel is over EE has it by %q; want one pgp-mail", got)
		}
		reply := func() {
			f.accept(f.write(officer("EE"), "OK", "<"+string(f.delivery(r.Form, "EE").ID)+"@gateway.example>"))
		}
		if confirmed {
			reply()
		}
		f.pass(2 * time.Second)
		if confirmed {
			f.gets("EE")
			f.gets("LV", "All recipients|EE: read by a person")
			continue
		}
		f.gets("EE", "PLAIN")
		f.gets("LV", "goes to EE over a weaker channel|not confirmed in time|+372 1")
		if d := f.delivery(r.Form, "EE"); d.State != gateway.HandedOver || d.Queued {
			t.Errorf("the delivery is %+v; want it handed over as before", d)
		}
		f.pass(5 * time.Minute)
		f.gets("EE")
		f.gets("LV", "Not confirmed in time|EE: sent, not confirmed")
		reply()
		f.pass(time.Second)
		f.gets("LV", "All recipients|EE: read by a person")
	}
}

func TestAChannelThatJoinsInVainMakesNoFailureOfWhatAnotherTook(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("EE", "A9: [U]"), gateway.Accepted)
	f.pass(0)
	f.got("LV")
	f.outcome["EE"] = gateway.Deferred
	f.pass(5*time.Minute + time.Second)
	f.outcome["EE"] = gateway.Bounced
	f.pass(4 * time.Minute)
	f.gets("LV", "goes to EE over a weaker channel|not confirmed in time")
	if d := f.delivery(r.Form, "EE"); d.State != gateway.HandedOver || d.Queued {
		t.Errorf("the delivery is %+v; want it handed over, since its first channel took it", d)
	}
	f.pass(time.Minute)
	f.gets("LV", "Not confirmed in time|EE: sent, not confirmed")
}

func TestNoChannelJoinsForWhatWasCorrected(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("EE", "A9: [U]"), gateway.Accepted)
	f.pass(0)
	f.submit("LV", "A1: [CAN]\nA5: ["+r.Reference+"]\nA9: [R]\n", gateway.Accepted)
	f.pass(0)
	f.got("EE")
	f.pass(time.Hour)
	f.gets("EE")
}

func TestTheNextChannelJoinsAWebSocketThatAcknowledgesNothing(t *testing.T) {
	for _, c := range []struct {
		urgency string
		share   time.Duration
	}{{"U", 5 * time.Minute}, {"P", time.Hour}, {"R", 12 * time.Hour}} {
		for _, acknowledged := range []bool{false, true} {
			f := newFlow(t)
			if _, _, err := f.store.OpenSession(t.Context(), gateway.Session{ID: "s1", Operation: "OP-001", Participant: "FI"}); err != nil {
				t.Fatal(err)
			}
			r := f.submit("LV", seizure("FI", "A9: ["+c.urgency+"]"), gateway.Accepted)
			f.pass(0)
			seq, err := f.store.Number(t.Context(), "s1", f.delivery(r.Form, "FI").ID)
			if err != nil {
				t.Fatal(err)
			}
			f.pass(c.share - time.Second)
			if got := f.cameBy("FI"); len(got) != 1 || got[0] != operation.WebSocket {
				t.Fatalf("%s: FI has it by %q; want once by websocket", c.urgency, got)
			}
			var want []operation.ChannelKind
			if acknowledged {
				if _, err := f.store.Acknowledge(t.Context(), "OP-001", "FI", seq, "agent"); err != nil {
					t.Fatal(err)
				}
			} else {
				want = append(want, operation.PGPMail)
			}
			f.pass(2 * time.Second)
			f.pass(c.share)
			if got := f.cameBy("FI"); !slices.Equal(got, want) {
				t.Errorf("%s: after the WebSocket's share, acknowledged %t, FI has it by %q; want %q", c.urgency, acknowledged, got, want)
			}
		}
	}
}

func TestWhatWasGivenToAWebSocketStaysItsOwnThoughPlainMailJoined(t *testing.T) {
	f := newFlowOf(t, strings.Replace(operationYAML, "{kind: pgp-mail, address: jco@fi.example}]", "{kind: mail, address: jco@fi.example}]", 1))
	if _, _, err := f.store.OpenSession(t.Context(), gateway.Session{ID: "s1", Operation: "OP-001", Participant: "FI"}); err != nil {
		t.Fatal(err)
	}
	r := f.submit("LV", seizure("FI", "A9: [U]"), gateway.Accepted)
	f.pass(0)
	id := f.delivery(r.Form, "FI").ID
	if _, err := f.store.Number(t.Context(), "s1", id); err != nil {
		t.Fatal(err)
	}
	f.pass(5*time.Minute + time.Second)
	if got := f.cameBy("FI"); !slices.Equal(got, []operation.ChannelKind{operation.WebSocket, operation.Mail}) {
		t.Fatalf("FI has it by %q; want the WebSocket, and mail that joined it", got)
	}
	out, err := f.g.Render(t.Context(), id)
	if err != nil || out.Channel.Kind != operation.WebSocket || len(out.Message) == 0 || out.Plain != "" {
		t.Errorf("for the next session it is %+v, %v; want the sealed form", out, err)
	}
}

func TestAChannelThatSaysLaterForLongGetsItsFormsWhenItIsWell(t *testing.T) {
	alone := strings.Replace(operationYAML, "[{kind: websocket}, {kind: pgp-mail, address: jco@fi.example}]", "[{kind: websocket}]", 1)
	for _, c := range []struct {
		name, to, urgency string
		ill               time.Duration
	}{
		{"a WebSocket that flaps for five days", "FI", "R", 5 * 24 * time.Hour},
		{"an urgent form and a WebSocket that flaps", "FI", "U", 24 * time.Hour},
		{"an urgent form and a mail server that is out of order", "PL", "U", 2 * 24 * time.Hour},
		{"a mail server that is out of order", "PL", "R", 2 * 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFlowOf(t, alone)
			session := gateway.Session{ID: "s1", Operation: "OP-001", Participant: "FI"}
			if _, _, err := f.store.OpenSession(t.Context(), session); err != nil {
				t.Fatal(err)
			}
			to := operation.ParticipantCode(c.to)
			f.outcome[to] = gateway.Deferred
			f.submit("LV", seizure(c.to, "A9: ["+c.urgency+"]"), gateway.Accepted)
			for range 40 { // as often as anything could have been due
				f.pass(c.ill / 40)
			}
			delete(f.outcome, to)
			f.pass(24 * time.Hour)
			if got := f.cameBy(c.to); len(got) != 1 {
				t.Errorf("%s has it by %q; want it once", c.to, got)
			}
		})
	}
}

func TestAMailServerThatOnlyEverSaysLaterIsGivenUpAfterThreeDays(t *testing.T) {
	f := newFlow(t)
	f.outcome["PL"] = gateway.Deferred
	f.submit("LV", seizure("PL"), gateway.Accepted)
	for range 30 {
		f.pass(4 * time.Hour)
	}
	f.gets("LV", "LV-VID-2027-000001|accepted", "did not reach PL")
}
