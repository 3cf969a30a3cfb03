package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
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
	epoch      string             // reads a node's epoch and keeps it until the commit
	forUpdate  string             // ends a select whose rows the transaction changes
	clock      string             // the database's clock in Unix milliseconds; "" means ours
	snapshot   sql.IsolationLevel // in which many reads see one moment
	renumber   string             // sets the counters of numbered rows after a copy
	hasTable   string             // counts the tables of a name, $1
	serialize  string             // waits for other transactions of the same name, $1; "" where one writer does
}

var (
	sqlite = dialect{driver: "sqlite", goose: goose.DialectSQLite3, migrations: "migrations/sqlite", epoch: "SELECT epoch FROM node WHERE name = $1",
		hasTable: "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1"}
	postgres = dialect{driver: "pgx", goose: goose.DialectPostgres, migrations: "migrations/postgres",
		epoch: "SELECT epoch FROM node WHERE name = $1 FOR KEY SHARE", skipLocked: " FOR UPDATE OF d SKIP LOCKED", forUpdate: " FOR UPDATE",
		snapshot: sql.LevelRepeatableRead, renumber: renumber,
		hasTable:  "SELECT count(to_regclass($1))",
		serialize: "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
		clock:     "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"}
)

// renumber sets the counter of every numbered column of PostgreSQL to what is there.
const renumber = `DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%' LOOP
    EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, %L), (SELECT coalesce(max(%I), 1) FROM %I))', c.table_name, c.column_name, c.column_name, c.table_name);
  END LOOP; END $$`

// Named reports whether a text is a store's name: sqlite:FILE or
// postgres://USER@HOST/DATABASE.
func Named(dsn string) bool {
	_, _, err := parseDSN(dsn)
	return err == nil
}

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

// updateOf ends a select of table alias d whose rows the transaction changes.
func (d dialect) updateOf() string {
	if d.forUpdate == "" {
		return ""
	}
	return " FOR UPDATE OF d"
}
