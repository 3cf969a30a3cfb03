package storetest

import (
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"testing"

	"liaison/gateway/store"
)

// SQLite is a record in a file of a test's own folder.
type SQLite struct {
	path    string
	handles []*store.Store
}

// NewSQLite makes an empty record.
func NewSQLite(t testing.TB) Record {
	return &SQLite{path: filepath.Join(t.TempDir(), "liaison.db")}
}

// DSN names the file for store.Open.
func (r *SQLite) DSN() string { return "sqlite:" + r.path }

// Open implements Record.
func (r *SQLite) Open(t testing.TB, node string, opt store.Options) *store.Store {
	t.Helper()
	s := openAs(t, r.DSN(), node, opt)
	r.handles = append(r.handles, s)
	return s
}

func openAs(t testing.TB, dsn, node string, opt store.Options) *store.Store {
	t.Helper()
	if opt.Node = node; opt.Key == (store.StorageKey{}) {
		opt.Key = Key()
	}
	s, err := store.Open(t.Context(), dsn, opt)
	if err != nil {
		t.Fatalf("store.Open(%s) = %v", node, err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Kill copies the files as they lie there, write-ahead log and all: what the
// next process would find after a kill.
func (r *SQLite) Kill(t testing.TB) Record {
	t.Helper()
	after := &SQLite{path: filepath.Join(t.TempDir(), "liaison.db")}
	for _, suffix := range []string{"", "-wal"} {
		if err := copyFile(after.path+suffix, r.path+suffix); err != nil {
			t.Fatalf("copy the record: %v", err)
		}
	}
	return after
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// Exec implements Record.
func (r *SQLite) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	execOn(t, "sqlite", "file:"+r.path+"?_pragma=busy_timeout(10000)", statement, args)
}

// Shared implements Record.
func (r *SQLite) Shared() bool { return false }

func execOn(t testing.TB, driver, dsn, statement string, args []any) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

type postgresRecord struct{ dsn string }

// NewPostgres makes an empty record on PostgreSQL.
func NewPostgres(t testing.TB) Record { return postgresRecord{Postgres(t)} }

// NewDurablePostgres is NewPostgres on a server of the test's own that waits for its
// disk, for measurements.
func NewDurablePostgres(t testing.TB) Record {
	c := NewCluster(t)
	if err := c.Exec("CREATE DATABASE liaison"); err != nil {
		t.Fatal(err)
	}
	return postgresRecord{c.DSN("liaison")}
}

func (r postgresRecord) Open(t testing.TB, node string, opt store.Options) *store.Store {
	t.Helper()
	return openAs(t, r.dsn, node, opt)
}

// Kill leaves the handles to themselves: to the database a killed node is one
// that says nothing more.
func (r postgresRecord) Kill(testing.TB) Record { return r }

func (r postgresRecord) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	execOn(t, "pgx", r.dsn, statement, args)
}

func (r postgresRecord) Shared() bool { return true }
