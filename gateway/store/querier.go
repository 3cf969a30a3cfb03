package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
)

// querier runs SQL, in or outside a transaction.
type querier interface {
	// Put runs a statement that nobody waits for: its error may come with a later
	// one, at the latest with the commit.
	Put(ctx context.Context, query string, args ...any) error
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Ask puts a question to which there is one row; its answer is in dest once a
	// later question has been answered.
	Ask(ctx context.Context, dest []any, query string, args ...any) error
	Query(ctx context.Context, query string, args ...any) (rows, error)
	QueryRow(ctx context.Context, query string, args ...any) row
}

// row is the one row of an answer; its Scan says sql.ErrNoRows where there is none.
type row interface{ Scan(dest ...any) error }

// rows are those of an answer, to be closed before the next question.
type rows interface {
	row
	Next() bool
	Columns() ([]string, error)
	Err() error
	Close() error
}

// plain adapts a pool or a transaction of database/sql.
type plain struct {
	q interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}
}

func (p plain) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := p.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (p plain) Put(ctx context.Context, query string, args ...any) error {
	_, err := p.q.ExecContext(ctx, query, args...)
	return err
}

func (p plain) Ask(ctx context.Context, dest []any, query string, args ...any) error {
	return p.QueryRow(ctx, query, args...).Scan(dest...)
}

func (p plain) Query(ctx context.Context, query string, args ...any) (rows, error) {
	return p.q.QueryContext(ctx, query, args...)
}

func (p plain) QueryRow(ctx context.Context, query string, args ...any) row {
	return p.q.QueryRowContext(ctx, query, args...)
}

// pool runs reading SQL on SQLite's read connections, each text prepared once a
// connection: parsing costs more than most reads do. PostgreSQL's driver does
// that by itself.
type pool struct {
	plain
	db *sql.DB

	mu    sync.Mutex // guards stmts
	stmts map[string]*sql.Stmt
}

// preparedMost bounds the texts: those with a list of values have many forms.
const preparedMost = 200

func newPool(db *sql.DB) *pool {
	return &pool{plain: plain{db}, db: db, stmts: make(map[string]*sql.Stmt)}
}

// stmt is nil where the text isn't to be prepared.
func (p *pool) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st := p.stmts[query]; st != nil || len(p.stmts) >= preparedMost {
		return st, nil
	}
	st, err := p.db.PrepareContext(ctx, unnamed(query))
	if err == nil {
		p.stmts[query] = st
	}
	return st, err
}

func (p *pool) Query(ctx context.Context, query string, args ...any) (rows, error) {
	st, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return p.plain.Query(ctx, query, args...)
	}
	return st.QueryContext(ctx, args...)
}

func (p *pool) QueryRow(ctx context.Context, query string, args ...any) row {
	st, err := p.stmt(ctx, query)
	if err != nil || st == nil {
		return p.plain.QueryRow(ctx, query, args...) // reports the same error
	}
	return st.QueryRowContext(ctx, args...)
}

// unnamed writes $1, $2, … as ? where each stands once and in order: SQLite takes
// $1 for a name, and its driver asks for the name of each parameter with every run.
func unnamed(query string) string {
	var b strings.Builder
	rest := query
	for n := 1; ; n++ {
		before, after, more := strings.Cut(rest, "$")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		number := strconv.Itoa(n)
		after, inOrder := strings.CutPrefix(after, number)
		if !inOrder || after != "" && after[0] >= '0' && after[0] <= '9' {
			return query
		}
		b.WriteByte('?')
		rest = after
	}
}

// prepared runs SQL on one SQLite connection, each text prepared once. The
// texts are constants of this package, so the cache stays small.
type prepared struct {
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	synced outlives // what its commits outlive now
}

// sync sets what the next commits outlive. A note that no sync followed is in
// the write-ahead log all the same: the next one takes it along.
func (p *prepared) sync(need outlives) error {
	if p.synced == need {
		return nil
	}
	set := "PRAGMA synchronous = FULL"
	if need == death {
		set = "PRAGMA synchronous = NORMAL" // in WAL mode, no fsync with a commit
	}
	// Never prepared: a pragma acts when it is compiled.
	if _, err := p.conn.ExecContext(context.Background(), set); err != nil {
		return err
	}
	p.synced = need
	return nil
}

func (p *prepared) stmt(query string) (*sql.Stmt, error) {
	if st := p.stmts[query]; st != nil {
		return st, nil
	}
	st, err := p.conn.PrepareContext(context.Background(), unnamed(query))
	if err != nil {
		return nil, err
	}
	p.stmts[query] = st
	return st, nil
}

func (p *prepared) Exec(_ context.Context, query string, args ...any) (int64, error) {
	st, err := p.stmt(query)
	if err != nil {
		return 0, err
	}
	// Never the caller's context: an interrupt would end the whole batch.
	r, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (p *prepared) Put(ctx context.Context, query string, args ...any) error {
	_, err := p.Exec(ctx, query, args...)
	return err
}

func (p *prepared) Ask(ctx context.Context, dest []any, query string, args ...any) error {
	return p.QueryRow(ctx, query, args...).Scan(dest...)
}

func (p *prepared) Query(_ context.Context, query string, args ...any) (rows, error) {
	st, err := p.stmt(query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(context.Background(), args...)
}

func (p *prepared) QueryRow(_ context.Context, query string, args ...any) row {
	st, err := p.stmt(query)
	if err != nil {
		return p.conn.QueryRowContext(context.Background(), query, args...) // reports the same error
	}
	return st.QueryRowContext(context.Background(), args...)
}
