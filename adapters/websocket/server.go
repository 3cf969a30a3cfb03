package websocket

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// Keys is what the channel asks of the key ring.
type Keys interface {
	// Confirmed returns the participant's certificates that are confirmed and not
	// blocked. None is no error: nor is an operation that isn't in force.
	Confirmed(ctx context.Context, op operation.Code, p operation.ParticipantCode) ([]*openpgp.Certificate, error)
	// Version returns what is another whenever an answer of Confirmed may be.
	Version(ctx context.Context) (string, error)
}

// Options is what a Server needs.
type Options struct {
	Hosts       []string // names under which participants dial this gateway, without ports
	GatewayCode operation.ParticipantCode
	Key         *openpgp.SecretKey // proves the gateway
	Keys        Keys
	Sequencer   gateway.Sequencer

	// Render makes the frame of a numbered delivery anew, after policy: an
	// Outbound with Message or, where the delivery is a notice, with Status. One
	// that may not go any more has neither, or the error is Refused: its number is
	// then filled with a status frame.
	Render func(ctx context.Context, id gateway.DeliveryID) (*gateway.Outbound, error)
	// Answer returns the ACK or NAK of a receipt, signed and sealed for the
	// session's participant.
	Answer func(ctx context.Context, r *gateway.Receipt, s gateway.Session) (sealed []byte, err error)
	// Acknowledged hears which deliveries an ack newly settled; may be nil.
	Acknowledged func(ctx context.Context, ids []gateway.DeliveryID)
	// Unproven hears of whoever dialled in a participant's name and proved nothing;
	// may be nil. Anybody may claim any name.
	Unproven func(ctx context.Context, op operation.Code, p operation.ParticipantCode)

	Limits Limits
	Log    *slog.Logger     // nil: slog.Default
	Clock  func() time.Time // nil: time.Now
}

// Offer hands an inbound to the gateway. A receipt means that a decision was
// recorded; an error that nothing was.
type Offer func(ctx context.Context, in *gateway.Inbound) (*gateway.Receipt, error)

// Server holds the sessions of all participants on this node. Its methods may be
// called from any goroutine.
type Server struct {
	opt      Options
	limits   Limits
	upgrader websocket.Upgrader
	admit    *admission
	complain rate.Sometimes // of connections that are refused
	opening  [32]sync.Mutex // by participant: sessions open one after the other

	incoming, outgoing slots // large frames in memory
	rendering          slots // numbered deliveries that are made anew

	receives sync.Once
	ready    chan struct{} // closed once it receives

	mu       sync.Mutex // guards what follows
	ctx      context.Context
	offer    Offer
	sessions map[seat]*session
	entering map[seat]chan struct{} // sessions that are being opened: closed once they are seated, or aren't
	running  sync.WaitGroup         // connections; added to under mu, while ctx lives
}

// seat is where at most one session sits.
type seat struct {
	operation   operation.Code
	participant operation.ParticipantCode
}

// NewServer returns a server that refuses connections with 503 until Receive.
func NewServer(opt Options) *Server {
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	limits := opt.Limits.withDefaults()
	return &Server{
		opt: opt, limits: limits, ready: make(chan struct{}), complain: rate.Sometimes{Interval: time.Minute}, admit: newAdmission(limits), sessions: make(map[seat]*session), entering: make(map[seat]chan struct{}),
		incoming: newSlots(limits.Large), outgoing: newSlots(limits.Large), rendering: newSlots(limits.Large),
		upgrader: websocket.Upgrader{
			HandshakeTimeout: 10 * time.Second,
			ReadBufferSize:   512, // what is larger is read past it
			WriteBufferSize:  4 << 10,
			WriteBufferPool:  new(sync.Pool), // an idle connection holds no write buffer
			Subprotocols:     []string{Subprotocol},
			CheckOrigin:      sameOrigin,
		},
	}
}

// sameOrigin lets through what is no browser (no Origin), and pages of this very
// host; a foreign page's connection ends with 403.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// Receive takes submits and hands them to offer until ctx ends; then it closes
// every session with 1001 (going away), waits for those that are being offered,
// and returns nil.
func (s *Server) Receive(ctx context.Context, offer func(context.Context, *gateway.Inbound) (*gateway.Receipt, error)) error {
	s.mu.Lock()
	s.ctx, s.offer = ctx, offer
	s.mu.Unlock()
	s.receives.Do(func() { close(s.ready) })
	ticker := time.NewTicker(s.limits.Poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
			s.dropReplaced(ctx)
			s.dropBlocked(ctx)
		case <-ctx.Done():
		}
	}
	for _, x := range s.live() {
		x.end(goingAway)
	}
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offer = nil
	return nil
}

// offering returns the offer, nil where the server doesn't receive.
func (s *Server) offering() Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offer
}

// ServeHTTP upgrades the connection of a participant. It must not stand behind a
// middleware that hides http.Hijacker.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(websocket.Subprotocols(r), Subprotocol) {
		http.Error(w, "this is the form channel: offer the WebSocket subprotocol "+Subprotocol, http.StatusBadRequest)
		return
	}
	serving, ok := s.join()
	if !ok {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the gateway is starting or stopping; try again", http.StatusServiceUnavailable)
		return
	}
	ctx, yield := context.WithCancelCause(serving)
	address := hostOnly(r.RemoteAddr)
	t, ok := s.admit.enter(address, func() {
		yield(errCrowded)
		s.crowded(address)
	})
	if !ok {
		yield(nil)
		s.running.Done()
		s.crowded(address)
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many connections; try again later", http.StatusTooManyRequests)
		return
	}
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil { // Upgrade has answered
		yield(nil)
		t.all()
		s.running.Done()
		return
	}
	// The handler returns, so that the HTTP server's buffers and stack go; the
	// connection lives on its own goroutine.
	go func() {
		defer yield(nil)
		s.serve(ctx, conn, origin{r.RemoteAddr, r.Host}, t)
	}()
}

// crowded says once a minute that connections are refused or give way.
func (s *Server) crowded(address string) {
	s.complain.Do(func() {
		s.opt.Log.Warn("too many channel connections, or too many without a proof: some are refused", "address", address)
	})
}

// join counts a connection while the server receives.
func (s *Server) join() (context.Context, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offer == nil || s.ctx.Err() != nil {
		return nil, false
	}
	s.running.Add(1) // under mu while ctx lives, hence before Receive waits
	return s.ctx, true
}

// Sessions returns the sessions that live on this node.
func (s *Server) Sessions() []gateway.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]gateway.Session, 0, len(s.sessions))
	for _, x := range s.sessions {
		list = append(list, x.who)
	}
	return list
}

// Ready is closed when Receive takes connections.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Connections is how many it takes at once, with a proof and without.
func (s *Server) Connections() int { return s.limits.Connections }

// Rooms are the connections, those without a proof, the large frames in memory, on
// their way in and out, and the numbered deliveries that are made anew.
func (s *Server) Rooms() []gateway.Room {
	return append(s.admit.rooms(), gateway.RoomOf("websocket-in", s.incoming), gateway.RoomOf("websocket-out", s.outgoing), gateway.RoomOf("websocket-again", s.rendering))
}

// End ends the session of a participant, because its key was blocked or its
// operation closed. A participant with another confirmed key may come back.
func (s *Server) End(op operation.Code, p operation.ParticipantCode) {
	if x := s.at(seat{op, p}); x != nil {
		x.end(blocked)
	}
}

func (s *Server) at(where seat) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[where]
}

// enter says that a session is being opened; the caller calls seated when it is, or
// could not be. One session of a seat is opened at a time.
func (s *Server) enter(where seat) (seated func()) {
	entering := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entering[where] = entering
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.entering, where)
		close(entering)
	}
}

// live returns a copy of the sessions, to walk without the lock.
func (s *Server) live() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*session, 0, len(s.sessions))
	for _, x := range s.sessions {
		list = append(list, x)
	}
	return list
}

// dropReplaced ends the sessions that another node has replaced.
func (s *Server) dropReplaced(ctx context.Context) {
	list := s.live()
	if len(list) == 0 {
		return
	}
	ids := make([]string, len(list))
	for i, x := range list {
		ids[i] = x.who.ID
	}
	alive, err := s.opt.Sequencer.LiveSessions(ctx, ids)
	if err != nil {
		if ctx.Err() == nil {
			s.opt.Log.Warn("sessions can't be checked", "error", err)
		}
		return
	}
	for _, x := range list {
		if !alive[x.who.ID] {
			x.end(replaced)
		}
	}
}

// dropBlocked ends the sessions whose key is not confirmed any more. Those that
// were looked at since the keys last changed aren't looked at again; a record that
// is away ends no session.
func (s *Server) dropBlocked(ctx context.Context) {
	now, err := s.opt.Keys.Version(ctx)
	if err != nil {
		return
	}
	for _, x := range s.live() {
		if x.keys == now {
			continue
		}
		certs, err := s.opt.Keys.Confirmed(ctx, x.who.Operation, x.who.Participant)
		if err != nil {
			return
		}
		if !slices.ContainsFunc(certs, func(c *openpgp.Certificate) bool { return string(c.Fingerprint()) == x.who.Fingerprint }) {
			x.end(blocked)
		}
		x.keys = now
	}
}
