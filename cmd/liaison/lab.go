package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
	"liaison/gateway/store"
)

// post is the mail servers between the gateway of the laboratory and its
// participants.
type post interface {
	// Config is the mail section of gateway.yaml. The gateway's mail for lab.example
	// goes to the LMTP listener at participants.
	Config(participants string) (string, error)
	// Submit sends a mail to the gateway's servers; from is "" for the null sender.
	Submit(from, to string, raw []byte) error
	// Held counts the mails that the servers have taken and not handed on; refused
	// are those that a participant refused for now and takes at the next try.
	Held(refused int) (int, error)
}

// labClock is a clock that the laboratory turns on.
type labClock struct {
	turned func(ahead time.Duration) // is told, where it isn't nil

	mu     sync.Mutex // guards offset
	offset time.Duration
}

func (c *labClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *labClock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	if c.turned != nil {
		c.turned(c.offset)
	}
}

// lab is the fault laboratory: a gateway as "liaison serve" runs it, and
// participants with faults around it.
type lab struct {
	*app
	dir   string
	post  post
	clock labClock
	s     *setup
	st    *store.Store
	node  *node
	tests *commtest.Runner
	op    *operation.Operation
	exams []simulator.Exam
	casts map[operation.ParticipantCode]*simulator.Cast

	participants string // address of the LMTP listener of all participants
	officers     map[string]*labOfficer
	work         chan func()

	mu    sync.Mutex // guards the rest
	moved bool       // anything happened
	busy  int
	later []laterSent
}

// labOfficer is a simulated labOfficer; one thing at a time.
type labOfficer struct {
	sync.Mutex
	*simulator.Officer
	code    operation.ParticipantCode
	plain   bool
	refused int  // mails, so far
	taken   bool // one, since
}

type laterSent struct {
	at   time.Time
	send func()
}

const (
	labOperation = "OP-LAB"
	labTerm      = 4 * time.Hour
	labTick      = 50 * time.Millisecond
	labCalm      = 20               // ticks in a row in which nothing happens are rest
	labPatience  = 10 * time.Minute // for the laboratory to come to rest
)

// newLab makes a laboratory with one participant for each exam.
func newLab(a *app, dir string, p post, exams []simulator.Exam) *lab {
	l := &lab{app: a, dir: dir, post: p, exams: slices.Clone(exams), casts: map[operation.ParticipantCode]*simulator.Cast{}, officers: map[string]*labOfficer{}, work: make(chan func(), 1024)}
	for i := range l.exams {
		l.exams[i].Code = operation.ParticipantCode(fmt.Sprintf("P%04d", i+1))
		l.casts[l.exams[i].Code] = l.exams[i].Cast()
	}
	return l
}

func address(code operation.ParticipantCode) string {
	return strings.ToLower(string(code)) + "@lab.example"
}

// open sets everything up and starts the gateway and the participants.
func (l *lab) open(group *errgroup.Group) (err error) {
	if err := l.furnish(group); err != nil {
		return err
	}
	if l.node, err = newNode(l.ctx, l.s, l.st, l.st); err != nil {
		return err
	}
	l.node.watch, l.tests = func(gateway.Event) { l.touch() }, l.node.tests
	group.Go(func() error { defer l.st.Close(); return l.node.run(l.quiet()) })
	return l.populate(group)
}

// quiet is the laboratory without its output.
func (l *lab) quiet() *app { return &app{l.ctx, streams{l.in, io.Discard, l.err}} }

// furnish sets everything up before the gateway starts: its files and its record,
// the mail servers, the operation.
func (l *lab) furnish(group *errgroup.Group) error {
	quiet := l.quiet()
	if err := (initCmd{Dir: l.dir, Code: "OCU", Address: demoGateway}).Run(quiet); err != nil {
		return err
	}
	if err := l.ownKey(); err != nil {
		return err
	}
	if err := l.listen(group); err != nil {
		return err
	}
	mails, err := l.post.Config(l.participants)
	if err != nil {
		return err
	}
	channel, err := demoAddress("127.0.0.1:0")
	if err != nil {
		return err
	}
	text := strings.NewReplacer("CHANNEL", channel, "MAIL", mails).Replace(labConfig)
	if err := errors.Join(os.WriteFile(filepath.Join(l.dir, "gateway.yaml"), []byte(text), 0o600), os.Remove(filepath.Join(l.dir, "operations/operation.yaml"))); err != nil {
		return err
	}
	if l.s, err = (configFlag{Config: filepath.Join(l.dir, "gateway.yaml")}).load(); err != nil {
		return err
	}
	l.s.opt.Clock, l.s.opt.Log = l.clock.Now, slog.New(slog.NewTextHandler(l.err, &slog.HandlerOptions{Level: slog.LevelError}))
	if l.st, err = store.Open(l.ctx, l.s.dsn, l.s.opt); err != nil {
		return err
	}
	return l.people()
}

// populate lets the participants work, and connects their systems.
func (l *lab) populate(group *errgroup.Group) error {
	for range 4 {
		group.Go(func() error { l.labour(l.ctx); return nil })
	}
	return l.connect(group)
}

// within opens the laboratory, does something in it, and closes it again.
func (l *lab) within(do func() error) error {
	ctx, stop := context.WithCancel(l.ctx)
	group, ctx := errgroup.WithContext(ctx)
	l.app = &app{ctx, l.streams}
	err := l.open(group)
	if err == nil {
		err = do()
	}
	stop()
	if ended := group.Wait(); err == nil && ended != nil && !errors.Is(ended, context.Canceled) {
		err = ended
	}
	return err
}

// ownKey gives the gateway a key that is some days old: participants' clocks may
// be behind.
func (l *lab) ownKey() error {
	key, err := simulator.NewKey("OCU", demoGateway, simulator.Keys{}, l.clock.Now(), l.clock.Now())
	if err != nil {
		return err
	}
	secret, err := key.Armored(nil)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.dir, "keys/gateway.asc"), secret, 0o600)
}

const labConfig = `gateway: {code: OCU, address: ocu@gateway.example, phone: "+000 000 000", key_files: [keys/gateway.asc]}
store: sqlite:data/liaison.db
storage_key_file: secrets/storage
mail:
  authserv_id: mx.gateway.example
MAIL
websocket: {listen: "CHANNEL", hosts: [127.0.0.1]}
operations: [operations/*.yaml]
`

// people makes the operation with all participants, their keys and officers.
func (l *lab) people() error {
	now := l.clock.Now()
	day := func(n int) string { return now.UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	var yaml strings.Builder
	fmt.Fprintf(&yaml, "operation: %s\ntitle: The fault laboratory; everyone in it is invented\norganiser: OCU\nlegal_basis: NAPLES2\nphases:\n  preparation: {from: %s, to: %s}\n  operation: {from: %s, to: %s}\n  evaluation: {from: %s, to: %s}\n"+
		"tests: {schedule: [], heartbeat: none}\ndesk: {phone: \"+000 000 000\"}\nparticipants:\n", labOperation, day(-10), day(30), day(31), day(37), day(38), day(60))
	for _, e := range l.exams {
		yaml.WriteString(participantYAML(e, l.casts[e.Code]))
	}
	op, problems := operation.Parse([]byte(yaml.String()), "laboratory")
	if op == nil {
		return fmt.Errorf("the laboratory's operation: %v", problems)
	}
	l.op = op
	if err := l.st.ApplyOperation(l.ctx, op, []byte(yaml.String()), audit("operation applied", "laboratory", op.Code, "")); err != nil {
		return err
	}
	ring := keyring.New(l.st, func() time.Time { return now.Add(-36 * time.Hour) }) // keys were confirmed while they served
	stranger, err := simulator.NewKey("stranger", "stranger@private.example", simulator.Keys{}, now, now)
	if err != nil {
		return err
	}
	makers, ctx := errgroup.WithContext(l.ctx)
	makers.SetLimit(8)
	for _, e := range l.exams {
		makers.Go(func() error { return l.person(ctx, e, ring, stranger, now) })
	}
	return makers.Wait()
}

func participantYAML(e simulator.Exam, c *simulator.Cast) string {
	at := address(e.Code)
	var channels []string
	for _, kind := range append([]operation.ChannelKind{e.Kind}, e.More...) {
		switch {
		case kind == operation.WebSocket:
			channels = append(channels, "{kind: websocket}")
		case kind == operation.Mail && e.Kind != operation.Mail:
			channels = append(channels, fmt.Sprintf("{kind: mail, address: plain-%s}", at))
		default:
			channels = append(channels, fmt.Sprintf("{kind: %s, address: %s}", kind, at))
		}
	}
	contacts := ""
	if c.Contacts {
		contacts = fmt.Sprintf(" contacts: [{name: A. Invented, email: contact-%s, deputy: B. Invented}, {name: B. Invented, email: deputy-%s}],", at, at)
	}
	return fmt.Sprintf("  - {code: %s, class: third-country, authority: Laboratory, reference: LAB, languages: [en], duty: {phone: \"+000 %s\"},%s addresses: [%s], channels: [%s]}\n", e.Code, e.Code[1:], contacts, at, strings.Join(channels, ", "))
}

// person makes one participant's keys and labOfficer.
func (l *lab) person(ctx context.Context, e simulator.Exam, ring *keyring.Ring, stranger *openpgp.SecretKey, now time.Time) error {
	c, at := l.casts[e.Code], address(e.Code)
	o := &simulator.Officer{Participant: simulator.Participant{Code: string(e.Code), Address: at, To: demoGateway, Gateway: l.s.keys[0].Certificate()}, Habits: c.Habits, Stranger: stranger.Certificate()}
	for i := range c.People {
		o.People = append(o.People, string(rune('A'+i))+"X")
	}
	if c.Contacts {
		o.Deputy = "deputy-" + at
	}
	l.mu.Lock()
	l.officers[at] = &labOfficer{Officer: o, code: e.Code, plain: e.Kind == operation.Mail}
	if slices.Contains(e.More, operation.Mail) { // another desk, with plain mail alone
		open := *o
		open.Address = "plain-" + at
		l.officers[open.Address] = &labOfficer{Officer: &open, code: e.Code, plain: true}
	}
	l.mu.Unlock()
	if e.Kind == operation.Mail {
		return nil
	}
	key, err := simulator.NewKey(string(e.Code), at, c.Key, now, l.op.Phases.Operation.From.Time)
	if err != nil {
		return err
	}
	o.Key = key
	if c.Key.Sees {
		o.Sees = stranger
	}
	if c.Key.Signs == "other" {
		o.Signs = stranger
	}
	if c.Confirmed == "none" {
		return nil
	}
	if _, err := ring.Propose(ctx, l.op.Code, e.Code, keyring.Proposal{Certificate: key.Certificate(), Source: "laboratory", By: "laboratory"}); err != nil {
		return err
	}
	fp := string(key.Certificate().Fingerprint())
	switch c.Confirmed {
	case "proposed":
		return nil
	case "blocked":
		return ring.Block(ctx, l.op.Code, e.Code, fp, "laboratory", "the laboratory wants it so")
	}
	_, err = ring.Confirm(ctx, l.op.Code, e.Code, fp, "laboratory", "the laboratory made it")
	return err
}

// neighbours lets those who sign with another participant's key do so.
func (l *lab) neighbours() {
	var good *openpgp.SecretKey
	for _, e := range l.exams {
		if o := l.officers[address(e.Code)]; len(e.Faults) == 0 && o.Key != nil {
			good = o.Key
			break
		}
	}
	for _, e := range l.exams {
		if l.casts[e.Code].Key.Signs == "neighbour" {
			l.officers[address(e.Code)].Signs = good
		}
	}
}

// touch says that something happened.
func (l *lab) touch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = true
}

// labour does the participants' work.
func (l *lab) labour(ctx context.Context) {
	for {
		select {
		case do := <-l.work:
			do()
			l.mu.Lock()
			l.busy--
			l.moved = true
			l.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// queue lets something be done by a worker.
func (l *lab) queue(do func()) {
	l.mu.Lock()
	l.busy++
	l.moved = true
	l.mu.Unlock()
	select {
	case l.work <- do:
	case <-l.ctx.Done():
	}
}

// schedule lets something be sent at a time of the laboratory's.
func (l *lab) schedule(after time.Duration, send func()) {
	if after <= 0 {
		l.queue(send)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.later = append(l.later, laterSent{l.clock.Now().Add(after), send})
}

// release queues what is to be sent by now.
func (l *lab) release() {
	now := l.clock.Now()
	l.mu.Lock()
	var due []laterSent
	l.later = slices.DeleteFunc(l.later, func(s laterSent) bool {
		if s.at.After(now) {
			return false
		}
		due = append(due, s)
		return true
	})
	l.mu.Unlock()
	for _, s := range due {
		l.queue(s.send)
	}
}

// settle waits until nothing happens any more. It counts ticks that it came by
// and not time: a busy machine lets the laboratory and this loop wait alike.
func (l *lab) settle() error {
	ctx, stop := context.WithTimeout(l.ctx, labPatience)
	defer stop()
	tick := time.NewTicker(labTick)
	defer tick.Stop()
	for calm := 0; calm < labCalm; calm++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the laboratory doesn't come to rest: %w", ctx.Err())
		}
		l.release()
		stirs, err := l.stirs(ctx, calm)
		if err != nil {
			return err
		}
		if stirs {
			calm = -1
		}
	}
	return nil
}

// stirs reports whether anything happened since it was asked last. After a while
// in which nothing did it asks the mail servers and the record too, behind all
// that is being written: what they hold moves on by itself.
func (l *lab) stirs(ctx context.Context, calm int) (bool, error) {
	l.mu.Lock()
	stirs := l.moved || l.busy > 0
	l.moved = false
	l.mu.Unlock()
	if stirs || calm%(labCalm/2) != labCalm/2-1 {
		return stirs, nil
	}
	if held, err := l.post.Held(l.refusedForNow()); held > 0 || err != nil {
		return true, err
	}
	if _, err := l.st.Lease(ctx, "laboratory", time.Minute); err != nil {
		return false, err
	}
	n, err := l.st.Outstanding(ctx, l.clock.Now())
	if n > 0 || err != nil || !l.sound() {
		return n > 0, err
	}
	depths, err := l.st.Depths(ctx)
	return slices.ContainsFunc(depths, func(d store.Depth) bool { return d.Queue == "delivery "+string(operation.WebSocket) }), err
}

// sound reports whether every system takes what it is sent.
func (l *lab) sound() bool {
	for _, c := range l.casts {
		if c.Connection != "" {
			return false
		}
	}
	return true
}

// pass lets time pass, and waits for what happens because of it.
func (l *lab) pass(d time.Duration) error {
	l.clock.turn(d)
	return l.settle()
}

// examine runs the test over all participants and returns how it did.
func (l *lab) examine() ([]simulator.Marks, error) {
	l.neighbours()
	order := commtest.Order{Cause: "rehearsal", By: "laboratory", Mode: "TEST", Priority: gateway.Routine, Deadline: operation.Term{Time: labTerm}}
	if err := l.rehearseBefore(order); err != nil {
		return nil, err
	}
	if _, err := l.tests.Start(l.ctx, l.op, order, commtest.Selection{}); err != nil {
		return nil, err
	}
	if err := l.settle(); err != nil {
		return nil, err
	}
	if err := l.callBack(); err != nil {
		return nil, err
	}
	for _, wait := range []time.Duration{3 * time.Minute, 30 * time.Minute, 90 * time.Minute, time.Hour, 40 * time.Minute, 20 * time.Minute, 90 * time.Minute, 4 * time.Hour} {
		if err := l.pass(wait); err != nil {
			return nil, err
		}
	}
	return l.grade()
}

// rehearseBefore lets those who will answer with an old answer give one.
func (l *lab) rehearseBefore(order commtest.Order) error {
	var sel commtest.Selection
	for code, c := range l.casts {
		if c.Replays {
			sel.Participants = append(sel.Participants, code)
		}
	}
	if len(sel.Participants) == 0 {
		return nil
	}
	if _, err := l.tests.Start(l.ctx, l.op, order, sel); err != nil {
		return err
	}
	for _, wait := range []time.Duration{0, 3 * time.Minute, 6 * time.Hour} {
		if err := l.pass(wait); err != nil {
			return err
		}
	}
	for _, code := range sel.Participants {
		o := l.officers[address(code)]
		o.Lock()
		o.Replay = true
		o.Unlock()
	}
	return nil
}

// callBack calls plain partners back, as the unit does.
func (l *lab) callBack() error {
	runs, err := l.st.TestRuns(l.ctx, l.op.Code)
	if err != nil {
		return err
	}
	d := &gateway.Decision{Operation: l.op.Code}
	for _, e := range l.exams {
		if c := l.casts[e.Code]; e.Kind == operation.Mail && c.Calls != "none" {
			d.Tests.Heard = append(d.Tests.Heard, gateway.Hearing{Run: runs[0].ID, Operation: l.op.Code, Participant: e.Code, At: l.clock.Now(), Kind: gateway.HeardCall,
				Caller: "laboratory", SpokeTo: "B. Invented", Number: "+000 " + string(e.Code[1:]), WrongBy: c.Calls == "stranger"})
		}
	}
	if len(d.Tests.Heard) == 0 {
		return nil
	}
	return l.st.Record(l.ctx, func(gateway.Ledger) (*gateway.Decision, error) { return d, nil })
}

// grade compares what the test found with the labels.
func (l *lab) grade() ([]simulator.Marks, error) {
	b := &testBench{app: l.app, s: l.s, st: l.st, op: l.op, runner: l.tests}
	standing, err := b.standing(nil)
	if err != nil {
		return nil, err
	}
	var out []simulator.Marks
	for _, e := range l.exams {
		s := standing.Stand(l.op.Participant(e.Code))
		found := simulator.Found{Ready: s.Passes(), Step: -1}
		for _, x := range s.Result.Cells {
			if low, failed := x.Fails(); failed && found.Step < 0 {
				found.Step = int(low)
			}
			for _, f := range x.Findings {
				found.Codes = append(found.Codes, string(f.Code))
			}
		}
		out = append(out, e.Grade(found))
	}
	return out, nil
}
