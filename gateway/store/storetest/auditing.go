package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"

	"liaison/gateway/store"
)

// A signature of these tests is a hash under a secret: enough to be forged by
// nobody who only changes tables.
func sign(text []byte) ([]byte, error) {
	sum := sha256.Sum256(append([]byte("secret of the tests"), text...))
	return sum[:], nil
}

func verifySign(text, signature []byte) error {
	if want, _ := sign(text); !bytes.Equal(want, signature) {
		return errors.New("bad signature")
	}
	return nil
}

// audited opens a record with n integrated entries and a signed head at each of
// the given sizes.
func audited(t *testing.T, r Record, n int, heads ...int) *store.Store {
	s := r.Open(t, "a", store.Options{SignHead: sign})
	next := 0
	for i := 1; i <= n; i++ {
		must(t, "Audit", s.Audit(ctx(t), entry("form read", name("R%d", i))))
		if next < len(heads) && heads[next] == i {
			next++
			integrate(t, s)
			_, err := s.SignHead(ctx(t))
			must(t, "SignHead", err)
		}
	}
	integrate(t, s)
	return s
}

func integrate(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := s.Integrate(ctx(t))
	must(t, "Integrate", err)
}

func verify(t *testing.T, s *store.Store, head []byte) store.Report {
	t.Helper()
	report, err := s.VerifyAudit(ctx(t), head, verifySign)
	must(t, "VerifyAudit", err)
	return report
}

func auditVerifies(t *testing.T, r Record) {
	s := audited(t, r, 121, 3, 8, 13) // more at the end than one statement carries
	must(t, "Audit", s.Audit(ctx(t), entry("form read", "last")))
	report := verify(t, s, nil)
	if !report.OK || report.Size != 121 || report.NotIntegrated != 1 || report.FirstBad != -1 || report.Heads != 3 {
		t.Errorf("VerifyAudit = %+v; want OK, 121 entries, 1 waiting, 3 heads", report)
	}
	h, err := s.SignHead(ctx(t))
	must(t, "SignHead", err)
	if report := verify(t, s, h.Marshal()); !report.OK {
		t.Errorf("VerifyAudit(a kept head) = %+v; want OK", report)
	}
}

func auditNamesTheEntry(t *testing.T, r Record) {
	s := audited(t, r, 12, 4, 8)
	r.Exec(t, `UPDATE audit SET entry = replace(entry, 'R6', 'R0') WHERE sequence = 5`)
	if report := verify(t, s, nil); report.OK || report.FirstBad != 5 {
		t.Errorf("VerifyAudit = %+v; want entry 5 named", report)
	}
	r.Exec(t, `DELETE FROM audit WHERE sequence = 2`)
	if report := verify(t, s, nil); report.OK || report.FirstBad != 2 {
		t.Errorf("VerifyAudit = %+v; want the missing entry 2 named", report)
	}
}

// auditRewritten changes an entry with all its stored hashes: only the signed
// heads tell.
func auditRewritten(t *testing.T, r Record) {
	s := audited(t, r, 12, 4, 8)
	rows, err := s.ShowAudit(ctx(t), store.AuditFilter{})
	must(t, "ShowAudit", err)
	text := `{"forged":true}`
	hash := sha256.Sum256(append([]byte{0}, text...))
	r.Exec(t, `UPDATE audit SET entry = $1, hash = $2 WHERE id = $3`, text, hash[:], rows[5].ID)
	r.Exec(t, `UPDATE tree_hash SET hash = $1 WHERE hash = $2`, hash[:], rows[5].Hash)
	report := verify(t, s, nil)
	if report.OK || report.FirstBad != -1 || report.Span != [2]int64{4, 8} {
		t.Errorf("VerifyAudit = %+v; want the span 4 to 8", report)
	}
}

func auditTruncated(t *testing.T, r Record) {
	s := audited(t, r, 12, 4)
	kept, err := s.SignHead(ctx(t))
	must(t, "SignHead", err)
	r.Exec(t, `DELETE FROM audit WHERE sequence >= 8`)
	r.Exec(t, `DELETE FROM tree_head WHERE size > 8`)
	if report := verify(t, s, nil); report.OK {
		t.Errorf("VerifyAudit = %+v; want the tree hashes that the cut left behind to show it", report)
	}
	r.Exec(t, `DELETE FROM tree_hash WHERE position >= 15`) // what eight entries need
	if report := verify(t, s, nil); !report.OK {
		t.Errorf("VerifyAudit without a kept head = %+v; nothing here can show the truncation", report)
	}
	report := verify(t, s, kept.Marshal())
	if report.OK || report.Span != [2]int64{4, 12} {
		t.Errorf("VerifyAudit(kept head) = %+v; want the span 4 to 12", report)
	}
}

func auditExport(t *testing.T, r Record) {
	s := audited(t, r, 12, 4, 8)
	must(t, "Audit", s.Audit(ctx(t), entry("form read", "last")))
	if report := verify(t, s, nil); !report.OK || report.Signed != 8 {
		t.Errorf("VerifyAudit before the export = %+v; want 8 entries signed", report)
	}
	var file bytes.Buffer
	must(t, "ExportAudit", s.ExportAudit(ctx(t), &file))
	report, err := store.VerifyExport(bytes.NewReader(file.Bytes()), nil, verifySign)
	if err != nil || !report.OK || report.Size != 13 || report.NotIntegrated != 0 || report.Heads != 3 || report.Signed != 13 {
		t.Errorf("VerifyExport = %+v, %v; want OK, 13 entries, 3 heads, all signed", report, err)
	}
	lines := bytes.SplitAfter(file.Bytes(), []byte("\n"))
	if report, err := store.VerifyExport(bytes.NewReader(bytes.Join(lines[:len(lines)-3], nil)), nil, verifySign); err != nil || report.OK || report.Size != 11 {
		t.Errorf("VerifyExport(cut off at the end) = %+v, %v; want 11 entries that don't hold", report, err)
	}
	if report, err := store.VerifyExport(bytes.NewReader(bytes.Join(lines[3:], nil)), nil, verifySign); err != nil || !report.OK || report.Signed != 0 {
		t.Errorf("VerifyExport(without heads) = %+v, %v; want OK, and nothing signed", report, err)
	}
	kept, err := s.SignHead(ctx(t))
	must(t, "SignHead", err)
	if report, err := store.VerifyExport(bytes.NewReader(bytes.Join(lines[3:len(lines)-3], nil)), kept.Marshal(), verifySign); err != nil || report.OK {
		t.Errorf("VerifyExport(without heads, cut off, with a kept head) = %+v, %v; want one that doesn't hold", report, err)
	}
	changed := bytes.Replace(file.Bytes(), []byte(`R6\"`), []byte(`R0\"`), 1)
	if report, err := store.VerifyExport(bytes.NewReader(changed), nil, verifySign); err != nil || report.OK || report.FirstBad != 5 {
		t.Errorf("VerifyExport(changed) = %+v, %v; want entry 5 named", report, err)
	}
}

// verifyingMeanwhile: a log that grows while it is verified holds.
func verifyingMeanwhile(t *testing.T, r Record) {
	s := open(t, r)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			if err := s.Audit(ctx(t), entry(name("entry %d", i), "")); err != nil {
				t.Errorf("Audit: %v", err)
				return
			}
			if _, err := s.Integrate(ctx(t)); err != nil {
				t.Errorf("Integrate: %v", err)
				return
			}
		}
	})
	for range 60 {
		if report, err := s.VerifyAudit(ctx(t), nil, nil); err != nil || !report.OK {
			t.Errorf("VerifyAudit meanwhile = %+v, %v; want a log that holds", report, err)
			break
		}
	}
	close(done)
	wg.Wait()
}
