package storetest

import (
	"slices"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

const testRun gateway.RunID = "OP-7K3-T001"

// asked records a test run that asks Latvia and Poland, each with a due row.
func asked(t *testing.T, s *store.Store) {
	t.Helper()
	d := &gateway.Decision{Operation: opCode, Tests: gateway.TestRecord{Runs: []gateway.TestRun{{ID: testRun, Operation: opCode, Number: 1, Started: dawn, Detail: []byte("{}")}}}}
	for _, p := range []operation.ParticipantCode{latvia, poland} {
		d.Tests.Parties = append(d.Tests.Parties, gateway.TestParty{Run: testRun, Operation: opCode, Participant: p, Detail: []byte("{}")})
	}
	must(t, "Record", s.Record(ctx(t), func(gateway.Ledger) (*gateway.Decision, error) { return d, nil }))
}

// roused are the parts of tests that are due now.
func roused(t *testing.T, s *store.Store) (keys []string) {
	t.Helper()
	list, err := s.ClaimDue(ctx(t), []string{gateway.DueTest}, 10, time.Now().Add(time.Minute))
	must(t, "ClaimDue", err)
	for _, d := range list {
		keys = append(keys, d.Key)
		must(t, "FinishDue", s.FinishDue(ctx(t), d, func(gateway.Ledger) (*gateway.Decision, time.Time, error) { return nil, time.Time{}, nil }))
	}
	slices.Sort(keys)
	return keys
}

func travellingReply(t *testing.T, r Record) {
	s := open(t, r)
	asked(t, s)
	f, d := newForm("R1", gateway.FormAccepted), to(poland, operation.Mail)
	_, err := s.Accept(ctx(t), inbound("reply"), func(l gateway.Ledger) (*gateway.Decision, error) {
		made, err := decision(f, d)(l)
		if err != nil {
			return nil, err
		}
		made.Tests.Heard = []gateway.Hearing{{Run: testRun, Operation: opCode, Participant: latvia, At: dawn, Form: f.ID, Kind: gateway.HeardAnswer, Probe: "probe"}}
		return made, nil
	})
	must(t, "Accept", err)
	if got, want := roused(t, s), []string{gateway.PartyKey(testRun, latvia)}; !slices.Equal(got, want) {
		t.Errorf("after the reply %v are due; want %v", got, want)
	}
	for _, p := range []operation.ParticipantCode{latvia, poland} {
		party, err := s.TestParty(ctx(t), testRun, p)
		must(t, "TestParty", err)
		if len(party.Onward) != 1 || party.Onward[0].From != latvia || party.Onward[0].To != poland || party.Onward[0].State != gateway.Pending {
			t.Errorf("onward of %s = %+v; want the reply from LV to PL, pending", p, party.Onward)
		}
	}
	proving(t, s, "confirmation", d.ID, gateway.ConfirmedByPerson)
	if got, want := roused(t, s), []string{gateway.PartyKey(testRun, latvia), gateway.PartyKey(testRun, poland)}; !slices.Equal(got, want) {
		t.Errorf("after the confirmation %v are due; want both ends, %v", got, want)
	}
	party, err := s.TestParty(ctx(t), testRun, poland)
	must(t, "TestParty", err)
	if len(party.Onward) != 1 || party.Onward[0].State != gateway.ConfirmedByPerson || party.Onward[0].Confirmed.IsZero() {
		t.Errorf("onward of PL = %+v; want it confirmed", party.Onward)
	}
}
