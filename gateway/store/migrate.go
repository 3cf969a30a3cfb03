package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// ErrEarlier: the record's tables are of an earlier version of this program.
var ErrEarlier = errors.New("an earlier version of liaison wrote this record: start the gateway of this version on it once, which brings it up to date")

// errLater: this program knows less of the tables than the one that wrote them.
var errLater = errors.New("a later version of liaison wrote this record: use that version")

// ErrServed: an earlier version serves the record, and would go on with tables that it
// doesn't know.
var ErrServed = errors.New("an earlier version of liaison serves this record: stop it, on every node, before this version brings the tables up to date")

// upToDate applies the migrations that are missing, where this handle writes. It
// leaves a record of a later version alone, and one that an earlier version serves.
func (s *Store) upToDate(ctx context.Context) error {
	p, err := s.migrator()
	if err != nil {
		return err
	}
	known := p.ListSources()
	newest := known[len(known)-1].Version
	for began := int64(0); ; {
		there, err := s.version(ctx)
		switch {
		case err != nil:
			return err
		case there > newest:
			return fmt.Errorf("%w (its tables have version %d, this one knows %d)", errLater, there, newest)
		case there == newest:
			return nil
		case s.mode == reading:
			return fmt.Errorf("%w (its tables have version %d, now %d)", ErrEarlier, there, newest)
		case there == 0:
			return s.migrate(ctx, p)
		}
		now, err := s.clockOf(ctx, s.read())
		if err != nil {
			return err
		}
		if began == 0 {
			began = now
		}
		alone, release, err := s.alone(ctx, now)
		switch {
		case err != nil:
			return err
		case alone:
			return errors.Join(s.migrate(ctx, p), release())
		case now-began > (deadAfter + beatEvery).Milliseconds(): // what died a moment ago would be dead by now
			return ErrServed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(beatEvery / 4):
		}
	}
}

func (s *Store) migrate(ctx context.Context, p *goose.Provider) error {
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

// alone reports whether no gateway serves the record. On SQLite none can begin before
// release is called.
func (s *Store) alone(ctx context.Context, now int64) (alone bool, release func() error, err error) {
	nothing := func() error { return nil }
	if s.lock != nil {
		return true, nothing, nil
	}
	if s.d.driver == sqlite.driver {
		lock, err := lockFile(s.dsn + ".lock")
		switch {
		case errors.Is(err, errLocked):
			return false, nothing, ErrServed // until it stops: it isn't dying
		case err != nil:
			return false, nothing, err
		}
		return true, lock.release, nil
	}
	var living int64
	err = s.read().QueryRow(ctx, `SELECT count(*) FROM node WHERE beat > $1`, now-deadAfter.Milliseconds()).Scan(&living)
	return living == 0, nothing, err
}

// version is that of the newest migration that the tables have, 0 where there are
// none yet.
func (s *Store) version(ctx context.Context) (n int64, err error) {
	var there int64
	if err := s.read().QueryRow(ctx, s.d.hasTable, goose.DefaultTablename).Scan(&there); err != nil || there == 0 {
		return 0, err
	}
	err = s.read().QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+goose.DefaultTablename).Scan(&n)
	return n, err
}

// migrator applies migrations; on PostgreSQL under an advisory lock, so that several
// nodes may start together.
func (s *Store) migrator() (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, s.d.migrations)
	if err != nil {
		return nil, err
	}
	db, opts := s.db, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.mode == reading {
		db = s.reads // it is asked for what it knows alone
	}
	if s.d.driver == postgres.driver {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(s.d.goose, db, dir, opts...)
}

// OpenEarlier opens a file of SQLite that an earlier version wrote, for reading: a
// copy of it in dir, as it is at this moment, is brought up to date. The file itself
// may be a backup, or serve, and stays as it is.
func OpenEarlier(ctx context.Context, dsn, dir string, opt Options) (*Store, error) {
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok {
		return nil, ErrEarlier
	}
	db, err := sql.Open(sqlite.driver, sqliteDSN(path, "&mode=ro"))
	if err != nil {
		return nil, err
	}
	copied := filepath.Join(dir, "earlier.db")
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, copied)
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("copy %s: %w", path, err)
	}
	return OpenBeside(ctx, "sqlite:"+copied, opt)
}
