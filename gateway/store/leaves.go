package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// snapshot runs read on one moment of the record, while others go on writing.
func (s *Store) snapshot(ctx context.Context, read func(querier) error) error {
	tx, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: s.d.snapshot})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	return read(plain{tx})
}

// auditPage is how many entries are read at once.
const auditPage = 1000

// auditRows calls do for every entry, in the tree's order and then those that
// aren't in it. Each comes with its leaf as the tree keeps it, so that an entry
// whose own hash was rewritten with it is named all the same.
func auditRows(ctx context.Context, q querier, do func(AuditRow) error) error {
	for _, part := range []struct{ from, query string }{
		{"-1", `SELECT sequence, id, entry, hash FROM audit WHERE sequence > CAST($1 AS BIGINT) ORDER BY sequence LIMIT $2`},
		{"", `SELECT -1, id, entry, hash FROM audit WHERE sequence IS NULL AND id > $1 ORDER BY id LIMIT $2`},
	} {
		for from := part.from; ; {
			page, err := auditRowsFrom(ctx, q, part.query, from)
			if err != nil {
				return err
			}
			for _, r := range page {
				if err := do(r); err != nil {
					return err
				}
			}
			if len(page) < auditPage {
				break
			}
			if from = page[len(page)-1].ID; part.from != "" {
				from = fmt.Sprint(page[len(page)-1].Sequence)
			}
		}
	}
	return nil
}

func auditRowsFrom(ctx context.Context, q querier, query, from string) (page []AuditRow, err error) {
	rows, err := q.Query(ctx, query, from, int64(auditPage))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	for rows.Next() {
		var r AuditRow
		if err := rows.Scan(&r.Sequence, &r.ID, &r.Text, &r.Hash); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		page = append(page, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return page, addLeaves(ctx, q, page)
}

// addLeaves reads the stored leaves of a page of the tree's entries. One that is
// missing reads empty, which equals no hash.
func addLeaves(ctx context.Context, q querier, page []AuditRow) error {
	if len(page) == 0 || page[0].Sequence < 0 {
		return nil
	}
	at := make(map[int64]int, len(page))
	for i := range page {
		at[tlog.StoredHashIndex(0, page[i].Sequence)] = i
		page[i].Leaf = []byte{}
	}
	rows, err := q.Query(ctx, `SELECT position, hash FROM tree_hash WHERE position >= $1 AND position <= $2`,
		tlog.StoredHashIndex(0, page[0].Sequence), tlog.StoredHashIndex(0, page[len(page)-1].Sequence))
	if err != nil {
		return fmt.Errorf("read the audit tree: %w", err)
	}
	for rows.Next() {
		var position int64
		var hash []byte
		if err := rows.Scan(&position, &hash); err != nil {
			return errors.Join(err, rows.Close())
		}
		if i, ok := at[position]; ok {
			page[i].Leaf = hash
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
