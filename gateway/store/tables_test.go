package store

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryTableIsCopiedOrKept(t *testing.T) {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "liaison.db"), Options{Key: sha256.Sum256([]byte("tests"))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows, err := s.reads.QueryContext(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var there []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		there = append(there, name)
	}
	listed := append(slices.Clone(copied), kept...)
	slices.Sort(there)
	slices.Sort(listed)
	if !slices.Equal(there, listed) {
		t.Errorf("tables = %v\nlisted = %v; say of each whether a copy takes it along", there, listed)
	}
}

// A CHECK with a list costs a table of its own with every row, and the words of
// each must still be enforced.
func TestChecksAreComparisonsAndHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "liaison.db")
	s, err := Open(t.Context(), "sqlite:"+path, Options{Key: sha256.Sum256([]byte("tests"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open(sqlite.driver, sqliteDSN(path, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lists int
	var sound string
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%CHECK (% IN (%'`).Scan(&lists); err != nil || lists > 0 {
		t.Errorf("%d tables have a CHECK with a list, %v; want none", lists, err)
	}
	if err := db.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity_check = %q, %v; want ok", sound, err)
	}
	for _, insert := range []string{
		`INSERT INTO form VALUES ('1', '', 'form', 1, '', '', '', '%s', 'signed', '', 'R', '', 0, 0, x'00', NULL, '', '', NULL)`,
		`INSERT INTO attempt (delivery, operation, outcome, state, channel, at, source, seq) VALUES ('', '', 'sent', '%s', '', 0, '', 0)`,
		`INSERT INTO certificate VALUES ('', '', '', '%s', x'00', '', '', '', 0, '', 0, '', '')`,
	} {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(insert, "no such state")); err == nil || !strings.Contains(err.Error(), "CHECK") {
			t.Errorf("%s = %v; want it refused by the CHECK", insert, err)
		}
	}
}
