package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
	"liaison/gateway/store"
	"liaison/gateway/store/storetest"
)

func TestSQLite(t *testing.T) { storetest.Run(t, storetest.NewSQLite) }

func TestPostgreSQL(t *testing.T) { storetest.Run(t, storetest.NewPostgres) }

// acceptOne records one form, to Poland, whose content is body.
func acceptOne(ctx context.Context, s *store.Store, i int64, body []byte) (gateway.FormID, error) {
	return acceptFor(ctx, s, i, body, "PL")
}

// acceptFor records one form with a delivery to each.
func acceptFor(ctx context.Context, s *store.Store, i int64, body []byte, to ...operation.ParticipantCode) (gateway.FormID, error) {
	raw := append([]byte(fmt.Sprintf("Message-ID: <%d@vid.example>\r\n\r\n", i)), body...)
	now := time.Now()
	f := gateway.Form{ID: gateway.NewFormID(), Operation: "OP-7K3", Role: gateway.Original, Type: "SEZ", Reference: fmt.Sprintf("LV-VID-2027-%09d", i), Sender: "LV",
		State: gateway.FormAccepted, Assurance: gateway.Signed, Priority: gateway.Routine, Received: now, Hash: sha256.Sum256(raw), Content: gateway.Content{JSON: body}}
	in := &gateway.Inbound{Medium: gateway.ByMail, Account: "imap", Raw: raw, Received: now,
		Repeats: []gateway.Repeat{{Name: fmt.Sprintf("mid:<%d@vid.example>", i), Digest: f.Hash}}}
	var deliveries []gateway.NewDelivery
	for _, p := range to {
		deliveries = append(deliveries, gateway.NewDelivery{ID: gateway.NewDeliveryID(), Participant: p, Channel: operation.PGPMail, Priority: gateway.Routine, State: gateway.Pending, NotBefore: now})
	}
	_, err := s.Accept(ctx, in, func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Verdict: gateway.Accepted, Operation: f.Operation, Sender: f.Sender, Subject: f.ID, Forms: []gateway.NewForm{{Form: f, Deliveries: deliveries}},
			Audit: []gateway.AuditEntry{{Kind: gateway.Collection, At: now, Actor: "LV", Action: "form accepted", Operation: f.Operation, Reference: f.Reference}}}, nil
	})
	return f.ID, err
}

// fourKiB is the content of a form in the benchmarks.
var fourKiB = bytes.Repeat([]byte("0123456789abcdef"), 256)

// onEach runs a benchmark on each store.
func onEach(b *testing.B, run func(*testing.B, *store.Store)) {
	for _, c := range []struct {
		name  string
		fresh func(testing.TB) storetest.Record
	}{{"sqlite", storetest.NewSQLite}, {"postgres", storetest.NewDurablePostgres}} {
		b.Run(c.name, func(b *testing.B) { run(b, c.fresh(b).Open(b, "bench", store.Options{})) })
	}
}

// BenchmarkAccept measures durable accepts of 4 KiB forms from 64 producers.
func BenchmarkAccept(b *testing.B) {
	onEach(b, func(b *testing.B, s *store.Store) {
		var n atomic.Int64
		b.SetParallelism(32) // 64 producers on two processors
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := acceptOne(context.Background(), s, n.Add(1), fourKiB); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
	})
}

// BenchmarkDeliver measures claims and durable outcomes of deliveries to 30
// recipients, 64 of them under way at once and no channel between.
func BenchmarkDeliver(b *testing.B) {
	to := make([]operation.ParticipantCode, 30)
	for i := range to {
		to[i] = operation.ParticipantCode(fmt.Sprintf("P%02d", i))
	}
	onEach(b, func(b *testing.B, s *store.Store) {
		ctx := context.Background()
		for i := 0; i*len(to) < b.N; i++ {
			if _, err := acceptFor(ctx, s, int64(i), fourKiB, to...); err != nil {
				b.Fatal(err)
			}
		}
		b.ResetTimer()
		var under errgroup.Group
		under.SetLimit(64)
		for n := 0; n < b.N; {
			claimed, err := s.Claim(ctx, gateway.Want{Limit: 64}, time.Now())
			if err != nil {
				b.Fatal(err)
			}
			n += len(claimed)
			for _, d := range claimed {
				under.Go(func() error { return handedOver(ctx, s, d) })
			}
		}
		if err := under.Wait(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	})
}

func handedOver(ctx context.Context, s *store.Store, d gateway.Delivery) error {
	e := gateway.Evidence{Outcome: gateway.Sent, State: gateway.HandedOver, Channel: d.Channel, At: time.Now(), Detail: "250 2.0.0 Ok: queued as 4ZrT1XYZ", By: "mx.example"}
	return s.Finish(ctx, &gateway.Attempt{Delivery: d, Evidence: e, Next: gateway.Next{State: gateway.HandedOver, Reason: e.Detail}}, nil)
}

func TestTransactionsThatAskBesideThemselvesDontWaitForEachOther(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	for _, dsn := range []string{"sqlite:" + filepath.Join(t.TempDir(), "liaison.db"), storetest.Postgres(t), connections(t, storetest.Postgres(t), "3")} {
		if err := open(t, dsn, store.Open).AskInAllTransactions(ctx); err != nil {
			t.Errorf("%.10s…: all at once: %v", dsn, err)
		}
	}
}

// connections names how many there may be in a database's address.
func connections(t *testing.T, dsn, n string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("pool_max_conns", n)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestAnImpossibleNumberOfConnectionsIsRefused(t *testing.T) {
	dsn := storetest.Postgres(t)
	for _, n := range []string{"2", "1001", "many"} {
		_, err := store.Open(t.Context(), connections(t, dsn, n), store.Options{Key: storetest.Key()})
		if err == nil || !strings.Contains(err.Error(), "want a number from 3 to 1000") {
			t.Errorf("%s connections: %v; want it refused", n, err)
		}
	}
}

func open(t *testing.T, dsn string, how func(context.Context, string, store.Options) (*store.Store, error)) *store.Store {
	t.Helper()
	s, err := how(t.Context(), dsn, store.Options{Node: "a", Key: storetest.Key()})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestOneServePerFileButCommandsBesideIt(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "liaison.db")
	serve := open(t, dsn, store.Open)
	if _, err := store.Open(t.Context(), dsn, store.Options{Key: storetest.Key()}); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Fatalf("second Open = %v; want it refused by the lock", err)
	}
	beside, reader := open(t, dsn, store.OpenBeside), open(t, dsn, store.OpenReader)
	id, err := acceptOne(t.Context(), beside, 1, []byte("{}"))
	if err != nil {
		t.Fatalf("Accept beside = %v", err)
	}
	for _, s := range []*store.Store{serve, reader} {
		if ds, err := s.DeliveriesOf(t.Context(), id); err != nil || len(ds) != 1 {
			t.Errorf("DeliveriesOf = %v, %v; want what was written beside", ds, err)
		}
	}
	if _, err := acceptOne(t.Context(), reader, 2, []byte("{}")); err == nil {
		t.Error("Accept on a reader = nil; want an error")
	}
	if _, err := beside.Claim(t.Context(), gateway.Want{Limit: 1}, time.Now()); err == nil {
		t.Error("Claim beside = nil; want an error")
	}
	if ds, err := serve.Claim(t.Context(), gateway.Want{Limit: 1}, time.Now()); err != nil || len(ds) != 1 {
		t.Errorf("Claim = %v, %v; want what was written beside", ds, err)
	}
}

func TestNothingSecretIsOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(dir, "liaison.db"), store.Open)
	f := form.New("SEZ")
	f.Set("C2", "hidden under the floor")
	content := gateway.Content{Boxes: f, JSON: f.JSON(), Text: "beside the boxes", Subject: "the true subject",
		Attachments: []gateway.Attachment{{Name: "passport-of-nobody.jpg", Content: []byte("pixels of a passport")}}}
	_, err := s.Accept(t.Context(), &gateway.Inbound{Medium: gateway.ByMail, Raw: []byte("raw mail of nobody"), Repeats: []gateway.Repeat{{Name: "uid"}}},
		func(gateway.Ledger) (*gateway.Decision, error) {
			return &gateway.Decision{Verdict: gateway.Held, Reason: "a reason with a name", Alarm: "wake somebody", Forms: []gateway.NewForm{{Form: gateway.Form{
				ID: gateway.NewFormID(), Operation: "OP-7K3", Role: gateway.Original, State: gateway.FormHeld, Assurance: gateway.Signed, Content: content}}}}, nil
		})
	if err != nil {
		t.Fatalf("Accept = %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"hidden under", "beside the boxes", "true subject", "passport", "raw mail", "reason with a name", "wake somebody"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q in the clear", filepath.Base(file), secret)
			}
		}
	}
}

func TestFilesOnDiskAreTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(dir, "liaison.db"), store.Open)
	if _, err := acceptOne(t.Context(), s, 1, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) < 3 {
		t.Errorf("files = %v; want the store, its lock and its journal", files)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v); want -rw-------", filepath.Base(file), info.Mode(), err)
		}
	}
}

func TestAnotherStorageKeyOpensNothing(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "liaison.db")
	s := open(t, dsn, store.Open)
	id, err := acceptOne(t.Context(), s, 1, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := store.OpenReader(t.Context(), dsn, store.Options{Key: store.StorageKey{1}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if _, err := other.Form(t.Context(), id); err == nil || !strings.Contains(err.Error(), "storage key") {
		t.Errorf("Form under another storage key = %v; want an error that names the storage key", err)
	}
}

// The first schema is frozen: a change goes into a new migration, and records of
// the first release are brought up to date.
func TestTheFirstSchemaIsFrozen(t *testing.T) {
	for _, d := range []string{"sqlite", "postgres"} {
		frozen, err := os.ReadFile(filepath.Join("storetest", "testdata", "schema-0001-"+d+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		now, err := os.ReadFile(filepath.Join("migrations", d, "00001_first.sql"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(frozen, now) {
			t.Errorf("migrations/%s/00001_first.sql was changed; write 00002 instead", d)
		}
	}
}

func TestRunStopsWithItsContextAndWakes(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "liaison.db"), store.Open)
	<-s.Wake() // the start itself
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	if _, err := acceptOne(ctx, s, 1, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	<-s.Wake()
	stop()
	if err := <-done; err != context.Canceled {
		t.Errorf("Run = %v; want context.Canceled", err)
	}
	if !s.Alive() {
		t.Error("Alive = false; want true right after a heartbeat")
	}
}

func TestACommitWakesTheOtherNode(t *testing.T) {
	r := storetest.NewPostgres(t)
	a, b := r.Open(t, "a", store.Options{}), r.Open(t, "b", store.Options{})
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	done := make(chan error, 2)
	<-b.Wake() // its own start
	for _, s := range []*store.Store{a, b} {
		go func() { done <- s.Run(ctx) }()
	}
	<-b.Wake() // it listens now
	if _, err := acceptOne(ctx, a, 1, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-b.Wake():
	case <-ctx.Done():
		t.Error("the other node was not woken")
	}
	stop()
	<-done
	<-done
}

func TestAReaderNeedsNoRunningGateway(t *testing.T) {
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "liaison.db")
	s := open(t, dsn, store.Open)
	id, err := acceptOne(t.Context(), s, 1, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	if _, err := open(t, dsn, store.OpenReader).DeliveriesOf(t.Context(), id); err != nil {
		t.Errorf("DeliveriesOf with nobody serving = %v", err)
	}
	if ds, err := open(t, dsn, store.Open).Claim(t.Context(), gateway.Want{Limit: 1}, time.Now()); err != nil || len(ds) != 1 {
		t.Errorf("Claim after a restart = %v, %v; want the delivery", ds, err)
	}
}
