package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"liaison/gateway"
)

// The paces of the store's own work.
const (
	integrateEvery = 500 * time.Millisecond
	headEvery      = time.Hour
	purgeEvery     = time.Hour
	offersKept     = 30 * 24 * time.Hour
	channelName    = "liaison"
)

// How long a part of the store's own work may take: a server that falls silent, as one
// whose address moved to another does, would hold it for a quarter of an hour.
const (
	beatMost = deadAfter // who needs longer is dead to the others
	workMost = 5 * time.Minute
)

// Run does the store's own work until ctx ends: heartbeat, the audit log's
// tree, signed heads, wake-ups between nodes. It returns ErrFenced when another
// process took this node's name: then stop everything.
func (s *Store) Run(ctx context.Context) error {
	if s.mode != serving {
		return errors.New("run the store: it was not opened to serve")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	every := func(d, within time.Duration, what string, do func(context.Context) error) {
		wg.Go(func() {
			s.every(ctx, stop, d, what, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeout(ctx, within)
				defer cancel()
				return do(ctx)
			})
		})
	}
	s.beats.Store(true)
	every(beatEvery, beatMost, "heartbeat", s.Heartbeat)
	every(integrateEvery, workMost, "integrate audit entries", s.integrateAll)
	every(purgeEvery, workMost, "purge offers", s.purgeOffers)
	if s.opt.SignHead != nil {
		every(headEvery, workMost, "sign the audit log's head", func(ctx context.Context) error { _, err := s.SignHead(ctx); return err })
	}
	if s.d.driver == postgres.driver {
		wg.Go(func() { s.listen(ctx) })
		wg.Go(func() { s.notify(ctx) })
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// every does one thing at once and then at each tick.
func (s *Store) every(ctx context.Context, stop context.CancelCauseFunc, d time.Duration, what string, do func(context.Context) error) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		err := do(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, gateway.ErrFenced):
			stop(fmt.Errorf("%s: %w", what, err))
			return
		case err != nil:
			s.opt.Log.Error("store's own work", "what", what, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// purgeOffers forgets counts of offers that were decided or never came again.
func (s *Store) purgeOffers(ctx context.Context) error {
	return s.write(ctx, func(t *tx) error {
		return t.put(`DELETE FROM offer WHERE at < $1`, time.Now().Add(-offersKept).UnixMilli())
	})
}

// listen passes other nodes' hints on. A lost connection is made anew; what was
// missed, the poll finds.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.listenOnce(ctx)
		if ctx.Err() == nil {
			s.opt.Log.Warn("listen for wake-ups", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.server)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+channelName); err != nil {
		return err
	}
	for {
		s.due.sweepNow() // which lanes it is about, another node doesn't say
		signal(s.wake)
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// notify hints to other nodes after commits. Hints that pile up while one is
// sent become one: NOTIFY takes a lock that all nodes share.
func (s *Store) notify(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.hint:
		}
		if _, err := s.db.ExecContext(ctx, "NOTIFY "+channelName); err != nil && ctx.Err() == nil {
			s.opt.Log.Warn("send a wake-up", "err", err)
		}
	}
}
