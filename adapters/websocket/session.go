package websocket

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"liaison/gateway"
)

// session is one participant's proven connection. One goroutine lives as long as
// it does: it reads, offers submits and takes acks one after the other. Whoever
// has a frame to write takes the turn, so that frames leave in the order of their
// numbers; what that takes is bounded, and the session waits for it at its end.
type session struct {
	server *Server
	conn   *websocket.Conn
	who    gateway.Session
	keys   string // version of the keys when this session's was last looked up; the poll's, once it is seated

	ctx    context.Context // of what the session asks the record; outlives the server's by a grace
	cancel context.CancelFunc

	turn    chan struct{} // holds one token: who has it numbers, writes frames and ends the session
	window  window
	writing atomic.Int64 // until when a frame may be on its way, Unix nanoseconds: so long the participant may be silent
	pinger  *time.Timer
	work    sync.WaitGroup // what writes beside the reader; added to by who has the turn, or by the reader

	endOnce sync.Once
	ended   chan struct{}
	why     closing // set before ended is closed
}

func newSession(s *Server, conn *websocket.Conn, who gateway.Session) *session {
	x := &session{server: s, conn: conn, who: who, turn: make(chan struct{}, 1), ended: make(chan struct{})}
	x.ctx, x.cancel = context.WithCancel(context.Background())
	x.pinger = time.AfterFunc(math.MaxInt64, x.ping) // run sets its time
	x.window.size = int64(s.limits.Unacknowledged)
	x.turn <- struct{}{}
	return x
}

// log is the logger with what names the session; an idle one keeps none.
func (x *session) log() *slog.Logger {
	return x.server.opt.Log.With("session", x.who.ID, "operation", x.who.Operation, "participant", x.who.Participant)
}

// start places the session in its sequence. after counts as an acknowledgement;
// one lower than acknowledged asks for everything above it again.
func (x *session) start(ctx context.Context, after, last, acked int64) error {
	if after > last {
		// The participant has seen numbers that this record doesn't know: the
		// gateway was restored from a backup. It learns that from welcome's last.
		x.log().Error("participant's position is beyond the sequence", "after", after, "last", last)
		after = last
	}
	x.window.place(after, last)
	if after <= acked {
		return nil
	}
	if err := x.settle(ctx, after); err != nil {
		x.log().Error("position can't be recorded", "error", err)
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

// end closes the session; only the first reason counts. What is being offered is
// finished and answered, as far as that takes no longer than the grace.
func (x *session) end(why closing) {
	x.endOnce.Do(func() {
		x.why = why
		close(x.ended)
		time.AfterFunc(x.server.limits.Grace, x.cancel)
	})
	// A blocked read returns; renew looks at ended after every new deadline.
	_ = x.conn.SetReadDeadline(time.Unix(1, 0))
}

// over reports whether the session has ended.
func (x *session) over() bool {
	select {
	case <-x.ended:
		return true
	default:
		return false
	}
}

// run serves the session until it ends.
func (x *session) run() {
	x.pinger.Reset(x.server.limits.ping())
	x.catchUp()
	x.end(x.read())
	x.pinger.Stop()
	x.bye()
	x.cancel()
	x.work.Wait()
	x.leave()
}

// ping asks for a sign of life, and again after a while. While a frame is being
// written it would only wait behind it.
func (x *session) ping() {
	if x.writing.Load() == 0 && x.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(x.server.limits.Write)) != nil && x.writing.Load() == 0 {
		_ = x.conn.Close()
		return
	}
	if !x.over() {
		x.pinger.Reset(x.server.limits.ping())
	}
}

// byeMost is how long a session's end may take on the line, and again in the record.
const byeMost = 2 * time.Second

// bye tells the reason, once what is being written has left; a participant that
// takes no more isn't told.
func (x *session) bye() {
	most := min(byeMost, x.server.limits.Write)
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	select {
	case <-x.turn:
		farewell(x.conn, x.why, most)
		x.turn <- struct{}{}
	case <-timeout.C:
	}
	_ = x.conn.Close() // and whoever is stuck in a write comes back
}

// leave gives up the seat.
func (x *session) leave() {
	where := seat{x.who.Operation, x.who.Participant}
	x.server.mu.Lock()
	if x.server.sessions[where] == x {
		delete(x.server.sessions, where)
	}
	x.server.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), byeMost)
	defer cancel()
	if err := x.server.opt.Sequencer.CloseSession(ctx, x.who.ID); err != nil && !errors.Is(err, gateway.ErrFenced) {
		x.log().Warn("session can't be closed in the record; it lapses when a newer one opens", "error", err)
	}
	sent, acked := x.window.at()
	x.log().Info("session ended", "status", x.why.status, "cause", x.why.message, "sent", sent, "acknowledged", acked)
}

// awaitTurn waits for the turn; false: the session ended or the time is over.
func (x *session) awaitTurn(ctx context.Context, patience <-chan time.Time) bool {
	select {
	case <-x.turn:
		if !x.over() {
			return true
		}
		x.give()
	case <-x.ended:
	case <-patience:
	case <-ctx.Done():
	}
	return false
}

func (x *session) give() { x.turn <- struct{}{} }

// cut is a connection that takes no more.
var cut = closing{status: websocket.CloseAbnormalClosure, message: "the connection was lost"}

// put writes one frame; the caller has the turn.
func (x *session) put(frame []byte) *closing {
	within := x.server.limits.Write + x.server.limits.slowest(len(frame))
	x.writing.Store(time.Now().Add(within).UnixNano())
	x.renew()
	err := writeFrame(x.conn, frame, within)
	x.writing.Store(0)
	x.renew()
	if err != nil {
		x.log().Info("frame can't be written", "cause", err)
		_ = x.conn.Close() // half a frame may have left: nothing more can be said
		return &cut
	}
	return nil
}

// renew gives the participant another while to show a sign of life: longer while
// a frame is on its way, for it may have to take that first.
func (x *session) renew() {
	from := time.Now()
	if until := time.Unix(0, x.writing.Load()); until.After(from) {
		from = until
	}
	x.expectBy(from.Add(x.server.limits.silence()))
}

func (x *session) expectBy(deadline time.Time) {
	_ = x.conn.SetReadDeadline(deadline)
	if x.over() { // end set its deadline before ours
		_ = x.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// silent reports whether an error is that of a read deadline.
func silent(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
