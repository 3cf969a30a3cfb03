package commtest

import (
	"fmt"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Shown is how a participant stands, for programs: names instead of numbers, and
// findings in words.
type Shown struct {
	Run         gateway.RunID             `json:"run,omitempty"`
	Participant operation.ParticipantCode `json:"participant"`
	Authority   string                    `json:"authority,omitempty"`
	Verdict     Verdict                   `json:"verdict"`
	Mark        string                    `json:"mark,omitempty"`
	Passes      bool                      `json:"passes"` // ready, or waived
	Faded       bool                      `json:"faded,omitempty"`
	Phone       string                    `json:"phone,omitempty"`
	Channels    []ShownCell               `json:"channels"`
	Findings    []ShownFinding            `json:"findings"`
	Waiver      *Waived                   `json:"waiver,omitempty"`
}

// ShownCell is one channel: how far each way is proven, step by step.
type ShownCell struct {
	Channel  operation.ChannelKind `json:"channel"`
	Address  string                `json:"address,omitempty"`
	Style    string                `json:"style,omitempty"`
	Proposed string                `json:"proposed_style,omitempty"`
	Level    string                `json:"level"` // "L7"; "" where nothing is proven
	There    string                `json:"there"`
	Back     string                `json:"back"`
	Fails    string                `json:"fails,omitempty"` // the lowest step that failed
	Run      gateway.RunID         `json:"run,omitempty"`   // that proved it
	Steps    []ShownStep           `json:"steps"`
}

// ShownStep is one step of the ladder.
type ShownStep struct {
	Step string    `json:"step"`
	Name string    `json:"name"`
	Way  Way       `json:"way"`
	Mark Mark      `json:"mark"`
	At   time.Time `json:"at,omitzero"`
	Seen string    `json:"seen,omitempty"`
}

// ShownFinding is a finding in words, with until when it should be done.
type ShownFinding struct {
	Code    Code   `json:"code"`
	Cause   string `json:"cause,omitempty"`
	Step    string `json:"step"`
	Way     Way    `json:"way"`
	Channel string `json:"channel,omitempty"`
	Stops   bool   `json:"stops"`
	By      string `json:"by,omitempty"` // date
	Told
}

// RungName is "L7", "" for none.
func RungName(r Rung) string {
	if r < 0 {
		return ""
	}
	return fmt.Sprintf("L%d", int(r))
}

// Show turns a standing into what programs and reports read. by is until when
// what stops should be mended; zero: nothing is said of it.
func Show(s Stand, lang string, by time.Time) Shown {
	out := Shown{Participant: s.Participant, Authority: s.Authority, Verdict: s.Verdict, Mark: s.Mark, Passes: s.Passes(), Faded: s.Faded, Phone: s.Plan.Phone,
		Channels: []ShownCell{}, Findings: []ShownFinding{}, Waiver: s.Waived}
	for i, x := range s.Result.Cells {
		out.Channels = append(out.Channels, showCell(x, s.Runs[i]))
		for _, f := range x.Findings {
			out.Findings = append(out.Findings, showFinding(f, x.Name(), lang, by))
		}
	}
	for _, f := range s.Findings {
		out.Findings = append(out.Findings, showFinding(f, "", lang, by))
	}
	return out
}

func showCell(x CellResult, run gateway.RunID) ShownCell {
	c := ShownCell{Channel: x.Kind, Address: x.Address, Style: x.Style, Proposed: x.Proposed, Level: RungName(x.Level()), There: RungName(x.Way(There)), Back: RungName(x.Way(Back)), Run: run, Steps: []ShownStep{}}
	if low, failed := x.Fails(); failed {
		c.Fails = RungName(low)
	}
	for _, s := range x.Steps {
		c.Steps = append(c.Steps, ShownStep{RungName(s.Rung), s.Rung.String(), s.Way, s.Mark, s.At.UTC(), s.Seen})
	}
	return c
}

func showFinding(f Finding, channel, lang string, by time.Time) ShownFinding {
	s := ShownFinding{Code: f.Code, Cause: f.Cause, Step: RungName(f.Rung), Way: f.Way, Channel: channel, Stops: f.Stops, Told: f.Tell(lang)}
	if f.Stops && !by.IsZero() {
		s.By = by.Format(time.DateOnly)
	}
	if until, err := time.Parse(time.DateOnly, f.Args["until"]); err == nil && f.Code == KeyExpires && (by.IsZero() || until.Before(by)) {
		s.By = until.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return s
}

// Line is a participant in one line of the matrix.
func (s Shown) Line() string {
	var cells, codes []string
	for _, c := range s.Channels {
		level := c.Level
		if level == "" {
			level = "-"
		}
		if c.Fails != "" {
			level += "!" + c.Fails
		}
		cells = append(cells, fmt.Sprintf("%-9s %-6s", c.Channel, level))
	}
	for _, f := range s.Findings {
		if code := string(f.Code); f.Stops && !strings.Contains(" "+strings.Join(codes, " ")+" ", " "+code+" ") {
			codes = append(codes, code)
		}
	}
	verdict := string(s.Verdict)
	if s.Waiver != nil && s.Waiver.Holds && !s.Verdict.Ready() {
		verdict += " waived"
	}
	return strings.TrimRight(fmt.Sprintf("%-6s %-13s %s  %s", s.Participant, verdict, strings.Join(cells, "  "), strings.TrimSpace(strings.Join(codes, " ")+"  "+s.Mark)), " ")
}
