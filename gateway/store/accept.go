package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"liaison/gateway"
)

// repeatKey is the row that a repeat's name occupies: an exclusive name is one
// row whatever its bytes, so that two offers of it meet in the index. Names are what
// strangers wrote: PostgreSQL's text takes neither every byte nor, in an index,
// every length, so that one that isn't plain stands there by its digest.
func repeatKey(r gateway.Repeat) string {
	name := r.Name
	if len(name) > longestName || !plainASCII(name) {
		name = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name)))
	}
	if r.Exclusive {
		return "=" + name
	}
	return "+" + name + "\x1f" + hex.EncodeToString(r.Digest[:])
}

// longestName is how long a name in an index may be; PostgreSQL's limit is 2,704
// bytes for a whole entry.
const longestName = 1100

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// sortedRepeats is in key order, so that two transactions never wait for each
// other crosswise.
func sortedRepeats(in *gateway.Inbound) []gateway.Repeat {
	list := slices.Clone(in.Repeats)
	slices.SortFunc(list, func(a, b gateway.Repeat) int {
		ka, kb := repeatKey(a), repeatKey(b)
		if ka < kb {
			return -1
		} else if ka > kb {
			return 1
		}
		return 0
	})
	return slices.CompactFunc(list, func(a, b gateway.Repeat) bool { return repeatKey(a) == repeatKey(b) })
}

// known returns the recorded receipt of any repeat.
func known(ctx context.Context, q querier, repeats []gateway.Repeat) (*gateway.Receipt, error) {
	for _, r := range repeats {
		var digest []byte
		var id string
		err := q.QueryRow(ctx, `SELECT digest, inbound FROM repeat WHERE key = $1`, repeatKey(r)).Scan(&digest, &id)
		if errors.Is(notFound(err), gateway.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for a repeat: %w", err)
		}
		if string(digest) != string(r.Digest[:]) {
			return nil, gateway.ErrOtherBytes
		}
		return receiptOf(ctx, q, id)
	}
	return nil, nil
}

func receiptOf(ctx context.Context, q querier, id string) (*gateway.Receipt, error) {
	r := &gateway.Receipt{Inbound: id, Repeated: true}
	err := q.QueryRow(ctx, `SELECT verdict, form, number, reference, answer FROM inbound WHERE id = $1`, id).
		Scan(&r.Verdict, &r.Form, &r.Number, &r.Reference, &r.Answer)
	if err != nil {
		return nil, fmt.Errorf("read a receipt: %w", notFound(err))
	}
	return r, nil
}

// errKnown ends an Accept whose repeat was recorded meanwhile: its savepoint is
// rolled back and the recorded receipt returned.
type errKnown struct{ receipt *gateway.Receipt }

func (errKnown) Error() string { return "already recorded" }

// Accept implements gateway.Store: the commit point.
func (s *Store) Accept(ctx context.Context, in *gateway.Inbound, decide func(gateway.Ledger) (*gateway.Decision, error)) (*gateway.Receipt, error) {
	if len(in.Repeats) == 0 {
		return nil, errors.New("accept: the inbound has no repeat by which it would be known again")
	}
	repeats := sortedRepeats(in)
	var receipt *gateway.Receipt
	group := ""
	if in.Session != nil {
		group = string(in.Session.Operation)
	}
	sum := sha256.Sum256(in.Raw) // here, not while others wait for the writer
	err := s.together(ctx, group, func(t *tx) error {
		var err error
		receipt, err = t.accept(in, sum, repeats, decide)
		return err
	})
	var was errKnown
	if errors.As(err, &was) {
		return was.receipt, nil
	}
	if err != nil {
		return nil, err
	}
	return receipt, nil
}

func (t *tx) accept(in *gateway.Inbound, sum [sha256.Size]byte, repeats []gateway.Repeat, decide func(gateway.Ledger) (*gateway.Decision, error)) (*gateway.Receipt, error) {
	id := newID()
	// The names first: on PostgreSQL a second offer of one waits here for the
	// first one's commit, before anything was decided.
	for _, r := range repeats {
		if t.hopeful {
			if err := t.put(`INSERT INTO repeat (key, digest, inbound) VALUES ($1, $2, $3)`, repeatKey(r), r.Digest[:], id); err != nil {
				return nil, fmt.Errorf("record a repeat: %w", err)
			}
			continue
		}
		n, err := t.exec(`INSERT INTO repeat (key, digest, inbound) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, repeatKey(r), r.Digest[:], id)
		if err != nil {
			return nil, fmt.Errorf("record a repeat: %w", err)
		}
		if n == 0 {
			receipt, err := known(t.ctx, t, []gateway.Repeat{r})
			if err != nil {
				return nil, err
			}
			return nil, errKnown{receipt}
		}
	}
	d, err := decide(&ledger{t: t})
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, errors.New("accept: nothing was decided")
	}
	if err := t.record(d, id, ""); err != nil {
		return nil, err
	}
	r := &gateway.Receipt{Inbound: id, Verdict: d.Verdict, Form: d.Subject, Answer: d.Answer}
	if r.Form == "" {
		r.Form = d.Repeats
	}
	if err := t.name(r, d); err != nil {
		return nil, err
	}
	return r, t.insertInbound(in, sum, d, r)
}

// name fills in the number and reference of the form that a receipt is about.
func (t *tx) name(r *gateway.Receipt, d *gateway.Decision) error {
	if r.Form == "" {
		return nil
	}
	for i := range d.Forms {
		if f := &d.Forms[i].Form; f.ID == r.Form {
			r.Number, r.Reference = f.Number, f.Reference
			return nil
		}
	}
	err := t.row(`SELECT number, reference FROM form WHERE id = $1`, string(r.Form)).Scan(&r.Number, &r.Reference)
	if err != nil {
		return fmt.Errorf("read the form of a receipt: %w", notFound(err))
	}
	return nil
}

// inboundDetail is the sealed part of an inbound's facts.
type inboundDetail struct {
	Reason   string           `json:"reason,omitempty"`
	Alarm    string           `json:"alarm,omitempty"`
	Envelope gateway.Envelope `json:"envelope"`
	Session  *gateway.Session `json:"session,omitempty"`
	SubmitID string           `json:"submit,omitempty"`
	SHA256   string           `json:"sha256"`
}

func (t *tx) insertInbound(in *gateway.Inbound, sum [sha256.Size]byte, d *gateway.Decision, r *gateway.Receipt) error {
	op := string(d.Operation)
	detail, err := t.sealJSON(op, "inbound", r.Inbound, "detail", inboundDetail{Reason: d.Reason, Alarm: d.Alarm, Envelope: in.Envelope,
		Session: in.Session, SubmitID: in.SubmitID, SHA256: hex.EncodeToString(sum[:])})
	if err != nil {
		return err
	}
	raw, err := t.seal(op, "inbound", r.Inbound, "raw", in.Raw)
	if err != nil {
		return err
	}
	err = t.put(`INSERT INTO inbound (id, operation, medium, account, verdict, sender, form, number, reference, answer, backlog, size, received, recorded, sealed_detail, sealed_raw)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		r.Inbound, op, string(in.Medium), in.Account, string(d.Verdict), string(d.Sender), string(r.Form), r.Number, r.Reference, string(r.Answer),
		flag(in.Backlog), int64(len(in.Raw)), millis(in.Received), time.Now().UnixMilli(), detail, raw)
	if err != nil {
		return fmt.Errorf("record the inbound: %w", err)
	}
	return nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
