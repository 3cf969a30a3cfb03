package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// copied are the tables that a copy takes along, and kept the ones that belong
// to running nodes and that it leaves behind; together they are all (a test sees
// to it).
var (
	copied = []string{"data_key", "offer", "inbound", "repeat", "form", "attachment", "delivery", "attempt", "session", "sequence", "counter", "mark",
		"operation", "operation_state", "certificate", "certificate_key", "due", "mailbox", "audit", "tree_hash", "tree_head",
		"test_run", "test_party", "test_probe", "test_evidence", "test_onward", "test_waiver"}
	kept = []string{"node", "lease"}
)

// Copy copies everything that is recorded into an empty record, between the two
// databases or within one, as it was at one moment: the source may be serving.
// Content stays encrypted as it is, under the same storage key. progress hears
// of each table when it is done; nothing is there where Copy returns an error. Both
// have the tables of this version: no other is opened.
func Copy(ctx context.Context, from, to *Store, progress func(table string, rows int64)) error {
	err := from.snapshot(ctx, func(source querier) error {
		return to.write(ctx, func(t *tx) error {
			for _, table := range copied {
				n, err := t.copyTable(source, table)
				if err != nil {
					return fmt.Errorf("table %s: %w", table, err)
				}
				progress(table, n)
			}
			if to.d.renumber != "" {
				return t.put(to.d.renumber)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("copy a store: %w", err)
	}
	return nil
}

var errNotEmpty = errors.New("there are records in it already; a copy needs an empty store")

func (t *tx) copyTable(from querier, table string) (n int64, err error) {
	var there int64
	if err := t.row(`SELECT count(*) FROM (SELECT 1 FROM ` + table + ` LIMIT 1) AS q`).Scan(&there); err != nil {
		return 0, err
	}
	if there > 0 {
		return 0, errNotEmpty
	}
	rows, err := from.Query(t.ctx, `SELECT * FROM `+table)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	marks := make([]string, len(columns))
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range columns {
		marks[i], into[i] = fmt.Sprintf("$%d", i+1), &values[i]
	}
	insert := fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, table, strings.Join(columns, ", "), strings.Join(marks, ", "))
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		if err := t.put(insert, values...); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}
