package commtest_test

import (
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

// What never left us is nobody else's fault.
func TestOnlyAServerThatRefusedIsBlamed(t *testing.T) {
	noMail := gateway.ReachFact{At: -1, Kind: "mail", What: "tcp", Detail: "no mail server is set up"}
	noSocket := gateway.ReachFact{At: -1, Kind: "websocket", What: "listener", Detail: "the WebSocket channel is not set up"}
	bounced := func(detail, by string) gateway.Evidence {
		return gateway.Evidence{Delivery: "d", Outcome: gateway.Bounced, Channel: operation.Mail, At: tuesday, Detail: detail, By: by}
	}
	for _, c := range []struct {
		name    string
		kind    operation.ChannelKind
		attempt gateway.Evidence
		facts   []gateway.ReachFact
		code    commtest.Code
		who     commtest.Who
	}{
		{"no mail channel is set up", operation.Mail, bounced("the gateway has no such channel set up", ""), []gateway.ReachFact{noMail}, commtest.NoRoute, commtest.ByUnit},
		{"no mail channel is set up, and nothing was tried before", operation.PGPMail, bounced("the gateway has no such channel set up", ""), nil, commtest.NoRoute, commtest.ByUnit},
		{"a server refused", operation.Mail, bounced("RCPT: 550 5.1.1 no such user", "mx.example"), nil, commtest.Bounce, commtest.ByMailAdmins},
		{"a server announced a limit", operation.Mail, bounced("5.3.4 it takes 1 MB", "mx.example"), nil, commtest.Bounce, commtest.ByMailAdmins},
		{"no WebSocket channel is set up", operation.WebSocket, bounced("not connected within this channel's share of the limit", ""), []gateway.ReachFact{noSocket}, commtest.NoRoute, commtest.ByUnit},
		{"nobody connected", operation.WebSocket, bounced("not connected within this channel's share of the limit", ""), nil, commtest.WSDown, commtest.ByParticipant},
	} {
		party := &gateway.TestParty{Operation: "OP-7K3", Participant: "PL", Attempts: []gateway.Evidence{c.attempt}, Probes: []gateway.Probe{{Delivery: "d", Kind: c.kind, Sent: tuesday}}}
		if c.facts != nil {
			party.Heard = []gateway.Hearing{{Kind: gateway.HeardReach, At: tuesday, Facts: c.facts}}
		}
		plan := commtest.Plan{Cells: []commtest.Cell{{Kind: c.kind, Address: "jco@pl.example"}}, Started: tuesday, Due: tuesday.Add(time.Hour), End: tuesday.AddDate(0, 1, 0)}
		r := commtest.Judge(commtest.Case{Plan: plan, Evidence: party}, tuesday.Add(2*time.Hour))
		var stops []commtest.Finding
		for _, f := range r.Cells[0].Findings {
			if f.Stops && f.Rung <= commtest.Taken {
				stops = append(stops, f)
			}
		}
		if len(stops) != 1 || stops[0].Code != c.code || stops[0].Who != c.who {
			t.Errorf("%s: what stops it is %+v; want %s alone, for the %s", c.name, stops, c.code, c.who)
		}
	}
}
