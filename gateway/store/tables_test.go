package store

import (
	"crypto/sha256"
	"path/filepath"
	"slices"
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
