package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/adapters/websocket"
	"liaison/gateway/simulator"
)

type benchLatencyCmd struct {
	jsonFlag
	From   []string      `help:"How the forms come, one run each: websocket, lmtp (a mail server hands them over), imap (from a mailbox, by IDLE)." enum:"websocket,lmtp,imap" default:"websocket"`
	Agents int           `help:"So many agents, each writing to the next." default:"20"`
	Rate   int           `help:"Forms a second in all, whatever becomes of them." default:"200"`
	For    time.Duration `help:"How long." default:"20s"`
	Bytes  int           `help:"Length of each form's free text." default:"1000"`
	Flood  int           `help:"Meanwhile one more participant sends so many forms, as fast as they are taken; the others' latency is measured." default:"0"`
	Dir    string        `help:"Folder on the disk to measure; a temporary one where none is named." type:"path"`
}

func (benchLatencyCmd) Help() string {
	return "Sends forms to agents over TLS, from agents or by mail, through a gateway in a process of its own with full durability, at a rate that doesn't wait for it. Measures from the moment a sealed form is submitted, offered over LMTP or put into the mailbox to the moment the other agent has it. Forms are sealed before; agents and mail servers share a process.\nExample: liaison bench latency --rate 200 --from websocket,lmtp,imap --flood 2000"
}

// latencyResult is what a run came to; times in milliseconds.
type latencyResult struct {
	From     string  `json:"from"`
	Flood    int     `json:"flood"` // forms of one more participant meanwhile
	Forms    int     `json:"forms"`
	Rate     float64 `json:"forms_per_second"`
	Median   float64 `json:"median_ms"`
	P90      float64 `json:"p90_ms"`
	P99      float64 `json:"p99_ms"`
	Most     float64 `json:"most_ms"`
	Answered float64 `json:"answered_median_ms"` // until the sender has its receipt; over LMTP, its 250
	FsyncUS  int64   `json:"fsync_us"`           // 4 KiB, median
}

func (c benchLatencyCmd) Run(a *app) error {
	dir, remove, err := benchFolder(c.Dir)
	if err != nil {
		return err
	}
	defer remove()
	c.Dir = dir
	for _, from := range c.From {
		if err := c.measure(a, from); err != nil {
			return err
		}
	}
	return nil
}

// measure makes one run, in a folder of its own.
func (c benchLatencyCmd) measure(a *app, from string) error {
	fsync, err := fsyncTime(c.Dir)
	if err != nil {
		return err
	}
	c.Dir = filepath.Join(c.Dir, from)
	b := &latencyBench{idleBench: &idleBench{app: a, benchIdleCmd: benchIdleCmd{jsonFlag: c.jsonFlag, Agents: c.Agents + 1, Dir: c.Dir}}, benchLatencyCmd: c, sent: make(map[string]time.Time)}
	if err := b.run(from); err != nil {
		return err
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	r := latencyResult{From: from, Flood: c.Flood, Forms: len(b.arrived), Rate: float64(len(b.arrived)) / c.For.Seconds(), Median: ms(percentile(b.arrived, 50)), P90: ms(percentile(b.arrived, 90)),
		P99: ms(percentile(b.arrived, 99)), Most: ms(percentile(b.arrived, 100)), Answered: ms(percentile(b.answered, 50)), FsyncUS: fsync.Microseconds()}
	c.fact(a, r, "%d forms at %.0f a second, from %s to the agent, beside a flood of %d: median %.1f ms, 90 %% within %.1f ms, 99 %% within %.1f ms, the slowest %.1f ms; taken after %.1f ms; fsync of 4 KiB %d µs; %s",
		r.Forms, r.Rate, r.From, r.Flood, r.Median, r.P90, r.P99, r.Most, r.Answered, r.FsyncUS, machine())
	return nil
}

// latencyBench is agents that others write to through a gateway.
type latencyBench struct {
	*idleBench
	benchLatencyCmd
	way     way
	clients []*websocket.Client

	mu       sync.Mutex // guards the rest
	sent     map[string]time.Time
	arrived  []time.Duration
	answered []time.Duration
	all      chan struct{} // closed when every form has arrived
}

func (b *latencyBench) run(from string) error {
	var err error
	if b.way, err = b.openWay(from); err != nil {
		return err
	}
	defer b.way.close()
	if err := b.setUp(); err != nil {
		return err
	}
	if b.server, err = startServe(b.idleBench.ctx, filepath.Join(b.idleBench.Dir, "gateway.yaml"), b.address); err != nil {
		return err
	}
	defer b.server.stop()
	b.all = make(chan struct{})
	if b.clients, err = b.connect(b.arrives); err != nil {
		return err
	}
	forms, err := b.seal(int(b.For.Seconds()*float64(b.Rate)), b.sender)
	if err != nil {
		return err
	}
	flood, err := b.seal(b.Flood, func(int) int { return b.flooder() })
	if err != nil {
		return err
	}
	b.idleBench.say(b.app, "%d forms are sealed; they go at %d a second", len(forms), b.Rate)
	if err := b.offer(forms, flood); err != nil {
		return err
	}
	select {
	case <-b.all:
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("%d of %d forms have arrived a minute after the last was sent", len(b.arrived), len(forms))
	case <-b.idleBench.ctx.Done():
		return b.idleBench.ctx.Err()
	}
}

// sealedForm is a form that waits to be sent.
type sealedForm struct {
	reference string
	message   []byte
}

// sender of the nth form; the one after it receives.
func (b *latencyBench) sender(n int) int { return n % b.benchLatencyCmd.Agents }

// flooder is the participant that sends too much.
func (b *latencyBench) flooder() int { return b.benchLatencyCmd.Agents }

// seal makes forms before any of them goes.
func (b *latencyBench) seal(many int, sender func(n int) int) ([]sealedForm, error) {
	forms := make([]sealedForm, many)
	group, _ := errgroup.WithContext(b.idleBench.ctx)
	group.SetLimit(8)
	for n := range forms {
		group.Go(func() (err error) {
			_, from := b.seat(sender(n))
			_, to := b.seat((sender(n) + 1) % b.benchLatencyCmd.Agents)
			p := simulator.Participant{Code: string(from), Key: b.keys[sender(n)], Gateway: b.gateway, Address: seatAddress(from), To: benchAddress}
			f := sealedForm{reference: fmt.Sprintf("%s-X-2026-%06d", from, n+1)}
			f.message, err = b.way.seal(p, fmt.Sprintf("A1: [MSG]\nA4: [%s]\nA7: [%s]\nH1: [%s]\n", f.reference, to, freeText(b.Bytes)))
			forms[n] = f
			return err
		})
	}
	return forms, group.Wait()
}

// offer submits the forms in time, whether the earlier ones are answered or not,
// and the flood meanwhile.
func (b *latencyBench) offer(forms, flood []sealedForm) error {
	group, ctx := errgroup.WithContext(b.idleBench.ctx)
	group.Go(func() error {
		for _, f := range flood {
			if err := b.way.submit(ctx, b.flooder(), f); err != nil {
				return err
			}
		}
		return nil
	})
	tick := time.NewTicker(time.Second / time.Duration(b.Rate))
	defer tick.Stop()
	for n, f := range forms {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return group.Wait()
		}
		group.Go(func() error { return b.submit(ctx, b.sender(n), f) })
	}
	return group.Wait()
}

func (b *latencyBench) submit(ctx context.Context, agent int, f sealedForm) error {
	began := time.Now()
	b.mu.Lock()
	b.sent[f.reference] = began
	b.mu.Unlock()
	if err := b.way.submit(ctx, agent, f); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered = append(b.answered, time.Since(began))
	return nil
}

// arrives notes when a form came.
func (b *latencyBench) arrives(_ int, d websocket.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	began, ok := b.sent[d.Reference]
	if !ok || d.Message == nil {
		return
	}
	delete(b.sent, d.Reference)
	if b.arrived = append(b.arrived, time.Since(began)); len(b.arrived) == int(b.For.Seconds()*float64(b.Rate)) {
		close(b.all)
	}
}
