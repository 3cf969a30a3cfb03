package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
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

func TestCopyChangesNoValueOfAnyTable(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	source := open(t, "sqlite:"+path("source.db"), store.OpenBeside)
	middle := open(t, storetest.Postgres(t), store.OpenBeside)
	back := open(t, "sqlite:"+path("back.db"), store.OpenBeside)
	before, after := database(t, path("source.db")), database(t, path("back.db"))
	for _, table := range store.Copied {
		fill(t, before, table)
	}
	for _, step := range []struct{ from, to *store.Store }{{source, middle}, {middle, back}} {
		if err := store.Copy(t.Context(), step.from, step.to, func(string, int64) {}); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range store.Copied {
		want, got := content(t, before, table), content(t, after, table)
		if diff := cmp.Diff(want, got); diff != "" || len(want) < 3 {
			t.Errorf("%s after a copy there and back (-before +after), %d rows:\n%s", table, len(want), diff)
		}
	}
}

func database(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// column of a table on SQLite; words are those that its CHECK allows.
type column struct {
	name, kind  string
	needed, key bool
	words       []string
}

func columnsOf(t *testing.T, db *sql.DB, table string) (list []column) {
	t.Helper()
	var text string
	if err := db.QueryRowContext(t.Context(), `SELECT sql FROM sqlite_schema WHERE name = $1`, table).Scan(&text); err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), `SELECT name, type, "notnull", pk > 0 FROM pragma_table_info($1)`, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind, &c.needed, &c.key); err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b`+c.name+` = '([^']*)'`).FindAllStringSubmatch(text, -1) {
			c.words = append(c.words, m[1])
		}
		list = append(list, c)
	}
	return list
}

// fill writes three rows: with numbers below zero, with nothing where that may be,
// and with what is long and large.
func fill(t *testing.T, db *sql.DB, table string) {
	t.Helper()
	columns := columnsOf(t, db, table)
	for n := range int64(3) {
		marks, values := make([]string, len(columns)), make([]any, len(columns))
		for i, c := range columns {
			marks[i] = fmt.Sprintf("$%d", i+1)
			switch {
			case n == 1 && !c.needed && !c.key:
				values[i] = nil
			case c.words != nil:
				values[i] = c.words[int(n)%len(c.words)]
			case c.kind == "TEXT":
				values[i] = fmt.Sprintf("%s %d \u00e9\n'%s", c.name, n, strings.Repeat("x", int(n)*500))
			case c.kind == "BLOB":
				values[i] = []byte(strings.Repeat("\x00\xff"+c.name, 1+int(n)*5000))
			default:
				values[i] = []int64{-1 - int64(i), int64(i), 1<<62 + int64(i)}[n]
			}
		}
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO %s VALUES (%s)`, table, strings.Join(marks, ", ")), values...); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
}

// content is every row of a table, by its values.
func content(t *testing.T, db *sql.DB, table string) (all [][]any) {
	t.Helper()
	columns := columnsOf(t, db, table)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	list := strings.Join(names, ", ")
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf(`SELECT %s FROM %s ORDER BY %s`, list, table, list))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}
