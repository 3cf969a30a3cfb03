package store

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Copied are the tables that a copy takes along.
var Copied = copied

// AskInAllTransactions opens as many transactions as there may be at once, and in
// each, once all are open, asks the record beside it.
func (s *Store) AskInAllTransactions(ctx context.Context) error {
	most := s.db.Stats().MaxOpenConnections
	var opened sync.WaitGroup
	opened.Add(most)
	all, ctx := errgroup.WithContext(ctx)
	for range most {
		once := sync.OnceFunc(opened.Done)
		all.Go(func() error {
			return s.write(ctx, func(*tx) error {
				once()
				opened.Wait()
				var one int
				return s.read().QueryRow(ctx, "SELECT 1").Scan(&one)
			})
		})
	}
	return all.Wait()
}

// MigrateTo makes a record whose tables are those of an earlier version, and gives
// it away for changes behind the store's back.
func MigrateTo(ctx context.Context, dsn string, version int64, change func(exec func(string, ...any) error) error) error {
	d, path, err := parseDSN(dsn)
	if err != nil {
		return err
	}
	s := &Store{d: d, mode: beside, dsn: path}
	if err := s.connect(ctx, path); err != nil {
		return err
	}
	defer s.closeFiles()
	p, err := s.migrator()
	if err != nil {
		return err
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return err
	}
	return change(func(statement string, args ...any) error {
		_, err := s.db.ExecContext(ctx, statement, args...)
		return err
	})
}
