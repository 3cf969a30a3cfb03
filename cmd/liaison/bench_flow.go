package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"

	"liaison/adapters/mail/mailtest"
	"liaison/crypto/openpgp"
	"liaison/gateway/simulator"
	"liaison/gateway/store"
)

type benchFlowCmd struct {
	jsonFlag
	Forms      int    `help:"So many forms." default:"2000"`
	Recipients int    `help:"So many recipients of each, by OpenPGP mail." default:"10"`
	Bytes      int    `help:"Length of each form's free text." default:"1000"`
	In         string `help:"How the mails come in: lmtp (a mail server hands them over) or imap (from a mailbox)." enum:"lmtp,imap" default:"lmtp"`
	NextHop    string `help:"The mail server that takes what the gateway sends, host:port, without TLS, on this machine (smtp-sink of Postfix); one in this process where none is named."`
	Store      string `help:"Another store than SQLite in the bench's folder: postgres://user@host/database, empty."`
	Dir        string `help:"Folder on the disk to measure; a temporary one where none is named." type:"path"`
}

func (benchFlowCmd) Help() string {
	return "Sends signed and encrypted forms through a whole gateway, from the mail server beside it to the record that the next hop said 250, for every recipient. Generator, mail servers and gateway share this process.\n" +
		"Example: liaison bench flow --forms 20000"
}

// flowResult is what a run came to.
type flowResult struct {
	Forms      int     `json:"forms"`
	Recipients int     `json:"recipients"`
	In         string  `json:"in"`
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"forms_per_second"`
	Deliveries float64 `json:"deliveries_per_second"` // answers not counted
	CPUSeconds float64 `json:"cpu_seconds"`           // of the whole process
	PeakMB     int64   `json:"peak_memory_mb"`        // of the whole process
	FsyncUS    int64   `json:"fsync_us"`              // 4 KiB, median
}

func (c benchFlowCmd) Run(a *app) error {
	if c.Dir == "" {
		dir, err := os.MkdirTemp("", "liaison-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.Dir = dir
	}
	fsync, err := fsyncTime(c.Dir)
	if err != nil {
		return err
	}
	b := &flowBench{app: a, benchFlowCmd: c}
	took, err := b.run()
	if err != nil {
		return err
	}
	r := flowResult{Forms: c.Forms, Recipients: c.Recipients, In: c.In, Seconds: took.Seconds(), PerSecond: float64(c.Forms) / took.Seconds(),
		Deliveries: float64(c.Forms*c.Recipients) / took.Seconds(), CPUSeconds: cpuTime().Seconds(), PeakMB: peakMemory() >> 20, FsyncUS: fsync.Microseconds()}
	c.fact(a, r, "%d forms × %d recipients in %.1f s: %.0f forms and %.0f deliveries a second; %.1f s of CPU, peak memory of the process %d MB; fsync of 4 KiB %d µs; %s",
		r.Forms, r.Recipients, r.Seconds, r.PerSecond, r.Deliveries, r.CPUSeconds, r.PeakMB, r.FsyncUS, machine())
	return nil
}

// flowBench is a gateway with a mail server on each side of it.
type flowBench struct {
	*app
	benchFlowCmd
	node   *node
	mails  *mailtest.Server // with --in imap
	sender simulator.Participant
	lmtp   string
	done   handOvers
}

const benchAddress = "ocu@gateway.example"

func (b *flowBench) run() (time.Duration, error) {
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	var err error
	if b.NextHop == "" {
		var sink *smtp.Server
		if sink, b.NextHop, err = openSink(); err != nil {
			return 0, err
		}
		defer sink.Close()
	}
	if err := b.setUp(ctx); err != nil {
		return 0, err
	}
	defer b.node.store.Close()
	b.node.watch = b.done.hear
	quiet := &app{ctx, streams{b.in, io.Discard, b.err}}
	group.Go(func() error { return b.node.run(quiet) })
	began := time.Now()
	group.Go(func() error { return b.generate(ctx) })
	group.Go(func() error {
		defer stop()
		return b.done.wait(ctx, int64(b.Forms*(b.Recipients+1)), func(n int64) {
			b.say(b.app, "%6.1f s  %d of %d mails are handed over", time.Since(began).Seconds(), n, b.Forms*(b.Recipients+1))
		})
	})
	err = group.Wait()
	if errors.Is(err, context.Canceled) && b.ctx.Err() == nil {
		err = nil
	}
	return b.done.latest().Sub(began), err
}

// setUp writes a set-up into the folder and opens it.
func (b *flowBench) setUp(ctx context.Context) error {
	quiet := &app{ctx, streams{b.in, io.Discard, b.err}}
	if err := (initCmd{Dir: b.Dir, Code: "OCU", Address: benchAddress}).Run(quiet); err != nil {
		return err
	}
	gateway, err := readCertificates(filepath.Join(b.Dir, "keys/gateway.cert.asc"))
	if err != nil {
		return err
	}
	b.sender = simulator.Participant{Code: "S", Address: "s@bench.example", To: benchAddress, Gateway: gateway[0]}
	op := strings.Builder{}
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	fmt.Fprintf(&op, benchOperation, day(-20), day(-1), day(0), day(6), day(7), day(30))
	for i := -1; i < b.Recipients; i++ {
		code := fmt.Sprintf("R%02d", i)
		if i < 0 {
			code = "S0"
		}
		key, err := openpgp.Generate(openpgp.KeyOptions{Name: code, Address: "bench@bench.example", Created: time.Now().Add(-time.Hour), Expires: 365 * 24 * time.Hour})
		if err != nil {
			return err
		}
		if i < 0 {
			b.sender.Key, b.sender.Code = key, code
		}
		if err := writeNew(filepath.Join(b.Dir, "keys", code+".asc"), key.Certificate().Armored(), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&op, benchParticipant, code, strings.ToLower(code))
	}
	b.sender.Address = "s0@bench.example"
	config, err := b.config()
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(b.Dir, "gateway.yaml"), []byte(config), 0o600), os.WriteFile(filepath.Join(b.Dir, "secrets/mail"), []byte("bench\n"), 0o600),
		os.WriteFile(filepath.Join(b.Dir, "operations/operation.yaml"), []byte(op.String()), 0o600)); err != nil {
		return err
	}
	return b.open(ctx, quiet)
}

// config is the gateway.yaml of the run.
func (b *flowBench) config() (string, error) {
	dsn := b.Store
	if dsn == "" {
		dsn = "sqlite:data/liaison.db"
	}
	in := ""
	if b.In == "lmtp" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		b.lmtp = l.Addr().String()
		if err := l.Close(); err != nil {
			return "", err
		}
		in = fmt.Sprintf("lmtp: {listen: %q}", b.lmtp)
	} else {
		var err error
		if b.mails, err = mailtest.New(mailtest.Options{}); err != nil {
			return "", err
		}
		if err := b.mails.Add(benchAddress, "bench"); err != nil {
			return "", err
		}
		in = fmt.Sprintf("imap: {url: \"imap+insecure://%s\", username: %s, password_file: secrets/mail}", b.mails.IMAPAddr, benchAddress)
	}
	return fmt.Sprintf(benchConfig, dsn, in, b.NextHop), nil
}

func (b *flowBench) open(ctx context.Context, quiet *app) error {
	s, err := (configFlag{Config: filepath.Join(b.Dir, "gateway.yaml")}).load()
	if err != nil {
		return err
	}
	s.opt.Log = slog.New(slog.NewTextHandler(b.err, &slog.HandlerOptions{Level: slog.LevelError}))
	st, err := store.Open(ctx, s.dsn, s.opt)
	if err != nil {
		return err
	}
	if err := applyChanged(quiet, s, st, jsonFlag{}); err != nil {
		return errors.Join(err, st.Close())
	}
	keys, err := st.Keys(ctx, "OP-BENCH", "", "")
	if err != nil {
		return errors.Join(err, st.Close())
	}
	for _, k := range keys {
		if _, err := ring(st).Confirm(ctx, k.Operation, k.Participant, string(k.Fingerprint), "bench", "the bench made it"); err != nil {
			return errors.Join(err, st.Close())
		}
	}
	b.node, err = newNode(ctx, s, st, st)
	return err
}

// generate hands the mails over, over a few connections at once, each mail
// again until it is taken.
func (b *flowBench) generate(ctx context.Context) error {
	const generators = 4
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range generators {
		group.Go(func() error {
			var line *lmtpLine
			defer func() { line.close() }()
			for n := next.Add(1); n <= int64(b.Forms); n = next.Add(1) {
				raw, err := b.mail(n)
				if err != nil {
					return err
				}
				if b.mails != nil {
					if err := b.mails.Deliver(b.sender.Address, benchAddress, raw); err != nil {
						return err
					}
					continue
				}
				if line, err = line.hand(ctx, b.lmtp, b.sender.Address, raw); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// freeText is words of so many bytes.
func freeText(bytes int) string { return strings.TrimSpace(strings.Repeat("seized ", bytes/7)) }

// mail is the nth form, to all recipients.
func (b *flowBench) mail(n int64) ([]byte, error) {
	var to []string
	for i := range b.Recipients {
		to = append(to, fmt.Sprintf("R%02d", i))
	}
	text := fmt.Sprintf("A1: [SEZ]\nA4: [S0-BENCH-2026-%06d]\nA7: [%s]\nB1: [%s]\nB3: [LV]\nC1: [TOBA]\nC2: [Cigarettes]\nC4: [%d]\nC5: [H87]\nC14: [SEZ]\nH1: [%s]\n",
		n, strings.Join(to, ", "), time.Now().Format(time.DateOnly), n, freeText(b.Bytes))
	return b.sender.Write(text, fmt.Sprintf("%d@bench.example", n), "", time.Now())
}

const benchConfig = `gateway:
  code: OCU
  address: ocu@gateway.example
  phone: "+000 000 000"
  key_files: [keys/gateway.asc]
store: %q
storage_key_file: secrets/storage
mail:
  %s
  smtp: {url: "smtp+insecure://%s"}
operations: [operations/*.yaml]
`

const benchOperation = `operation: OP-BENCH
title: A measurement
organiser: S0
legal_basis: NAPLES2
phases:
  preparation: {from: %s, to: %s}
  operation:   {from: %s, to: %s}
  evaluation:  {from: %s, to: %s}
desk: {phone: "+000 000 000"}
participants:
`

const benchParticipant = `  - {code: %[1]s, country: LV, class: eu-member, authority: Customs, reference: BENCH, languages: [en], duty: {phone: "+000"},
     keys: [{file: ../keys/%[1]s.asc, role: shared}], addresses: [%[2]s@bench.example], channels: [{kind: pgp-mail, address: %[2]s@bench.example}]}
`
