package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
	"liaison/gateway/store"
)

// lives are the processes of a gateway that is killed and started again, one
// after the other. What they write is read after they are over.
type lives struct {
	l      *lab
	dies   func(life int) string // how each ends, "" for not at all
	deaths int
	flying int // deliveries that were under way at a death
	err    error
}

// lead keeps the gateway running as a service manager does, until ctx ends.
func (v *lives) lead(ctx context.Context) {
	for life := 0; ctx.Err() == nil; life++ {
		c := exec.CommandContext(ctx, os.Args[0])
		c.Env = append(os.Environ(), "LIAISON_MORTAL="+filepath.Join(v.l.dir, "gateway.yaml"), "LIAISON_CLOCK="+v.l.clockFile(), "LIAISON_DIES="+v.dies(life))
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return
		case !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL:
			v.err = fmt.Errorf("the gateway ended by itself: %w\n%s", err, out)
			return
		}
		v.deaths++
		n := 0
		text, err := os.ReadFile(filepath.Join(v.l.dir, flyingFile))
		if _, scanned := fmt.Sscan(string(text), &n); err != nil || scanned != nil {
			v.err = fmt.Errorf("what was under way at a death: %w", errors.Join(err, scanned))
			return
		}
		v.flying += n
	}
}

func (l *lab) clockFile() string { return filepath.Join(l.dir, "clock") }

// tally is what a run came to, for whoever compares two.
type tally struct {
	Calls map[operation.ParticipantCode]int // questions that were made
	Mails map[string]int                    // different mails that left, by whom they went to and the form in them
}

// survive examines with a gateway that lives these lives. It returns how the test
// did, and the mails that came again.
func survive(t *testing.T, exams []simulator.Exam, v *lives) (marks []simulator.Marks, got tally, repeats int, err error) {
	l, ends, err := newEmbeddedLab(&app{t.Context(), streams{strings.NewReader(""), io.Discard, os.Stderr}}, t.TempDir(), exams)
	if err != nil {
		return nil, got, 0, err
	}
	defer ends()
	ctx, stop := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	l.app = &app{ctx, l.streams}
	l.clock.turned = func(ahead time.Duration) {
		if err := l.tell(ahead); err != nil {
			t.Errorf("turn the gateway's clock: %v", err)
		}
	}
	v.l = l
	err = func() error {
		if err := l.furnish(group); err != nil {
			return err
		}
		err := l.st.Close() // the gateway's from now on
		if err != nil {
			return err
		}
		if l.st, err = store.OpenBeside(ctx, l.s.dsn, l.s.opt); err != nil {
			return err
		}
		defer l.st.Close()
		l.clock.turn(0)
		l.tests = newTests(l.s, l.st)
		if err := l.populate(group); err != nil {
			return err
		}
		group.Go(func() error { v.lead(ctx); return v.err })
		if marks, err = l.examine(); err == nil {
			got, repeats, err = l.tallied()
		}
		return err
	}()
	stop()
	_ = group.Wait() // what went wrong in it kept the examination from its end
	return marks, got, repeats, errors.Join(err, v.err)
}

// tell writes how far the clock is ahead where the gateway looks.
func (l *lab) tell(ahead time.Duration) error {
	fresh := l.clockFile() + ".new"
	if err := os.WriteFile(fresh, fmt.Append(nil, ahead.Milliseconds()), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, l.clockFile())
}

// tallied is what left: the questions by the record, the mails by the server that
// took them. A mail that came again has the Message-ID that it had.
func (l *lab) tallied() (tally, int, error) {
	out, repeats := tally{map[operation.ParticipantCode]int{}, map[string]int{}}, 0
	runs, err := l.st.TestRuns(l.ctx, l.op.Code)
	if err != nil {
		return out, 0, err
	}
	for _, e := range l.exams {
		party, err := l.st.TestParty(l.ctx, runs[0].ID, e.Code)
		if err != nil {
			return out, 0, err
		}
		if !party.Ended {
			return out, 0, fmt.Errorf("%s (%s) is forgotten: its part has not ended", e.Code, e.Name())
		}
		out.Calls[e.Code] = len(party.Probes)
	}
	seen := map[string]bool{}
	for _, m := range l.post.(*embedded).server.Submitted() {
		if m.User != demoGateway {
			continue
		}
		id := field(string(m.Raw), "Message-ID")
		if seen[id] {
			repeats++
			continue
		}
		seen[id] = true
		d, err := l.st.Delivery(l.ctx, gateway.DeliveryID(id[1:strings.Index(id, "@")]))
		if err != nil {
			return out, 0, fmt.Errorf("the delivery of mail %s: %w", id, err)
		}
		if d.Type != "ACK" { // who reads a mail twice may answer twice, and is answered
			out.Mails[m.To[0]+" "+d.Type]++
		}
	}
	return out, repeats, nil
}

// fateful are participants with and without faults: calls over every channel,
// answers at once and late, reminders, the deputy, other styles, a bounce.
func fateful() []simulator.Exam {
	exams := []simulator.Exam{{Kind: operation.PGPMail}, {Kind: operation.WebSocket, More: []operation.ChannelKind{operation.PGPMail}}, {Kind: operation.Mail}}
	for _, f := range simulator.Faults() {
		switch f.Name {
		case "out of office, and the deputy answers", "the mail lies in the spam folder", "a bounce comes after the server took it",
			"greylisting", "the answer comes after the deadline", "PGP/MIME is garbled on the way there", "the system answers, no person does":
			exams = append(exams, simulator.Exam{Kind: f.Kind, Faults: []simulator.Fault{f}})
		}
	}
	return exams
}

func TestRunOfARealGatewayGoesOnWhereverItIsKilled(t *testing.T) {
	exams := fateful()
	if len(exams) != 10 {
		t.Fatalf("%d participants; want 10: the laboratory's faults have other names", len(exams))
	}
	mostLives := 16
	if racing || testing.Short() {
		mostLives = 8 // a start takes long then
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 4))
	var undisturbed, disturbed lives
	undisturbed.dies = func(int) string { return "" }
	disturbed.dies = func(life int) string {
		switch {
		case life >= mostLives: // it has to end some time
			return ""
		case life%2 == 0:
			return fmt.Sprint("#", 1+chance.IntN(12))
		}
		return fmt.Sprint("@", time.Duration(100+chance.IntN(1500))*time.Millisecond)
	}
	var whole, got tally
	var marks []simulator.Marks
	var repeats int
	var group errgroup.Group
	group.Go(func() (err error) { _, whole, _, err = survive(t, exams, &undisturbed); return err })
	group.Go(func() (err error) { marks, got, repeats, err = survive(t, exams, &disturbed); return err })
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d deaths, %d mails under way at one, %d came again", disturbed.deaths, disturbed.flying, repeats)
	judged(t, marks, len(exams))
	if diff := cmp.Diff(whole, got); diff != "" {
		t.Errorf("what left without a death, and with %d (-without +with):\n%s", disturbed.deaths, diff)
	}
	if repeats > disturbed.flying {
		t.Errorf("%d mails came again; want at most the %d that were under way at a death", repeats, disturbed.flying)
	}
	if disturbed.deaths < mostLives/2 {
		t.Errorf("the gateway died %d times; want it killed again and again", disturbed.deaths)
	}
}
