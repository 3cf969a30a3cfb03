package gateway

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// Sender is the sending side of an adapter.
type Sender interface {
	// Send hands one outbound to its channel and returns what came of it. It
	// returns when ctx ends at the latest. An error that is not in the evidence
	// means that nothing is known: the attempt counts as deferred.
	Send(ctx context.Context, out *Outbound) (Evidence, error)
}

// Options are the parts that a Gateway is wired from.
type Options struct {
	Code     operation.ParticipantCode // of the gateway itself, "OCU"
	Address  string                    // its mail address
	Keys     []*openpgp.SecretKey      // the first signs, all open
	Store    Store
	Clock    Clock // nil: nothing is started by time
	Tests    Tests // nil: nothing is heard of communications tests
	Reads    Reads
	Ring     Keyring
	Mail     Sender // nil where there is none
	Socket   Sender // nil where there is none
	Phone    string // of the unit, with hours: the last line of every mail
	AuthServ string // authserv-id whose Authentication-Results count, "" for none
	Now      func() time.Time
	Log      *slog.Logger
	Limits   Limits
	Watch    func(Event) // told of what happened, for live views; may be nil
}

// Limits bound what one message may cost.
type Limits struct {
	Message int64 // bytes of an inbound, before any cryptography
	Opened  int64 // bytes of an opened message
	Workers int   // deliveries under way at once
	// Grace is how long attempts under way may go on after the gateway was told
	// to stop: one that is cut off comes again. Default 5 s.
	Grace time.Duration
}

// Event is something that happened, without content: for live views and
// metrics. What says what: of an inbound its verdict, of an attempt the
// delivery's state after it; "" where Err says why there is none.
type Event struct {
	At          time.Time
	What        string
	Medium      Medium  // of an inbound; "" for an attempt
	Outcome     Outcome // of an attempt
	Operation   operation.Code
	Participant operation.ParticipantCode
	Channel     operation.ChannelKind // of an attempt
	Reference   string
	Type        string
	Detail      string
	Took        time.Duration // from the inbound's arrival, or the delivery's cause, until now
	// Err is why nothing was recorded of an inbound, or why an attempt's channel
	// never had it; nil else.
	Err error
}

// Room is one of the bounded places of this process where work is or waits.
type Room struct {
	Name        string
	Count, Most int
}

// RoomOf measures a channel that holds something for each that is in the room.
func RoomOf[C ~chan T, T any](name string, c C) Room { return Room{name, len(c), cap(c)} }

// Gateway is the flow. It is safe for concurrent use.
type Gateway struct {
	opt Options

	sealed *brief[sealKey, sealedBody]
	forms  *brief[FormID, *Form] // shared: nobody changes one

	mu  sync.Mutex // guards now
	now *inForce

	carrying atomic.Pointer[lanes] // Run's
	opening  chan struct{}         // holds something for each inbound that is opened and examined
}

// New wires a Gateway.
func New(opt Options) (*Gateway, error) {
	switch {
	case len(opt.Keys) == 0:
		return nil, errors.New("the gateway has no key: name one under gateway.key_files, or make a set-up with \"liaison init\"")
	case opt.Store == nil || opt.Reads == nil || opt.Ring == nil:
		return nil, errors.New("the gateway needs a store and a key ring")
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Limits.Message == 0 {
		opt.Limits.Message = 25 << 20
	}
	if opt.Limits.Opened == 0 {
		opt.Limits.Opened = 64 << 20
	}
	if opt.Limits.Workers == 0 {
		opt.Limits.Workers = 16
	}
	if opt.Limits.Grace == 0 {
		opt.Limits.Grace = 5 * time.Second
	}
	if opt.Watch == nil {
		opt.Watch = func(Event) {}
	}
	return &Gateway{opt: opt, opening: make(chan struct{}, max(8, 2*runtime.GOMAXPROCS(0))), sealed: newBrief[sealKey](sealedBody.Size), forms: newBrief[FormID](contentSize)}, nil
}

// key is the gateway's signing key.
func (g *Gateway) key() *openpgp.SecretKey { return g.opt.Keys[0] }
