package websocket

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liaison/gateway"
)

// brittle is a connection that breaks after some bytes.
type brittle struct {
	net.Conn
	left atomic.Int64
}

func (b *brittle) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.left.Add(-int64(n)) < 0 {
		b.Conn.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// keep runs a participant's end that comes back until the test ends.
func (l *lab) keep(opt ClientOptions) *current {
	c := new(current)
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() {
		over <- Run(ctx, opt, Backoff{First: time.Millisecond, Most: 2 * time.Millisecond}, func(x *Client) { c.client.Store(x) }, nil)
	}()
	l.t.Cleanup(func() {
		stop()
		if err := <-over; err != nil {
			l.t.Errorf("Run = %v; want nil at its end", err)
		}
	})
	return c
}

// current is the client of the connection that lives.
type current struct{ client atomic.Pointer[Client] }

// submit submits until there is an answer.
func (c *current) submit(ctx context.Context, id, message string) (*Answer, error) {
	for ctx.Err() == nil {
		if x := c.client.Load(); x != nil {
			a, err := x.Submit(ctx, id, []byte(message))
			var e *RemoteError
			if err == nil || errors.As(err, &e) && e.Final() {
				return a, err
			}
		}
		<-time.After(time.Millisecond)
	}
	return nil, ctx.Err()
}

// TestFaultsOfTheRecordLoseAndRepeatNothing lets each call of the record fail
// once, also such that it was recorded and only the answer is lost.
func TestFaultsOfTheRecordLoseAndRepeatNothing(t *testing.T) {
	const forms = 12
	for _, method := range []string{"OpenSession", "CloseSession", "Number", "Numbered", "Acknowledge", "Offer", "Answer", "Render"} {
		for _, recorded := range []bool{false, true} {
			for _, at := range []int{1, 2} {
				t.Run(fmt.Sprintf("%s %d recorded %v", method, at, recorded), func(t *testing.T) {
					t.Parallel()
					l := newLab(t, func(o *Options) { o.Limits.Unacknowledged, o.Limits.Patience = 4, 20*time.Millisecond })
					f := &fault{method: method, recorded: recorded, left: at}
					l.fault, l.seq.fault = f, f
					in := new(inbox)
					c := l.keep(l.options(in))
					for i := range forms {
						if i == forms/2 { // a reconnect lets Numbered, Render and CloseSession have their turn
							eventually(t, "there is a connection", func() bool { return c.client.Load() != nil })
							_ = c.client.Load().Close()
						}
						id := gateway.DeliveryID(fmt.Sprint("d", i+1))
						eventually(t, "sent: "+string(id), func() bool { return l.send(id).Outcome == gateway.Sent })
					}
					a, err := c.submit(t.Context(), someID, "form")
					if err != nil || a.Reference != "LV-VID-2026-000001" {
						t.Errorf("submit = %+v, %v; want the answer", a, err)
					}
					eventually(t, "all are acknowledged", func() bool { return l.seq.ackedBy(lv) == forms })
					equal(t, "numbers", in.seqs(), upTo(forms))
					equal(t, "deliveries", in.deliveries(), forms)
					equal(t, "forms", len(l.inbounds), 1)
				})
			}
		}
	}
}

func TestConnectionsCutAnywhereLoseAndRepeatNothing(t *testing.T) {
	const forms = 60
	l := newLab(t, func(o *Options) { o.Limits.Unacknowledged = 8; o.Limits.OpensMinute = 100_000 })
	in := new(inbox)
	opt := l.options(in)
	random := rand.New(rand.NewPCG(7, 3))
	opt.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		b := &brittle{Conn: conn}
		b.left.Store(1500 + random.Int64N(2500))
		return b, nil
	}
	c := l.keep(opt)
	for i := range forms {
		id := gateway.DeliveryID(fmt.Sprint("d", i+1))
		eventually(t, "sent: "+string(id), func() bool { return l.send(id).Outcome == gateway.Sent })
		if _, err := c.submit(t.Context(), fmt.Sprintf("0190b0a8-5c1e-7000-8000-%012d", i), "form"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are acknowledged", func() bool { return l.seq.ackedBy(lv) == forms })
	equal(t, "numbers", in.seqs(), upTo(forms))
	equal(t, "forms", len(l.inbounds), forms)
}

func TestNumberWhoseFrameNeverLeftGoesFirst(t *testing.T) {
	l := newLab(t, nil)
	in := new(inbox)
	l.dial(in)
	l.seq.fault = &fault{method: "Number", recorded: true, left: 1}
	if ev := l.send("d1"); ev.Outcome != gateway.Deferred {
		t.Errorf("Send(d1) = %+v; want deferred", ev)
	}
	if ev := l.send("d2"); ev.Outcome != gateway.Deferred || ev.Seq != 2 {
		t.Errorf("Send(d2) = %+v; want deferred behind 1", ev)
	}
	eventually(t, "both came in order", func() bool { return l.seq.ackedBy(lv) == 2 })
	equal(t, "numbers", in.seqs(), upTo(2))
	if ev := l.send("d1"); ev.Outcome != gateway.Sent || ev.Seq != 1 {
		t.Errorf("Send(d1) again = %+v; want sent as 1", ev)
	}
	equal(t, "no repeat", in.seqs(), upTo(2))
}

func TestErrorThatKeepsAFrameBringsItAgain(t *testing.T) {
	l := newLab(t, nil)
	in := &inbox{fail: func(d Delivery) error {
		if d.Seq == 2 {
			return errors.New("disk full")
		}
		return nil
	}}
	c := l.dial(in)
	l.send("d1")
	l.send("d2")
	<-c.Done()
	if !strings.Contains(c.Err().Error(), "disk full") {
		t.Errorf("Err = %v; want the handler's error", c.Err())
	}
	in.fail = nil
	l.dial(in)
	eventually(t, "it came again", func() bool { return l.seq.ackedBy(lv) == 2 })
	equal(t, "numbers", in.seqs(), upTo(2))
}

func TestHalfOpenConnectionEnds(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.PingSeconds, o.Limits.SilenceSeconds = 1, 1 })
	r := l.dialRaw().open(0)
	r.mute = true
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	r.ends(1008, codeNotAllowed)
	eventually(t, "silence ends it", func() bool { return len(l.server.Sessions()) == 0 })
}

func TestPongsKeepAnIdleSession(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.PingSeconds, o.Limits.SilenceSeconds = 1, 2 })
	r := l.dialRaw().open(0)
	go r.frame() // answers pings until the connection is closed
	eventually(t, "three pings came", func() bool { return r.pings.Load() == 3 })
	if list := l.server.Sessions(); len(list) != 1 || list[0].ID != r.greet["session"] {
		t.Errorf("after three seconds of silence but for pongs there is %v; want the session still", list)
	}
	r.conn.Close()
}

func TestTrickleEndsAndASlowLineDoesNot(t *testing.T) {
	for name, c := range map[string]struct {
		rate  int // bytes each 100 ms
		lives bool
	}{"trickle": {10, false}, "slow line": {20_000, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, func(o *Options) { o.Limits.SilenceSeconds, o.Limits.BytesSecond = 1, 100_000 })
			r := l.dialRaw().open(0)
			r.send(opText, false, []byte(`{"type":"submit","id":"`+someID+`","message":"`))
			ended := make(chan struct{})
			go func() { defer close(ended); r.answered(c.lives) }()
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for range 25 {
				select {
				case <-ended:
					return
				case <-tick.C:
					r.part(strings.Repeat("eHh4", c.rate/4))
				}
			}
			r.send(opContinue, true, []byte(`"}`))
			<-ended
		})
	}
}
