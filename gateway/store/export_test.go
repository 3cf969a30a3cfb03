package store

import "context"

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
