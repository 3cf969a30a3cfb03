package websocket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"liaison/crypto/openpgp"
	"liaison/gateway"
)

// offerTime bounds one offer; the peer repeats what isn't answered.
const offerTime = time.Minute

// read takes frames until the session is to end, and says why. A submit is
// offered and answered before the next frame is read: the participant's own order
// holds, and a participant that floods waits in its own send buffer.
func (x *session) read() closing {
	x.conn.SetPongHandler(func(string) error { x.renew(); return nil })
	answerPing := x.conn.PingHandler()
	x.conn.SetPingHandler(func(data string) error { x.renew(); return answerPing(data) })
	for {
		x.renew()
		err := x.takeOne()
		if err == nil {
			continue
		}
		var why closing
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &why):
			return why
		case errors.As(err, &closed):
			return closing{status: websocket.CloseNormalClosure, message: "closed by the participant"}
		case silent(err):
			return closing{status: websocket.ClosePolicyViolation, code: codeNotAllowed, message: fmt.Sprintf("for %s nothing came, or too slowly", x.server.limits.silence())}
		}
		x.log().Info("channel ended", "cause", err)
		return cut
	}
}

// takeOne reads and handles one frame.
func (x *session) takeOne() error {
	i := &intake{x: x}
	defer i.done()
	data, err := readFrame(x.conn, x.server.limits.FrameBytes, i.progress)
	if err != nil {
		return err
	}
	if x.over() {
		return x.why // what comes now is submitted again
	}
	f, err := parse(data)
	if err != nil {
		return malformed(err.Error())
	}
	switch f.kind {
	case "submit":
		return x.submitted(f)
	case "ack":
		return x.acknowledged(f)
	case "error":
		return x.complained(f)
	}
	return malformed("unknown type of frame; expected are submit, ack and error")
}

// acknowledged handles an ack; one that was seen before changes nothing.
func (x *session) acknowledged(f *received) error {
	var a ack
	if err := f.into(&a, "seq"); err != nil {
		return malformed(err.Error())
	}
	sent, acked := x.window.at()
	if a.Seq < 0 || a.Seq > sent {
		return closing{status: websocket.ClosePolicyViolation, code: codeNotAllowed, message: fmt.Sprintf("ack of %d, but the last number sent is %d", a.Seq, sent)}
	}
	if a.Seq <= acked {
		return nil
	}
	ctx, cancel := context.WithTimeout(x.ctx, recordTime)
	defer cancel()
	if err := x.settle(ctx, a.Seq); err != nil {
		x.log().Error("ack can't be recorded", "seq", a.Seq, "error", err)
		return closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "the ack was not recorded; connect again"}
	}
	x.window.ack(a.Seq)
	x.catchUp()
	return nil
}

// complained handles the participant's error frame: it can't go on.
func (x *session) complained(f *received) error {
	var e errorFrame
	if err := f.into(&e, "code", "message"); err != nil {
		return malformed(err.Error())
	}
	_, acked := x.window.at()
	x.log().Error("participant's system can't take what comes next and ends its session", "acknowledged", acked, "code", e.Code, "message", shortened(e.Message, 200))
	return closing{status: websocket.CloseNormalClosure, message: "closed after your error"}
}

// submitted offers a submit and writes its answer.
func (x *session) submitted(f *received) error {
	var s submit
	if err := f.into(&s, "id", "message"); err != nil {
		return malformed(err.Error())
	}
	f.data = nil // the message was read; its text may be large
	id, err := uuid.Parse(s.ID)
	if err != nil || len(s.ID) != 36 {
		return malformed("a submit's id is a UUID of 36 characters")
	}
	if len(s.Message) == 0 {
		return malformed("a submit carries an OpenPGP message in base64")
	}
	waited, err := x.slowDown()
	if err != nil {
		return err
	}
	a, err := x.offer(s, strings.ToLower(id.String()))
	if err != nil {
		return refusal(err, s.ID)
	}
	a.Waited = waited.Milliseconds()
	return x.reply(encode(a))
}

// slowDown waits until the participant may submit again.
func (x *session) slowDown() (time.Duration, error) {
	wait := x.server.admit.submitting(seat{x.who.Operation, x.who.Participant}, x.server.opt.Clock())
	if wait <= 0 {
		return 0, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return wait, nil
	case <-x.ended:
		return 0, x.why
	}
}

// reply writes the answer to a submit, also in a session that ends.
func (x *session) reply(frame []byte) error {
	timeout := time.NewTimer(x.server.limits.Write + x.server.limits.slowest(int(x.server.limits.FrameBytes)))
	defer timeout.Stop()
	select {
	case <-x.turn:
	case <-timeout.C:
		return cut
	}
	defer x.give()
	if why := x.put(frame); why != nil {
		return *why
	}
	return nil
}

// offer hands one submit to the gateway and returns the frame that answers it.
func (x *session) offer(s submit, id string) (*answer, error) {
	offer := x.server.offering()
	if offer == nil {
		return nil, goingAway
	}
	ctx, cancel := context.WithTimeout(x.ctx, offerTime)
	defer cancel()
	message := s.Message
	if bytes.HasPrefix(bytes.TrimSpace(message), []byte("-----BEGIN PGP")) { // armored before it became base64: programs do that
		if packets, err := openpgp.Dearmor(message); err == nil {
			message = packets
		}
	}
	place := string(x.who.Operation) + "/" + string(x.who.Participant)
	who := x.who
	receipt, err := offer(ctx, &gateway.Inbound{
		Medium: gateway.ByWebSocket, Account: "websocket:" + place, Raw: message, Received: x.server.opt.Clock(),
		Repeats: []gateway.Repeat{{Name: "ws:" + place + "/" + id, Digest: sha256.Sum256(s.Message), Exclusive: true}},
		Session: &who, SubmitID: id,
	})
	if err == nil && receipt == nil {
		err = errors.New("the offer came back without a receipt")
	}
	if err != nil {
		x.log().Warn("submit was not recorded", "submit", id, "error", err)
		return nil, err
	}
	a := &answer{Type: verdictFrame(receipt.Verdict), ID: s.ID, Reference: receipt.Reference}
	if receipt.Answer != "" {
		if a.Answer, err = x.server.opt.Answer(ctx, receipt, x.who); err != nil {
			// The decision stands; a repeat gets it with its answer.
			x.log().Error("answer can't be made", "submit", id, "error", err)
			return nil, gateway.Errorf(gateway.Transient, "", "make answer: %w", err)
		}
	}
	return a, nil
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
