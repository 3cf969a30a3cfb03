package websocket

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// frameOverhead is what a frame needs beside its message.
const frameOverhead = 1 << 10

// slowLine is how long Send waits for its frame to leave. What has its number
// goes on by itself, or is sent again after a reconnect: it needn't hold up the
// deliveries of others.
const slowLine = 5 * time.Second

// recordTime bounds one question to the record or the renderer.
const recordTime = 20 * time.Second

// frameBytes is how large the frame of a message gets.
func frameBytes(message []byte) int64 {
	return int64(base64.StdEncoding.EncodedLen(len(message))) + frameOverhead
}

// Send writes an outbound to its participant's session as the next number. The
// evidence is Sent with that number once the frame has left, or is on its way
// over a slow line; Deferred where no session lives here, the window stays full
// or the connection breaks; Bounced where the message can never pass. An ack
// confirms later, through the Sequencer. The error is for an outbound that is
// none.
func (s *Server) Send(ctx context.Context, out *gateway.Outbound) (gateway.Evidence, error) {
	if len(out.Message) == 0 && out.Status == nil {
		return gateway.Evidence{}, gateway.Errorf(gateway.Internal, "", "send on the websocket: delivery %s has neither a message nor a status", out.Delivery)
	}
	if size := frameBytes(out.Message); size > s.limits.FrameBytes {
		return s.evidence(out, gateway.Bounced, fmt.Sprintf("frame of %d bytes; the channel takes %d", size, s.limits.FrameBytes)), nil
	}
	patience := time.NewTimer(s.limits.Patience)
	defer patience.Stop()
	x := s.seated(ctx, seat{out.Operation, out.Participant}, patience.C)
	if x == nil {
		return s.evidence(out, gateway.Deferred, "no live session"), nil
	}
	if len(out.Message) > largeFrame {
		if err := s.outgoing.wait(patience.C, x.ended); err != nil {
			return s.evidence(out, gateway.Deferred, err.Error()), nil
		}
	}
	if why := x.room(ctx, patience.C); why != "" {
		if len(out.Message) > largeFrame {
			s.outgoing.free()
		}
		return s.evidence(out, gateway.Deferred, why), nil
	}
	return x.deliver(ctx, out), nil
}

// seated returns the session that sits there, nil for none. One that is being opened
// is waited for: the record has it already, and its deliveries come.
func (s *Server) seated(ctx context.Context, where seat, patience <-chan time.Time) *session {
	s.mu.Lock()
	entering := s.entering[where]
	s.mu.Unlock()
	if entering != nil {
		select {
		case <-entering:
		case <-ctx.Done():
		case <-patience:
			return nil
		}
	}
	return s.at(where)
}

func (s *Server) evidence(out *gateway.Outbound, outcome gateway.Outcome, detail string) gateway.Evidence {
	return gateway.Evidence{Delivery: out.Delivery, Outcome: outcome, Channel: operation.WebSocket, At: s.opt.Clock(), Detail: detail}
}

// room waits for the turn while the window is open, and says why it didn't get
// it.
func (x *session) room(ctx context.Context, patience <-chan time.Time) (why string) {
	for x.awaitTurn(ctx, patience) {
		open, moved := x.window.open()
		if open {
			return ""
		}
		x.give()
		select {
		case <-moved:
		case <-x.ended:
		case <-ctx.Done():
		case <-patience:
			return "the participant's system is behind with its acknowledgements"
		}
	}
	switch {
	case x.over():
		return "the session ended"
	case ctx.Err() != nil:
		return "the gateway is stopping"
	}
	return "the participant's line is busy"
}

// deliver numbers an outbound and writes its frame; the caller has the turn and,
// for a large one, its slot, and gives both away. It comes back before the frame
// has left where that takes long.
func (x *session) deliver(ctx context.Context, out *gateway.Outbound) gateway.Evidence {
	result := make(chan gateway.Evidence, 1)
	var numbered atomic.Int64
	x.work.Go(func() {
		defer x.give()
		if len(out.Message) > largeFrame {
			defer x.server.outgoing.free()
		}
		result <- x.number(out, &numbered)
	})
	slow := time.NewTimer(slowLine)
	defer slow.Stop()
	for {
		select {
		case ev := <-result:
			return ev
		case <-slow.C:
		case <-ctx.Done():
		}
		if seq := numbered.Load(); seq > 0 {
			ev := x.server.evidence(out, gateway.Sent, fmt.Sprintf("frame %d is on its way; the line is slow", seq))
			ev.Seq, ev.By = seq, x.who.Fingerprint
			return ev
		}
		if ctx.Err() != nil {
			return x.server.evidence(out, gateway.Deferred, "the gateway is stopping")
		}
	}
}

// number gives an outbound its number and writes its frame. Between the two lies
// nothing that could let another number pass; if the process dies between them,
// the participant's next hello gets it.
func (x *session) number(out *gateway.Outbound, numbered *atomic.Int64) gateway.Evidence {
	ctx, cancel := context.WithTimeout(x.ctx, recordTime)
	defer cancel()
	seq, err := x.server.opt.Sequencer.Number(ctx, x.who.ID, out.Delivery)
	if errors.Is(err, gateway.ErrFenced) {
		x.end(replaced)
	} else if err != nil {
		x.log().Error("delivery can't be numbered", "delivery", out.Delivery, "error", err)
	}
	if err != nil {
		return x.server.evidence(out, gateway.Deferred, "no number: "+err.Error())
	}
	sent, _ := x.window.at()
	ev := x.server.evidence(out, gateway.Sent, fmt.Sprintf("frame %d written", seq))
	ev.Seq, ev.By = seq, x.who.Fingerprint
	switch {
	case seq > sent+1:
		// A number was given whose frame never left (the record answered late or
		// not at all). Those before it go first, and this one with them.
		x.window.given(seq)
		x.catchUp()
		ev.Outcome, ev.Detail = gateway.Deferred, "waits behind earlier numbers"
	case seq == sent+1:
		numbered.Store(seq)
		if why := x.send(seq, out); why != nil {
			x.end(*why)
			ev.Outcome, ev.Detail = gateway.Deferred, fmt.Sprintf("frame %d: %s", seq, why.message)
		}
	}
	return ev
}

// send writes the frame of one number; the caller has the turn.
func (x *session) send(seq int64, out *gateway.Outbound) *closing {
	var frame []byte
	if out.Status != nil {
		frame = encode(statusFrame{Type: "status", Seq: seq, Delivery: string(out.Delivery), Status: *out.Status})
	} else {
		frame = encode(formFrame{Type: "form", Seq: seq, Reference: out.Reference, Delivery: string(out.Delivery), Message: out.Message})
	}
	x.window.write(seq)
	return x.put(frame)
}

// catchUp has what was given and not written, written: by one goroutine at a
// time, frame by frame, as far as the window has room.
func (x *session) catchUp() {
	if !x.window.catchUp() {
		return
	}
	x.work.Go(func() {
		for x.awaitTurn(x.ctx, nil) {
			seq, ok := x.window.behind()
			var why *closing
			if ok {
				why = x.resend(seq)
			}
			x.give()
			if why != nil {
				x.end(*why)
			}
			if !ok {
				return
			}
		}
	})
}

// resend writes the frame of a number that was given; the caller has the turn.
func (x *session) resend(seq int64) *closing {
	list, err := x.numbered(seq)
	if err != nil {
		x.log().Error("numbered deliveries can't be read", "error", err)
		return &closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "the sequence can't be read now; connect again later"}
	}
	if len(list) == 0 || list[0].Seq != seq {
		// The number's record is gone (erased with its operation). Numbers have no
		// gaps, so an empty status stands for it.
		return x.send(seq, vacant("", "no longer available"))
	}
	out, err := x.render(list[0].Delivery)
	if err == nil && len(out.Message) > largeFrame && !x.server.outgoing.try() {
		out = nil // it doesn't wait in memory
		if x.server.outgoing.wait(nil, x.ended) != nil {
			return nil
		}
		if out, err = x.render(list[0].Delivery); err != nil || len(out.Message) <= largeFrame {
			x.server.outgoing.free()
		}
	}
	if err != nil {
		x.log().Error("numbered delivery can't be rendered", "delivery", list[0].Delivery, "error", err)
		return &closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: "a form can't be prepared now; connect again later"}
	}
	if len(out.Message) > largeFrame {
		defer x.server.outgoing.free()
	}
	return x.send(seq, out)
}

func (x *session) numbered(seq int64) ([]gateway.Numbered, error) {
	ctx, cancel := context.WithTimeout(x.ctx, recordTime)
	defer cancel()
	return x.server.opt.Sequencer.Numbered(ctx, x.who.Operation, x.who.Participant, seq-1, 1)
}

// render makes a numbered delivery anew. What may not go any more becomes a
// status in its place; an error may pass.
func (x *session) render(id gateway.DeliveryID) (*gateway.Outbound, error) {
	if err := x.server.rendering.wait(nil, x.ended); err != nil {
		return nil, err
	}
	defer x.server.rendering.free()
	ctx, cancel := context.WithTimeout(x.ctx, recordTime)
	defer cancel()
	out, err := x.server.opt.Render(ctx, id)
	switch {
	case err != nil && !settled(err):
		return nil, err
	case err != nil:
		x.log().Warn("numbered delivery may not go any more", "delivery", id, "cause", err)
		return vacant(id, "withheld"), nil
	case out == nil || len(out.Message) == 0 && out.Status == nil:
		return vacant(id, "withheld"), nil
	case frameBytes(out.Message) > x.server.limits.FrameBytes:
		return vacant(id, "larger than the channel's limit"), nil
	}
	return out, nil
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
