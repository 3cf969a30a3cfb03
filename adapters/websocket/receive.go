package websocket

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"liaison/gateway"
)

// offerTime bounds one offer; the peer repeats what isn't answered.
const offerTime = time.Minute

// read takes frames until the session ends. A submit is offered and answered
// before the next frame is read: the participant's own order holds, and a
// participant that floods waits in its own send buffer.
func (x *session) read(ctx context.Context) {
	x.conn.SetPongHandler(func(string) error { x.renew(); return nil })
	for {
		x.renew()
		data, err := readFrame(x.conn, x.server.limits.FrameBytes)
		if err == nil {
			err = x.take(ctx, data)
		}
		if err == nil {
			continue
		}
		why, ok := err.(closing)
		if !ok {
			why = closing{status: websocket.CloseNormalClosure, message: "closed by the participant, or silent for too long"}
			x.log.Info("channel ended", "cause", err)
		}
		x.end(why)
		return
	}
}

// renew gives the participant another while to show a sign of life.
func (x *session) renew() {
	_ = x.conn.SetReadDeadline(time.Now().Add(x.server.limits.silence()))
	select {
	case <-x.ended: // end set its deadline before ours
		_ = x.conn.SetReadDeadline(time.Unix(1, 0))
	default:
	}
}

// take handles one frame.
func (x *session) take(ctx context.Context, data []byte) error {
	select {
	case <-x.ended:
		return x.why // what comes now is submitted again
	default:
	}
	kind, err := frameType(data)
	if err != nil {
		return malformed(err.Error())
	}
	switch kind {
	case "submit":
		return x.submitted(ctx, data)
	case "ack":
		return x.acknowledged(ctx, data)
	case "error":
		return x.complained(data)
	}
	return malformed("unknown type of frame; expected are submit, ack and error")
}

// acknowledged handles an ack; one that was seen before changes nothing.
func (x *session) acknowledged(ctx context.Context, data []byte) error {
	var a ack
	if err := decode(data, &a); err != nil {
		return malformed(err.Error())
	}
	if sent := x.sent.Load(); a.Seq < 0 || a.Seq > sent {
		return closing{status: websocket.ClosePolicyViolation, code: codeUnreadable, message: fmt.Sprintf("ack of %d, but the last number sent is %d", a.Seq, sent)}
	}
	if a.Seq <= x.acked.Load() {
		return nil
	}
	if err := x.settle(ctx, a.Seq); err != nil {
		x.log.Error("ack can't be recorded", "seq", a.Seq, "error", err)
		return closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "the ack was not recorded; connect again"}
	}
	x.acked.Store(a.Seq)
	select {
	case x.acks <- struct{}{}:
	default:
	}
	return nil
}

// complained handles the participant's error frame: it can't go on.
func (x *session) complained(data []byte) error {
	var e errorFrame
	if err := decode(data, &e); err != nil {
		return malformed(err.Error())
	}
	x.log.Warn("participant's system reports an error", "code", e.Code, "message", shortened(e.Message, 200))
	return closing{status: websocket.CloseNormalClosure, message: "closed after your error"}
}

// submitted offers a submit and has its answer written.
func (x *session) submitted(ctx context.Context, data []byte) error {
	var f submit
	if err := decode(data, &f); err != nil {
		return malformed(err.Error())
	}
	id, err := uuid.Parse(f.ID)
	if err != nil || len(f.ID) != 36 {
		return malformed("a submit's id is a UUID of 36 characters")
	}
	if len(f.Message) == 0 {
		return malformed("a submit carries an OpenPGP message in base64")
	}
	where := seat{x.who.Operation, x.who.Participant}
	if !x.server.admit.submitting(where, x.server.opt.Clock()) {
		return closing{status: websocket.ClosePolicyViolation, code: codeTooFast, id: f.ID,
			message: fmt.Sprintf("more than %d submits a minute; nothing was recorded", x.server.limits.SubmitsMinute)}
	}
	frame, err := x.offer(ctx, f, strings.ToLower(id.String()))
	if err != nil {
		return refusal(err, f.ID)
	}
	select {
	case x.replies <- frame:
	case <-x.writerDone: // linger takes it, unless it has given up
		select {
		case x.replies <- frame:
		case <-time.After(time.Second):
		}
	}
	return nil
}

// offer hands one submit to the gateway and returns the frame that answers it.
func (x *session) offer(ctx context.Context, f submit, id string) ([]byte, error) {
	x.server.mu.Lock()
	offer := x.server.offer
	x.server.mu.Unlock()
	if offer == nil {
		return nil, goingAway
	}
	ctx, cancel := context.WithTimeout(ctx, offerTime)
	defer cancel()
	place := string(x.who.Operation) + "/" + string(x.who.Participant)
	who := x.who
	receipt, err := offer(ctx, &gateway.Inbound{
		Medium: gateway.ByWebSocket, Account: "websocket:" + place, Raw: f.Message, Received: x.server.opt.Clock(),
		Repeats: []gateway.Repeat{{Name: "ws:" + place + "/" + id, Digest: sha256.Sum256(f.Message), Exclusive: true}},
		Session: &who, SubmitID: id,
	})
	if err != nil {
		x.log.Warn("submit was not recorded", "submit", id, "error", err)
		return nil, err
	}
	a := answer{Type: verdictFrame(receipt.Verdict), ID: f.ID, Reference: receipt.Reference}
	if receipt.Answer != "" {
		if a.Answer, err = x.server.opt.Answer(ctx, receipt, x.who); err != nil {
			// The decision stands; a repeat gets it with its answer.
			x.log.Error("answer can't be made", "submit", id, "error", err)
			return nil, gateway.Errorf(gateway.Transient, "", "make answer: %w", err)
		}
	}
	return encode(a), nil
}

// verdictFrame names the frame for a verdict. What was noted (an ACK, a TSR) or
// known already was taken just as what was accepted.
func verdictFrame(v gateway.Verdict) string {
	switch v {
	case gateway.Held, gateway.Rejected:
		return string(v)
	}
	return string(gateway.Accepted)
}

// refusal says how the connection ends after an offer that recorded nothing.
func refusal(err error, id string) error {
	var known closing
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, gateway.ErrOtherBytes) {
		return closing{status: websocket.ClosePolicyViolation, code: codeOtherBytes, id: id, message: gateway.ErrOtherBytes.Error()}
	}
	var e *gateway.Error
	if errors.As(err, &e) && e.Kind != gateway.Internal && e.Kind != gateway.Transient && e.Public != "" {
		code := e.Code
		if code == 0 {
			code = codeUnreadable
		}
		return closing{status: websocket.ClosePolicyViolation, code: code, id: id, message: e.Public}
	}
	return closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, id: id, message: "nothing was recorded; submit it again later"}
}
