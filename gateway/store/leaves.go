package store

import (
	"context"
	"database/sql"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// leafReader walks the tree's stored hashes beside the entries, so that an
// entry whose own hash was rewritten with it is named all the same.
type leafReader struct {
	rows     *sql.Rows
	position int64
	hash     []byte
	done     bool
}

func (s *Store) leafReader(ctx context.Context) (*leafReader, error) {
	rows, err := s.read().Query(ctx, `SELECT position, hash FROM tree_hash ORDER BY position`)
	if err != nil {
		return nil, fmt.Errorf("read the audit tree: %w", err)
	}
	return &leafReader{rows: rows, position: -1}, nil
}

// at returns the stored leaf of entry n; n rises from call to call. A leaf that
// is missing reads empty, which equals no hash.
func (l *leafReader) at(n int64) ([]byte, error) {
	want := tlog.StoredHashIndex(0, n)
	for l.position < want && !l.done {
		if !l.rows.Next() {
			l.done = true
			break
		}
		if err := l.rows.Scan(&l.position, &l.hash); err != nil {
			return nil, err
		}
	}
	if l.position != want {
		return []byte{}, l.rows.Err()
	}
	return l.hash, nil
}

func (l *leafReader) close() { _ = l.rows.Close() }
