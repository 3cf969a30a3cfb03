package commtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Report is the readiness report of one run: how everyone stands, who must do
// what by when, whom the organiser waived, and how it went over the runs.
type Report struct {
	Operation    operation.Code            `json:"operation"`
	Title        string                    `json:"title"`
	Organiser    operation.ParticipantCode `json:"organiser"`
	Unit         operation.ParticipantCode `json:"unit"`
	Fingerprint  string                    `json:"fingerprint"` // of the key that signs reports
	Signed       bool                      `json:"signed"`      // a signature is made of it; whoever makes one sets this first
	Run          gateway.RunID             `json:"run"`
	Cause        string                    `json:"cause"`
	Started      time.Time                 `json:"started"`
	Ended        time.Time                 `json:"ended,omitzero"`
	Made         time.Time                 `json:"made"`
	Begins       string                    `json:"begins"` // first and last day of the operational phase
	Ends         string                    `json:"ends"`
	Next         string                    `json:"next_test,omitempty"`
	By           string                    `json:"by"` // until when what stops should be mended
	Gate         Gate                      `json:"gate"`
	Counts       map[Verdict]int           `json:"verdicts"`
	Participants []Shown                   `json:"participants"`
	Tasks        []Task                    `json:"tasks"`
	History      []Point                   `json:"history"`
}

// Task is something that somebody must do. What is needed keeps its participant
// from being ready; the rest makes one that is ready safer.
type Task struct {
	Needed      bool                      `json:"needed"`
	By          string                    `json:"by"`
	Who         string                    `json:"who"`
	Participant operation.ParticipantCode `json:"participant"`
	Code        Code                      `json:"code"`
	Channel     string                    `json:"channel,omitempty"`
	Do          string                    `json:"do"`
}

// Point is one run in the trend.
type Point struct {
	Run    gateway.RunID   `json:"run"`
	Day    string          `json:"day"`
	Cause  string          `json:"cause"`
	Counts map[Verdict]int `json:"verdicts"`
}

// verdicts are in the order in which they are listed.
var verdicts = []Verdict{Green, Amber, Red, Away, Running, Untested}

// NewReport makes the report from a standing whose newest run is the one that is
// reported.
func NewReport(s Standing, lang string) Report {
	op, past := s.Operation, s.Past[0]
	r := Report{Operation: op.Code, Title: op.Title, Organiser: op.Organiser, Unit: s.Self.Code, Fingerprint: s.Self.Fingerprint, Run: past.Run.ID, Cause: past.Order.Cause,
		Started: past.Run.Started.UTC(), Ended: past.Run.Ended.UTC(), Made: s.Now.UTC().Truncate(time.Second),
		Begins: op.Phases.Operation.From.Format(time.DateOnly), Ends: op.Phases.Operation.To.Format(time.DateOnly), Counts: map[Verdict]int{}}
	by := s.mendBy()
	r.By = by.Format(time.DateOnly)
	if next := nextTest(op, s.Now); !next.IsZero() && next.Before(op.Phases.Operation.From.Time) {
		r.Next = next.Format(time.DateOnly)
	}
	stands := s.Stands()
	r.Gate = GateOf(stands)
	for _, stand := range stands {
		r.Counts[stand.Verdict]++
		shown := Show(stand, lang, by)
		r.Participants = append(r.Participants, shown)
		r.Tasks = append(r.Tasks, tasks(shown, r.By)...)
	}
	slices.SortStableFunc(r.Tasks, func(a, b Task) int {
		switch {
		case a.Needed == b.Needed:
			return strings.Compare(a.By, b.By)
		case a.Needed:
			return -1
		}
		return 1
	})
	for _, p := range slices.Backward(s.Past) {
		if p.Order.Silent {
			continue
		}
		r.History = append(r.History, point(p, s.Now))
	}
	return r
}

// mendBy is until when what stops should be mended: the day of the next scheduled
// test, else the eve of the operation; today where that has passed.
func (s Standing) mendBy() time.Time {
	by := s.Operation.Phases.Operation.From.AddDate(0, 0, -1)
	if next := nextTest(s.Operation, s.Now); !next.IsZero() && next.Before(by) {
		by = next
	}
	if by.Before(s.Now) {
		by = s.Now
	}
	return by.UTC()
}

// safer are codes whose cure makes a participant safer that is ready.
var safer = []Code{Style, CallBack, OneWay, NoSecond, TooLate, Disagree, NotOnward, KeyExpires}

// tasks are what must be done about a participant, each once: what stops one that
// isn't ready, and what makes one safer that is.
func tasks(s Shown, by string) []Task {
	var out []Task
	for _, f := range s.Findings {
		if matters := f.Stops || s.Verdict == Amber && slices.Contains(safer, f.Code); !matters && f.By == "" {
			continue
		}
		t := Task{Needed: f.Stops && !s.Verdict.Ready(), By: f.By, Who: f.Who, Participant: s.Participant, Code: f.Code, Channel: f.Channel, Do: f.Do}
		if t.By == "" {
			t.By = by
		}
		same := func(o Task) bool { return o.Code == t.Code && o.Do == t.Do }
		if !slices.ContainsFunc(out, same) {
			out = append(out, t)
		}
	}
	return out
}

// Needed are the tasks without which somebody isn't ready.
func (r Report) Needed() []Task { return r.tasks(true) }

// Safer are the tasks that make those safer who are ready.
func (r Report) Safer() []Task { return r.tasks(false) }

// Nothing says what it means that there is no task.
func (r Report) Nothing() string {
	if len(r.Gate.Waiting) > 0 {
		return "Nothing was found that somebody must mend: test those who are not ready."
	}
	return "Nothing is left to do."
}

// SomeReady reports whether anybody is ready.
func (r Report) SomeReady() bool { return r.Counts[Green]+r.Counts[Amber] > 0 }

// Signature says what stands beside the report.
func (r Report) Signature() string {
	if r.Signed {
		return "The signature beside this file is by the key " + r.Fingerprint + "; \"liaison test verify\" or \"gpg --verify\" check it."
	}
	return "It is not signed; \"liaison test report --out FILE\" signs it."
}

func (r Report) tasks(needed bool) []Task {
	return slices.DeleteFunc(slices.Clone(r.Tasks), func(t Task) bool { return t.Needed != needed })
}

func point(p Past, now time.Time) Point {
	out := Point{Run: p.Run.ID, Day: p.Run.Started.UTC().Format(time.DateOnly), Cause: p.Order.Cause, Counts: map[Verdict]int{}}
	if p.Order.Summary != nil {
		out.Counts = p.Order.Summary.Counts
		return out
	}
	for _, part := range p.Parts {
		out.Counts[verdictOf(part, now)]++
	}
	return out
}

// Headline says first whether the operation can begin and for whom it waits, then
// how everyone stands.
func (r Report) Headline() string {
	first := "Ready to begin: everyone can be reached or is waived."
	if n := len(r.Gate.Waiting); n > 0 {
		first = fmt.Sprintf("Not ready to begin: %s not ready and not waived (%s).", isAre(n), codes(r.Gate.Waiting))
	}
	var parts []string
	if n := r.Counts[Green]; n > 0 {
		parts = append(parts, isAre(n)+" ready")
	}
	if n := r.Counts[Amber]; n > 0 {
		parts = append(parts, isAre(n)+" ready with limits")
	}
	if !r.SomeReady() {
		parts = append(parts, "nobody is ready")
	}
	if n := len(r.Gate.Waived); n > 0 {
		parts = append(parts, fmt.Sprintf("%s waived by the organiser (%s)", isAre(n), codes(r.Gate.Waived)))
	}
	return fmt.Sprintf("%s Of %s %s.", first, plural(len(r.Participants), "participant", "participants"), strings.Join(parts, ", "))
}

// WayOut says what the organiser can do where a task isn't done in time.
func (r Report) WayOut() string {
	return fmt.Sprintf("Whoever can't be made ready in time the organiser may waive, with a reason and a signature: liaison test waive %s PARTICIPANT.", r.Operation)
}

func isAre(n int) string { return plural(n, "is", "are") }

// plural is a number with what follows it: "1 report", "2 reports".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + many
}

func codes(list []operation.ParticipantCode) string {
	var out []string
	for _, c := range list {
		out = append(out, string(c))
	}
	return strings.Join(out, ", ")
}

// Of are the participants with a verdict; waived ones only where asked for.
func (r Report) Of(v Verdict) []Shown {
	var out []Shown
	for _, s := range r.Participants {
		if s.Verdict == v {
			out = append(out, s)
		}
	}
	return out
}

// JSON is the report for programs, one object.
func (r Report) JSON() []byte {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		panic("commtest: " + err.Error()) // plain structs: it can't fail
	}
	return append(data, '\n')
}

// What the verdicts mean, for readers who never saw the program.
var meaning = map[Verdict]string{
	Green:    "Ready. The first channel is proven up to a person who filled the test form in, and a second one that shares neither key nor server with it works too. A proof holds for 14 days.",
	Amber:    "Ready with limits, which stand below each. One channel is proven up to a person. The operation needn't wait for them.",
	Red:      "Not ready. No channel is proven up to a person.",
	Away:     "Nobody answered, but they were closed by their own calendar.",
	Running:  "The test goes on.",
	Untested: "To be tested: never asked, or a key, an address or a channel has changed since.",
}
