package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

func openOne(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+path, Options{Key: sha256.Sum256([]byte("tests"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// mark is a transaction that leaves a trace.
func mark(what string) func(*tx) error {
	return func(t *tx) error {
		return t.put(`INSERT INTO mark (what, at) VALUES ($1, $2)`, what, int64(1))
	}
}

func marked(t *testing.T, s *Store, what string) bool {
	t.Helper()
	var n int
	if err := s.read().QueryRow(t.Context(), `SELECT count(*) FROM mark WHERE what = $1`, what).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n == 1
}

func TestWhatNobodyWaitsForIsCommittedWithTheNextThatIsWaitedFor(t *testing.T) {
	s := openOne(t, filepath.Join(t.TempDir(), "liaison.db"))
	soon := &job{ctx: t.Context(), do: mark("soon"), need: powerCut, unhurried: true, done: make(chan struct{})}
	s.writes <- soon
	if err := s.write(t.Context(), mark("now")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-soon.done:
		if soon.err != nil || !marked(t, s, "soon") {
			t.Errorf("the unhurried one: %v, recorded %v; want nil and recorded", soon.err, marked(t, s, "soon"))
		}
	default:
		t.Error("the unhurried one still waits after a later commit")
	}
}

func TestWhatNobodyWaitsForIsCommittedAlone(t *testing.T) {
	s := openOne(t, filepath.Join(t.TempDir(), "liaison.db"))
	if err := s.writeSoon(t.Context(), mark("soon")); err != nil || !marked(t, s, "soon") {
		t.Errorf("writeSoon = %v, recorded %v; want nil and recorded", err, marked(t, s, "soon"))
	}
}

func TestTheWritersEndCommitsWhatStillWaitsForCompany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "liaison.db")
	s := openOne(t, path) // Close itself would write something that is waited for
	jobs := make([]*job, companyMost-1)
	for i := range jobs {
		jobs[i] = &job{ctx: t.Context(), do: mark(fmt.Sprint(i)), need: powerCut, unhurried: true, done: make(chan struct{})}
		s.writes <- jobs[i]
	}
	if err := s.stopWriter(); err != nil {
		t.Fatal(err)
	}
	if err := s.closeFiles(); err != nil {
		t.Fatal(err)
	}
	again := openOne(t, path)
	for i, j := range jobs {
		<-j.done
		if j.err != nil || !marked(t, again, fmt.Sprint(i)) {
			t.Errorf("job %d: %v, recorded %v; want nil and recorded", i, j.err, marked(t, again, fmt.Sprint(i)))
		}
	}
}

func TestTheLogIsCarriedIntoTheFileBesideTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "liaison.db")
	openOne(t, path) // makes the file and its log
	db, err := sql.Open(sqlite.driver, sqliteDSN(path, "&_pragma=wal_autocheckpoint(0)"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	writer, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	c, err := startCheckpointer(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.ExecContext(context.Background(), `CREATE TABLE large AS SELECT zeroblob(4096 * 1200) AS bytes`); err != nil {
		t.Fatal(err)
	}
	before := size(t, path)
	c.after(writer)
	c.close() // after the checkpoint
	if after := size(t, path); after < before+1000*4096 {
		t.Errorf("the file has %d bytes, before it had %d; want a thousand pages more", after, before)
	}
}

func TestAFileBehindALinkIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target.db"), filepath.Join(dir, "liaison.db")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	openOne(t, link)
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file behind the link: %v, %v; want mode 0600", info, err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
