package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

// view shows a run as it fills in: on a terminal a matrix that is drawn anew,
// elsewhere a line for each participant whose state changed.
type view struct {
	b       *testBench
	j       jsonFlag
	redraws bool
	drawn   int // lines on the screen
	last    map[operation.ParticipantCode]string
}

func newView(b *testBench, j jsonFlag) *view {
	f, ok := b.out.(*os.File)
	return &view{b: b, j: j, redraws: ok && !j.JSON && isatty.IsTerminal(f.Fd()), last: map[operation.ParticipantCode]string{}}
}

// shownStand is a participant's line for programs.
type shownStand struct {
	Run         gateway.RunID             `json:"run,omitempty"`
	Participant operation.ParticipantCode `json:"participant"`
	Verdict     commtest.Verdict          `json:"verdict"`
	Mark        string                    `json:"mark,omitempty"`
	Passes      bool                      `json:"passes"`
	Faded       bool                      `json:"faded,omitempty"`
	Channels    []shownCell               `json:"channels"`
	Findings    []shownFinding            `json:"findings"`
	Waived      *commtest.Waived          `json:"waiver,omitempty"`
}

type shownCell struct {
	Channel  operation.ChannelKind `json:"channel"`
	Address  string                `json:"address,omitempty"`
	Style    string                `json:"style,omitempty"`
	Proposed string                `json:"proposed_style,omitempty"`
	Level    string                `json:"level"` // "L7", "" for none
	There    string                `json:"there"`
	Back     string                `json:"back"`
	Fails    string                `json:"fails,omitempty"` // the lowest step that failed
	Run      gateway.RunID         `json:"run,omitempty"`
	Steps    []shownStep           `json:"steps"`
}

type shownStep struct {
	Step string        `json:"step"`
	Name string        `json:"name"`
	Way  commtest.Way  `json:"way"`
	Mark commtest.Mark `json:"mark"`
	At   any           `json:"at,omitempty"`
	Seen string        `json:"seen,omitempty"`
}

type shownFinding struct {
	Code    commtest.Code `json:"code"`
	Cause   string        `json:"cause,omitempty"`
	Step    string        `json:"step"`
	Way     commtest.Way  `json:"way"`
	Channel string        `json:"channel,omitempty"`
	Stops   bool          `json:"stops"`
	commtest.Told
}

func rungName(r commtest.Rung) string {
	if r < 0 {
		return ""
	}
	return fmt.Sprintf("L%d", int(r))
}

// shownStandOf turns a standing into what programs and reports read.
func shownStandOf(s commtest.Stand, lang string) shownStand {
	out := shownStand{Participant: s.Participant, Verdict: s.Verdict, Mark: s.Mark, Passes: s.Passes(), Faded: s.Faded, Channels: []shownCell{}, Findings: []shownFinding{}, Waived: s.Waived}
	finding := func(f commtest.Finding, channel string) {
		out.Findings = append(out.Findings, shownFinding{f.Code, f.Cause, rungName(f.Rung), f.Way, channel, f.Stops, f.Tell(lang)})
	}
	for i, x := range s.Result.Cells {
		c := shownCell{Channel: x.Kind, Address: x.Address, Style: x.Style, Proposed: x.Proposed, Level: rungName(x.Level()), There: rungName(x.Way(commtest.There)), Back: rungName(x.Way(commtest.Back)), Run: s.Runs[i], Steps: []shownStep{}}
		if low, failed := x.Fails(); failed {
			c.Fails = rungName(low)
		}
		for _, st := range x.Steps {
			c.Steps = append(c.Steps, shownStep{rungName(st.Rung), st.Rung.String(), st.Way, st.Mark, day(st.At), st.Seen})
		}
		out.Channels = append(out.Channels, c)
		for _, f := range x.Findings {
			finding(f, x.Name())
		}
	}
	for _, f := range s.Findings {
		finding(f, "")
	}
	return out
}

// line is a participant in one line.
func line(s commtest.Stand) string {
	var cells, codes []string
	for _, x := range s.Result.Cells {
		level := rungName(x.Level())
		if level == "" {
			level = "-"
		}
		if low, failed := x.Fails(); failed {
			level += "!" + rungName(low)
		}
		cells = append(cells, fmt.Sprintf("%-9s %-6s", x.Kind, level))
		for _, f := range x.Findings {
			if code := string(f.Code); f.Stops && !strings.Contains(strings.Join(codes, " ")+" ", code+" ") {
				codes = append(codes, code)
			}
		}
	}
	verdict := string(s.Verdict)
	if s.Waived != nil && s.Waived.Holds && !s.Verdict.Ready() {
		verdict += " waived"
	}
	notes := strings.Join(codes, " ")
	if s.Mark != "" {
		notes = strings.TrimSpace(notes + "  " + s.Mark)
	}
	return strings.TrimRight(fmt.Sprintf("%-6s %-13s %s  %s", s.Participant, verdict, strings.Join(cells, "  "), notes), " ")
}

// show draws what changed.
func (v *view) show(run gateway.TestRun, stands []commtest.Stand) {
	if v.redraws {
		v.draw(run, stands)
		return
	}
	for _, s := range stands {
		text := line(s)
		if v.last[s.Participant] == text {
			continue
		}
		v.last[s.Participant] = text
		shown := shownStandOf(s, "en")
		shown.Run = run.ID
		v.j.fact(v.b.app, shown, "%s  %s", v.b.s.now().Format("15:04:05"), text)
	}
}

// draw writes the matrix over the one before it.
func (v *view) draw(run gateway.TestRun, stands []commtest.Stand) {
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", v.drawn)
	}
	fmt.Fprintf(&b, "%s  %s  %s  %d not through yet\n", run.ID, v.b.op.Title, v.b.s.now().Format("15:04:05"), run.Open)
	for _, s := range stands {
		b.WriteString(line(s) + "\n")
	}
	v.drawn = len(stands) + 1
	_, _ = io.WriteString(v.b.out, b.String()) // as with print: nobody reads any more
}

// end says how the run ended; "no" where somebody who was asked isn't ready.
func (v *view) end(run gateway.TestRun, stands []commtest.Stand) error {
	counts := map[commtest.Verdict]int{}
	var waiting []operation.ParticipantCode
	for _, s := range stands {
		counts[s.Verdict]++
		if !s.Passes() {
			waiting = append(waiting, s.Participant)
		}
	}
	v.j.fact(v.b.app, map[string]any{"run": run.ID, "ended": run.Ended.UTC().Format(time.RFC3339), "verdicts": counts, "waiting": waiting}, "%s has ended: %s.", run.ID, countWords(counts))
	if len(waiting) > 0 {
		v.j.say(v.b.app, "Next: liaison test show %s", run.ID)
		return no{fmt.Sprintf("not ready: %s", codeList(waiting))}
	}
	v.j.say(v.b.app, "Next: liaison test report %s --out readiness.html", run.ID)
	return nil
}
