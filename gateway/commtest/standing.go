package commtest

import (
	"slices"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Past is one run with every participant's part of it.
type Past struct {
	Run   gateway.TestRun
	Order Order
	Parts map[operation.ParticipantCode]Part
	Ended map[operation.ParticipantCode]bool
}

// ReadPast reads a run and its parts.
func ReadPast(run gateway.TestRun, parties []gateway.TestParty) (Past, error) {
	order, err := ReadOrder(&run)
	if err != nil {
		return Past{}, err
	}
	p := Past{Run: run, Order: order, Parts: map[operation.ParticipantCode]Part{}, Ended: map[operation.ParticipantCode]bool{}}
	for i := range parties {
		part, err := ReadPart(&parties[i])
		if err != nil {
			return Past{}, err
		}
		p.Parts[parties[i].Participant], p.Ended[parties[i].Participant] = part, parties[i].Ended
	}
	return p, nil
}

// Stand is how one participant stands: the newest proof of each of its channels
// as it is now, whichever run brought it.
type Stand struct {
	Participant operation.ParticipantCode `json:"participant"`
	Authority   string                    `json:"authority,omitempty"`
	Conclusion
	Result Result          `json:"result"`
	Runs   []gateway.RunID `json:"runs"` // of each cell, "" where it was never tested as it is now
	Plan   Plan            `json:"plan"` // the newest
	Waived *Waived         `json:"waived,omitempty"`
}

// Passes reports whether the gate lets the participant pass.
func (s Stand) Passes() bool {
	return s.Verdict.Ready() || s.Waived != nil && s.Waived.Holds
}

// Standing is what an operation's verdicts are made from.
type Standing struct {
	Operation *operation.Operation
	Self      Self
	Keys      map[operation.ParticipantCode][]gateway.KeyRecord
	Past      []Past // newest first
	Waivers   []Waived
	Now       time.Time
}

// Stands are how all participants stand, in the operation's order.
func (s Standing) Stands() []Stand {
	var out []Stand
	for _, p := range s.Operation.Participants {
		if p != nil && p.Code != s.Self.Code {
			out = append(out, s.Stand(p))
		}
	}
	return out
}

// Stand is how one participant stands.
func (s Standing) Stand(p *operation.Participant) Stand {
	out := Stand{Participant: p.Code, Authority: p.Authority, Runs: make([]gateway.RunID, len(p.Channels))}
	over := true
	for _, past := range s.Past {
		part, took := past.Parts[p.Code]
		if !took || past.Order.Silent {
			continue
		}
		if out.Plan.Started.IsZero() {
			out.Plan = part.Plan
			out.Result.Answered, out.Result.Away, out.Result.AutoAt = part.Result.Answered, part.Result.Away, part.Result.AutoAt
			over = past.Ended[p.Code] || part.Result.Over
		}
	}
	out.Result.Over = over
	tested := false
	for i, ch := range p.Channels {
		cell, run, ok := s.newest(p.Code, i, ch)
		tested = tested || ok
		out.Result.Cells = append(out.Result.Cells, cell)
		out.Runs[i] = run
	}
	out.Conclusion = Conclude(out.Result, out.Plan.Second, s.Now)
	if out.Verdict == Red && untested(out) || !tested {
		out.Verdict = Untested
	}
	out.Waived = s.waived(out)
	return out
}

// untested reports whether nothing stops a participant but that a channel is to
// be tested anew.
func untested(s Stand) bool {
	stops := slices.ContainsFunc(s.Result.Cells, func(x CellResult) bool {
		return slices.ContainsFunc(x.Findings, func(f Finding) bool { return f.Stops })
	})
	return !stops && slices.Contains(s.Runs, "")
}

// newest is the newest proof of a channel as it is now: same address, same keys,
// same style. A silent test that failed since then counts against it.
func (s Standing) newest(code operation.ParticipantCode, at int, ch operation.Channel) (CellResult, gateway.RunID, bool) {
	now := Cell{At: at, Kind: ch.Kind, Address: ch.Address, Style: ch.Style, Keys: ch.Keys, Trust: ch.Trust, Subject: Subject(ch, s.Keys[code], s.Self.Fingerprint)}
	if ch.Kind == operation.Phone {
		now.Address = ch.Number
	}
	var silent *View
	for _, past := range s.Past {
		for _, x := range past.Parts[code].Result.Cells {
			if x.Subject != now.Subject || x.Kind != ch.Kind {
				continue
			}
			view, ok := x.in(ch.Style)
			if !ok {
				continue
			}
			if past.Order.Silent {
				if silent == nil && past.Ended[code] {
					silent = &view
				}
				continue
			}
			out := CellResult{Cell: now, View: view, Others: x.Others}
			if x.Style == ch.Style {
				out.Proposed = x.Proposed
			}
			if silent != nil && silent.Level() < Proven {
				out.View = fallen(out.View, *silent)
			}
			return out, past.Run.ID, true
		}
	}
	return CellResult{Cell: now, View: View{In: ch.Style, Steps: ladder(ch.Kind)}}, "", false
}

// in is the view of a style.
func (c CellResult) in(style string) (View, bool) {
	if c.View.In == style {
		return c.View, true
	}
	i := slices.IndexFunc(c.Others, func(v View) bool { return v.In == style })
	if i < 0 {
		return View{}, false
	}
	return c.Others[i], true
}

// fallen is a proof that a later silent test speaks against.
func fallen(proof, silent View) View {
	proof.Steps, proof.Findings = slices.Clone(proof.Steps), slices.Clone(proof.Findings)
	for _, f := range silent.Findings {
		if f.Stops {
			proof.mark(f.Rung, f.Way, Failed, f.At, "silent test: %s", f.Code)
			proof.find(f)
		}
	}
	return proof
}

// Gate is whether the operation may begin by its tests. It stops no form: it
// lists, asks and stays visible.
type Gate struct {
	Open    bool                        `json:"open"`
	Waiting []operation.ParticipantCode `json:"waiting,omitempty"` // neither ready nor waived
	Waived  []operation.ParticipantCode `json:"waived,omitempty"`
}

// GateOf judges the gate between preparation and operation.
func GateOf(stands []Stand) Gate {
	g := Gate{Open: true}
	for _, s := range stands {
		switch {
		case s.Verdict.Ready():
		case s.Passes():
			g.Waived = append(g.Waived, s.Participant)
		default:
			g.Open, g.Waiting = false, append(g.Waiting, s.Participant)
		}
	}
	return g
}

// Failing selects what a re-test asks again: channels that aren't proven as far
// as they should be.
func Failing(stands []Stand) Selection {
	sel := Selection{Cells: map[operation.ParticipantCode][]int{}}
	for _, s := range stands {
		for i, x := range s.Result.Cells {
			needed := Person
			if i > 0 && s.Verdict == Green {
				needed = Intact
			}
			if x.Kind != operation.Phone && (x.Level() < needed || s.Faded || s.Plan.Second && i == 0 && !x.Second) {
				sel.Cells[s.Participant] = append(sel.Cells[s.Participant], x.At)
			}
		}
	}
	return sel
}
