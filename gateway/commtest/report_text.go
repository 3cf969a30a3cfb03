package commtest

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Text is the report for a terminal or a mail.
func (r Report) Text() []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("READINESS OF %s: %s", r.Operation, r.Title)
	p("%s", r.Headline())
	p("Operational phase %s to %s. Organiser %s. Test %s, started %s (%s).", r.Begins, r.Ends, r.Organiser, r.Run, r.Started.Format("2006-01-02 15:04 MST"), r.Cause)
	if r.Next != "" {
		p("The next scheduled test is on %s.", r.Next)
	}
	p("%s", ladderWords)
	for _, v := range verdicts {
		list := r.Of(v)
		if len(list) == 0 {
			continue
		}
		p("\n%s (%d) %s", v, len(list), meaning[v])
		for _, s := range list {
			p("  %-6s %s", s.Participant, strings.Join(append([]string{s.Authority}, s.beside()...), "; "))
			for _, c := range s.Channels {
				p("         %s", c.Words())
			}
			for _, line := range r.why(s) {
				p("         %s", line)
			}
		}
	}
	for _, list := range []struct {
		title string
		tasks []Task
		some  bool // whom it is about
		none  string
	}{{"WHO MUST DO WHAT BY WHEN", r.Needed(), true, r.Nothing()}, {"WHAT MAKES THOSE SAFER WHO ARE READY", r.Safer(), r.SomeReady(), "Nothing is left to do."}} {
		if len(list.tasks) == 0 && !list.some {
			continue
		}
		p("\n%s", list.title)
		if len(list.tasks) == 0 {
			p("  %s", list.none)
		}
		for _, t := range list.tasks {
			p("  %s  %-6s %s: %s (%s)", t.By, t.Participant, t.Who, t.Do, t.Code)
		}
		if len(list.tasks) > 0 && list.tasks[0].Needed {
			p("%s", r.WayOut())
		}
	}
	p("\nTREND")
	for _, h := range r.History {
		p("  %-14s %s  %-24s %s", h.Run, h.Day, h.Cause, counted(h.Counts))
	}
	p("\nMade on %s by %s. %s", r.Made.Format("2006-01-02 15:04:05 MST"), r.Unit, r.Signature())
	return []byte(b.String())
}

// beside is what stands beside a participant's name.
func (s Shown) beside() []string {
	var out []string
	if s.Phone != "" {
		out = append(out, s.Phone)
	}
	if s.Waiver != nil && s.Waiver.Holds && !s.Verdict.Ready() {
		out = append(out, "waived")
	}
	if s.Mark != "" {
		out = append(out, s.Mark)
	}
	return out
}

// Words say how far a channel is proven.
func (c ShownCell) Words() string {
	name := strings.TrimSpace(string(c.Channel)+" "+c.Address) + ": "
	step := func(level string) string {
		for _, s := range c.Steps {
			if s.Step == level {
				return level + " (" + s.Name + ")"
			}
		}
		return level
	}
	switch {
	case c.Level == "" && c.Fails == "":
		return name + "to be tested"
	case c.Fails == "":
		return name + "proven up to " + step(c.Level)
	case c.Level == "":
		return name + "stops at " + step(c.Fails)
	}
	return name + "proven up to " + step(c.Level) + ", stops at " + step(c.Fails)
}

// Waives says what a waiver covers, and until when.
func (r Report) Waives(w Waived) string {
	until := w.Until.Format(time.DateOnly)
	line := fmt.Sprintf("waived by the organiser up to and including %s: %s", until, w.Reason)
	switch {
	case !w.Holds:
		line += "; it does not hold: " + w.Why
	case until < r.Ends:
		line += "; the operation lasts until " + r.Ends + ": before the waiver is over, test again or waive anew"
	}
	return line
}

// why says in a few lines what is behind a verdict.
func (r Report) why(s Shown) []string {
	var out []string
	if w := s.Waiver; w != nil {
		out = append(out, r.Waives(*w))
	}
	if s.Faded {
		out = append(out, "the proof is older than 14 days")
	}
	for _, f := range s.Findings {
		if f.Stops || s.Verdict == Amber && f.Channel == "" || f.Code == NoSecond || f.Code == TooLate {
			line := strings.TrimSpace(string(f.Code)+" "+f.Channel) + ": " + f.Means
			if !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	return out
}

func counted(counts map[Verdict]int) string {
	var out []string
	for _, v := range verdicts {
		if counts[v] > 0 {
			out = append(out, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	return strings.Join(out, ", ")
}

// CSV is a line for each participant's channel and way, for spreadsheets.
func (r Report) CSV() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	write := func(fields ...string) {
		for i, f := range fields {
			if f != "" && strings.ContainsRune("=+-@\t", rune(f[0])) {
				fields[i] = "'" + f // a spreadsheet must not take it for a formula
			}
		}
		_ = w.Write(fields) // into memory
	}
	write("operation", "run", "participant", "authority", "verdict", "passes", "waived until", "mark", "channel", "address", "style", "way", "proven to", "stops at", "findings", "do", "who", "by", "phone")
	for _, s := range r.Participants {
		waived := ""
		if s.Waiver != nil && s.Waiver.Holds {
			waived = s.Waiver.Until.Format("2006-01-02")
		}
		for i, c := range s.Channels {
			for _, way := range []Way{There, Back} {
				level := map[Way]string{There: c.There, Back: c.Back}[way]
				codes, do, who, by, fails := s.on(c, way)
				write(string(r.Operation), string(r.Run), string(s.Participant), s.Authority, string(s.Verdict), fmt.Sprint(s.Passes), waived, s.Mark,
					fmt.Sprintf("%d %s", i+1, c.Channel), c.Address, c.Style, string(way), level, fails, codes, do, who, by, s.Phone)
			}
		}
	}
	w.Flush()
	return b.Bytes()
}

// on gathers what was found on one way of a channel.
func (s Shown) on(c ShownCell, way Way) (codes, do, who, by, fails string) {
	name := strings.TrimSpace(string(c.Channel) + " " + c.Address)
	var list []string
	for _, f := range s.Findings {
		if f.Channel != name || f.Way != way {
			continue
		}
		list = append(list, string(f.Code))
		if f.Stops && do == "" {
			do, who, by, fails = f.Do, f.Who, f.By, f.Step
		}
	}
	return strings.Join(list, " "), do, who, by, fails
}
