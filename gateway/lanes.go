package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"liaison/gateway/operation"
)

// Lane is the way to one participant over one kind of channel. What is slow on
// one lane delays nobody on another.
type Lane struct {
	Operation   operation.Code
	Participant operation.ParticipantCode
	Channel     operation.ChannelKind
}

// Want is what a node would claim now.
type Want struct {
	Limit  int
	Except []Lane   // enough waits there already: urgent ones alone
	Full   []Medium // none for these
	// Share is how long the WebSocket has for itself before what nobody can bring
	// over it is claimed as unreachable; nil: for ever.
	Share func(Lane, Priority) time.Duration
}

// lane is where a delivery waits for its turn.
func (d Delivery) lane() Lane { return Lane{d.Operation, d.Participant, d.Channel} }

// Medium is what a lane's deliveries share with other lanes.
func (l Lane) Medium() Medium {
	if l.Channel == operation.WebSocket {
		return ByWebSocket
	}
	return ByMail
}

// Bounds of the lanes: how many deliveries one claim takes, how many wait on one
// lane and, after that, at how few the lane is open again, and how many are
// claimed for each medium.
const (
	claimMost = 64
	laneFull  = 64
	laneOpen  = 16
	holdsMost = 4096
)

// width is how many deliveries a lane carries at once. The WebSocket keeps their
// order; a mail server takes two.
var width = map[Medium]int{ByMail: 2, ByWebSocket: 1}

// lanes carry claimed deliveries to their channels: a queue and workers for each
// lane, so that a participant or server that hangs fills its own lanes alone.
// What is rendered and on its way at once is bounded for each medium, and so is
// what has left and isn't recorded: death makes repeats of it. A place there is taken
// before the room, so they are each medium's own too: who waits for a mail server
// must hold none that a system needs.
type lanes struct {
	carry   func(Delivery) (record func())
	rooms   map[Medium]chan struct{}
	records map[Medium]chan struct{}
	open    chan struct{} // takes one: a full lane has room again
	wg      sync.WaitGroup

	mu     sync.Mutex // guards the rest
	waits  map[Lane][]Delivery
	active map[Lane]int
	full   map[Lane]bool
	holds  map[Medium]int
}

func newLanes(workers int, carry func(Delivery) (record func())) *lanes {
	return &lanes{carry: carry, open: make(chan struct{}, 1), waits: map[Lane][]Delivery{}, active: map[Lane]int{}, full: map[Lane]bool{}, holds: map[Medium]int{},
		rooms:   map[Medium]chan struct{}{ByMail: make(chan struct{}, workers), ByWebSocket: make(chan struct{}, 4*workers)},
		records: map[Medium]chan struct{}{ByMail: make(chan struct{}, 4*workers), ByWebSocket: make(chan struct{}, 4*workers)}}
}

// want is what there is room for.
func (l *lanes) want() Want {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := Want{Limit: claimMost}
	for _, m := range []Medium{ByMail, ByWebSocket} {
		if room := holdsMost - l.holds[m]; room <= 0 {
			w.Full = append(w.Full, m)
		} else {
			w.Limit = min(w.Limit, room)
		}
	}
	for lane := range l.full {
		w.Except = append(w.Except, lane)
	}
	return w
}

// put lines claimed deliveries up on their lanes, the urgent in front.
func (l *lanes) put(claimed []Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range claimed {
		lane := d.lane()
		l.holds[lane.Medium()]++
		queue := append(l.waits[lane], d)
		slices.SortStableFunc(queue, func(a, b Delivery) int { return a.Priority.Rank() - b.Priority.Rank() })
		l.waits[lane] = queue
		if len(queue) >= laneFull {
			l.full[lane] = true
		}
		if l.active[lane] < width[lane.Medium()] {
			l.active[lane]++
			l.wg.Go(func() { l.work(lane) })
		}
	}
}

// work carries one delivery after the other until its lane is empty. The next one
// goes while the last is recorded, so that one commit records many.
func (l *lanes) work(lane Lane) {
	room, records := l.rooms[lane.Medium()], l.records[lane.Medium()]
	for {
		records <- struct{}{}
		room <- struct{}{}
		d, ok := l.next(lane)
		if !ok {
			<-room
			<-records
			return
		}
		record := l.carry(d)
		<-room
		l.wg.Go(func() {
			record()
			<-records
			l.mu.Lock()
			defer l.mu.Unlock()
			l.holds[lane.Medium()]--
		})
	}
}

// next takes a lane's first delivery; without one, its worker has ended.
func (l *lanes) next(lane Lane) (Delivery, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.waits[lane]
	if len(queue) == 0 {
		delete(l.waits, lane)
		if l.active[lane]--; l.active[lane] == 0 {
			delete(l.active, lane)
		}
		return Delivery{}, false
	}
	l.waits[lane] = queue[1:]
	if l.full[lane] && len(queue)-1 <= laneOpen {
		delete(l.full, lane)
		signal(l.open)
	}
	return queue[0], true
}

// busy reports whether enough waits on the lanes that the next claim may gather
// more before it is made.
func (l *lanes) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holds[ByMail]+l.holds[ByWebSocket] >= claimMost
}

// Rooms are what this gateway has in hand: messages that it opens, deliveries that it
// claimed, those that are rendered and on their way by medium, and those on which it
// isn't recorded yet what came of them.
func (g *Gateway) Rooms() []Room {
	opening := RoomOf("opening", g.opening)
	l := g.carrying.Load()
	if l == nil {
		return []Room{opening} // not running yet
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	recording := RoomOf("recording", l.records[ByMail])
	recording.Count, recording.Most = recording.Count+len(l.records[ByWebSocket]), recording.Most+cap(l.records[ByWebSocket])
	return []Room{opening, {"claimed", l.holds[ByMail] + l.holds[ByWebSocket], 2 * holdsMost}, RoomOf("sending-mail", l.rooms[ByMail]), RoomOf("sending-websocket", l.rooms[ByWebSocket]), recording}
}

// pollEvery is how often it is asked what is due when nothing wakes.
const pollEvery = time.Second

// Run delivers until ctx ends; wake says that something may be due. It returns
// after the attempts under way have ended.
func (g *Gateway) Run(ctx context.Context, wake <-chan struct{}) error {
	var clock sync.WaitGroup
	defer clock.Wait()
	if g.opt.Clock != nil {
		clock.Go(func() { g.runClock(ctx) })
	}
	l := g.lanes(ctx)
	defer l.wg.Wait()
	g.carrying.Store(l)
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		began := time.Now()
		more, err := g.claim(ctx, l)
		if err != nil && ctx.Err() == nil {
			g.opt.Log.Error("claim deliveries", "err", err)
		}
		if more {
			continue
		}
		l.gather(ctx, time.Since(began))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-l.open:
		case <-poll.C:
			g.sealed.tidy(g.opt.Now())
			g.forms.tidy(g.opt.Now())
		}
	}
}

// gather waits before the next claim where enough is under way: the longer the
// queue that a claim looks through, the rarer it looks. A lane that has room
// again ends the wait.
func (l *lanes) gather(ctx context.Context, claim time.Duration) {
	if !l.busy() {
		return
	}
	t := time.NewTimer(min(max(4*claim, 5*time.Millisecond), 100*time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.open:
		signal(l.open)
	case <-ctx.Done():
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// lanes are this gateway's; what still waits on them when ctx ends is left to
// whoever claims it next.
func (g *Gateway) lanes(ctx context.Context) *lanes {
	going := outliving(ctx, g.opt.Limits.Grace)
	recording := outliving(ctx, g.opt.Limits.Grace+finishStopping)
	return newLanes(g.opt.Limits.Workers, func(d Delivery) (record func()) {
		if ctx.Err() != nil {
			return func() {}
		}
		finish := g.deliver(going, d)
		return func() { finish(recording) }
	})
}

// outliving is a context that ends a while after another.
func outliving(ctx context.Context, by time.Duration) context.Context {
	outlives, end := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(by, end) })
	return outlives
}

// claimTimeout bounds one claim: a record that falls silent must not hold the rest.
const claimTimeout = 30 * time.Second

// claim fills the lanes; more says that it may go on at once.
func (g *Gateway) claim(ctx context.Context, l *lanes) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	want := l.want()
	if want.Share, err = g.shares(ctx); err != nil {
		return false, err
	}
	claimed, err := g.opt.Store.Claim(ctx, want, g.opt.Now())
	l.put(claimed)
	return err == nil && len(claimed) > 0 && len(claimed) == want.Limit, err
}
