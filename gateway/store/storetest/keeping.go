package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

func keyRecords(t *testing.T, r Record) {
	s := open(t, r)
	k := gateway.KeyRecord{Holding: gateway.Holding{Operation: opCode, Participant: latvia, Fingerprint: "0123456789ABCDEF0123456789ABCDEF01234567", State: gateway.KeyProposed},
		Certificate: []byte{1, 2, 3}, KeyIDs: []uint64{7, 0xFEDCBA9876543210}, Role: "shared", Holder: "functional mailbox", Source: "file", Added: dawn}
	put := func(action string) {
		t.Helper()
		before, err := s.KeysVersion(ctx(t))
		must(t, "KeysVersion", err)
		defer func() {
			if after, err := s.KeysVersion(ctx(t)); err != nil || after <= before {
				t.Errorf("KeysVersion after %q = %d, %v; want more than %d", action, after, err, before)
			}
		}()
		must(t, "ChangeKeys", s.ChangeKeys(ctx(t), opCode, latvia, func([]gateway.KeyRecord) (*gateway.KeyRecord, gateway.AuditEntry, error) {
			return &k, entry(action, ""), nil
		}))
	}
	put("certificate proposed")
	k.State, k.ConfirmedBy, k.ConfirmedAt, k.How = gateway.KeyConfirmed, "A. Example", dawn.Add(time.Hour), "read back"
	put("certificate confirmed")
	for what, get := range map[string]func() ([]gateway.KeyRecord, error){
		"Keys(all)":         func() ([]gateway.KeyRecord, error) { return s.Keys(ctx(t), "", "", "") },
		"Keys(participant)": func() ([]gateway.KeyRecord, error) { return s.Keys(ctx(t), opCode, latvia, "") },
		"KeysByID(high)":    func() ([]gateway.KeyRecord, error) { return s.KeysByID(ctx(t), 0xFEDCBA9876543210) },
	} {
		got, err := get()
		if err != nil || len(got) != 1 || got[0].State != gateway.KeyConfirmed || !got[0].ConfirmedAt.Equal(k.ConfirmedAt) {
			t.Errorf("%s = %+v, %v; want the confirmed record", what, got, err)
		}
	}
	if got, err := s.Keys(ctx(t), "", poland, openpgp.Fingerprint("")); err != nil || len(got) != 0 {
		t.Errorf("Keys(other participant) = %v, %v; want none", got, err)
	}
	if rows, err := s.ShowAudit(ctx(t), store.AuditFilter{Operation: opCode}); err != nil || len(rows) != 2 {
		t.Errorf("ShowAudit = %d, %v; want an entry for each change", len(rows), err)
	}
}

// keyChanges: who changes a participant's certificates sees what others did.
func keyChanges(t *testing.T, r Record) {
	s := open(t, r)
	const writers = 8
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			err := s.ChangeKeys(ctx(t), opCode, latvia, func(list []gateway.KeyRecord) (*gateway.KeyRecord, gateway.AuditEntry, error) {
				k := gateway.KeyRecord{Holding: gateway.Holding{Operation: opCode, Participant: latvia, Fingerprint: openpgp.Fingerprint(fmt.Sprintf("%040d", i)), State: gateway.KeyProposed},
					Certificate: []byte{1}, Role: "shared", Added: dawn, How: fmt.Sprint(len(list))}
				return &k, entry("certificate proposed", ""), nil
			})
			if err != nil {
				t.Errorf("ChangeKeys: %v", err)
			}
		})
	}
	wg.Wait()
	list, err := s.Keys(ctx(t), opCode, latvia, "")
	must(t, "Keys", err)
	saw := map[string]bool{}
	for _, k := range list {
		saw[k.How] = true
	}
	if len(saw) != writers {
		t.Errorf("%d writers saw %d different lists; want one after the other", writers, len(saw))
	}
}

// yamlOf is an operation's file as far as the store needs one.
func yamlOf(title string) []byte {
	return []byte("operation: OP-7K3\ntitle: " + title + "\norganiser: CY\n")
}

func apply(t *testing.T, s *store.Store, title string) {
	t.Helper()
	op, problems := operation.Parse(yamlOf(title), "operation.yaml")
	if op == nil {
		t.Fatalf("operation.Parse: %v", problems)
	}
	must(t, "ApplyOperation", s.ApplyOperation(ctx(t), op, yamlOf(title), entry("operation applied", "")))
}

func operations(t *testing.T, r Record) {
	s := open(t, r)
	if ops, _, err := s.Operations(ctx(t)); err != nil || len(ops) != 0 {
		t.Fatalf("Operations of an empty record = %v, %v", ops, err)
	}
	versions := map[int64]bool{}
	for _, title := range []string{"Corridor", "Corridor", "Eastern corridor"} {
		apply(t, s, title)
		ops, version, err := s.Operations(ctx(t))
		if err != nil || len(ops) != 1 || ops[0].Code != opCode || ops[0].Title != title {
			t.Fatalf("Operations = %v, %v; want %s", ops, err, title)
		}
		versions[version] = true
	}
	if len(versions) != 2 {
		t.Errorf("versions = %v; want 2: the same bytes change nothing", versions)
	}
	must(t, "CloseOperation", s.CloseOperation(ctx(t), opCode, entry("operation closed", "")))
	if ops, version, err := s.Operations(ctx(t)); err != nil || len(ops) != 0 || versions[version] {
		t.Errorf("Operations after closing = %v, version %d, %v; want none in a new version", ops, version, err)
	}
}

func erasing(t *testing.T, r Record) {
	s := open(t, r)
	apply(t, s, "Corridor")
	d := to(poland, operation.Mail)
	id := accept(t, s, "R1", d)
	mustFail(t, "EraseOperation in force", s.EraseOperation(ctx(t), opCode, entry("operation erased", "")))
	must(t, "CloseOperation", s.CloseOperation(ctx(t), opCode, entry("operation closed", "")))
	must(t, "EraseOperation", s.EraseOperation(ctx(t), opCode, entry("operation erased", "")))
	if _, err := s.Form(ctx(t), id); !store.IsErased(err) {
		t.Errorf("Form after erasing = %v; want an error that says erased", err)
	}
	if list, err := s.ListForms(ctx(t), store.Filter{}); err != nil || len(list) != 1 {
		t.Errorf("ListForms after erasing = %v, %v; want the columns", list, err)
	}
	if _, err := s.Accept(ctx(t), inbound("late"), decision(newForm("R2", gateway.FormAccepted))); !store.IsErased(err) {
		t.Errorf("Accept into an erased operation = %v; want an error that says erased", err)
	}
	// What waited is given up all the same, or it would be tried for ever.
	claimed := claim(t, s, dawn)
	if len(claimed) != 1 {
		t.Fatalf("Claim after erasing = %v; want what waits", claimed)
	}
	must(t, "Finish after erasing", s.Finish(ctx(t), &gateway.Attempt{Delivery: claimed[0], Evidence: gateway.Evidence{Outcome: gateway.Deferred, At: dawn, Detail: "operation OP-7K3 is not in force"},
		Next: gateway.Next{State: gateway.Failed, Reason: "closed"}}, nil))
	if got := state(t, s, d.ID); got != gateway.Failed {
		t.Errorf("a delivery of an erased operation is %q; want failed", got)
	}
}

// storageKeyChecked: a storage key that isn't the record's is told before
// anything is opened with it; what was destroyed is no complaint.
func storageKeyChecked(t *testing.T, r Record) {
	s := open(t, r)
	must(t, "CheckKey of an empty record", s.CheckKey(ctx(t)))
	apply(t, s, "Corridor")
	accept(t, s, "R1", to(poland, operation.Mail))
	must(t, "CheckKey", s.CheckKey(ctx(t)))
	must(t, "Close", s.Close())

	s = r.Open(t, "a", store.Options{Key: sha256.Sum256([]byte("another storage key"))})
	if err := s.CheckKey(ctx(t)); err == nil || !strings.Contains(err.Error(), string(opCode)) {
		t.Errorf("CheckKey with another key = %v; want an error that names %s", err, opCode)
	}
	must(t, "CloseOperation", s.CloseOperation(ctx(t), opCode, entry("operation closed", "")))
	must(t, "EraseOperation", s.EraseOperation(ctx(t), opCode, entry("operation erased", "")))
	r.Exec(t, `DELETE FROM data_key WHERE operation <> '`+string(opCode)+`'`) // the quarantine's, where there is one
	must(t, "CheckKey after erasing", s.CheckKey(ctx(t)))
}

func dueRows(t *testing.T, r Record) {
	c := &clock{dawn}
	s := r.Open(t, "a", store.Options{Clock: c.Now})
	must(t, "SetDue", s.SetDue(ctx(t), "reminder", "LV", dawn.Add(time.Minute)))
	if ds, err := s.ClaimDue(ctx(t), []string{"reminder"}, 10, dawn); err != nil || len(ds) != 0 {
		t.Fatalf("ClaimDue early = %v, %v; want none", ds, err)
	}
	claimDue := func() []gateway.Due {
		t.Helper()
		ds, err := s.ClaimDue(ctx(t), []string{"other", "reminder"}, 10, dawn.Add(time.Minute))
		must(t, "ClaimDue", err)
		return ds
	}
	if ds, err := s.ClaimDue(ctx(t), []string{"other"}, 10, dawn.Add(time.Hour)); err != nil || len(ds) != 0 {
		t.Fatalf("ClaimDue(another kind) = %v, %v; want none", ds, err)
	}
	first := claimDue()
	if len(first) != 1 {
		t.Fatalf("ClaimDue = %v; want one", first)
	}
	if ds := claimDue(); len(ds) != 0 {
		t.Errorf("ClaimDue again = %v; want none", ds)
	}
	c.now = dawn.Add(time.Minute)
	second := claimDue()
	if len(second) != 1 {
		t.Fatalf("ClaimDue after the lease = %v; want one", second)
	}
	never := func(gateway.Ledger) (*gateway.Decision, time.Time, error) {
		t.Error("an old claim decides")
		return nil, time.Time{}, nil
	}
	if err := s.FinishDue(ctx(t), first[0], never); !errors.Is(err, gateway.ErrFenced) {
		t.Errorf("FinishDue(old claim) = %v; want ErrFenced", err)
	}
	f := newForm("R1", gateway.FormAccepted)
	must(t, "FinishDue", s.FinishDue(ctx(t), second[0], func(l gateway.Ledger) (*gateway.Decision, time.Time, error) {
		d, err := decision(f)(l)
		return d, dawn.Add(time.Hour), err
	}))
	if got, err := s.Form(ctx(t), f.ID); err != nil || got.Reference != "R1" {
		t.Errorf("Form = %v, %v; want what the due work led to", got, err)
	}
	if ds := claimDue(); len(ds) != 0 {
		t.Errorf("ClaimDue before its next time = %v; want none", ds)
	}
	if ds, err := s.ClaimDue(ctx(t), []string{"reminder"}, 10, dawn.Add(time.Hour)); err != nil || len(ds) != 1 {
		t.Errorf("ClaimDue an hour later = %v, %v; want one", ds, err)
	}
}

// rousing: a confirmation of an urgent form's delivery makes its watch due.
func rousing(t *testing.T, r Record) {
	s := open(t, r)
	urgent, routine := newForm("R1", gateway.FormAccepted), newForm("R2", gateway.FormAccepted)
	urgent.Priority = gateway.Urgent
	far := time.Now().Add(time.Hour)
	for _, f := range []gateway.Form{urgent, routine} {
		d := to(poland, operation.Mail)
		d.Priority = f.Priority
		_, err := s.Accept(ctx(t), inbound(f.Reference), func(l gateway.Ledger) (*gateway.Decision, error) {
			out, err := decision(f, d)(l)
			if err == nil {
				out.Due = []gateway.Due{{Kind: gateway.DueWatch, Key: string(f.ID), At: far}}
			}
			return out, err
		})
		must(t, "Accept", err)
		e := gateway.Evidence{Delivery: d.ID, Outcome: gateway.Confirmed, State: gateway.ConfirmedByPerson, Channel: operation.Mail, At: dawn}
		must(t, "Record", s.Record(ctx(t), func(gateway.Ledger) (*gateway.Decision, error) {
			return &gateway.Decision{Operation: opCode, Evidence: []gateway.Evidence{e}}, nil
		}))
	}
	ds, err := s.ClaimDue(ctx(t), []string{gateway.DueWatch}, 10, time.Now())
	if err != nil || len(ds) != 1 || ds[0].Key != string(urgent.ID) {
		t.Errorf("ClaimDue after both were confirmed = %v, %v; want the urgent form's watch alone", ds, err)
	}
}

func leases(t *testing.T, r Record) {
	c := &clock{dawn}
	a := r.Open(t, "a", store.Options{Clock: c.Now})
	take := func(s *store.Store, want bool) {
		t.Helper()
		if held, err := s.Lease(ctx(t), "imap", 30*time.Second); held != want || err != nil {
			t.Errorf("Lease = %v, %v; want %v", held, err, want)
		}
	}
	take(a, true)
	take(a, true)
	if !r.Shared() {
		return
	}
	b := r.Open(t, "b", store.Options{Clock: c.Now})
	take(b, false)
	must(t, "Unlease", b.Unlease(ctx(t), "imap"))
	take(b, false)
	c.now = dawn.Add(31 * time.Second)
	take(b, true)
	take(a, false)
}

func mailPosition(t *testing.T, r Record) {
	s := open(t, r)
	if _, _, _, ok, err := s.MailPosition(ctx(t), "ocu", "INBOX"); ok || err != nil {
		t.Fatalf("MailPosition = %v, %v; want none", ok, err)
	}
	must(t, "SetMailPosition", s.SetMailPosition(ctx(t), "ocu", "INBOX", 7, 41, dawn))
	must(t, "SetMailPosition", s.SetMailPosition(ctx(t), "ocu", "INBOX", 4294967295, 42, time.Time{}))
	v, u, at, ok, err := s.MailPosition(ctx(t), "ocu", "INBOX")
	if diff := cmp.Diff([]any{uint32(4294967295), uint32(42), dawn, true, nil}, []any{v, u, at, ok, err}); diff != "" {
		t.Errorf("MailPosition (-want +got)\n%s", diff)
	}
}
