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
	if l.st, err = l.s.serving(l.ctx); err != nil {
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

// neighbours lets those who sign with another participant's key do so.
func (l *lab) neighbours() error {
	var good *openpgp.SecretKey // of somebody whose key has no fault
	for _, e := range l.exams {
		if c := l.casts[e.Code]; c.Key == (simulator.Keys{}) && c.Confirmed == "" && c.Next == "" && l.officers[address(e.Code)].Key != nil {
			good = l.officers[address(e.Code)].Key
			break
		}
	}
	for _, e := range l.exams {
		if l.casts[e.Code].Key.Signs != "neighbour" {
			continue
		}
		if good == nil {
			return wrongf("%s: nobody is here whose key could sign for it", e.Name())
		}
		l.officers[address(e.Code)].Signs = good
	}
	return nil
}

// examine runs the test over all participants and returns how it did.
func (l *lab) examine() ([]simulator.Marks, error) {
	if err := l.neighbours(); err != nil {
		return nil, err
	}
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
