package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// groups gathers acceptances on PostgreSQL. Those of one operation take turns at
// its counter anyway, which a transaction holds until its commit is on the disk:
// what waits there together becomes one transaction and one commit.
type groups struct {
	mu      sync.Mutex
	byName  map[string]*group // those that are under way
	closed  bool
	running sync.WaitGroup
}

// group is what waits to be committed together, and how many commits are under way.
type group struct {
	waiting []*job
	commits int
}

// commitsMost of a group are under way at once: one is prepared while the other's
// commit goes to the disk.
const commitsMost = 2

// together runs do in one durable transaction, on PostgreSQL perhaps with others
// of its group. do may run more than once, also after a commit whose answer was
// lost: it must know what it has recorded.
func (s *Store) together(ctx context.Context, group string, do func(*tx) error) error {
	if s.mode == reading || s.d.driver != postgres.driver {
		return s.write(ctx, do)
	}
	j := &job{ctx: ctx, do: do, need: powerCut, done: make(chan struct{})}
	if !s.groups.join(group, j, s.commitTogether) {
		return errClosed
	}
	<-j.done
	return j.err
}

// join lets a job wait in its group, and sees to it that the group is under way;
// false once closed.
func (g *groups) join(name string, j *job, commit func([]*job)) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if g.byName == nil {
		g.byName = make(map[string]*group)
	}
	in := g.byName[name]
	if in == nil {
		in = &group{}
		g.byName[name] = in
	}
	if in.waiting = append(in.waiting, j); in.commits < commitsMost {
		in.commits++
		g.running.Go(func() {
			for batch := g.next(name); batch != nil; batch = g.next(name) {
				commit(batch)
			}
		})
	}
	return true
}

// next takes what waits in a group; nil ends a row of commits.
func (g *groups) next(name string) []*job {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := g.byName[name]
	n := min(len(in.waiting), batchMost)
	batch := in.waiting[:n:n]
	if in.waiting = in.waiting[n:]; n > 0 {
		return batch
	}
	if in.commits--; in.commits == 0 {
		delete(g.byName, name)
	}
	return nil
}

// close waits for what is under way and takes nothing more.
func (g *groups) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
}

// commitTogether commits a batch in one transaction; where one of it fails, each
// in its own, which waits for no other.
func (s *Store) commitTogether(batch []*job) {
	if len(batch) > 1 && s.tryTogether(batch) == nil {
		answer(batch, nil)
		return
	}
	var all sync.WaitGroup
	for _, j := range batch {
		all.Go(func() {
			j.err = s.writeRetrying(j.ctx, j.do)
			close(j.done)
		})
	}
	all.Wait()
}

// togetherMost is how long one may wait for the others of its batch: a database
// that hangs holds each up for as long as its own context lasts, and no longer.
const togetherMost = 30 * time.Second

func (s *Store) tryTogether(batch []*job) error {
	ctx, stop := whileAnyWaits(batch)
	defer stop()
	var all effects
	shared := newCommon()
	shared.counts, shared.hopeful = make(map[string]*counter), true
	err := s.piped(ctx, func(q querier) error {
		for _, j := range batch {
			if j.err = j.ctx.Err(); j.err != nil {
				continue
			}
			t := &tx{querier: q, s: s, ctx: ctx, common: shared}
			if err := runGuarded(t, j.do); err != nil {
				return err
			}
			all.add(t.effects)
		}
		return shared.putCounts(ctx, q)
	})
	if err == nil {
		s.tell(all)
	}
	return err
}

// whileAnyWaits is a context that ends when all of the batch's have, or after
// togetherMost.
func whileAnyWaits(batch []*job) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), togetherMost)
	var left atomic.Int64
	left.Store(int64(len(batch)))
	stops := make([]func() bool, len(batch))
	for i, j := range batch {
		stops[i] = context.AfterFunc(j.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}
