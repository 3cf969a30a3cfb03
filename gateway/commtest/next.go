package commtest

import (
	"slices"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Ask is a test call to be made.
type Ask struct {
	Cell  Cell
	Style string
	Again bool // in another style than the configured one
}

// Moves are what follows from a judgment.
type Moves struct {
	Asks        []Ask
	Participant bool // remind the participant
	Deputy      bool // ask the deputy
	Organiser   bool // tell the organiser
	Auto        bool // because of an automatic reply
	End         bool
	Wake        time.Time // when to look again, whatever is heard until then
}

// The styles of sealed mail, in the order in which they are tried.
var styles = []string{"pgp-mime", "attachment", "inline"}

// When the participant is reminded, the deputy asked and the organiser told, as
// parts of the open hours that there are.
const (
	remindAt   = 0.5
	deputyAt   = 0.75
	organiseAt = 0.9
)

// Next decides what follows from a judgment: pure, so that it can be asked again
// and again and does what is due once.
func Next(c Case, asked Asked, r Result, now time.Time) Moves {
	n := &next{Case: c, asked: asked, r: r, now: now}
	if c.Plan.Over(now) || n.complete() {
		n.m.End = true
		n.m.Organiser = c.Plan.Over(now) && asked.Organiser.IsZero() && n.needy() && !c.Plan.Silent
		return n.m
	}
	n.wake(c.Plan.until())
	n.ask()
	if !c.Plan.Silent {
		n.remind()
	}
	return n.m
}

type next struct {
	Case
	asked Asked
	r     Result
	now   time.Time
	m     Moves
}

// wake looks again at a time, or earlier.
func (n *next) wake(at time.Time) {
	if at.After(n.now) && (n.m.Wake.IsZero() || at.Before(n.m.Wake)) {
		n.m.Wake = at
	}
}

// share is when a part of the open hours is over.
func (n *next) share(part float64) time.Time {
	total := n.Calendar.Between(n.Plan.Started, n.Plan.until())
	if total == 0 {
		return n.Plan.until()
	}
	return n.Calendar.After(n.Plan.Started, operation.Term{Time: time.Duration(part * float64(total))})
}

// complete reports whether there is nothing left to wait for.
func (n *next) complete() bool {
	for i, x := range n.r.Cells {
		switch {
		case x.Kind == operation.Phone:
		case n.Plan.Silent:
			if x.Level() < Proven {
				return false
			}
		case x.Level() < Person, x.at(InTime, Back) == Open, i == 0 && n.Plan.Second && !x.Second:
			return false
		case x.at(Onward, There) == Open || x.at(Onward, Back) == Open:
			return false
		}
	}
	return true
}

// needy reports whether a full answer is missing over any channel that was asked.
func (n *next) needy() bool {
	return slices.ContainsFunc(n.r.Cells, func(x CellResult) bool {
		return x.Kind != operation.Phone && x.at(Person, Back) != Passed
	})
}

// keysWait is how soon a missing key is looked for again.
const keysWait = 30 * time.Second

// ask makes the calls that are to be made: the first over every channel, and in
// another style where the way harms the configured one.
func (n *next) ask() {
	for _, x := range n.r.Cells {
		switch {
		case x.Kind == operation.Phone:
		case x.Asked.IsZero():
			if sendable(x) {
				n.m.Asks = append(n.m.Asks, Ask{Cell: x.Cell, Style: x.Style})
			} else {
				n.wake(n.now.Add(keysWait))
			}
		case x.Kind == operation.PGPMail && !n.Plan.Silent:
			n.restyle(x)
		}
	}
}

// sendable reports whether a form can be sealed for the channel now.
func sendable(x CellResult) bool {
	return !slices.ContainsFunc(x.Findings, func(f Finding) bool {
		return f.Stops && f.Rung == Keys && f.Way == There && f.Code != KeyExpires
	})
}

// restyle tries the next style where the configured one is harmed on the way, or
// where nothing came back for a long time.
func (n *next) restyle(x CellResult) {
	silent := x.at(Taken, There) == Passed && n.unheard(x)
	if silent {
		n.wake(n.share(deputyAt))
	}
	if !harmed(x) && !(silent && !n.now.Before(n.share(deputyAt))) {
		return
	}
	patience := n.Calendar.Between(n.Plan.Started, n.Plan.until()) / 8
	tried := []string{x.Style}
	for _, o := range x.Others {
		tried = append(tried, o.In)
		if o.Level() >= Intact {
			return
		}
		if wait := o.Asked.Add(patience); !harmed(CellResult{View: o}) && n.now.Before(wait) {
			n.wake(wait)
			return
		}
	}
	for _, s := range styles {
		if !slices.Contains(tried, s) {
			n.m.Asks = append(n.m.Asks, Ask{Cell: x.Cell, Style: s, Again: true})
			return
		}
	}
}

// unheard reports whether nothing came back over a channel.
func (n *next) unheard(x CellResult) bool {
	return !slices.ContainsFunc(n.Evidence.Heard, func(e gateway.Hearing) bool {
		return (e.Kind == gateway.HeardAnswer || e.Kind == gateway.HeardAuto || e.Kind == gateway.HeardReport && e.Report == "bounce") &&
			slices.ContainsFunc(n.Evidence.Probes, func(p gateway.Probe) bool { return p.Delivery == e.Probe && p.ChannelAt == x.At })
	})
}

// harmed reports whether a channel fails for a reason that another style may
// cure.
func harmed(x CellResult) bool {
	return slices.ContainsFunc(x.Findings, func(f Finding) bool {
		if !f.Stops {
			return false
		}
		switch f.Code {
		case NoDecrypt, Mangled, AttLost, FormBroken, Charset, BadSig:
			return true
		case Bounce:
			return f.Cause == "policy" || f.Cause == "content"
		}
		return false
	})
}

// remind asks those who haven't answered, then who stands in for them, then the
// organiser. An automatic reply brings the deputy in at once.
func (n *next) remind() {
	if !n.needy() {
		return
	}
	away := !n.r.AutoAt.IsZero() && !n.r.Answered
	for _, step := range []struct {
		done time.Time
		at   time.Time
		move *bool
	}{{n.asked.Participant, n.share(remindAt), &n.m.Participant}, {n.asked.Deputy, n.share(deputyAt), &n.m.Deputy}, {n.asked.Organiser, n.share(organiseAt), &n.m.Organiser}} {
		early := away && step.move == &n.m.Deputy
		switch {
		case !step.done.IsZero():
		case early || !n.now.Before(step.at):
			*step.move, n.m.Auto = true, n.m.Auto || early
		default:
			n.wake(step.at)
		}
	}
}
