package store

import (
	"context"
	"errors"
	"fmt"
)

// CheckKey unwraps every data key that isn't destroyed. It returns nil where the
// storage key opens all that is stored, which an empty record's does too, and else
// an error that names the first operation whose key doesn't open.
func (s *Store) CheckKey(ctx context.Context) (err error) {
	rows, err := s.read().Query(ctx, `SELECT operation, wrapped FROM data_key WHERE wrapped IS NOT NULL ORDER BY operation`)
	if err != nil {
		return fmt.Errorf("read the data keys: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var operation string
		var wrapped []byte
		if err := rows.Scan(&operation, &wrapped); err != nil {
			return fmt.Errorf("read the data keys: %w", err)
		}
		if _, err := s.codec.unwrap(operation, wrapped); err != nil {
			return err
		}
	}
	return rows.Err()
}
