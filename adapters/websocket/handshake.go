package websocket

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// helloBytes bounds a frame of someone who hasn't proven anything: a hello with
// an RSA-4096 signature takes 1,300 bytes.
const helloBytes = 8 << 10

var (
	replaced  = closing{status: CloseReplaced, message: "replaced by a newer session"}
	goingAway = closing{status: websocket.CloseGoingAway, message: "the gateway is stopping; come back soon"}
	unproven  = closing{status: websocket.ClosePolicyViolation, code: codeParticipant,
		message: "this proof opens no session; check operation, participant, host, clock and that the key was confirmed"}
	blocked     = closing{status: websocket.ClosePolicyViolation, code: codeParticipant, message: "the session was ended by the gateway; call the coordination unit"}
	unavailable = closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "the gateway can't open sessions now; try again later"}
)

// errCrowded ends a connection without a proof that gives way to another's.
var errCrowded = errors.New("too many connections have proven nothing")

// serve runs one connection from challenge to close.
func (s *Server) serve(ctx context.Context, conn *websocket.Conn, from origin, t *ticket) {
	// Whatever blocks in the handshake ends with the server.
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
		if errors.Is(context.Cause(ctx), errCrowded) {
			_ = conn.Close() // without words: they would take the place longer
		}
	})
	x, err := s.handshake(ctx, conn, from, t)
	stop()
	if err != nil {
		farewell(conn, s.whyNot(ctx, err, from), s.limits.Write)
		_ = conn.Close()
		t.all()
		s.running.Done()
		return
	}
	go func() { // on a fresh stack: that of the handshake is deep
		defer s.running.Done()
		defer t.all()
		x.run()
	}()
}

// origin is where a connection comes from, as far as it says.
type origin struct {
	address string // remote
	host    string // the Host header
}

// whyNot says why a connection ends without a session.
func (s *Server) whyNot(ctx context.Context, err error, from origin) closing {
	var why closing
	switch {
	case ctx.Err() != nil:
		return goingAway
	case errors.As(err, &why):
		return why
	case silent(err):
		return closing{status: websocket.ClosePolicyViolation, code: codeParticipant, message: fmt.Sprintf("no hello came within %s; the nonce is void", s.limits.handshake())}
	}
	s.opt.Log.Info("channel connection ended before a session", "address", from.address, "cause", err)
	return closing{status: websocket.CloseProtocolError, message: "no hello"}
}

// handshake lets the other side prove itself and opens its session.
func (s *Server) handshake(ctx context.Context, conn *websocket.Conn, from origin, t *ticket) (*session, error) {
	nonce := newNonce()
	fingerprint := string(s.opt.Key.Certificate().Fingerprint())
	_ = conn.SetReadDeadline(time.Now().Add(s.limits.handshake()))
	if ctx.Err() != nil {
		return nil, goingAway
	}
	if err := writeFrame(conn, encode(challenge{"challenge", nonce, string(s.opt.GatewayCode), fingerprint}), s.limits.Write); err != nil {
		return nil, fmt.Errorf("write challenge: %w", err)
	}
	data, err := readFrame(conn, helloBytes, nil)
	if err != nil {
		return nil, err
	}
	h, err := parseHello(data)
	if err != nil {
		return nil, err
	}
	c := claim{fingerprint: fingerprint, nonce: nonce, clientNonce: h.ClientNonce, after: h.After,
		operation: operation.Code(h.Operation), participant: operation.ParticipantCode(h.Participant)}
	keys, err := s.opt.Keys.Version(ctx) // before they are looked up: a change in between is noticed then
	if err != nil {
		s.opt.Log.Error("keys can't be looked up for a channel connection", "error", err)
		return nil, unavailable
	}
	lines, signer, err := s.check(ctx, c, h.Proof, from)
	if err != nil {
		return nil, err
	}
	t.proven()
	who := gateway.Session{ID: uuid.Must(uuid.NewV7()).String(), Operation: c.operation, Participant: c.participant, Fingerprint: string(signer)}
	x := newSession(s, conn, who)
	x.keys = keys
	if err := s.open(ctx, x, c.after, lines); err != nil {
		x.cancel()
		x.pinger.Stop()
		return nil, err
	}
	return x, nil
}

func parseHello(data []byte) (hello, error) {
	var h hello
	f, err := parse(data)
	if err != nil {
		return h, malformed(err.Error())
	}
	if f.kind != "hello" {
		return h, closing{status: websocket.ClosePolicyViolation, code: codeParticipant, message: "the first frame must be hello"}
	}
	if err := f.into(&h, "operation", "participant", "after", "client_nonce", "proof"); err != nil {
		return h, malformed(err.Error())
	}
	nonce := len(h.ClientNonce)
	if !line(h.Operation) || !line(h.Participant) || !line(h.ClientNonce) || h.After < 0 || nonce < clientNonceLeast || nonce > clientNonceMost {
		return h, malformed("hello needs operation, participant, after (0 or more) and a client_nonce of 32 bytes in base64")
	}
	return h, nil
}

// check verifies the proof. Whatever is wrong with it, the answer is the same.
func (s *Server) check(ctx context.Context, c claim, proof []byte, from origin) (lines []byte, signer openpgp.Fingerprint, err error) {
	log := s.opt.Log.With("address", from.address, "operation", c.operation, "participant", c.participant)
	confirmed, err := s.opt.Keys.Confirmed(ctx, c.operation, c.participant)
	if err != nil {
		log.Error("keys can't be looked up for a channel connection", "error", err)
		return nil, "", unavailable
	}
	lines, signer, ok := c.proven(proof, dialled(s.opt.Hosts, from.host), confirmed, s.opt.Clock())
	if !ok {
		log.Warn("channel connection without a valid proof", "confirmed_keys", len(confirmed), "host", shortened(from.host, 100))
		if s.opt.Unproven != nil {
			s.opt.Unproven(ctx, c.operation, c.participant)
		}
		return nil, "", unproven
	}
	return lines, signer, nil
}

var stripes = maphash.MakeSeed()

// open makes the session the live one, settles what hello's position
// acknowledges, and sends welcome.
func (s *Server) open(ctx context.Context, x *session, after int64, lines []byte) error {
	where := seat{x.who.Operation, x.who.Participant}
	if !s.admit.opening(where, s.opt.Clock()) {
		x.log().Warn("participant opens sessions too fast; do two of its systems replace one another?")
		return closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "too many new sessions; do two systems of yours replace one another?"}
	}
	stripe := &s.opening[maphash.Comparable(stripes, where)%uint64(len(s.opening))]
	stripe.Lock()
	defer stripe.Unlock()
	defer s.enter(where)() // before the record has it: what waits for it may be sent from then on
	last, acked, err := s.opt.Sequencer.OpenSession(ctx, x.who)
	if err != nil {
		x.log().Error("session can't be opened", "error", err)
		return unavailable
	}
	if err = x.start(ctx, after, last, acked); err == nil {
		err = x.greet(lines, last)
	}
	if err != nil {
		_ = s.opt.Sequencer.CloseSession(context.WithoutCancel(ctx), x.who.ID)
		return err
	}
	s.seat(where, x)
	x.log().Info("session opened", "key", x.who.Fingerprint, "after", after, "last", last)
	return nil
}

// seat makes x the session that Send finds, and ends the one before it.
func (s *Server) seat(where seat, x *session) {
	s.mu.Lock()
	older, stopping := s.sessions[where], s.ctx.Err() != nil
	s.sessions[where] = x
	s.mu.Unlock()
	if older != nil {
		older.end(replaced)
	}
	if stopping { // after Receive ended those that it saw
		x.end(goingAway)
	}
}

// greet sends welcome with the gateway's proof.
func (x *session) greet(lines []byte, last int64) error {
	limits := x.server.limits.canonical()
	proof, err := openpgp.SignDetached(greeting(lines, x.who.ID, last, limits), x.server.opt.Key, x.server.opt.Clock())
	if err != nil {
		x.log().Error("welcome can't be signed", "error", err)
		return unavailable
	}
	frame := encode(welcome{Type: "welcome", Session: x.who.ID, Last: last, Limits: limits, Proof: proof})
	if err := writeFrame(x.conn, frame, x.server.limits.Write); err != nil {
		return fmt.Errorf("write welcome: %w", err)
	}
	return nil
}
