package commtest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"liaison/gateway/operation"
)

// Verdict is how ready a participant is.
type Verdict string

// The verdicts. Untested is what a change of key, address or channel leaves
// behind; Running is a run that goes on.
const (
	Green    Verdict = "GREEN"
	Amber    Verdict = "AMBER"
	Red      Verdict = "RED"
	Away     Verdict = "AWAY"
	Running  Verdict = "OPEN"
	Untested Verdict = "UNTESTED"
)

// Ready reports whether the gate lets the verdict pass.
func (v Verdict) Ready() bool { return v == Green || v == Amber }

// freshFor is how long evidence counts in full; older evidence fades to AMBER.
const freshFor = 14 * 24 * time.Hour

// Conclusion is a participant's verdict with its reasons.
type Conclusion struct {
	Verdict  Verdict   `json:"verdict"`
	Mark     string    `json:"mark,omitempty"` // "plain: no nominal data"
	Faded    bool      `json:"faded,omitempty"`
	First    int       `json:"first"`              // index in the cells of the channel that carries the verdict, -1
	Other    int       `json:"other"`              // of the independent second, -1
	Proven   time.Time `json:"proven,omitzero"`    // the age of the evidence
	Findings []Finding `json:"findings,omitempty"` // about the participant as a whole
}

// Conclude turns what is known of a participant's channels, in their order of
// preference, into a verdict: GREEN where the first is proven up to a person and
// a second that shares neither key nor server with it is intact; AMBER where one
// is proven up to a person; AWAY where nobody answered while they were closed. What
// it rests on fades with the oldest of it.
func Conclude(r Result, second bool, now time.Time) Conclusion {
	c := Conclusion{First: -1, Other: -1}
	first := slices.IndexFunc(r.Cells, func(x CellResult) bool { return x.Kind != operation.Phone })
	for i, x := range r.Cells {
		if x.Kind != operation.Phone && x.Level() >= Person && c.First < 0 {
			c.First = i
		}
	}
	if c.First < 0 {
		c.Verdict = unproven(r)
		return c
	}
	lead := r.Cells[c.First]
	c.Verdict, c.Proven = Amber, lead.proof()
	for i, x := range r.Cells {
		if i != c.First && x.Level() >= Intact && timely(x) && independent(lead, x) && (c.Other < 0 || x.proof().After(r.Cells[c.Other].proof())) {
			c.Other = i // the freshest
		}
	}
	if c.Other < 0 {
		c.Findings = append(c.Findings, Finding{Code: OneWay, Rung: Person, Way: Back, At: lead.Last, Seen: "seen-try", Who: ByOrganiser,
			Args: map[string]string{"at": lead.Last.UTC().Format("2006-01-02 15:04"), "detail": lead.Name()}})
	}
	switch {
	case lead.Kind == operation.Mail:
		c.Mark = "plain: no nominal data"
	case c.First == first && c.Other >= 0 && timely(lead) && (lead.Second || !second):
		c.Verdict, c.Proven = Green, earliest(c.Proven, r.Cells[c.Other].proof())
	}
	if now.Sub(c.Proven) > freshFor {
		c.Verdict, c.Faded = Amber, true
	}
	return c
}

// proof is how old a channel's proof is; of runs that were recorded before it was
// kept, the newest evidence.
func (v View) proof() time.Time {
	if v.Proof.IsZero() {
		return v.Last
	}
	return v.Proof
}

// unproven is the verdict where no channel is proven up to a person.
func unproven(r Result) Verdict {
	stopped := slices.ContainsFunc(r.Cells, func(x CellResult) bool {
		return slices.ContainsFunc(x.Findings, func(f Finding) bool { return f.Stops })
	})
	switch {
	case len(r.Cells) == 0:
		return Untested
	case r.Away && !stopped:
		return Away
	case !r.Over:
		return Running
	}
	return Red
}

// timely reports whether a channel's answer came within its limit.
func timely(x CellResult) bool { return x.at(InTime, Back) == Passed }

// independent reports whether two channels share neither key nor server, so that
// no single failure cuts both.
func independent(a, b CellResult) bool {
	if a.Kind == operation.WebSocket && b.Kind == operation.WebSocket || a.Signer != "" && a.Signer == b.Signer {
		return false
	}
	server := func(x CellResult) string {
		if x.Kind == operation.WebSocket {
			return "websocket"
		}
		return domain(x.Address)
	}
	return server(a) != server(b)
}

// domain is the registered domain of a mail address: one organisation's servers.
func domain(address string) string {
	_, host, _ := strings.Cut(strings.ToLower(address), "@")
	if d, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return d
	}
	return host
}

func itoa(n int) string { return strconv.Itoa(n) }
