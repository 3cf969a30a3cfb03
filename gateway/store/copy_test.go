package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
	"liaison/gateway/store/storetest"
)

func TestCopyTakesEverythingThereAndBackWhileTheSourceServes(t *testing.T) {
	dir := t.TempDir()
	sqlite := func(name string) string { return "sqlite:" + filepath.Join(dir, name) }
	source := open(t, sqlite("source.db"), store.Open)
	yaml := []byte("operation: OP-7K3\ntitle: Corridor\norganiser: CY\n")
	op, problems := operation.Parse(yaml, "operation.yaml")
	if op == nil {
		t.Fatal(problems)
	}
	at := time.Now()
	entry := gateway.AuditEntry{Kind: gateway.Administration, At: at, Actor: "A. Invented", Action: "operation applied", Operation: op.Code}
	if err := source.ApplyOperation(t.Context(), op, yaml, entry); err != nil {
		t.Fatal(err)
	}
	var ids []gateway.FormID
	for i := range int64(300) {
		id, err := acceptOne(t.Context(), source, i, []byte(fmt.Sprintf(`{"A1":"SEZ","H1":"%d"}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	claimed, err := source.Claim(t.Context(), gateway.Want{Limit: 20}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range claimed {
		a := &gateway.Attempt{Delivery: d, Evidence: gateway.Evidence{Outcome: gateway.Sent, At: at, Channel: d.Channel}, Next: gateway.Next{State: gateway.HandedOver}}
		if err := source.Finish(t.Context(), a, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := source.Integrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	middle := open(t, storetest.Postgres(t), store.OpenBeside)
	back := open(t, sqlite("back.db"), store.OpenBeside)
	for _, step := range []struct{ from, to *store.Store }{{source, middle}, {middle, back}} {
		rows := int64(0)
		if err := store.Copy(t.Context(), step.from, step.to, func(_ string, n int64) { rows += n }); err != nil {
			t.Fatal(err)
		}
		if rows < 1500 {
			t.Errorf("%d rows were copied; want all", rows)
		}
		if err := store.Copy(t.Context(), step.from, step.to, func(string, int64) {}); err == nil {
			t.Error("a copy into a store with records succeeded")
		}
	}
	for _, s := range []*store.Store{middle, back} {
		for i, id := range ids {
			f, err := s.Form(t.Context(), id)
			if want := fmt.Sprint(i); err != nil || f.Content.Boxes.Get("H1") != want {
				t.Fatalf("Form %d of the copy = %v, %v; want its content", i, f, err)
			}
		}
		if report, err := s.VerifyAudit(t.Context(), nil, nil); err != nil || !report.OK || report.Size+report.NotIntegrated != 301 {
			t.Errorf("VerifyAudit of the copy = %+v, %v; want 301 entries that hold", report, err)
		}
		want, _ := source.ListForms(t.Context(), store.Filter{Limit: 1000})
		got, err := s.ListForms(t.Context(), store.Filter{Limit: 1000})
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b gateway.Content) bool { return true })); diff != "" || err != nil {
			t.Errorf("ListForms of the copy (-source +copy), %v\n%s", err, diff)
		}
	}
	// The copy serves: what was pending goes on, and new numbers follow the old.
	back.Close()
	serving := open(t, sqlite("back.db"), store.Open)
	waiting := 0
	for {
		ds, err := serving.Claim(t.Context(), gateway.Want{Limit: 1000}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if waiting += len(ds); len(ds) == 0 {
			break
		}
	}
	if want := 300 - len(claimed); waiting != want {
		t.Errorf("Claim on the copy = %d in all; want %d", waiting, want)
	}
	if _, err := acceptOne(t.Context(), serving, 5, []byte(`{"A1":"SEZ","H1":"5"}`)); err != nil {
		t.Errorf("Accept of a repeat on the copy = %v; want the recorded receipt", err)
	}
}
