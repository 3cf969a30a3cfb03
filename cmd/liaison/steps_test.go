package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
	"liaison/gateway/store"
)

// mortal is a record whose process ends by SIGKILL: at a step ("after Accept 1"
// is the moment when the first Accept is committed and nobody was told), at the
// seventh step whichever it is ("#7"), or at a moment ("@350ms"). It writes every
// step that it came by into a file, and when it dies how many deliveries were
// under way: taken up, and not recorded as done.
type mortal struct {
	record
	dies  string
	dir   string
	steps *os.File

	mu     sync.Mutex // guards what follows
	seen   map[string]int
	lived  int  // steps
	doomed bool // it dies as soon as it may
	flying int
	spared map[*gateway.Inbound]bool // on their second try: at the third offer they are set aside unopened, as they should be
}

const flyingFile = "flying"

func (m *mortal) step(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[name]++
	m.lived++
	name = fmt.Sprintf("%s %d", name, m.seen[name])
	fmt.Fprintln(m.steps, name)
	m.doomed = m.doomed || name == m.dies || fmt.Sprint("#", m.lived) == m.dies
	m.die()
}

// die is called under the lock. It never returns where the process has to die.
func (m *mortal) die() {
	if !m.doomed || len(m.spared) > 0 {
		return
	}
	_ = os.WriteFile(filepath.Join(m.dir, flyingFile), []byte(fmt.Sprint(m.flying)), 0o600) // who judges misses it
	p, _ := os.FindProcess(os.Getpid())                                                     // on Unix it is always found
	_ = p.Kill()
	select {} // nothing more happens in this process
}

// doom lets the process die at its moment, where it has one.
func (m *mortal) doom() {
	if after, err := time.ParseDuration(strings.TrimPrefix(m.dies, "@")); err == nil {
		time.AfterFunc(after, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.doomed = true
			m.die()
		})
	}
}

func (m *mortal) Offer(ctx context.Context, in *gateway.Inbound) (int, *gateway.Receipt, error) {
	n, r, err := m.record.Offer(ctx, in)
	if n > 1 && r == nil {
		m.mu.Lock()
		m.spared[in] = true
		m.mu.Unlock()
	}
	m.step("after Offer")
	return n, r, err
}

func (m *mortal) Accept(ctx context.Context, in *gateway.Inbound, decide func(gateway.Ledger) (*gateway.Decision, error)) (*gateway.Receipt, error) {
	r, err := m.record.Accept(ctx, in, decide)
	m.mu.Lock()
	delete(m.spared, in)
	m.mu.Unlock()
	m.step("after Accept")
	return r, err
}

func (m *mortal) Claim(ctx context.Context, want gateway.Want, now time.Time) ([]gateway.Delivery, error) {
	ds, err := m.record.Claim(ctx, want, now)
	if len(ds) > 0 {
		m.mu.Lock()
		m.flying += len(ds)
		m.mu.Unlock()
		m.step("after Claim")
	}
	return ds, err
}

func (m *mortal) Number(ctx context.Context, session string, id gateway.DeliveryID) (int64, error) {
	n, err := m.record.Number(ctx, session, id)
	m.step("after Number")
	return n, err
}

func (m *mortal) Finish(ctx context.Context, a *gateway.Attempt, then func(gateway.Ledger) (*gateway.Decision, error)) error {
	m.step("after Send, before Finish")
	err := m.record.Finish(ctx, a, then)
	m.mu.Lock()
	m.flying--
	m.mu.Unlock()
	m.step("after Finish")
	return err
}

func (m *mortal) Acknowledge(ctx context.Context, op operation.Code, p operation.ParticipantCode, seq int64, by string) ([]gateway.DeliveryID, error) {
	ids, err := m.record.Acknowledge(ctx, op, p, seq, by)
	m.step("after Acknowledge")
	return ids, err
}

// mortalTests are the steps of communications tests on a mortal record.
type mortalTests struct {
	*store.Store
	m *mortal
}

func (t mortalTests) ClaimDue(ctx context.Context, kinds []string, limit int, now time.Time) ([]gateway.Due, error) {
	list, err := t.Store.ClaimDue(ctx, kinds, limit, now)
	if slices.ContainsFunc(list, func(d gateway.Due) bool { return d.Kind == gateway.DueTest || d.Kind == gateway.DueRun }) {
		t.m.step("after ClaimDue")
	}
	return list, err
}

func (t mortalTests) FinishDue(ctx context.Context, d gateway.Due, decide func(gateway.Ledger) (*gateway.Decision, time.Time, error)) error {
	err := t.Store.FinishDue(ctx, d, decide)
	if d.Kind == gateway.DueTest || d.Kind == gateway.DueRun {
		t.m.step("after FinishDue")
	}
	return err
}

// serveMortal is "liaison serve" on a mortal record, in a child process; by a
// clock that somebody else turns where a file says how far.
func serveMortal(config, dies, clock string) error {
	a := &app{context.Background(), streams{os.Stdin, os.Stdout, os.Stderr}}
	s, err := configFlag{Config: config}.load()
	if err != nil {
		return err
	}
	s.opt.Log = slog.New(slog.NewTextHandler(a.err, nil))
	st, err := store.Open(a.ctx, s.dsn, s.opt)
	if err != nil {
		return err
	}
	if clock != "" {
		s.opt.Clock = turned(clock)
	}
	steps, err := os.OpenFile(filepath.Join(filepath.Dir(config), "steps"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	m := &mortal{record: st, dies: dies, dir: filepath.Dir(config), steps: steps, seen: map[string]int{}, spared: map[*gateway.Inbound]bool{}}
	n, err := newNode(a.ctx, s, st, m)
	if err != nil {
		return err
	}
	n.tests.Clock, n.tests.Record = mortalTests{st, m}, mortalTests{st, m}
	m.doom()
	return n.run(a)
}

// hall is a room with an agent, LV, and two officers with mail programs, EE and
// FI, whose mail comes over LMTP.
type hall struct {
	*room
	mails   *sink
	lmtp    string
	smtp    string
	ee      simulator.Participant
	repeats int // mails that came again so far
}

const eeAddress = "officer@ee.example"

func newHall(t *testing.T) *hall {
	t.Helper()
	h := &hall{room: newRoom(t, "LV")}
	mails, smtpAddress := startSink(t)
	h.mails, h.smtp = mails, smtpAddress
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.lmtp = l.Addr().String()
	l.Close()
	h.write("gw/gateway.yaml", h.read("gw/gateway.yaml")+fmt.Sprintf("mail:\n  smtp: {url: \"smtp+insecure://%s\"}\n  lmtp: {listen: %q}\n", smtpAddress, h.lmtp))
	op := h.read("gw/operations/operation.yaml")
	for _, p := range []string{"EE", "FI"} {
		address := "officer@" + strings.ToLower(p) + ".example"
		h.ok("key", "generate", "--name", p, "--address", address, "--out", h.path(p+".asc"))
		op += fmt.Sprintf("  - {code: %[1]s, country: %[1]s, class: eu-member, authority: Customs, reference: JCO, languages: [en], duty: {phone: \"+000\"},\n"+
			"     keys: [{file: ../../%[1]s.asc.cert.asc, role: shared}], addresses: [%[2]s], channels: [{kind: pgp-mail, address: %[2]s}]}\n", p, address)
	}
	h.write("gw/operations/operation.yaml", op)
	h.ok("operation", "apply", "-c", h.path("gw/gateway.yaml"))
	h.ee = simulator.Participant{Code: "EE", Address: eeAddress, To: unit, Key: h.key("EE"), Gateway: h.certificate("gw/keys/gateway.cert.asc")}
	for _, p := range []string{"EE", "FI"} {
		h.ok("key", "confirm", "-c", h.path("gw/gateway.yaml"), "OP-001", p, string(h.key(p).Certificate().Fingerprint()), "--how", "read back in a test")
	}
	return h
}

func (r *room) key(participant string) *openpgp.SecretKey {
	r.t.Helper()
	keys, err := openpgp.ParseSecretKeys([]byte(r.read(participant+".asc")), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return keys[0]
}

func (r *room) certificate(file string) *openpgp.Certificate {
	r.t.Helper()
	certs, err := openpgp.ParseCertificates([]byte(r.read(file)))
	if err != nil {
		r.t.Fatal(err)
	}
	return certs[0]
}

// supervise keeps the gateway running as a service manager does: it dies at the
// step, if it comes by, and is started again. The returned function ends it.
func (h *hall) supervise(dies string) (end func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			c := exec.CommandContext(ctx, os.Args[0])
			c.Env = append(os.Environ(), "LIAISON_MORTAL="+h.path("gw/gateway.yaml"), "LIAISON_DIES="+dies)
			out, err := c.CombinedOutput()
			if ctx.Err() == nil && dies == "" {
				h.t.Errorf("the gateway ended by itself: %v\n%s", err, out)
				return
			}
			dies = ""
		}
	}()
	return func() { cancel(); <-ended }
}

// send hands EE's mail to the gateway until it says 250, as a mail server does.
func (h *hall) send(raw []byte) {
	h.t.Helper()
	h.until("the gateway takes EE's mail", func() bool { return offerLMTP(h.lmtp, eeAddress, string(raw)) == nil })
}

func offerLMTP(address, from, raw string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // a loopback connection takes deadlines
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	w, err := func() (*smtp.DataCommand, error) {
		if err := c.Hello("mx.example"); err != nil {
			return nil, err
		}
		if err := c.Mail(from, nil); err != nil {
			return nil, err
		}
		if err := c.Rcpt(unit, nil); err != nil {
			return nil, err
		}
		return c.Data()
	}()
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(raw))
	_, closed := w.CloseWithLMTPResponse()
	return errors.Join(err, closed)
}

// exchange lets EE send a form to LV and FI, and LV one to EE, and returns after
// all is delivered, answered and confirmed.
func (h *hall) exchange(round int) {
	h.t.Helper()
	text := strings.NewReplacer("LV-JCO", "EE-JCO", "A7: [PL]", "A7: [LV, FI]").Replace(fmt.Sprintf(seizure, round, round))
	raw, err := h.ee.Write(text, fmt.Sprintf("%d@ee.example", round), "", time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	h.send(raw)
	h.drop("LV", fmt.Sprintf("form%d.txt", round), strings.Replace(fmt.Sprintf(seizure, round, round), "A7: [PL]", "A7: [EE]", 1))
	h.until("LV has EE's form and the answer to its own", func() bool {
		return len(h.files(fmt.Sprintf("LV/in/EE-JCO-2026-9%05d/form.json", round))) == 1 && len(h.files(fmt.Sprintf("LV/out/sent/form%d*.answer.json", round))) == 1
	})
	h.until("every delivery has left", func() bool {
		out := h.ok("forms", "list", "--json", "--limit", "1000", "-c", h.path("gw/gateway.yaml"))
		return strings.Count(out, `"state":"handed over"`) == 2*round && strings.Count(out, `"state":"confirmed by system"`) == round
	})
	h.until("EE has its answer", func() bool {
		return h.mails.find("To-Envelope: "+eeAddress, fmt.Sprintf("In-Reply-To: <%d@ee.example>", round)) != ""
	})
}

func TestDeathBetweenAnyTwoStepsLosesNothingAndRepeatsOnlyWhatMayHaveLeft(t *testing.T) {
	h := newHall(t)
	h.exchangeDying("", 1)
	steps := strings.Split(strings.TrimSpace(h.read("gw/steps")), "\n")
	slices.Sort(steps)
	for i, step := range steps {
		h.exchangeDying(step, i+2)
	}
	for _, kind := range []string{"after Offer", "after Accept", "after Claim", "after Number", "after Send, before Finish", "after Finish", "after Acknowledge"} {
		if !slices.Contains(steps, kind+" 1") {
			t.Errorf("the steps of an exchange are %q; want %s among them", steps, kind)
		}
	}
	if out := h.ok("audit", "verify", "-c", h.path("gw/gateway.yaml")); !strings.Contains(out, "holds") {
		t.Errorf("audit verify = %s; want a log that holds", out)
	}
}

// exchangeDying is an exchange during which the gateway dies at a step; the
// agent begins anew too, so that no round waits for its backoff.
func (h *hall) exchangeDying(step string, round int) {
	h.t.Helper()
	end := h.supervise(step)
	agent := h.start("agent", "-c", h.path("LV/agent.yaml"))
	h.exchange(round)
	end()
	kill(agent)
	h.judge(step, round)
}

// judge compares what came out of the rounds so far with what was sent: three
// mails a round and a form in LV's folder, and no more repeats than deliveries
// that were under way at the death.
func (h *hall) judge(step string, rounds int) {
	h.t.Helper()
	copies := h.mails.copies()
	if len(copies) != 3*rounds {
		h.t.Errorf("death %s: %d different mails after %d rounds; want %d", step, len(copies), rounds, 3*rounds)
	}
	repeats := 0
	for _, n := range copies {
		repeats += n - 1
	}
	flying := 0
	if b, err := os.ReadFile(h.path("gw/" + flyingFile)); err == nil { // it did come by that step
		_, _ = fmt.Sscan(string(b), &flying) // none where it can't be read
		_ = os.Remove(h.path("gw/" + flyingFile))
	}
	if repeats > h.repeats+flying {
		h.t.Errorf("death %s: %d mails came again; want at most the %d under way", step, repeats-h.repeats, flying)
	}
	h.repeats = repeats
	if got := len(h.files("LV/in/EE-*")); got != rounds {
		h.t.Errorf("death %s: LV has %d forms after %d rounds; want %d", step, got, rounds, rounds)
	}
}
