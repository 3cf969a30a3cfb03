package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway/simulator"
)

type benchFlowCmd struct {
	jsonFlag
	Forms      int     `help:"So many forms." default:"2000"`
	Recipients int     `help:"So many recipients of each, by OpenPGP mail." default:"10"`
	Bytes      int     `help:"Length of each form's free text." default:"1000"`
	Attach     int     `help:"Length of a file that goes along with each form; 54000 makes a mail of 100 KiB."`
	In         string  `help:"How the mails come in: lmtp (a mail server hands them over) or imap (from a mailbox)." enum:"lmtp,imap" default:"lmtp"`
	NextHop    string  `help:"The mail server that takes what the gateway sends, host:port, without TLS, on this machine (smtp-sink of Postfix); one in this process where none is named."`
	Store      string  `help:"Another store than SQLite in the bench's folder: postgres://user@host/database, empty."`
	Nodes      int     `help:"So many gateways on one store, each a process of its own; 0: one gateway in this process."`
	CPU        float64 `help:"With --nodes: each has this share of a processor, 0.4; 0: as much as it gets."`
	Dir        string  `help:"Folder on the disk to measure; a temporary one where none is named." type:"path"`
}

func (benchFlowCmd) Help() string {
	return "Sends signed and encrypted forms through a whole gateway, from the mail server beside it to the record that the next hop said 250, for every recipient. Generator, mail servers and gateway share this process. With --nodes the gateways are processes of their own; what they use of the processors is compared with what the cryptography and the SMTP dialogue take alone, where --next-hop names a server in another process.\n" +
		"Example: liaison bench flow --forms 20000\nExample: liaison bench flow --nodes 1 --forms 300 --recipients 30 --attach 54000 --in imap --next-hop 127.0.0.1:2599"
}

// flowResult is what a run came to.
type flowResult struct {
	Forms      int     `json:"forms"`
	Recipients int     `json:"recipients"`
	In         string  `json:"in"`
	MailBytes  int     `json:"mail_bytes"` // of a mail that came in
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"forms_per_second"`
	Deliveries float64 `json:"deliveries_per_second"` // answers not counted
	CPUSeconds float64 `json:"cpu_seconds"`           // of the whole process, or of all gateways
	PeakMB     int64   `json:"peak_memory_mb"`        // of the whole process, or of the largest gateway
	FsyncUS    int64   `json:"fsync_us"`              // 4 KiB, median
	Nodes      int     `json:"nodes,omitempty"`
	Cap        string  `json:"cap,omitempty"`
	*flowCost
}

func (c benchFlowCmd) Run(a *app) error {
	r, err := c.measure(a)
	if err != nil {
		return err
	}
	where := "the process"
	if r.Nodes > 0 {
		where = fmt.Sprintf("%d gateways (%s)", r.Nodes, r.Cap)
	}
	c.fact(a, r, "%d forms × %d recipients, mails of %d bytes from %s, in %.1f s: %.1f forms and %.0f deliveries a second; %s took %.1f s of CPU and at most %d MB; fsync of 4 KiB %d µs; %s",
		r.Forms, r.Recipients, r.MailBytes, r.In, r.Seconds, r.PerSecond, r.Deliveries, where, r.CPUSeconds, r.PeakMB, r.FsyncUS, machine())
	if k := r.flowCost; k != nil {
		c.say(a, "CPU for a recipient: %.0f µs; cryptography alone %.0f µs, the SMTP dialogue alone %.0f µs by the library: %.2f × their sum; %.0f µs with mails written at once: %.2f ×",
			k.EachUS, k.CryptoUS, k.DialogueUS, k.Ratio, k.WholeUS, k.Least)
	}
	return nil
}

// measure makes one run in a folder of its own.
func (c benchFlowCmd) measure(a *app) (*flowResult, error) {
	dir, remove, err := benchFolder(c.Dir)
	if err != nil {
		return nil, err
	}
	defer remove()
	c.Dir = dir
	fsync, err := fsyncTime(c.Dir)
	if err != nil {
		return nil, err
	}
	ownHop := c.NextHop == ""
	b := &flowBench{app: a, benchFlowCmd: c}
	r := &flowResult{Forms: c.Forms, Recipients: c.Recipients, In: c.In, FsyncUS: fsync.Microseconds(), Nodes: c.Nodes}
	load := flowLoad{forms: c.Forms, recipients: c.Recipients, attach: c.Attach}
	err = b.within(func(ctx context.Context) error {
		took, err := b.relay(ctx, load)
		if err != nil {
			return err
		}
		r.Seconds, r.PerSecond, r.Deliveries = took.Seconds(), float64(c.Forms)/took.Seconds(), float64(c.Forms*c.Recipients)/took.Seconds()
		r.MailBytes, r.Cap = b.mailBytes, b.capHow
		busy, peak := b.spent()
		r.CPUSeconds, r.PeakMB = busy.Seconds(), peak>>20
		if c.Nodes > 0 && !ownHop {
			r.flowCost, err = b.cost(ctx, load, busy)
		}
		return err
	})
	return r, err
}

// flowBench is a gateway, or several, with a mail server on each side.
type flowBench struct {
	*app
	benchFlowCmd
	node      *node                   // in this process; or
	nodes     []process               // in their own
	scrapes   []string                // addresses of their metrics
	mails     *mailtest.Server        // with --in imap
	hop       *hop                    // where no --next-hop is named
	senders   []simulator.Participant // take turns
	lmtp      []string                // of each gateway
	capHow    string
	uncap     func()
	done      handOvers
	next      atomic.Int64 // number of the next form
	mailBytes int          // of the last run's first mail
}

// flowLoad is forms alike.
type flowLoad struct{ forms, recipients, attach int }

const benchAddress = "ocu@gateway.example"

// within sets everything up, does something while the gateways serve, and stops
// them.
func (b *flowBench) within(do func(context.Context) error) error {
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	if b.NextHop == "" {
		var err error
		if b.hop, err = openHop(); err != nil {
			return err
		}
		defer b.hop.Close()
		b.NextHop = b.hop.address
	}
	if err := b.setUp(ctx); err != nil {
		return err
	}
	defer b.close()
	if b.node != nil {
		b.node.watch = b.done.hear
		group.Go(func() error { return b.node.run(&app{ctx, streams{b.in, io.Discard, b.err}}) })
	} else if err := b.serve(ctx, group); err != nil {
		return err
	}
	group.Go(func() error { defer stop(); return do(ctx) })
	err := group.Wait()
	if errors.Is(err, context.Canceled) && b.ctx.Err() == nil {
		err = nil
	}
	return err
}

// serve starts the gateways' processes and lets what they hand over be counted.
func (b *flowBench) serve(ctx context.Context, group *errgroup.Group) error {
	for i := range b.Nodes {
		p, err := startServe(ctx, b.configFile(i), b.scrapes[i])
		if err != nil {
			return err
		}
		b.nodes = append(b.nodes, p)
	}
	b.capHow = "no cap"
	if b.CPU > 0 {
		how, free, err := capped(ctx, b.CPU, b.nodes)
		if err != nil {
			return err
		}
		b.capHow, b.uncap = fmt.Sprintf("each capped at %g of a processor: %s", b.CPU, how), free
	}
	group.Go(func() error { return b.done.scrape(ctx, b.scrapes) })
	return nil
}

func (b *flowBench) close() {
	if b.node != nil {
		_ = b.node.store.Close() // nobody needs its record any more
	}
	for _, p := range b.nodes {
		p.stop()
	}
	if b.uncap != nil {
		b.uncap()
	}
	if b.mails != nil {
		_ = b.mails.Close()
	}
}

// spent is what the gateways have used, or this process with the one in it: of the
// processors, and of memory at most.
func (b *flowBench) spent() (busy time.Duration, peak int64) {
	if b.node != nil {
		return cpuTime(), peakMemory()
	}
	for _, p := range b.nodes {
		busy += p.cpu()
		peak = max(peak, p.memory("VmHWM"))
	}
	return busy, peak
}

// relay hands forms in and waits until all of them are handed over.
func (b *flowBench) relay(ctx context.Context, l flowLoad) (time.Duration, error) {
	mails := int64(l.forms * (l.recipients + 1)) // with the answers
	want := b.done.count.Load() + mails
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	group.Go(func() error { return b.generate(ctx, l) })
	group.Go(func() error {
		return b.done.wait(ctx, want, func(n int64) {
			b.say(b.app, "%6.1f s  %d of %d mails are handed over", time.Since(began).Seconds(), n-want+mails, mails)
		})
	})
	err := group.Wait()
	return b.done.latest().Sub(began), err
}
