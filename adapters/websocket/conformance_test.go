package websocket

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"liaison/adapters/adaptertest"
	"liaison/gateway"
)

func TestChannelKeepsTheAdaptersContract(t *testing.T) {
	adaptertest.Run(t, func(t *testing.T) *adaptertest.Bench {
		b := &contract{lab: newStoppedLab(t, func(o *Options) {
			o.Limits.Grace, o.Limits.Unacknowledged, o.Limits.FrameBytes, o.Limits.Patience = 50*time.Millisecond, 1, 50_000, 300*time.Millisecond
		}), answered: make(map[string]bool), size: 10}
		return &adaptertest.Bench{
			Receive: b.server.Receive, Submit: b.submit, Acknowledged: b.acknowledged, Resubmits: adaptertest.ByPeer,
			Send: b.server.Send, Outbound: b.outbound, Peer: b.behave,
			Outcomes: map[adaptertest.Behaviour]gateway.Outcome{adaptertest.Takes: gateway.Sent, adaptertest.NotNow: gateway.Deferred,
				adaptertest.Refuses: gateway.Bounced, adaptertest.Breaks: gateway.Deferred},
		}
	})
}

// contract is a channel under the contract, with a participant at its other end.
type contract struct {
	*lab
	size int // of the next outbound

	mu       sync.Mutex // guards answered
	answered map[string]bool
}

// submit submits a message under an id that is always the same for its name.
func (b *contract) submit(t *testing.T, name string) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(stop)
	var c *Client
	eventually(t, "the channel is open", func() (ok bool) {
		var err error
		c, err = Dial(ctx, b.options(new(inbox)))
		return err == nil
	})
	go func() {
		defer c.Close()
		if _, err := c.Submit(ctx, uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)).String(), []byte(name)); err == nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.answered[name] = true
		}
	}()
}

func (b *contract) acknowledged(_ *testing.T, name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answered[name]
}

func (b *contract) outbound() *gateway.Outbound {
	out := outbound("d1")
	out.Message = bytes.Repeat([]byte("x"), b.size)
	return out
}

// behave lets a participant connect that takes forms in one way.
func (b *contract) behave(t *testing.T, how adaptertest.Behaviour) {
	b.receive()
	r := b.dialRaw().open(0)
	eventually(t, "the session lives", func() bool { return len(b.server.Sessions()) == 1 })
	switch how {
	case adaptertest.NotNow, adaptertest.Hangs: // one frame is on its way, and the window has room for no other
		b.send("d0")
	case adaptertest.Refuses:
		b.size = 100_000
	case adaptertest.Breaks:
		r.conn.Close()
		eventually(t, "the session is over", func() bool { return len(b.server.Sessions()) == 0 })
	}
}
