package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// dialect holds every difference between the two databases.
type dialect struct {
	driver     string
	goose      goose.Dialect
	migrations string
	skipLocked string             // ends the subselect of a claim of table alias d
	forUpdate  string             // ends a select whose rows the transaction changes
	clock      string             // the database's clock in Unix milliseconds; "" means ours
	snapshot   sql.IsolationLevel // in which many reads see one moment
	renumber   string             // sets the counters of numbered rows after a copy
	serialize  string             // waits for other transactions of the same name, $1; "" where one writer does
}

var (
	sqlite   = dialect{driver: "sqlite", goose: goose.DialectSQLite3, migrations: "migrations/sqlite"}
	postgres = dialect{driver: "pgx", goose: goose.DialectPostgres, migrations: "migrations/postgres",
		skipLocked: " FOR UPDATE OF d SKIP LOCKED", forUpdate: " FOR UPDATE",
		snapshot: sql.LevelRepeatableRead, renumber: "SELECT setval(pg_get_serial_sequence('attempt', 'id'), (SELECT coalesce(max(id), 1) FROM attempt)), setval(pg_get_serial_sequence('test_evidence', 'id'), (SELECT coalesce(max(id), 1) FROM test_evidence))",
		serialize: "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
		clock:     "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"}
)

// parseDSN tells the databases apart; for SQLite it returns the file's path.
func parseDSN(dsn string) (dialect, string, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok && path != "" {
		return sqlite, path, nil
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return postgres, dsn, nil
	}
	return dialect{}, "", errors.New(`store: want "sqlite:PATH" or "postgres://USER@HOST/DATABASE"`)
}

func sqliteDSN(path, more string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return fmt.Sprintf("file:%s?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)%s", escaped, more)
}

// again reports whether the database asks for the transaction to be repeated:
// serialization failure or deadlock (PostgreSQL appendix A, class 40).
func again(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// clockOf reads the time that leases and heartbeats go by: a handed-in clock,
// else the database's.
func (s *Store) clockOf(ctx context.Context, q querier) (int64, error) {
	if s.opt.Clock != nil {
		return s.opt.Clock().UnixMilli(), nil
	}
	if s.d.clock == "" {
		return time.Now().UnixMilli(), nil
	}
	var ms int64
	err := q.QueryRow(ctx, s.d.clock).Scan(&ms)
	return ms, err
}

// querier runs SQL, in or outside a transaction.
type querier interface {
	// Put runs a statement that nobody waits for: its error may come with a later
	// one, at the latest with the commit.
	Put(ctx context.Context, query string, args ...any) error
	Exec(ctx context.Context, query string, args ...any) (int64, error)
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
	st, err := p.db.PrepareContext(ctx, query)
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
	st, err := p.conn.PrepareContext(context.Background(), query)
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

// updateOf ends a select of table alias d whose rows the transaction changes.
func (d dialect) updateOf() string {
	if d.forUpdate == "" {
		return ""
	}
	return " FOR UPDATE OF d"
}
