package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"liaison/gateway/store"
	"liaison/gateway/store/storetest"
)

// each calls do with an empty SQLite file and an empty PostgreSQL database.
func each(t *testing.T, do func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { do(t, "sqlite:"+filepath.Join(t.TempDir(), "liaison.db")) })
	t.Run("postgres", func(t *testing.T) { do(t, storetest.Postgres(t)) })
}

// earlier makes a record as the fourth version left it: with a message that was
// offered five times, and a test reply that travelled on.
func earlier(t *testing.T, dsn string) {
	t.Helper()
	err := store.MigrateTo(t.Context(), dsn, 4, func(exec func(string, ...any) error) error {
		return errors.Join(
			exec(`INSERT INTO offer (name, count, at) VALUES ('+mid:<1@vid.example>', 5, 1)`),
			exec(`INSERT INTO test_evidence (run, operation, participant, probe, form, at) VALUES ('T001', 'OP-7K3', 'PL', 'p1', 'f1', 1)`),
			exec(`INSERT INTO delivery (id, form, operation, participant, channel, channel_at, priority, urgency, state, created, channel_from, not_before, subject)
				VALUES ('d1', 'f1', 'OP-7K3', 'LV', 'mail', 0, 'R', 3, 'pending', 1, 1, 1, '')`))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// broughtUp checks what the migrations after the fourth did with it.
func broughtUp(t *testing.T, dsn string) {
	t.Helper()
	err := store.MigrateTo(t.Context(), dsn, 4, func(exec func(string, ...any) error) error {
		return errors.Join( // each fails where its row isn't as it should be
			exec(`INSERT INTO mark (what, at) SELECT CASE WHEN count = 0 THEN 'offer' ELSE NULL END, 1 FROM offer`),
			exec(`INSERT INTO mark (what, at) SELECT CASE WHEN count(*) = 1 AND min(recipient) = 'LV' THEN 'onward' ELSE NULL END, 1 FROM test_onward`),
			exec(`INSERT INTO mark (what, at) SELECT CASE WHEN follows = '' THEN 'follows' ELSE NULL END, 1 FROM delivery`),
			exec(`INSERT INTO mark (what, at) SELECT CASE WHEN queued = 1 THEN 'queued' ELSE NULL END, 1 FROM delivery`))
	})
	if err != nil {
		t.Error(err)
	}
}

func TestARecordOfAnEarlierVersionIsBroughtUpToDateWhereItIsServed(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		earlier(t, dsn)
		if s, err := store.OpenReader(t.Context(), dsn, store.Options{Key: storetest.Key()}); !errors.Is(err, store.ErrEarlier) {
			t.Errorf("OpenReader = %v, %v; want ErrEarlier", s, err)
		}
		if err := open(t, dsn, store.Open).Close(); err != nil {
			t.Fatal(err)
		}
		broughtUp(t, dsn)
	})
}

func TestTablesDontChangeUnderAGatewayOfAnEarlierVersion(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		earlier(t, dsn)
		stop := serve(t, dsn)
		looks := 0 // ten seconds lie between two
		clock := func() time.Time { looks++; return time.Now().Add(time.Duration(looks) * 10 * time.Second) }
		if s, err := store.OpenBeside(t.Context(), dsn, store.Options{Key: storetest.Key(), Clock: clock}); !errors.Is(err, store.ErrServed) {
			t.Errorf("OpenBeside beside a gateway of an earlier version = %v, %v; want ErrServed", s, err)
		}
		stop()
		if err := open(t, dsn, store.OpenBeside).Close(); err != nil {
			t.Fatal(err)
		}
		broughtUp(t, dsn)
	})
}

// serve does what shows that a gateway serves a record, and stops it.
func serve(t *testing.T, dsn string) (stop func()) {
	t.Helper()
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() { f.Close() }
	}
	beat := func(at time.Time) {
		err := store.MigrateTo(t.Context(), dsn, 4, func(exec func(string, ...any) error) error {
			return exec(`INSERT INTO node (name, epoch, beat, started) VALUES ('a', 1, $1, 1) ON CONFLICT (name) DO UPDATE SET beat = $1`, at.UnixMilli())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	beat(time.Now().Add(time.Hour))
	return func() { beat(time.UnixMilli(0)) }
}

func TestABackupOfAnEarlierVersionIsCopiedAsIfItWereOfToday(t *testing.T) {
	each(t, func(t *testing.T, to string) {
		backup := "sqlite:" + filepath.Join(t.TempDir(), "backup.db")
		earlier(t, backup)
		from := open(t, backup, func(ctx context.Context, dsn string, opt store.Options) (*store.Store, error) {
			return store.OpenEarlier(ctx, dsn, t.TempDir(), opt)
		})
		target := open(t, to, store.OpenBeside)
		if err := store.Copy(t.Context(), from, target, func(string, int64) {}); err != nil {
			t.Fatal(err)
		}
		broughtUp(t, to)
		if _, err := store.OpenReader(t.Context(), backup, store.Options{Key: storetest.Key()}); !errors.Is(err, store.ErrEarlier) {
			t.Errorf("OpenReader of the backup afterwards = %v; want it as it was", err)
		}
	})
}

func TestARecordOfALaterVersionIsLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, dsn string) {
		if err := open(t, dsn, store.Open).Close(); err != nil {
			t.Fatal(err)
		}
		err := store.MigrateTo(t.Context(), dsn, 4, func(exec func(string, ...any) error) error {
			return exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`)
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, how := range map[string]func(context.Context, string, store.Options) (*store.Store, error){"Open": store.Open, "OpenBeside": store.OpenBeside, "OpenReader": store.OpenReader} {
			if _, err := how(t.Context(), dsn, store.Options{Key: storetest.Key()}); err == nil || !strings.Contains(err.Error(), "later version") {
				t.Errorf("%s = %v; want it refused", name, err)
			}
		}
	})
}
