package websocket

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// helloBytes bounds a frame of someone who hasn't proven anything: a hello with
// an RSA-4096 signature takes 1,300 bytes.
const helloBytes = 8 << 10

// closing is why a connection ends and what the other side is told.
type closing struct {
	status  int    // of RFC 6455, section 7.4.1
	code    int    // of the error frame; 0: no error frame
	message string // for people on the other side
	id      string // of the submit that it is about
}

func (c closing) Error() string { return c.message }

var (
	replaced  = closing{status: CloseReplaced, message: "replaced by a newer session"}
	goingAway = closing{status: websocket.CloseGoingAway, message: "the gateway is stopping; come back soon"}
	unproven  = closing{status: websocket.ClosePolicyViolation, code: codeParticipant,
		message: "this proof opens no session; check operation, participant, host, clock and that the key was confirmed"}
	unavailable = closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "the gateway can't open sessions now; try again later"}
)

func malformed(message string) closing {
	return closing{status: websocket.CloseProtocolError, code: codeUnreadable, message: message}
}

// serve runs one connection from challenge to close.
func (s *Server) serve(ctx context.Context, conn *websocket.Conn, address string, t *ticket) {
	defer conn.Close()
	log := s.opt.Log.With("address", address)
	// Whatever blocks in the handshake ends with the server.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	x, err := s.handshake(ctx, conn, t, log)
	stop()
	if err != nil {
		why, ok := err.(closing)
		switch {
		case ctx.Err() != nil:
			why = goingAway
		case !ok:
			log.Info("channel connection ended before a session", "cause", err)
			why = closing{status: websocket.CloseProtocolError, message: "no hello"}
		}
		farewell(conn, why, s.limits.Write)
		return
	}
	x.run(ctx)
}

// handshake lets the other side prove itself and opens its session.
func (s *Server) handshake(ctx context.Context, conn *websocket.Conn, t *ticket, log *slog.Logger) (*session, error) {
	nonce := newNonce()
	fingerprint := string(s.opt.Key.Certificate().Fingerprint())
	deadline := time.Now().Add(s.limits.handshake())
	_ = conn.SetReadDeadline(deadline)
	if ctx.Err() != nil {
		return nil, goingAway
	}
	if err := writeFrame(conn, encode(challenge{"challenge", nonce, string(s.opt.GatewayCode), fingerprint}), s.limits.Write); err != nil {
		return nil, fmt.Errorf("write challenge: %w", err)
	}
	data, err := readFrame(conn, helloBytes)
	if err != nil {
		return nil, err
	}
	h, err := parseHello(data)
	if err != nil {
		return nil, err
	}
	c := claim{fingerprint: fingerprint, nonce: nonce, clientNonce: h.ClientNonce, after: h.After,
		operation: operation.Code(h.Operation), participant: operation.ParticipantCode(h.Participant)}
	lines, signer, err := s.check(ctx, c, h.Proof, log)
	if err != nil {
		return nil, err
	}
	t.proven()
	return s.open(ctx, conn, c, lines, signer, log)
}

func parseHello(data []byte) (hello, error) {
	var h hello
	kind, err := frameType(data)
	if err != nil {
		return h, malformed(err.Error())
	}
	if kind != "hello" {
		return h, closing{status: websocket.ClosePolicyViolation, code: codeSignature, message: "the first frame must be hello"}
	}
	if err := decode(data, &h); err != nil {
		return h, malformed(err.Error())
	}
	if !line(h.Operation) || !line(h.Participant) || h.After < 0 || len(h.ClientNonce) != nonceSize {
		return h, malformed("hello needs operation, participant, after (0 or more) and a client_nonce of 32 bytes in base64")
	}
	return h, nil
}

// check verifies the proof. Whatever is wrong with it, the answer is the same.
func (s *Server) check(ctx context.Context, c claim, proof []byte, log *slog.Logger) (lines []byte, signer openpgp.Fingerprint, err error) {
	confirmed, err := s.opt.Keys.Confirmed(ctx, c.operation, c.participant)
	if err != nil {
		log.Error("keys can't be looked up for a channel connection", "error", err)
		return nil, "", unavailable
	}
	lines, signer, ok := c.proven(proof, s.opt.Hosts, confirmed, s.opt.Clock())
	if !ok {
		log.Warn("channel connection without a valid proof", "operation", c.operation, "participant", c.participant, "confirmed_keys", len(confirmed))
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
func (s *Server) open(ctx context.Context, conn *websocket.Conn, c claim, lines []byte, signer openpgp.Fingerprint, log *slog.Logger) (*session, error) {
	where := seat{c.operation, c.participant}
	if !s.admit.opening(where, s.opt.Clock()) {
		log.Warn("participant opens sessions too fast; do two of its systems replace one another?", "operation", c.operation, "participant", c.participant)
		return nil, closing{status: websocket.CloseTryAgainLater, code: codeTooFast, message: "too many new sessions; do two systems of yours replace one another?"}
	}
	who := gateway.Session{ID: uuid.Must(uuid.NewV7()).String(), Operation: c.operation, Participant: c.participant, Fingerprint: string(signer)}
	stripe := &s.opening[maphash.Comparable(stripes, where)%uint64(len(s.opening))]
	stripe.Lock()
	defer stripe.Unlock()
	last, acked, err := s.opt.Sequencer.OpenSession(ctx, who)
	if err != nil {
		log.Error("session can't be opened", "error", err)
		return nil, unavailable
	}
	x := newSession(s, conn, who, log.With("session", who.ID, "operation", who.Operation, "participant", who.Participant))
	if err := x.start(ctx, c.after, last, acked); err != nil {
		_ = s.opt.Sequencer.CloseSession(context.WithoutCancel(ctx), who.ID)
		return nil, err
	}
	if err := x.greet(lines, last); err != nil {
		_ = s.opt.Sequencer.CloseSession(context.WithoutCancel(ctx), who.ID)
		return nil, err
	}
	s.mu.Lock()
	older := s.sessions[where]
	s.sessions[where] = x
	s.mu.Unlock()
	if older != nil {
		older.end(replaced)
	}
	x.log.Info("session opened", "key", who.Fingerprint, "after", c.after, "last", last)
	return x, nil
}

// greet sends welcome with the gateway's proof.
func (x *session) greet(lines []byte, last int64) error {
	limits := x.server.limits.canonical()
	proof, err := openpgp.SignDetached(greeting(lines, x.who.ID, last, limits), x.server.opt.Key, x.server.opt.Clock())
	if err != nil {
		x.log.Error("welcome can't be signed", "error", err)
		return unavailable
	}
	frame := encode(welcome{Type: "welcome", Session: x.who.ID, Last: last, Limits: limits, Proof: proof})
	if err := writeFrame(x.conn, frame, x.server.limits.Write); err != nil {
		return fmt.Errorf("write welcome: %w", err)
	}
	return nil
}

// readFrame reads one text frame of at most limit bytes.
func readFrame(conn *websocket.Conn, limit int64) ([]byte, error) {
	kind, r, err := conn.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, closing{status: websocket.CloseUnsupportedData, code: codeUnreadable, message: "frames are JSON text, not binary"}
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, closing{status: websocket.CloseMessageTooBig, code: codeTooLarge, message: fmt.Sprintf("the frame is larger than %d bytes", limit)}
	}
	if !utf8.Valid(data) {
		return nil, closing{status: websocket.CloseInvalidFramePayloadData, code: codeUnreadable, message: "the frame is not UTF-8"}
	}
	return data, nil
}

func writeFrame(conn *websocket.Conn, frame []byte, within time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	return conn.WriteMessage(websocket.TextMessage, frame)
}

// farewell says why, closes, and reads on for a moment: a connection that is
// closed with unread bytes is reset, and the reason would be lost with it.
func farewell(conn *websocket.Conn, why closing, within time.Duration) {
	if why.code != 0 {
		if writeFrame(conn, encode(errorFrame{Type: "error", Code: why.code, Message: why.message, ID: why.id}), within) != nil {
			return
		}
	}
	message := websocket.FormatCloseMessage(why.status, shortened(why.message, 120))
	if conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(within)) != nil {
		return
	}
	raw := conn.NetConn()
	_ = raw.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(io.Discard, io.LimitReader(raw, 1<<20))
}

// shortened cuts s to what fits into a close frame (RFC 6455, section 5.5).
func shortened(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
