package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Report is what verifying the audit log found.
type Report struct {
	Size          int64    `json:"size"`           // entries in the tree
	NotIntegrated int64    `json:"not_integrated"` // entries not in it yet
	FirstBad      int64    `json:"first_bad"`      // the first entry that is missing or differs from its stored hash, by its place in the tree; -1 for none
	Span          [2]int64 `json:"span"`           // else the sizes of the last signed head that holds and the first that doesn't; zero for none
	Heads         int      `json:"heads"`          // signed heads that were checked
	Signed        int64    `json:"signed"`         // entries that a good signature covers: whatever comes after them could have been cut off or changed unseen
	OK            bool     `json:"ok"`
	Why           string   `json:"why,omitempty"` // what is wrong, in words
}

// AuditRow is one entry as stored.
type AuditRow struct {
	Sequence int64  `json:"sequence"` // -1: not in the tree yet
	ID       string `json:"id"`
	Text     string `json:"entry"` // exactly what is hashed
	Hash     []byte `json:"hash"`  // RFC 6962 leaf hash
	Leaf     []byte `json:"leaf"`  // the same, as the tree keeps it
}

// Entry parses the entry.
func (r AuditRow) Entry() (e gateway.AuditEntry, err error) {
	err = json.Unmarshal([]byte(r.Text), &e)
	return e, err
}

// VerifyHead checks a head's signature; nil where it is good.
type VerifyHead func(text, signature []byte) error

// VerifyAudit recomputes the whole tree from the entries, as they were at one
// moment. head is a head that a participant kept (as Head.Marshal writes it), nil
// for none; verify may be nil: then signatures aren't checked, and the report
// says only what hashes prove.
func (s *Store) VerifyAudit(ctx context.Context, head []byte, verify VerifyHead) (r Report, err error) {
	err = s.snapshot(ctx, func(q querier) error {
		heads, err := signedHeads(ctx, q)
		if err != nil {
			return err
		}
		kept, err := keptHead(head)
		if err != nil {
			return err
		}
		v := newVerifier(append(heads, kept...), verify)
		if err := auditRows(ctx, q, v.add); err != nil {
			return err
		}
		r = v.report()
		return checkTree(ctx, q, &r)
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify the audit log: %w", err)
	}
	return r, nil
}

// keptHead reads a head that a participant kept; none where it is nil.
func keptHead(head []byte) ([]Head, error) {
	if head == nil {
		return nil, nil
	}
	h, err := ParseHead(head)
	if err != nil {
		return nil, fmt.Errorf("read the head: %w", err)
	}
	return []Head{h}, nil
}

// checkTree compares the number of stored tree hashes with what the entries
// need: entries cut off at the end leave hashes behind, even where no signed head
// tells of them.
func checkTree(ctx context.Context, q querier, r *Report) error {
	var stored int64
	if err := q.QueryRow(ctx, `SELECT count(*) FROM tree_hash`).Scan(&stored); err != nil {
		return err
	}
	if want := tlog.StoredHashCount(r.Size); stored != want && r.OK {
		r.OK, r.Why = false, fmt.Sprintf("%d entries need %d tree hashes, the store has %d: entries were cut off or hashes changed", r.Size, want, stored)
	}
	return nil
}

// frontier is the right edge of a Merkle tree (RFC 6962, section 2.1): the roots
// of its complete subtrees, largest first.
type frontier struct {
	size  int64
	roots []tlog.Hash
}

func (f *frontier) add(leaf tlog.Hash) {
	f.roots = append(f.roots, leaf)
	for n := f.size; n&1 == 1; n >>= 1 {
		k := len(f.roots)
		f.roots = append(f.roots[:k-2], tlog.NodeHash(f.roots[k-2], f.roots[k-1]))
	}
	f.size++
}

func (f *frontier) root() tlog.Hash {
	if len(f.roots) == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	h := f.roots[len(f.roots)-1]
	for i := len(f.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.roots[i], h)
	}
	return h
}

// verifier takes entries in order and compares roots with heads as it passes
// their sizes.
type verifier struct {
	heads  []Head
	verify VerifyHead
	next   int   // the first head not passed yet
	holds  int64 // size of the last head that holds
	fails  int64 // size of the first that doesn't, -1 for none
	tree   frontier
	r      Report
}

func newVerifier(heads []Head, verify VerifyHead) *verifier {
	heads = slices.Clone(heads)
	slices.SortStableFunc(heads, func(a, b Head) int {
		switch {
		case a.Size < b.Size:
			return -1
		case a.Size > b.Size:
			return 1
		}
		return 0
	})
	v := &verifier{heads: heads, verify: verify, fails: -1, r: Report{FirstBad: -1, Heads: len(heads)}}
	v.pass()
	return v
}

func (v *verifier) add(row AuditRow) error {
	want := tlog.RecordHash([]byte(row.Text))
	same := string(want[:]) == string(row.Hash)
	if row.Sequence < 0 {
		v.r.NotIntegrated++
		if !same && v.r.Why == "" {
			v.r.Why = fmt.Sprintf("entry %s, not in the tree yet, differs from its stored hash", row.ID)
		}
		return nil
	}
	switch n := v.tree.size; {
	case v.r.FirstBad >= 0:
	case row.Sequence != n:
		v.bad(n, fmt.Sprintf("entry %d is missing", n))
	case !same || row.Leaf != nil && string(want[:]) != string(row.Leaf):
		v.bad(n, fmt.Sprintf("entry %d (%s) differs from its stored hash", n, row.ID))
	}
	v.tree.add(want)
	v.pass()
	return nil
}

func (v *verifier) bad(n int64, why string) {
	v.r.FirstBad = n
	v.r.Why = why
}

// pass checks the heads of the tree's present size.
func (v *verifier) pass() {
	for v.next < len(v.heads) && v.heads[v.next].Size <= v.tree.size {
		h := v.heads[v.next]
		v.next++
		good := h.Size == v.tree.size && h.Root == v.tree.root() && h.Text == headText(h.Size, h.Root, h.At)
		if good && v.verify != nil {
			good = v.verify([]byte(h.Text), h.Signature) == nil
		}
		switch {
		case good && v.fails < 0:
			v.holds = h.Size
		case !good && v.fails < 0:
			v.fails = max(h.Size, 0)
		}
	}
}

func (v *verifier) report() Report {
	r := v.r
	r.Size = v.tree.size
	if v.verify != nil {
		r.Signed = v.holds
	}
	if v.next < len(v.heads) && v.fails < 0 { // a head is larger than the log: its end was cut off
		v.fails = v.heads[v.next].Size
		if r.Why == "" {
			r.Why = fmt.Sprintf("a signed head covers %d entries, the log has %d: its end is missing", v.fails, r.Size)
		}
	}
	if v.fails >= 0 && r.FirstBad < 0 {
		r.Span = [2]int64{v.holds, v.fails}
		if r.Why == "" {
			r.Why = fmt.Sprintf("the signed head of %d entries holds, that of %d doesn't", v.holds, v.fails)
		}
	}
	r.OK = r.Why == "" && r.FirstBad < 0 && v.fails < 0
	return r
}

// exportLine is one line of an exported log: a head, then entries.
type exportLine struct {
	Head  []byte    `json:"head,omitempty"`
	Entry *AuditRow `json:"audit,omitempty"`
}

// ExportAudit writes the log of one moment as JSON lines: the signed heads, then
// the entries with their hashes. VerifyExport checks such a file without a store.
// It signs a head first, over all that is in the tree: entries cut off a file show.
// Entries that another node is just taking into the tree may stand behind it. It
// needs Options.SignHead.
func (s *Store) ExportAudit(ctx context.Context, w io.Writer) error {
	err := s.integrateAll(ctx)
	if err == nil {
		err = s.Unlease(ctx, sequencerLease) // a serving gateway goes on at once
	}
	if err == nil {
		_, err = s.SignHead(ctx)
	}
	if err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err = s.snapshot(ctx, func(q querier) error {
		heads, err := signedHeads(ctx, q)
		if err != nil {
			return err
		}
		for _, h := range heads {
			if err := enc.Encode(exportLine{Head: h.Marshal()}); err != nil {
				return err
			}
		}
		return auditRows(ctx, q, func(r AuditRow) error { return enc.Encode(exportLine{Entry: &r}) })
	})
	if err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	return nil
}

// VerifyExport verifies an exported log as VerifyAudit does the record's.
func VerifyExport(r io.Reader, head []byte, verify VerifyHead) (Report, error) {
	dec := json.NewDecoder(bufio.NewReader(r))
	heads, err := keptHead(head)
	if err != nil {
		return Report{}, err
	}
	var v *verifier
	for n := 1; ; n++ {
		var line exportLine
		err := dec.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Report{}, fmt.Errorf("read line %d of the exported log: %w", n, err)
		}
		switch {
		case line.Head != nil && v == nil:
			h, err := ParseHead(line.Head)
			if err != nil {
				h = Head{Size: -1}
			}
			heads = append(heads, h)
		case line.Entry != nil:
			if v == nil {
				v = newVerifier(heads, verify)
			}
			if err := v.add(*line.Entry); err != nil {
				return Report{}, err
			}
		default:
			return Report{}, fmt.Errorf("line %d of the exported log is neither a head nor an entry, or a head after entries", n)
		}
	}
	if v == nil {
		v = newVerifier(heads, verify)
	}
	return v.report(), nil
}

// AuditFilter selects audit entries; empty fields match all.
type AuditFilter struct {
	Operation operation.Code
	Reference string
	Since     time.Time
	Limit     int // 0 means 1,000; the newest
}

// ShowAudit returns entries, oldest first.
func (s *Store) ShowAudit(ctx context.Context, f AuditFilter) ([]AuditRow, error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	rows, err := s.read().Query(ctx, `SELECT coalesce(sequence, -1), id, entry, hash FROM audit WHERE ($1 = '' OR operation = $1) AND ($2 = '' OR reference = $2) AND at >= $3
		ORDER BY id DESC LIMIT $4`, string(f.Operation), f.Reference, millis(f.Since), int64(f.Limit))
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer rows.Close()
	var list []AuditRow
	for rows.Next() {
		var r AuditRow
		if err := rows.Scan(&r.Sequence, &r.ID, &r.Text, &r.Hash); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.Reverse(list)
	return list, rows.Err()
}
