package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"liaison/gateway"
)

// batchMost is how many transactions the writer of SQLite takes at once; they share
// a commit.
const batchMost = 128

// What nobody waits for waits for company before it is committed, because a commit
// costs as much as many transactions: until so many have come, or for so long.
const (
	companyMost = 48
	companyFor  = 10 * time.Millisecond
)

var (
	errReading = errors.New("the store was opened for reading alone")
	errClosed  = errors.New("the store is closed")
)

// outlives is what a commit is still there after.
type outlives bool

const (
	death    outlives = false // this process's, at any moment
	powerCut outlives = true  // and the machine's
)

// job is a transaction on its way to the writer.
type job struct {
	ctx       context.Context
	do        func(*tx) error
	need      outlives
	unhurried bool // may wait for company
	err       error
	done      chan struct{}
}

// write runs do in one durable transaction. do may run more than once.
func (s *Store) write(ctx context.Context, do func(*tx) error) error {
	return s.commit(&job{ctx: ctx, do: do, need: powerCut})
}

// writeSoon is write for what nobody waits for: on SQLite it may wait for company.
func (s *Store) writeSoon(ctx context.Context, do func(*tx) error) error {
	return s.commit(&job{ctx: ctx, do: do, need: powerCut, unhurried: true})
}

// note is write for what a new start of the machine may forget: it waits for no
// disk on SQLite. On PostgreSQL, which falls and rises under a living node, it is
// write.
func (s *Store) note(ctx context.Context, do func(*tx) error) error {
	return s.commit(&job{ctx: ctx, do: do, need: death})
}

func (s *Store) commit(j *job) error {
	if s.mode == reading {
		return errReading
	}
	if s.d.driver == postgres.driver {
		return s.writeRetrying(j.ctx, j.do)
	}
	j.done = make(chan struct{})
	select {
	case s.writes <- j:
	case <-s.quit:
		return errClosed
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
	// From here on the outcome is waited for, whatever becomes of ctx: "ended"
	// must not be told of what was recorded.
	select {
	case <-j.done:
		return j.err
	case <-s.done:
		select {
		case <-j.done:
			return j.err
		default:
			return errClosed
		}
	}
}

func (s *Store) writeRetrying(ctx context.Context, do func(*tx) error) error {
	for try := 0; ; try++ {
		err := s.writeOnce(ctx, do)
		if err == nil || try == 9 || !again(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(try+1) * 5 * time.Millisecond):
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, do func(*tx) error) error {
	t := &tx{s: s, ctx: ctx, common: newCommon()}
	err := s.piped(ctx, func(q querier) error {
		t.querier = q
		return runGuarded(t, do)
	})
	if err != nil {
		return err
	}
	s.tell(t.effects)
	return nil
}

func (s *Store) startWriter(ctx context.Context) error {
	if s.mode == reading || s.d.driver == postgres.driver {
		close(s.done)
		return nil
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	beside, err := startCheckpointer(s.dsn, s.opt.Log)
	if err != nil {
		return err
	}
	s.writes = make(chan *job, 4*batchMost)
	go s.runWriter(beside, &prepared{conn: conn, stmts: make(map[string]*sql.Stmt), synced: powerCut})
	return nil
}

// Rooms are the transactions that wait for the writer of SQLite; on PostgreSQL each
// has a connection, or waits with its group for as long as its context lasts.
func (s *Store) Rooms() []gateway.Room {
	if s.writes == nil {
		return nil
	}
	return []gateway.Room{gateway.RoomOf("writing", s.writes)}
}

func (s *Store) stopWriter() error {
	select {
	case <-s.quit:
	default:
		close(s.quit)
	}
	<-s.done
	s.groups.close()
	return nil
}

// runWriter is the only writer of this process.
func (s *Store) runWriter(beside *checkpointer, p *prepared) {
	defer close(s.done)
	defer beside.close()
	defer func() {
		for _, st := range p.stmts {
			_ = st.Close()
		}
		_ = p.conn.Close()
	}()
	var durable []*job           // in the order in which they came
	var company <-chan time.Time // ends the wait for it
	for ended := false; !ended; {
		var came, notes []*job
		now := false // commit what is durable
		select {
		case j := <-s.writes:
			came = s.gather([]*job{j})
		case <-company:
			now = true
		case <-s.quit:
			came, now = s.gather(nil), true
			ended = len(came) == 0
		}
		for _, j := range came {
			if j.need == death {
				notes = append(notes, j)
				continue
			}
			durable = append(durable, j)
			now = now || !j.unhurried
		}
		s.commitBatch(p, notes, death) // first: they wait for no disk
		switch {
		case now || len(durable) >= companyMost:
			s.commitBatch(p, durable, powerCut)
			durable, company = nil, nil
		case len(durable) > 0 && company == nil:
			company = time.After(companyFor)
		}
		beside.after(p.conn)
	}
}

// gather adds what is waiting to a batch, without waiting for more: under load
// batches fill while the last commit syncs.
func (s *Store) gather(batch []*job) []*job {
	for len(batch) < batchMost {
		select {
		case j := <-s.writes:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// commitBatch runs a batch in one transaction and answers after its commit. If
// the commit as a whole fails, nobody is told that anything was recorded.
func (s *Store) commitBatch(p *prepared, batch []*job, need outlives) {
	if len(batch) == 0 {
		return
	}
	if err := p.sync(need); err != nil {
		answer(batch, fmt.Errorf("commit: %w", err))
		return
	}
	all, err := s.runBatch(p, batch, inOne)
	if errors.Is(err, errFailed) {
		_, _ = p.Exec(context.Background(), "ROLLBACK")
		all, err = s.runBatch(p, batch, each)
	}
	if err != nil {
		_, _ = p.Exec(context.Background(), "ROLLBACK")
		answer(batch, fmt.Errorf("commit: %w", err))
		return
	}
	s.tell(all)
	answer(batch, nil)
}

// answer tells a batch that it was committed or, with err, that nothing of it was.
func answer(batch []*job, err error) {
	for _, j := range batch {
		if err != nil {
			j.err = err
		}
		close(j.done)
	}
}

// errFailed says that a transaction of a batch failed, and the batch with it.
var errFailed = errors.New("a transaction of the batch failed")

// apart is how the transactions of a batch are kept from each other.
type apart bool

const (
	inOne apart = false // all or none: nearly always all
	each  apart = true  // by a savepoint for each, so that one can fail alone
)

// runBatch runs a batch and commits it.
func (s *Store) runBatch(p *prepared, batch []*job, how apart) (all effects, err error) {
	ctx := context.Background()
	if _, err := p.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return all, err
	}
	shared := newCommon()
	if how == inOne {
		shared.counts = make(map[string]*counter)
	}
	for _, j := range batch {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		t := &tx{querier: p, s: s, ctx: ctx, common: shared}
		if how == each {
			err = runApart(t, p, j)
		} else if j.err = runGuarded(t, j.do); j.err != nil {
			err = errFailed
		}
		if err != nil {
			return all, err
		}
		if j.err == nil {
			all.add(t.effects)
		}
	}
	if err := shared.putCounts(ctx, p); err != nil {
		return all, err
	}
	_, err = p.Exec(ctx, "COMMIT")
	return all, err
}

// runApart runs a transaction in a savepoint, which goes if it fails.
func runApart(t *tx, p *prepared, j *job) error {
	if _, err := p.Exec(t.ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	if j.err = runGuarded(t, j.do); j.err != nil {
		clear(t.keys) // those created in the savepoint go with it
		if _, err := p.Exec(t.ctx, "ROLLBACK TO one"); err != nil {
			return err
		}
	}
	_, err := p.Exec(t.ctx, "RELEASE one")
	return err
}
