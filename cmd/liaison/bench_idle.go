package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/adapters/mail/mailtest"
	"liaison/adapters/websocket"
	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

type benchIdleCmd struct {
	jsonFlag
	Agents int           `help:"So many agents, each with a key of its own." default:"10000"`
	Hold   time.Duration `help:"How long they stay connected and do nothing." default:"1m"`
	Dir    string        `help:"Folder for the set-up; a temporary one where none is named." type:"path"`
	SVG    string        `help:"Draw a picture into this file." type:"path"`
}

func (benchIdleCmd) Help() string {
	return "Connects agents over TLS to a gateway in a process of its own, which do nothing then, and prints what that process takes.\nExample: liaison bench idle --agents 10000"
}

// idleResult is what a run came to. The figures are the gateway process's.
type idleResult struct {
	Agents       int     `json:"agents"`
	ConnectedIn  float64 `json:"connected_in_seconds"`
	PeakMB       int64   `json:"peak_memory_mb"`
	MemoryMB     int64   `json:"memory_mb"`             // at the end of the hold
	BeforeMB     int64   `json:"memory_before_mb"`      // without any agent
	BytesEach    int64   `json:"bytes_each"`            // what an agent adds
	CPUPerMinute float64 `json:"idle_cpu_per_minute_s"` // while they do nothing
}

func (c benchIdleCmd) Run(a *app) error {
	dir, remove, err := benchFolder(c.Dir)
	if err != nil {
		return err
	}
	defer remove()
	c.Dir = dir
	b := &idleBench{app: a, benchIdleCmd: c}
	r, err := b.run()
	if err != nil {
		return err
	}
	c.fact(a, r, "%d idle agents over TLS, connected in %.1f s: the gateway process takes %d MB (%d MB before them, peak %d MB), %d bytes each, and %.2f s of CPU a minute; %s",
		r.Agents, r.ConnectedIn, r.MemoryMB, r.BeforeMB, r.PeakMB, r.BytesEach, r.CPUPerMinute, machine())
	if c.SVG == "" {
		return nil
	}
	return writeCharts(c.SVG, chart{title: "Memory of a gateway, by connected agents", x: "agents over TLS, idle", y: "MB resident", note: machine(), curves: []curve{b.grown}})
}

// idleBench is a gateway in a process of its own and a crowd of agents in this one.
type idleBench struct {
	*app
	benchIdleCmd
	address   string
	mail      string // the mail section of gateway.yaml; "" for none
	gateway   *openpgp.Certificate
	roots     *x509.CertPool
	keys      []*openpgp.SecretKey
	server    process
	connected atomic.Int64
	grown     curve // memory by agents, while they connect
}

// The agents are spread over operations as large as real ones.
const idlePerOperation = 60

func (b *idleBench) seat(i int) (operation.Code, operation.ParticipantCode) {
	return operation.Code(fmt.Sprintf("OP-%d", i/idlePerOperation)), operation.ParticipantCode(fmt.Sprintf("P%d", i))
}

// seatAddress is where a participant writes mail from.
func seatAddress(p operation.ParticipantCode) string {
	return strings.ToLower(string(p)) + "@bench.example"
}

func (b *idleBench) run() (*idleResult, error) {
	if err := b.setUp(); err != nil {
		return nil, err
	}
	b.say(b.app, "%d agents are set up; the gateway starts", b.Agents)
	var err error
	if b.server, err = startServe(b.ctx, filepath.Join(b.Dir, "gateway.yaml"), b.address); err != nil {
		return nil, err
	}
	defer b.server.stop()
	r := &idleResult{Agents: b.Agents, BeforeMB: b.server.memory("VmRSS") >> 20}
	watched, stop := context.WithCancel(b.ctx)
	defer stop()
	var watch errgroup.Group
	watch.Go(func() error { b.watch(watched); return nil })
	began := time.Now()
	if _, err := b.connect(func(int, websocket.Delivery) {}); err != nil {
		return nil, err
	}
	r.ConnectedIn = time.Since(began).Seconds()
	stop()
	_ = watch.Wait() // it returns no error
	busy, held := b.server.cpu(), time.Now()
	select {
	case <-time.After(b.Hold):
	case <-b.ctx.Done():
		return nil, b.ctx.Err()
	}
	r.CPUPerMinute = (b.server.cpu() - busy).Seconds() * float64(time.Minute) / float64(time.Since(held))
	r.PeakMB, r.MemoryMB = b.server.memory("VmHWM")>>20, b.server.memory("VmRSS")>>20
	r.BytesEach = (r.MemoryMB - r.BeforeMB) << 20 / int64(max(1, b.Agents))
	return r, nil
}

// watch notes the gateway's memory while agents connect.
func (b *idleBench) watch(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		n := float64(b.connected.Load())
		if last := len(b.grown.points) - 1; last < 0 || n-b.grown.points[last].x >= float64(b.Agents)/20 || n == float64(b.Agents) {
			b.grown.points = append(b.grown.points, point{n, float64(b.server.memory("VmRSS") >> 20)})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// setUp writes a set-up whose participants are all confirmed.
func (b *idleBench) setUp() error {
	quiet := &app{b.ctx, streams{b.in, io.Discard, b.err}}
	if err := (initCmd{Dir: b.Dir, Code: "OCU", Address: benchAddress}).Run(quiet); err != nil {
		return err
	}
	if err := errors.Join(os.Remove(filepath.Join(b.Dir, "operations/operation.yaml")), b.certificate(), b.config()); err != nil {
		return err
	}
	certs, err := readCertificates(filepath.Join(b.Dir, "keys/gateway.cert.asc"))
	if err != nil {
		return err
	}
	b.gateway = certs[0]
	if err := b.operations(); err != nil {
		return err
	}
	return b.confirm()
}

func (b *idleBench) certificate() error {
	cert, key, err := mailtest.Certificate(time.Now())
	if err != nil {
		return err
	}
	b.roots = x509.NewCertPool()
	b.roots.AppendCertsFromPEM(cert)
	return errors.Join(writeNew(filepath.Join(b.Dir, "tls.crt"), cert, 0o644), writeNew(filepath.Join(b.Dir, "tls.key"), key, 0o600))
}

func (b *idleBench) config() error {
	var err error
	if b.address, err = freeAddress(); err != nil {
		return err
	}
	text := fmt.Sprintf("gateway: {code: OCU, address: %s, phone: \"+000\", key_files: [keys/gateway.asc]}\nstorage_key_file: secrets/storage\n%s"+
		"websocket: {listen: %q, hosts: [127.0.0.1], tls_cert_file: tls.crt, tls_key_file: tls.key}\noperations: [operations/*.yaml]\n", benchAddress, b.mail, b.address)
	return os.WriteFile(filepath.Join(b.Dir, "gateway.yaml"), []byte(text), 0o600)
}

// operations writes the operations; their keys go straight into the store.
func (b *idleBench) operations() error {
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	for first := 0; first < b.Agents; first += idlePerOperation {
		op := &strings.Builder{}
		code, organiser := b.seat(first)
		fmt.Fprintf(op, "operation: %s\ntitle: Idle agents\norganiser: %s\nlegal_basis: NAPLES2\nphases:\n  preparation: {from: %s, to: %s}\n  operation: {from: %s, to: %s}\n  evaluation: {from: %s, to: %s}\ndesk: {phone: \"+000\"}\nparticipants:\n",
			code, organiser, day(-20), day(-1), day(0), day(6), day(7), day(30))
		for i := first; i < min(first+idlePerOperation, b.Agents); i++ {
			_, p := b.seat(i)
			fmt.Fprintf(op, "  - {code: %s, country: LV, class: eu-member, authority: Customs, reference: X, languages: [en], duty: {phone: \"+000\"}, addresses: [%s], channels: [{kind: websocket}]}\n", p, seatAddress(p))
		}
		if err := os.WriteFile(filepath.Join(b.Dir, "operations", string(code)+".yaml"), []byte(op.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// confirm makes the agents' keys and has them confirmed.
func (b *idleBench) confirm() error {
	s, err := (configFlag{Config: filepath.Join(b.Dir, "gateway.yaml")}).load()
	if err != nil {
		return err
	}
	s.opt.Log = slog.New(slog.DiscardHandler)
	st, err := s.serving(b.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	r := ring(st)
	b.keys = make([]*openpgp.SecretKey, b.Agents)
	group, ctx := errgroup.WithContext(b.ctx)
	group.SetLimit(64)
	for i := range b.keys {
		group.Go(func() error {
			op, p := b.seat(i)
			key, err := openpgp.Generate(openpgp.KeyOptions{Name: string(p), Address: "idle@bench.example", Created: time.Now().Add(-time.Hour)})
			if err != nil {
				return err
			}
			b.keys[i] = key
			if _, err := r.Propose(ctx, op, p, keyring.Proposal{Certificate: key.Certificate(), Source: "bench", By: "bench"}); err != nil {
				return err
			}
			_, err = r.Confirm(ctx, op, p, string(key.Certificate().Fingerprint()), "bench", "made by the bench")
			return err
		})
	}
	return group.Wait()
}

// connect opens all sessions, some at a time; they stay. handle hears what comes
// to the nth.
func (b *idleBench) connect(handle func(n int, d websocket.Delivery)) ([]*websocket.Client, error) {
	clients := make([]*websocket.Client, len(b.keys))
	group, ctx := errgroup.WithContext(b.ctx)
	group.SetLimit(16)
	for i, key := range b.keys {
		group.Go(func() error {
			op, p := b.seat(i)
			var err error
			clients[i], err = websocket.Dial(context.WithoutCancel(ctx), websocket.ClientOptions{URL: "wss://" + b.address + websocket.Path, Operation: op, Participant: p,
				Key: key, Gateways: []*openpgp.Certificate{b.gateway}, After: func() int64 { return 0 },
				Handle: func(_ context.Context, d websocket.Delivery) error { handle(i, d); return nil },
				TLS:    &tls.Config{RootCAs: b.roots, MinVersion: tls.VersionTLS12}, Log: slog.New(slog.DiscardHandler)})
			if n := b.connected.Add(1); n%1000 == 0 {
				b.say(b.app, "%d agents are connected", n)
			}
			return err
		})
	}
	return clients, group.Wait()
}
