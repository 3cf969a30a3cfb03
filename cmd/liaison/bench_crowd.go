package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
)

type benchTestCmd struct {
	jsonFlag
	Participants int    `help:"So many participants, each with a key of its own." default:"60"`
	Channels     int    `help:"Channels of each: 1 is OpenPGP mail; 2 the WebSocket and OpenPGP mail; 3 plain mail of another desk besides." default:"3"`
	Dir          string `help:"Folder for the set-up; a temporary one where none is named." type:"path"`
}

func (benchTestCmd) Help() string {
	return "A communications test with participants who answer everything at once, from its start to the verdicts. The gateway, the mail servers and all participants with their cryptography run in this one process, so that the figures are more than a gateway's own.\n" +
		"Example: liaison bench test --participants 60 --channels 3\nTo see whether the test finds faults: liaison test rehearse."
}

// crowdKinds are the channels of everyone in a crowd, by how many there are.
var crowdKinds = map[int][]operation.ChannelKind{
	1: {operation.PGPMail},
	2: {operation.WebSocket, operation.PGPMail},
	3: {operation.WebSocket, operation.PGPMail, operation.Mail},
}

// crowdMost is how long a crowd may take.
const crowdMost = 30 * time.Minute

// crowdResult is what a run came to.
type crowdResult struct {
	Participants int                      `json:"participants"`
	Channels     int                      `json:"channels"`
	Seconds      float64                  `json:"seconds"`
	CPU          float64                  `json:"cpu_seconds"`
	PeakMB       int64                    `json:"peak_memory_mb"` // with the participants and their mail servers
	Verdicts     map[commtest.Verdict]int `json:"verdicts"`
}

func (c benchTestCmd) Run(a *app) error {
	r, err := c.measure(a)
	if err != nil {
		return err
	}
	c.fact(a, r, "%d participants over %d channels each: through in %.1f s with %.1f s of CPU (%s); the whole process, with the participants and their mail servers in it, took %d MB at most; %s",
		r.Participants, r.Channels, r.Seconds, r.CPU, countWords(r.Verdicts), r.PeakMB, machine())
	return nil
}

// measure runs one test over a crowd.
func (c benchTestCmd) measure(a *app) (r *crowdResult, err error) {
	kinds, ok := crowdKinds[c.Channels]
	if !ok || c.Participants < 1 {
		return nil, wrongf("a crowd has participants with %v channels each, not %d with %d", slices.Sorted(maps.Keys(crowdKinds)), c.Participants, c.Channels)
	}
	dir, remove, err := benchFolder(c.Dir)
	if err != nil {
		return nil, err
	}
	defer remove()
	exams := slices.Repeat([]simulator.Exam{{Kind: kinds[0], More: kinds[1:]}}, c.Participants)
	l, ends, err := newEmbeddedLab(&app{a.ctx, streams{strings.NewReader(""), io.Discard, a.err}}, dir, exams)
	if err != nil {
		return nil, err
	}
	defer ends()
	r = &crowdResult{Participants: c.Participants, Channels: c.Channels}
	err = l.within(func() error {
		c.say(a, "%d participants are set up; the test begins", c.Participants)
		return l.crowd(r)
	})
	return r, err
}

// crowd runs the test to its end.
func (l *lab) crowd(r *crowdResult) error {
	began, busy := time.Now(), cpuTime()
	order := commtest.Order{Cause: "a crowd", By: "bench", Mode: "TEST", Priority: gateway.Routine, Deadline: operation.Term{Time: 12 * time.Hour}}
	id, err := l.tests.Start(l.ctx, l.op, order, commtest.Selection{})
	if err != nil {
		return err
	}
	if err := l.callAll(id); err != nil {
		return err
	}
	if order, err = l.ended(); err != nil {
		return err
	}
	r.Seconds, r.CPU, r.PeakMB = time.Since(began).Seconds(), (cpuTime() - busy).Seconds(), peakMemory()>>20
	r.Verdicts = order.Summary.Counts
	return nil
}

// callAll logs that every participant was called back, and vouched for it.
func (l *lab) callAll(id gateway.RunID) error {
	d := &gateway.Decision{Operation: l.op.Code}
	for _, e := range l.exams {
		d.Tests.Heard = append(d.Tests.Heard, gateway.Hearing{Run: id, Operation: l.op.Code, Participant: e.Code, At: l.clock.Now(), Kind: gateway.HeardCall, SpokeTo: "B. Invented", Number: "+000"})
	}
	return l.st.Record(l.ctx, func(gateway.Ledger) (*gateway.Decision, error) { return d, nil })
}

// ended waits for the end of the newest run and returns how it went.
func (l *lab) ended() (commtest.Order, error) {
	ctx, stop := context.WithTimeout(l.ctx, crowdMost)
	defer stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		runs, err := l.st.TestRuns(ctx, l.op.Code)
		if err != nil {
			return commtest.Order{}, err
		}
		if !runs[0].Ended.IsZero() {
			return commtest.ReadOrder(&runs[0])
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return commtest.Order{}, fmt.Errorf("%d participants aren't through: %w", runs[0].Open, ctx.Err())
		}
	}
}
