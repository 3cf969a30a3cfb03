package websocket

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// parcel is one outbound on its way to the writer.
type parcel struct {
	out    *gateway.Outbound
	result chan gateway.Evidence // takes one
}

// frameOverhead is what a frame needs beside its message.
const frameOverhead = 1 << 10

// Send writes an outbound to its participant's session as the next number. The
// evidence is Sent with that number once the frame has left; Deferred where no
// session lives here, the window stays full or the connection breaks; Bounced
// where the message can never pass. An ack confirms later, through the
// Sequencer. The error is for an outbound that is none.
func (s *Server) Send(ctx context.Context, out *gateway.Outbound) (gateway.Evidence, error) {
	if len(out.Message) == 0 && out.Status == nil {
		return gateway.Evidence{}, gateway.Errorf(gateway.Internal, "", "send on the websocket: delivery %s has neither a message nor a status", out.Delivery)
	}
	if size := int64(base64.StdEncoding.EncodedLen(len(out.Message))) + frameOverhead; size > s.limits.FrameBytes {
		return s.evidence(out, gateway.Bounced, fmt.Sprintf("frame of %d bytes; the channel takes %d", size, s.limits.FrameBytes)), nil
	}
	x := s.at(seat{out.Operation, out.Participant})
	if x == nil {
		return s.evidence(out, gateway.Deferred, "no live session"), nil
	}
	p := &parcel{out: out, result: make(chan gateway.Evidence, 1)}
	patience := time.NewTimer(s.limits.Patience)
	defer patience.Stop()
	select {
	case x.offers <- p:
	case <-x.ended:
		return s.evidence(out, gateway.Deferred, "the session ended"), nil
	case <-patience.C:
		return s.evidence(out, gateway.Deferred, "the participant's system is behind with its acknowledgements"), nil
	case <-ctx.Done():
		return s.evidence(out, gateway.Deferred, "the gateway is stopping"), nil
	}
	// The writer has it and always says what became of it; every step of its is
	// bounded.
	return <-p.result, nil
}

func (s *Server) evidence(out *gateway.Outbound, outcome gateway.Outcome, detail string) gateway.Evidence {
	return gateway.Evidence{Delivery: out.Delivery, Outcome: outcome, Channel: operation.WebSocket, At: s.opt.Clock(), Detail: detail}
}

// recordTime bounds one question to the record or the renderer.
const recordTime = 20 * time.Second

// deliver numbers a parcel and writes its frame, in the writer's goroutine.
// Between the number and the frame lies nothing that could let another number
// pass; if the process dies between them, the participant's next hello gets it.
func (x *session) deliver(ctx context.Context, p *parcel) *closing {
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	seq, err := x.server.opt.Sequencer.Number(ctx, x.who.ID, p.out.Delivery)
	if err != nil {
		p.result <- x.server.evidence(p.out, gateway.Deferred, "no number: "+err.Error())
		if errors.Is(err, gateway.ErrFenced) {
			return &replaced
		}
		x.log.Error("delivery can't be numbered", "delivery", p.out.Delivery, "error", err)
		return nil
	}
	if seq > x.sent.Load()+1 {
		// A number was given whose frame never left (the record answered late or
		// not at all). Those before it go first, and this one with them.
		x.last = max(x.last, seq)
		ev := x.server.evidence(p.out, gateway.Deferred, "waits behind earlier numbers")
		ev.Seq = seq
		p.result <- ev
		return nil
	}
	var why *closing
	if seq > x.sent.Load() {
		why = x.send(seq, p.out)
	}
	outcome, detail := gateway.Sent, fmt.Sprintf("frame %d written", seq)
	if why != nil {
		outcome, detail = gateway.Deferred, fmt.Sprintf("frame %d: %s", seq, why.message)
	}
	ev := x.server.evidence(p.out, outcome, detail)
	ev.Seq, ev.By = seq, x.who.Fingerprint
	p.result <- ev
	return why
}

// send writes the frame of one number.
func (x *session) send(seq int64, out *gateway.Outbound) *closing {
	var frame []byte
	if out.Status != nil {
		frame = encode(statusFrame{Type: "status", Seq: seq, Delivery: string(out.Delivery), Status: *out.Status})
	} else {
		frame = encode(formFrame{Type: "form", Seq: seq, Reference: out.Reference, Delivery: string(out.Delivery), Message: out.Message})
	}
	x.sent.Store(seq) // before the frame is out: its ack may be faster than we are
	x.last = max(x.last, seq)
	return x.put(frame)
}

// resend writes the next number that the participant has not acknowledged.
func (x *session) resend(ctx context.Context) *closing {
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	next := x.sent.Load() + 1
	list, err := x.server.opt.Sequencer.Numbered(ctx, x.who.Operation, x.who.Participant, next-1, 1)
	if err != nil {
		x.log.Error("numbered deliveries can't be read", "error", err)
		return &closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "the sequence can't be read now; connect again later"}
	}
	if len(list) == 0 || list[0].Seq != next {
		// The number's record is gone (erased with its operation). Numbers have no
		// gaps, so an empty status stands for it.
		return x.send(next, vacant("", "no longer available"))
	}
	out, err := x.server.opt.Render(ctx, list[0].Delivery)
	switch {
	case err != nil && !settled(err):
		x.log.Error("numbered delivery can't be rendered", "delivery", list[0].Delivery, "error", err)
		return &closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "a form can't be prepared now; connect again later"}
	case err != nil:
		x.log.Warn("numbered delivery may not go any more", "delivery", list[0].Delivery, "cause", err)
		out = vacant(list[0].Delivery, "withheld")
	case out == nil || len(out.Message) == 0 && out.Status == nil:
		out = vacant(list[0].Delivery, "withheld")
	case int64(base64.StdEncoding.EncodedLen(len(out.Message)))+frameOverhead > x.server.limits.FrameBytes:
		out = vacant(list[0].Delivery, "larger than the channel's limit")
	}
	return x.send(next, out)
}

// settled reports whether an error stays the same however often it is asked.
func settled(err error) bool {
	if errors.Is(err, gateway.ErrNotFound) {
		return true
	}
	kind := gateway.KindOf(err)
	return kind == gateway.Refused || kind == gateway.Malformed || kind == gateway.Untrusted
}

// vacant fills a number whose delivery doesn't go.
func vacant(id gateway.DeliveryID, reason string) *gateway.Outbound {
	return &gateway.Outbound{Delivery: id, Status: &gateway.Status{State: gateway.Withheld, Reason: reason}}
}
