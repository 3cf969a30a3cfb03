package commtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Case is everything that a judgment may look at: what was planned, what is
// recorded as evidence, who asks, and the contact's calendar.
type Case struct {
	Plan     Plan
	Evidence *gateway.TestParty
	Self     Self
	Calendar operation.Calendar
}

// Result is what the evidence of one participant shows.
type Result struct {
	Cells    []CellResult `json:"cells,omitempty"`
	Over     bool         `json:"over,omitempty"`     // the time to answer is over
	Answered bool         `json:"answered,omitempty"` // anything came back from a person or system
	Away     bool         `json:"away,omitempty"`     // not answered, and closed by their calendar
	AutoAt   time.Time    `json:"auto,omitzero"`      // an automatic reply came first then
}

// CellResult is what the evidence shows of one channel.
type CellResult struct {
	Cell
	View
	Others   []View `json:"others,omitempty"`   // in other styles than the configured one
	Proposed string `json:"proposed,omitempty"` // the first other style that passes where the configured doesn't
}

// View is what the evidence shows of a channel in one style.
type View struct {
	In       string        `json:"in,omitempty"` // the style
	Steps    []Step        `json:"steps"`
	Findings []Finding     `json:"findings,omitempty"`
	Asked    time.Time     `json:"asked,omitzero"`    // when the first question was made
	Sent     time.Time     `json:"sent,omitzero"`     // when the next server took it
	Answered time.Time     `json:"answered,omitzero"` // the first proven answer
	Took     time.Duration `json:"took,omitempty"`    // open hours until then
	Signer   string        `json:"signer,omitempty"`  // fingerprint that proved it
	People   []string      `json:"people,omitempty"`  // initials of those who filled the form in
	Second   bool          `json:"second,omitempty"`  // a second person did too
	Last     time.Time     `json:"last,omitzero"`     // the newest evidence
	Proof    time.Time     `json:"proof,omitzero"`    // the newest answer that proves something; what else is heard keeps no proof fresh
}

// Level is the rung up to which everything is proven, -1 for none.
func (v View) Level() Rung { return reached(v.Steps, "") }

// Way is the rung up to which one way is proven, -1 for none.
func (v View) Way(w Way) Rung { return reached(v.Steps, w) }

// Fails is the lowest rung that failed.
func (v View) Fails() (Rung, bool) { return fails(v.Steps) }

// Has reports whether a code was found.
func (v View) Has(code Code) bool {
	return slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Code == code })
}

// Judge is the one function that turns evidence into steps and findings.
func Judge(c Case, now time.Time) Result {
	j := &judge{Case: c, now: now, over: c.Plan.Over(now)}
	r := Result{Over: j.over}
	for _, e := range c.Evidence.Heard {
		switch e.Kind {
		case gateway.HeardAnswer:
			r.Answered = r.Answered || !e.Stale
			if !e.Stale {
				j.answered = append(j.answered, e.Probe)
			}
		case gateway.HeardCall:
			r.Answered = true
		case gateway.HeardAuto:
			if r.AutoAt.IsZero() {
				r.AutoAt = e.At
			}
		}
	}
	for _, cell := range c.Plan.Cells {
		r.Cells = append(r.Cells, j.cell(cell))
	}
	r.Away = !r.Answered && j.away()
	return r
}

// judge carries one case through the rungs.
type judge struct {
	Case
	now      time.Time
	over     bool
	answered []gateway.DeliveryID // probes over any channel
}

// elsewhere reports whether the participant answered over another channel.
func (j *judge) elsewhere(at int) bool {
	return slices.ContainsFunc(j.Evidence.Probes, func(p gateway.Probe) bool { return p.ChannelAt != at && slices.Contains(j.answered, p.Delivery) })
}

// away reports whether the participant had no full chance to answer by its
// calendar: the run ended before its open hours did, or it is closed now.
func (j *judge) away() bool {
	if j.over {
		return !j.Plan.Limit.IsZero() && j.Plan.Limit.Before(j.Plan.Due)
	}
	return !j.Calendar.Open(j.now)
}

// cell judges a channel: in its configured style, and in those that were tried
// beside it.
func (j *judge) cell(cell Cell) CellResult {
	out := CellResult{Cell: cell}
	var styles []string
	for _, p := range j.Evidence.Probes {
		if p.ChannelAt == cell.At && p.Kind == cell.Kind && p.Style != cell.Style && !slices.Contains(styles, p.Style) {
			styles = append(styles, p.Style)
		}
	}
	for _, style := range styles {
		out.Others = append(out.Others, j.view(cell, style))
	}
	out.View = j.view(cell, cell.Style)
	if out.Level() < Intact {
		j.compareStyles(&out)
	}
	return out
}

// reacted reports whether a person answered the calls over a channel in a style,
// whatever with.
func (j *judge) reacted(c Cell, style string) bool {
	return slices.ContainsFunc(j.Evidence.Probes, func(p gateway.Probe) bool {
		return p.ChannelAt == c.At && p.Kind == c.Kind && p.Style == style && slices.Contains(j.answered, p.Delivery)
	})
}

// compareStyles looks at the other styles where the configured one doesn't pass:
// if mail in another is opened there, it is the way that harms it; the first that
// passes is proposed.
func (j *judge) compareStyles(c *CellResult) {
	v := &c.View
	for _, o := range c.Others {
		if o.at(Opened, There) != Passed && (!j.reacted(c.Cell, o.In) || j.reacted(c.Cell, c.Style)) {
			continue
		}
		if low, failed := v.Fails(); v.at(Opened, There) != Passed && (!failed || low > Unharmed) {
			v.mark(Opened, There, Failed, o.Last, "opened as %s", o.In)
			v.Findings = slices.DeleteFunc(v.Findings, func(f Finding) bool { return f.Code == NoAnswer })
			v.find(Finding{Code: Mangled, Cause: "style", Rung: Opened, Way: There, Stops: true, At: o.Last, Seen: "seen-nothing", Args: map[string]string{"channel": c.Name()}})
		}
		if o.Level() < Intact {
			for _, f := range o.Findings {
				f.Stops = false
				v.find(f)
			}
			continue
		}
		c.Proposed = o.In
		v.find(Finding{Code: Style, Rung: Opened, Way: There, Seen: "seen-nothing", Args: map[string]string{"style": o.In, "channel": c.Name(),
			"operation": string(j.Evidence.Operation), "participant": string(j.Evidence.Participant)}})
		return
	}
}

// question is one view under judgment: the probes of a cell in one style, and
// what was heard of them.
type question struct {
	*judge
	cell    Cell
	v       *View
	probes  []gateway.Probe
	answers []gateway.Hearing
	autos   []gateway.Hearing
	reports []gateway.Hearing
	calls   []gateway.Hearing
}

func (j *judge) view(cell Cell, style string) View {
	v := View{In: style, Steps: ladder(cell.Kind)}
	q := &question{judge: j, cell: cell, v: &v}
	for _, p := range j.Evidence.Probes {
		if p.ChannelAt == cell.At && p.Kind == cell.Kind && p.Style == style {
			q.probes = append(q.probes, p)
		}
	}
	if len(q.probes) > 0 {
		v.Asked = q.probes[0].Sent
	}
	q.gather()
	q.reach()
	q.keys()
	if cell.Kind == operation.Phone {
		q.phoned()
		return v
	}
	q.taken()
	q.unharmed()
	q.opened()
	q.proven()
	q.intact()
	q.person()
	q.inTime()
	q.onward()
	v.settle()
	return v
}

// settle lets findings stop nothing whose step was passed by other evidence.
func (v *View) settle() {
	for i, f := range v.Findings {
		if v.at(f.Rung, f.Way) == Passed {
			v.Findings[i].Stops = false
		}
	}
}

// gather sorts what was heard of the question.
func (q *question) gather() {
	for _, e := range q.Evidence.Heard {
		mine := slices.ContainsFunc(q.Evidence.Probes, func(p gateway.Probe) bool {
			return p.Delivery == e.Probe && p.ChannelAt == q.cell.At && p.Kind == q.cell.Kind && (p.Style == q.v.In || e.Stale) // what answers no call of now has no style
		})
		switch {
		case e.Kind == gateway.HeardCall:
			q.calls = append(q.calls, e)
		case !mine:
			continue
		case e.Kind == gateway.HeardAnswer:
			q.answers = append(q.answers, e)
		case e.Kind == gateway.HeardAuto:
			q.autos = append(q.autos, e)
		case e.Kind == gateway.HeardReport:
			q.reports = append(q.reports, e)
		}
		if mine && e.At.After(q.v.Last) {
			q.v.Last = e.At
		}
	}
}

// mark sets a step, unless the channel can't have it.
func (v *View) mark(r Rung, w Way, m Mark, at time.Time, seen string, args ...any) {
	for i := range v.Steps {
		if s := &v.Steps[i]; s.Rung == r && s.Way == w && s.Mark != Missing {
			s.Mark, s.At, s.Seen = m, at, fmt.Sprintf(seen, args...)
		}
	}
}

// at is how a step stands.
func (v *View) at(r Rung, w Way) Mark {
	for _, s := range v.Steps {
		if s.Rung == r && s.Way == w {
			return s.Mark
		}
	}
	return Missing
}

// find adds a finding, once for each code, cause and way.
func (v *View) find(f Finding) {
	if f.Who == "" {
		if f.Who = acts[f.Code]; f.Who == "" {
			f.Who = ByParticipant
		}
	}
	same := func(o Finding) bool { return o.Code == f.Code && o.Way == f.Way && o.Cause == f.Cause }
	if i := slices.IndexFunc(v.Findings, same); i >= 0 {
		v.Findings[i].Stops = v.Findings[i].Stops || f.Stops
		return
	}
	v.Findings = append(v.Findings, f)
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return int(a.Rung - b.Rung) })
}

// fail marks a step as failed and says why.
func (q *question) fail(f Finding, seen string, args ...any) {
	q.v.mark(f.Rung, f.Way, Failed, f.At, seen, args...)
	f.Stops = true
	q.v.find(f)
}

// tell adds a finding that stops nothing.
func (q *question) tell(f Finding) { q.v.find(f) }

// stamp is a time as sentences show it: the contact's own.
func (j *judge) stamp(t time.Time) string {
	return t.In(j.Calendar.Zone()).Format("2006-01-02 15:04")
}

// answered says in a finding what answer it is about.
func (q *question) about(code Code, r Rung, w Way, e gateway.Hearing) Finding {
	return Finding{Code: code, Rung: r, Way: w, At: e.At, Seen: "seen-answer",
		Args: map[string]string{"at": q.stamp(e.At), "channel": q.cameOver(e), "signature": signature(e)}}
}

func (q *question) cameOver(e gateway.Hearing) string {
	if e.Medium == gateway.ByWebSocket {
		return string(operation.WebSocket)
	}
	return strings.TrimSpace("mail " + e.From)
}

// signature is a signature's verdict as sentences show it.
func signature(e gateway.Hearing) string {
	switch {
	case e.Unreadable:
		return "-"
	case e.Verdict == "good" && e.Covers != "all":
		return "good, over a part alone"
	case e.Signed != "" && len(e.Signed) >= 16:
		return e.Verdict + " (" + e.Signed[len(e.Signed)-16:] + ")"
	}
	return e.Verdict
}
