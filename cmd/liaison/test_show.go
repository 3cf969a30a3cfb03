package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

type testShowCmd struct {
	configFlag
	jsonFlag
	RunID       string `arg:"" optional:"" name:"run" help:"Run, such as OP-7K3-T001; the newest where none is named."`
	Participant string `arg:"" optional:"" help:"Only this participant, with every step."`
	Lang        string `help:"Language of the findings: en, de, fr, lt, lv, el, bg." default:"en"`
}

func (testShowCmd) Help() string {
	return "Says of each participant what was proven, what was not and why, what to do and who does it. Exit code 3 if a participant isn't ready.\n" +
		"Example: liaison test show OP-7K3-T001 LV --lang lv\nTo send it to the participant: \"liaison test tell\". For the organiser: \"liaison test report\"."
}

func (c testShowCmd) Run(a *app) error {
	return c.withRun(a, c.RunID, func(b *testBench, r gateway.TestRun) error {
		run, stands, err := b.look(r.ID)
		if err != nil {
			return err
		}
		if c.Participant != "" {
			stands = slices.DeleteFunc(stands, func(s commtest.Stand) bool { return s.Participant != operation.ParticipantCode(c.Participant) })
			if len(stands) == 0 {
				return wrongf("%s was not asked in %s", c.Participant, run.ID)
			}
		}
		c.say(a, "%s  %s, started %s%s", run.ID, b.op.Title, run.Started.UTC().Format("2006-01-02 15:04"), endedWords(run))
		var waiting []operation.ParticipantCode
		for _, s := range stands {
			shown := commtest.Show(s, c.Lang, time.Time{})
			shown.Run = run.ID
			c.fact(a, shown, "%s", c.text(shown))
			if !s.Passes() {
				waiting = append(waiting, s.Participant)
			}
		}
		if len(waiting) > 0 {
			return no{fmt.Sprintf("not ready: %s", codeList(waiting))}
		}
		return nil
	})
}

func endedWords(run gateway.TestRun) string {
	if run.Ended.IsZero() {
		return fmt.Sprintf(", running: %d not through yet", run.Open)
	}
	return ", ended " + run.Ended.UTC().Format("2006-01-02 15:04")
}

// text is a participant with its findings in words; one that is asked for alone
// with every step.
func (c testShowCmd) text(shown commtest.Shown) string {
	var b strings.Builder
	b.WriteString(shown.Line())
	if w := shown.Waiver; w != nil {
		fmt.Fprintf(&b, "\n       waiver until %s: %s", w.Until.Format(time.DateOnly), w.Reason)
		if !w.Holds {
			fmt.Fprintf(&b, " (does not hold: %s)", w.Why)
		}
	}
	if c.Participant != "" {
		for _, ch := range shown.Channels {
			fmt.Fprintf(&b, "\n  %s %s %s", ch.Channel, ch.Address, ch.Style)
			for _, st := range ch.Steps {
				at := ""
				if !st.At.IsZero() {
					at = st.At.Format("2006-01-02 15:04:05")
				}
				fmt.Fprintf(&b, "\n    %-3s %-5s %-6s %-26s %-20s %s", st.Step, st.Way, st.Mark, st.Name, at, st.Seen)
			}
		}
	}
	for _, f := range shown.Findings {
		stop := " "
		if f.Stops {
			stop = "!"
		}
		fmt.Fprintf(&b, "\n     %s %-12s %-3s %-5s %s", stop, f.Code, f.Step, f.Way, f.Channel)
		for _, sentence := range []string{f.Seen, f.Means, f.Do + " (" + f.Who + ")"} {
			if strings.TrimSpace(sentence) != "" {
				b.WriteString("\n         " + sentence)
			}
		}
	}
	return b.String()
}
