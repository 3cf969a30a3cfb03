package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// pipeline runs SQL in one transaction on PostgreSQL. What nobody waits for goes
// with the next statement that somebody does, the last with the commit: a
// transaction makes as many round trips as it has questions.
type pipeline struct {
	conn    *pgx.Conn
	waiting *pgx.Batch
	asked   map[int][]any // where answers to what waits go, by its place
	bytes   int           // of its long values
}

// What waits in memory before it is sent in any case.
const (
	pipedMost  = 64
	pipedBytes = 1 << 20
)

// piped runs do in one transaction.
func (s *Store) piped(ctx context.Context, do func(querier) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		p := &pipeline{conn: driver.(*stdlib.Conn).Conn(), waiting: &pgx.Batch{}}
		defer p.rollback()
		if err := p.Put(ctx, "BEGIN"); err != nil {
			return err
		}
		if err := do(p); err != nil {
			return err
		}
		return p.commit(ctx)
	})
}

// commit ends the transaction. PostgreSQL answers ROLLBACK, and no error, where
// a statement had failed.
func (p *pipeline) commit(ctx context.Context) error {
	results, err := p.send(ctx, "COMMIT")
	if err != nil {
		return err
	}
	tag, err := results.Exec()
	if err = ended(results, err); err == nil && tag.String() != "COMMIT" {
		err = pgx.ErrTxCommitRollback
	}
	return err
}

// rollback ends a transaction that is still open; a connection that can't is
// closed, which ends it too.
func (p *pipeline) rollback() {
	if p.conn.IsClosed() || p.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := p.conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = p.conn.Close(ctx)
	}
}

// send sends what waits and one more statement, whose result the caller takes.
func (p *pipeline) send(ctx context.Context, query string, args ...any) (pgx.BatchResults, error) {
	p.waiting.Queue(query, args...)
	before, asked := p.waiting.Len()-1, p.asked
	results := p.conn.SendBatch(ctx, p.waiting)
	p.waiting, p.asked, p.bytes = &pgx.Batch{}, nil, 0
	for i := range before {
		var err error
		if dest := asked[i]; dest != nil {
			err = results.QueryRow().Scan(dest...)
		} else {
			_, err = results.Exec()
		}
		if err != nil {
			return nil, ended(results, err)
		}
	}
	return results, nil
}

// ended closes results. Closing says again what was met before: that is returned
// once.
func ended(results pgx.BatchResults, met error) error {
	if err := results.Close(); met == nil {
		return err
	}
	return met
}

func (p *pipeline) Put(ctx context.Context, query string, args ...any) error {
	for _, a := range args {
		if b, ok := a.([]byte); ok {
			p.bytes += len(b)
		}
	}
	if p.waiting.Len() >= pipedMost || p.bytes > pipedBytes {
		_, err := p.Exec(ctx, query, args...)
		return err
	}
	p.waiting.Queue(query, slices.Clone(args)...)
	return nil
}

func (p *pipeline) Ask(_ context.Context, dest []any, query string, args ...any) error {
	if p.asked == nil {
		p.asked = make(map[int][]any)
	}
	p.asked[p.waiting.Len()] = dest
	p.waiting.Queue(query, slices.Clone(args)...)
	return nil
}

func (p *pipeline) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	results, err := p.send(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	tag, err := results.Exec()
	return tag.RowsAffected(), ended(results, err)
}

func (p *pipeline) Query(ctx context.Context, query string, args ...any) (rows, error) {
	results, err := p.send(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	list, err := results.Query()
	if err != nil {
		return nil, ended(results, err)
	}
	return &pipedRows{list, results}, nil
}

func (p *pipeline) QueryRow(ctx context.Context, query string, args ...any) row {
	results, err := p.send(ctx, query, args...)
	return &pipedRow{results, err}
}

// pipedRows are the last result of what was sent together.
type pipedRows struct {
	pgx.Rows
	results pgx.BatchResults
}

func (r *pipedRows) Columns() (names []string, err error) {
	for _, f := range r.FieldDescriptions() {
		names = append(names, f.Name)
	}
	return names, nil
}

func (r *pipedRows) Close() error {
	r.Rows.Close()
	return ended(r.results, r.Err())
}

type pipedRow struct {
	results pgx.BatchResults
	err     error
}

func (r *pipedRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	return ended(r.results, r.results.QueryRow().Scan(dest...))
}
