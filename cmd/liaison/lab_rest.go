package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// touch says that something happened.
func (l *lab) touch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved = true
}

// labour does the participants' work.
func (l *lab) labour(ctx context.Context) {
	for {
		select {
		case do := <-l.work:
			do()
			l.mu.Lock()
			l.busy--
			l.moved = true
			l.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// queue lets something be done by a worker.
func (l *lab) queue(do func()) {
	l.mu.Lock()
	l.busy++
	l.moved = true
	l.mu.Unlock()
	select {
	case l.work <- do:
	case <-l.ctx.Done():
	}
}

// schedule lets something be sent at a time of the laboratory's.
func (l *lab) schedule(after time.Duration, send func()) {
	if after <= 0 {
		l.queue(send)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.later = append(l.later, laterSent{l.clock.Now().Add(after), send})
}

// release queues what is to be sent by now.
func (l *lab) release() {
	now := l.clock.Now()
	l.mu.Lock()
	var due []laterSent
	l.later = slices.DeleteFunc(l.later, func(s laterSent) bool {
		if s.at.After(now) {
			return false
		}
		due = append(due, s)
		return true
	})
	l.mu.Unlock()
	for _, s := range due {
		l.queue(s.send)
	}
}

// settle waits until nothing happens any more. It counts ticks that it came by
// and not time: a busy machine lets the laboratory and this loop wait alike.
func (l *lab) settle() error {
	ctx, stop := context.WithTimeout(l.ctx, labPatience)
	defer stop()
	tick := time.NewTicker(labTick)
	defer tick.Stop()
	for calm := 0; calm < labCalm; calm++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the laboratory doesn't come to rest: %w", ctx.Err())
		}
		l.release()
		stirs, err := l.stirs(ctx, calm)
		if err != nil {
			return err
		}
		if stirs {
			calm = -1
		}
	}
	return nil
}

// stirs reports whether anything happened since it was asked last. After a while
// in which nothing did it asks the mail servers and the record too, behind all
// that is being written: what they hold moves on by itself.
func (l *lab) stirs(ctx context.Context, calm int) (bool, error) {
	l.mu.Lock()
	stirs := l.moved || l.busy > 0
	l.moved = false
	l.mu.Unlock()
	if stirs || calm%(labCalm/2) != labCalm/2-1 {
		return stirs, nil
	}
	if held, err := l.post.Held(l.refusedForNow()); held > 0 || err != nil {
		return true, err
	}
	if _, err := l.st.Lease(ctx, "laboratory", time.Minute); err != nil {
		return false, err
	}
	n, err := l.st.Outstanding(ctx, l.clock.Now())
	if n > 0 || err != nil || !l.sound() {
		return n > 0, err
	}
	depths, err := l.st.Depths(ctx)
	return slices.ContainsFunc(depths, func(d store.Depth) bool { return d.Queue == "delivery "+string(operation.WebSocket) }), err
}

// sound reports whether every system takes what it is sent.
func (l *lab) sound() bool {
	for _, c := range l.casts {
		if c.Connection != "" {
			return false
		}
	}
	return true
}

// pass lets time pass, and waits for what happens because of it.
func (l *lab) pass(d time.Duration) error {
	l.clock.turn(d)
	return l.settle()
}
