package keyring

import (
	"context"
	"slices"
	"testing"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

var now = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// records keeps certificates in memory.
type records struct {
	list    []gateway.KeyRecord
	entries []gateway.AuditEntry
}

func (r *records) Keys(_ context.Context, op operation.Code, p operation.ParticipantCode, fp openpgp.Fingerprint) ([]gateway.KeyRecord, error) {
	var out []gateway.KeyRecord
	for _, k := range r.list {
		if (op == "" || k.Operation == op) && (p == "" || k.Participant == p) && (fp == "" || k.Fingerprint == fp) {
			out = append(out, k)
		}
	}
	return out, nil
}

func (r *records) KeysByID(_ context.Context, id uint64) ([]gateway.KeyRecord, error) {
	var out []gateway.KeyRecord
	for _, k := range r.list {
		if slices.Contains(k.KeyIDs, id) {
			out = append(out, k)
		}
	}
	return out, nil
}

func (r *records) KeysVersion(context.Context) (int64, error) { return int64(len(r.entries)), nil }

func (r *records) ChangeKeys(ctx context.Context, op operation.Code, p operation.ParticipantCode, decide func([]gateway.KeyRecord) (*gateway.KeyRecord, gateway.AuditEntry, error)) error {
	list, _ := r.Keys(ctx, op, p, "") // it never fails
	k, e, err := decide(list)
	if err != nil || k == nil {
		return err
	}
	r.entries = append(r.entries, e)
	i := slices.IndexFunc(r.list, func(x gateway.KeyRecord) bool {
		return x.Holding.Operation == k.Operation && x.Participant == k.Participant && x.Fingerprint == k.Fingerprint
	})
	if i < 0 {
		r.list = append(r.list, *k)
	} else {
		r.list[i] = *k
	}
	return nil
}

func generate(t *testing.T, expires time.Duration) *openpgp.Certificate {
	t.Helper()
	k, err := openpgp.Generate(openpgp.KeyOptions{Name: "Invented Person", Address: "invented@example.com", Created: now.Add(-time.Hour), Expires: expires})
	if err != nil {
		t.Fatal(err)
	}
	return k.Certificate()
}

func ring() (*Ring, *records) {
	r := new(records)
	return New(r, func() time.Time { return now }), r
}

func propose(t *testing.T, r *Ring, c *openpgp.Certificate) {
	t.Helper()
	if change, err := r.Propose(t.Context(), "OP-7K3", "LV", Proposal{Certificate: c, Source: "lv.asc", By: "A. Example"}); err != nil || change != Proposed {
		t.Fatalf("Propose = %q, %v; want proposed", change, err)
	}
}

func TestOnlyAConfirmedCertificateIsUsed(t *testing.T) {
	r, rec := ring()
	c := generate(t, 0)
	propose(t, r, c)
	if got, err := r.Recipients(t.Context(), "OP-7K3", "LV"); err != nil || len(got) != 0 {
		t.Fatalf("Recipients before Confirm = %v, %v; want none", got, err)
	}
	if got, err := r.Signers(t.Context(), c.KeyIDs()[0], ""); err != nil || len(got) != 1 {
		t.Errorf("Signers = %v, %v; want it in whatever state", got, err)
	}
	change, err := r.Confirm(t.Context(), "OP-7K3", "LV", c.Fingerprint().Grouped(), "A. Example", "call to +371 1")
	if err != nil || change != Done {
		t.Fatalf("Confirm = %q, %v", change, err)
	}
	first, err := r.Recipients(t.Context(), "OP-7K3", "LV")
	if err != nil || len(first) != 1 {
		t.Fatalf("Recipients = %v, %v; want one", first, err)
	}
	again, _ := r.Recipients(t.Context(), "OP-7K3", "LV")
	if first[0] != again[0] {
		t.Error("the certificate was parsed twice")
	}
	if others, _ := r.Confirmed(t.Context(), "OP-7K3", "PL"); len(others) != 0 {
		t.Error("another participant has it too")
	}
	if got, _ := r.Confirmed(t.Context(), "", ""); got != nil {
		t.Error("an empty name matched all")
	}
	if len(rec.entries) != 2 {
		t.Errorf("audit entries = %d; want 2", len(rec.entries))
	}
}

func TestConfirmRefusesShortFingerprintsAndWhatWouldFail(t *testing.T) {
	r, rec := ring()
	expired := generate(t, 30*time.Minute)
	propose(t, r, expired)
	fp := string(expired.Fingerprint())
	for name, try := range map[string][3]string{
		"short":       {fp[24:], "A. Example", "call"},
		"expired":     {fp, "A. Example", "call"},
		"nobody":      {fp, " ", "call"},
		"nohow":       {fp, "A. Example", ""},
		"unknown key": {string(generate(t, 0).Fingerprint()), "A. Example", "call"},
	} {
		if change, err := r.Confirm(t.Context(), "OP-7K3", "LV", try[0], try[1], try[2]); err == nil {
			t.Errorf("%s: Confirm = %q; want an error", name, change)
		}
	}
	if rec.list[0].State != gateway.KeyProposed {
		t.Errorf("state = %s; want proposed", rec.list[0].State)
	}
}

func TestReplacementNeedsTwoPersons(t *testing.T) {
	r, _ := ring()
	old, newer := generate(t, 0), generate(t, 0)
	propose(t, r, old)
	if _, err := r.Confirm(t.Context(), "OP-7K3", "LV", string(old.Fingerprint()), "A. Example", "call"); err != nil {
		t.Fatal(err)
	}
	propose(t, r, newer)
	confirm := func(by string) (Change, error) {
		return r.Confirm(t.Context(), "OP-7K3", "LV", string(newer.Fingerprint()), by, "call")
	}
	if change, err := confirm("A. Example"); err != nil || change != Second {
		t.Fatalf("first person: %q, %v; want second", change, err)
	}
	if got, _ := r.Confirmed(t.Context(), "OP-7K3", "LV"); len(got) != 1 {
		t.Errorf("after one person %d are in use; want 1", len(got))
	}
	if change, err := confirm("a.  example"); err == nil {
		t.Errorf("same person twice: %q; want an error", change)
	}
	if change, err := confirm("B. Example"); err != nil || change != Done {
		t.Errorf("second person: %q, %v; want confirmed", change, err)
	}
}

func TestBlockWorksAtOnceAndForEver(t *testing.T) {
	r, _ := ring()
	c := generate(t, 0)
	propose(t, r, c)
	fp := string(c.Fingerprint())
	if _, err := r.Confirm(t.Context(), "OP-7K3", "LV", fp, "A. Example", "call"); err != nil {
		t.Fatal(err)
	}
	if err := r.Block(t.Context(), "OP-7K3", "LV", fp, "B. Example", "laptop stolen"); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.Recipients(t.Context(), "OP-7K3", "LV"); len(got) != 0 {
		t.Error("a blocked certificate is still used")
	}
	if h, _ := r.Holdings(t.Context(), c.Fingerprint()); len(h) != 1 || h[0].State != gateway.KeyBlocked {
		t.Errorf("Holdings = %v; want blocked", h)
	}
	if _, err := r.Confirm(t.Context(), "OP-7K3", "LV", fp, "A. Example", "call"); err == nil {
		t.Error("a blocked certificate came back")
	}
	if change, err := r.Propose(t.Context(), "OP-7K3", "LV", Proposal{Certificate: c, By: "A. Example"}); err != nil || change != Unchanged {
		t.Errorf("proposing a blocked one = %q, %v; want unchanged", change, err)
	}
}

func TestCheckNamesTheDayOnWhichAKeyStops(t *testing.T) {
	r, _ := ring()
	propose(t, r, generate(t, 0))
	short := generate(t, 10*24*time.Hour)
	propose(t, r, short)
	problems, err := r.Check(t.Context(), "OP-7K3", now, now.AddDate(0, 2, 0))
	if err != nil {
		t.Fatal(err)
	}
	expired := 0
	for _, p := range problems {
		if p.Reason == "expired" {
			expired++
			if p.Fingerprint != short.Fingerprint() || p.Until.Before(now.AddDate(0, 0, 9)) || p.Until.After(now.AddDate(0, 0, 11)) {
				t.Errorf("problem = %v; want the short-lived one, in ten days", p)
			}
		}
	}
	if expired != 2 {
		t.Errorf("problems = %v; want encryption and signing of one, both proposed ones unconfirmed", problems)
	}
}
