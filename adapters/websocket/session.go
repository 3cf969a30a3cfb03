package websocket

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"liaison/gateway"
)

// session is one participant's proven connection. Two goroutines serve it: the
// reader takes submits and acks one after the other, the writer alone writes,
// numbers and keeps the window. Neither holds more than one frame.
type session struct {
	server *Server
	conn   *websocket.Conn
	who    gateway.Session
	log    *slog.Logger

	offers     chan *parcel  // from Send; taken only while the window has room
	replies    chan []byte   // from the reader: what a submit is answered
	acks       chan struct{} // the reader moved acked
	readerDone chan struct{}
	writerDone chan struct{}

	sent  atomic.Int64 // highest number written here; the writer's
	acked atomic.Int64 // highest number acknowledged here; the reader's
	last  int64        // highest number known to be given; the writer's

	endOnce sync.Once
	ended   chan struct{}
	why     closing // set before ended is closed
}

func newSession(s *Server, conn *websocket.Conn, who gateway.Session, log *slog.Logger) *session {
	return &session{
		server: s, conn: conn, who: who, log: log,
		offers: make(chan *parcel), replies: make(chan []byte), acks: make(chan struct{}, 1),
		readerDone: make(chan struct{}), writerDone: make(chan struct{}), ended: make(chan struct{}),
	}
}

// start places the session in its sequence. after counts as an acknowledgement;
// one lower than acknowledged asks for everything above it again.
func (x *session) start(ctx context.Context, after, last, acked int64) error {
	if after > last {
		// The participant has seen numbers that this record doesn't know: the
		// gateway was restored from a backup. It learns that from welcome's last.
		x.log.Error("participant's position is beyond the sequence", "after", after, "last", last)
		after = last
	}
	x.last = last
	x.sent.Store(after)
	x.acked.Store(after)
	if after <= acked {
		return nil
	}
	if err := x.settle(ctx, after); err != nil {
		x.log.Error("position can't be recorded", "error", err)
		return unavailable
	}
	return nil
}

// settle records an acknowledgement.
func (x *session) settle(ctx context.Context, seq int64) error {
	ids, err := x.server.opt.Sequencer.Acknowledge(ctx, x.who.Operation, x.who.Participant, seq, x.who.Fingerprint)
	if err != nil {
		return err
	}
	if x.server.opt.Acknowledged != nil && len(ids) > 0 {
		x.server.opt.Acknowledged(ctx, ids)
	}
	return nil
}

// end closes the session; only the first reason counts.
func (x *session) end(why closing) {
	x.endOnce.Do(func() {
		x.why = why
		close(x.ended)
	})
	// A blocked read returns; renew looks at ended after every new deadline.
	_ = x.conn.SetReadDeadline(time.Unix(1, 0))
}

// run serves the session until it ends.
func (x *session) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { x.end(goingAway) })
	defer stop()
	// What was begun is finished: an offer isn't cut off when the server stops,
	// so that its receipt can still be told.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go func() {
		defer close(x.readerDone)
		x.read(work)
	}()
	x.write(work)
	close(x.writerDone)
	x.linger()
	x.leave(context.WithoutCancel(ctx))
}

// linger lets the reader finish the submit that it holds and tells its answer,
// then closes with the reason.
func (x *session) linger() {
	timeout := time.NewTimer(x.server.limits.Write)
	defer timeout.Stop()
	for {
		select {
		case frame := <-x.replies:
			if writeFrame(x.conn, frame, x.server.limits.Write) != nil {
				_ = x.conn.Close()
			}
			continue
		case <-x.readerDone:
			farewell(x.conn, x.why, x.server.limits.Write)
		case <-timeout.C:
			farewell(x.conn, x.why, x.server.limits.Write)
		}
		return
	}
}

// leave gives up the seat.
func (x *session) leave(ctx context.Context) {
	where := seat{x.who.Operation, x.who.Participant}
	x.server.mu.Lock()
	if x.server.sessions[where] == x {
		delete(x.server.sessions, where)
	}
	x.server.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := x.server.opt.Sequencer.CloseSession(ctx, x.who.ID); err != nil && !errors.Is(err, gateway.ErrFenced) {
		x.log.Warn("session can't be closed in the record; it lapses when a newer one opens", "error", err)
	}
	x.log.Info("session ended", "status", x.why.status, "cause", x.why.message, "sent", x.sent.Load(), "acknowledged", x.acked.Load())
}

// write is the one writer. It sends again what the participant hasn't got
// before it takes anything new.
func (x *session) write(ctx context.Context) {
	ping := time.NewTicker(x.server.limits.ping())
	defer ping.Stop()
	ready := make(chan struct{})
	close(ready)
	for {
		var offers chan *parcel
		var behind chan struct{}
		if x.sent.Load()-x.acked.Load() < int64(x.server.limits.Unacknowledged) {
			if x.sent.Load() < x.last {
				behind = ready
			} else {
				offers = x.offers
			}
		}
		var why *closing
		select {
		case <-x.ended:
			return
		case frame := <-x.replies:
			why = x.put(frame)
		case <-x.acks:
		case <-ping.C:
			why = x.ping()
		case <-behind:
			why = x.resend(ctx)
		case p := <-offers:
			why = x.deliver(ctx, p)
		}
		if why != nil {
			x.end(*why)
		}
	}
}

// cut is a connection that takes no more.
var cut = closing{status: websocket.CloseAbnormalClosure, message: "the connection was lost"}

func (x *session) put(frame []byte) *closing {
	if err := writeFrame(x.conn, frame, x.server.limits.Write); err != nil {
		x.log.Info("frame can't be written", "cause", err)
		_ = x.conn.Close() // half a frame may have left: nothing more can be said
		return &cut
	}
	return nil
}

func (x *session) ping() *closing {
	if err := x.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(x.server.limits.Write)); err != nil {
		_ = x.conn.Close()
		return &cut
	}
	return nil
}
