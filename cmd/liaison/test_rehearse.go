package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liaison/gateway/simulator"
)

type testRehearseCmd struct {
	jsonFlag
	Alone   bool   `help:"Each fault alone, without pairs."`
	All     bool   `help:"All pairs; without it every seventh, which takes a minute instead of ten."`
	Dir     string `help:"Folder for the laboratory; a new one, removed afterwards, where none is named." type:"path"`
	Verbose bool   `help:"Print every exam."`
}

func (testRehearseCmd) Help() string {
	return "Runs the fault laboratory: a gateway, mail servers and simulated participants, each with a fault or two, and says how often the test was wrong. Nothing leaves this machine.\n" +
		"A false green is a participant that is called ready and can't be reached; a false red one that is called not ready and can. Exit code 3 if there is any of either.\n" +
		"Example: liaison test rehearse\nTo test real participants: liaison test run."
}

// pairsStride is which of the pairs are among the exams: every seventh.
const pairsStride = 7

func (c testRehearseCmd) Run(a *app) error {
	exams := simulator.Alone()
	n := pairsStride
	if c.All {
		n = 1
	}
	if !c.Alone {
		exams = append(exams, simulator.Spread(simulator.Pairs(), n)...)
	}
	began := time.Now()
	c.say(a, "The laboratory has %d participants, %d kinds of faults, alone%s. Its clock is turned on by hand.", len(exams), len(simulator.Faults()), map[bool]string{true: "", false: " and in pairs"}[c.Alone])
	marks, err := c.rehearse(a, exams)
	if err != nil {
		return err
	}
	return c.report(a, marks, time.Since(began))
}

// labSeats is how many participants a laboratory has at most: more exams are
// held in several, one after the other.
const labSeats = 800

// rehearse runs the laboratory over the embedded servers.
func (c testRehearseCmd) rehearse(a *app, exams []simulator.Exam) (marks []simulator.Marks, err error) {
	if c.Dir == "" {
		if c.Dir, err = os.MkdirTemp("", "liaison-lab-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(c.Dir)
	}
	for seated := range slices.Chunk(exams, labSeats) {
		m, err := c.sit(a, filepath.Join(c.Dir, fmt.Sprintf("lab%d", len(marks)/labSeats+1)), seated)
		if err != nil {
			return nil, err
		}
		if marks = append(marks, m...); len(exams) > labSeats {
			c.say(a, "%d of %d exams done.", len(marks), len(exams))
		}
	}
	return marks, nil
}

// sit holds exams in a laboratory of their own.
func (c testRehearseCmd) sit(a *app, dir string, exams []simulator.Exam) ([]simulator.Marks, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	l, ends, err := newEmbeddedLab(a, dir, exams)
	if err != nil {
		return nil, err
	}
	defer ends()
	return l.run()
}

// run examines in an open laboratory.
func (l *lab) run() (marks []simulator.Marks, err error) {
	err = l.within(func() (err error) {
		marks, err = l.examine()
		return err
	})
	return marks, err
}

// report says how the test did.
func (c testRehearseCmd) report(a *app, marks []simulator.Marks, took time.Duration) error {
	var greens, reds, causes, steps, sound, ill int
	for _, m := range marks {
		l := m.Exam.Label()
		count(&greens, m.FalseGreen)
		count(&reds, m.FalseRed)
		count(&sound, l.Ready)
		count(&ill, !l.Ready)
		count(&causes, m.Cause)
		count(&steps, m.Step)
		if c.Verbose || m.FalseGreen || m.FalseRed || !m.Cause || !m.Step {
			c.say(a, "%s %-6s %s: found %s at step %d, ready %v; expected %s at %v, ready %v", verdictWord(m), m.Exam.Code, m.Exam.Name(), strings.Join(m.Found.Codes, " "), m.Found.Step, m.Found.Ready, strings.Join(l.Codes, "|"), l.Steps, l.Ready)
		}
	}
	n := len(marks)
	c.fact(a, map[string]any{"faults": n, "false_greens": greens, "false_reds": reds, "cause_right": causes, "step_right": steps,
		"false_green_rate": rate(greens, ill), "false_red_rate": rate(reds, sound), "cause_rate": rate(causes, n), "step_rate": rate(steps, n), "seconds": took.Seconds()},
		"%d exams in %s\nfalse greens %d of %d (%.2f %%)\nfalse reds   %d of %d (%.2f %%)\ncause right  %d of %d (%.1f %%)\nstep right   %d of %d (%.1f %%)",
		n, took.Round(time.Second), greens, ill, 100*rate(greens, ill), reds, sound, 100*rate(reds, sound), causes, n, 100*rate(causes, n), steps, n, 100*rate(steps, n))
	if greens+reds > 0 {
		return no{fmt.Sprintf("the test was wrong: %d false greens, %d false reds", greens, reds)}
	}
	return nil
}

func count(n *int, is bool) {
	if is {
		*n++
	}
}

func rate(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func verdictWord(m simulator.Marks) string {
	switch {
	case m.FalseGreen:
		return "FALSE GREEN"
	case m.FalseRed:
		return "FALSE RED"
	case !m.Cause:
		return "OTHER CAUSE"
	case !m.Step:
		return "OTHER STEP"
	}
	return "right"
}
