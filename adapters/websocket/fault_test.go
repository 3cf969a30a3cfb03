package websocket

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

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
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- Run(ctx, opt, Backoff{First: time.Millisecond, Most: 2 * time.Millisecond}, nil) }()
	for i := range forms {
		id := gateway.DeliveryID(fmt.Sprint("d", i+1))
		eventually(t, "sent: "+string(id), func() bool { return l.send(id).Outcome == gateway.Sent })
	}
	eventually(t, "all are acknowledged", func() bool { return l.seq.ackedBy(lv) == forms })
	stop()
	if err := <-over; err != nil {
		t.Errorf("Run = %v; want nil at its end", err)
	}
	equal(t, "numbers", in.seqs(), upTo(forms))
}

func TestHalfOpenConnectionEnds(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.PingSeconds, o.Limits.SilenceSeconds = 1, 1 })
	r := l.dialRaw() // reads nothing from here on: answers no ping
	r.open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	eventually(t, "silence ends it", func() bool { return len(l.server.Sessions()) == 0 })
}

// TestIdleConnectionsAreLean counts both ends of the connections, so the bound
// is twice that of the server's end.
func TestIdleConnectionsAreLean(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 200
	}
	l := newLab(t, func(o *Options) { o.Limits.PerAddress, o.Limits.Unproven = n+1, n+1 })
	used := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := used()
	d := websocket.Dialer{Subprotocols: []string{Subprotocol}, ReadBufferSize: 256, WriteBufferSize: 256}
	conns := make([]*websocket.Conn, 0, n)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range n {
		c, _, err := d.Dial(l.url(), nil)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	each := (used() - before) / uint64(n)
	t.Logf("%d bytes for both ends of an idle connection", each)
	if each > 60<<10 {
		t.Errorf("an idle pair takes %d bytes; want at most 60 KiB", each)
	}
}
