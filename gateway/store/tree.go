package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// integrateMost bounds one transaction of the sequencer.
const integrateMost = 1000

const sequencerLease = "audit sequencer"

// Integrate takes audit entries that aren't in the Merkle tree yet into it, at
// most 1,000, and returns how many. It selects what isn't integrated, never
// "greater than the last": commits become visible out of order. A lease keeps it
// to one node at a time.
func (s *Store) Integrate(ctx context.Context) (n int, err error) {
	var waiting int64
	err = s.read().QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM audit WHERE sequence IS NULL LIMIT 1) AS q`).Scan(&waiting)
	if err != nil || waiting == 0 {
		return 0, err
	}
	err = s.write(ctx, func(t *tx) error {
		n = 0
		now, err := t.clock()
		if err != nil {
			return err
		}
		// The lease's row stays locked until the commit.
		held, err := t.exec(`INSERT INTO lease (name, owner, epoch, until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO UPDATE SET owner = $2, epoch = $3, until = $4 WHERE lease.until <= $5 OR lease.owner = $2 AND lease.epoch = $3`,
			sequencerLease, s.opt.Node, s.epoch, now+deadAfter.Milliseconds(), now)
		if err != nil || held == 0 {
			return err
		}
		n, err = t.integrate()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("integrate audit entries: %w", err)
	}
	return n, nil
}

// integrateAll takes all that waits now.
func (s *Store) integrateAll(ctx context.Context) error {
	for {
		n, err := s.Integrate(ctx)
		if err != nil || n < integrateMost {
			return err
		}
	}
}

type leaf struct {
	id   string
	hash tlog.Hash
}

func (t *tx) integrate() (int, error) {
	size, err := treeSize(t.ctx, t)
	if err != nil {
		return 0, err
	}
	leaves, err := t.waitingLeaves()
	if err != nil {
		return 0, err
	}
	fresh := make(map[int64]tlog.Hash)
	hashes := many{t: t, before: `INSERT INTO tree_hash (position, hash) VALUES `, row: `(CAST(? AS BIGINT), ?)`}
	places := many{t: t, before: `UPDATE audit SET sequence = v.column1 FROM (VALUES `, row: `(CAST(? AS BIGINT), ?)`, after: `) AS v WHERE audit.id = v.column2`}
	reader := hashReader(t.ctx, t, fresh)
	for i, l := range leaves {
		n := size + int64(i)
		stored, err := tlog.StoredHashesForRecordHash(n, l.hash, reader)
		if err != nil {
			return 0, err
		}
		at := tlog.StoredHashIndex(0, n)
		for k, h := range stored {
			fresh[at+int64(k)] = h
			if err := hashes.put(at+int64(k), h[:]); err != nil {
				return 0, err
			}
		}
		if err := places.put(n, l.id); err != nil {
			return 0, err
		}
	}
	return len(leaves), errors.Join(hashes.flush(), places.flush())
}

func (t *tx) waitingLeaves() (list []leaf, err error) {
	rows, err := t.Query(t.ctx, `SELECT id, hash FROM audit WHERE sequence IS NULL ORDER BY id LIMIT $1`, int64(integrateMost))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l leaf
		var hash []byte
		if err := rows.Scan(&l.id, &hash); err != nil {
			return nil, err
		}
		copy(l.hash[:], hash)
		list = append(list, l)
	}
	return list, rows.Err()
}

func treeSize(ctx context.Context, q querier) (size int64, err error) {
	err = q.QueryRow(ctx, `SELECT coalesce(max(sequence) + 1, 0) FROM audit`).Scan(&size)
	return size, err
}

// hashReader reads the tree's hashes, first from those that this transaction
// adds.
func hashReader(ctx context.Context, q querier, fresh map[int64]tlog.Hash) tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, position := range at {
			if h, ok := fresh[position]; ok {
				out[i] = h
				continue
			}
			var hash []byte
			if err := q.QueryRow(ctx, `SELECT hash FROM tree_hash WHERE position = $1`, position).Scan(&hash); err != nil {
				return nil, fmt.Errorf("read hash %d of the audit tree: %w", position, notFound(err))
			}
			copy(out[i][:], hash)
		}
		return out, nil
	})
}

// Head is a signed head of the audit log's tree.
type Head struct {
	Size      int64
	Root      tlog.Hash
	At        time.Time
	Text      string // what is signed
	Signature []byte // detached
}

const headFirstLine = "liaison audit"

func headText(size int64, root tlog.Hash, at time.Time) string {
	return fmt.Sprintf("%s\n%d\n%s\n%s\n", headFirstLine, size, root, at.UTC().Format(time.RFC3339))
}

// Marshal writes the head as text: what is signed, an empty line, and the
// signature in base64.
func (h Head) Marshal() []byte {
	return []byte(h.Text + "\n" + base64.StdEncoding.EncodeToString(h.Signature) + "\n")
}

// ParseHead reads what Marshal wrote. It checks no signature.
func ParseHead(data []byte) (Head, error) {
	bad := errors.New(`not a head of an audit log: want "liaison audit", size, root, time, an empty line, signature`)
	text, signature, found := strings.Cut(string(data), "\n\n")
	lines := strings.Split(text, "\n")
	if !found || len(lines) != 4 || lines[0] != headFirstLine {
		return Head{}, bad
	}
	h := Head{Text: text + "\n"}
	var err error
	if h.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || h.Size < 0 {
		return Head{}, bad
	}
	if h.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return Head{}, bad
	}
	if h.At, err = time.Parse(time.RFC3339, lines[3]); err != nil {
		return Head{}, bad
	}
	if h.Signature, err = base64.StdEncoding.DecodeString(strings.TrimSpace(signature)); err != nil {
		return Head{}, bad
	}
	return h, nil
}

// SignHead signs the tree as it is and records the head. Where nothing was
// added since the last head, it returns that one. It needs Options.SignHead.
func (s *Store) SignHead(ctx context.Context) (Head, error) {
	if s.opt.SignHead == nil {
		return Head{}, errors.New("sign the audit log's head: the store was opened without a signer")
	}
	q := s.read()
	size, err := treeSize(ctx, q)
	if err != nil {
		return Head{}, fmt.Errorf("sign the audit log's head: %w", err)
	}
	heads, err := s.SignedHeads(ctx)
	if err != nil {
		return Head{}, err
	}
	if n := len(heads); n > 0 && heads[n-1].Size == size {
		return heads[n-1], nil
	}
	root, err := tlog.TreeHash(size, hashReader(ctx, q, nil))
	if err != nil {
		return Head{}, fmt.Errorf("sign the audit log's head: %w", err)
	}
	now, err := s.clockOf(ctx, q)
	if err != nil {
		return Head{}, err
	}
	h := Head{Size: size, Root: root, At: when(now).Truncate(time.Second)}
	h.Text = headText(h.Size, h.Root, h.At)
	if h.Signature, err = s.opt.SignHead([]byte(h.Text)); err != nil {
		return Head{}, fmt.Errorf("sign the audit log's head: %w", err)
	}
	err = s.write(ctx, func(t *tx) error {
		return t.put(`INSERT INTO tree_head (size, at, text, signature) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, h.Size, millis(h.At), h.Text, h.Signature)
	})
	return h, err
}

// SignedHeads returns the signed heads, smallest first.
func (s *Store) SignedHeads(ctx context.Context) ([]Head, error) { return signedHeads(ctx, s.read()) }

func signedHeads(ctx context.Context, q querier) ([]Head, error) {
	rows, err := q.Query(ctx, `SELECT text, signature FROM tree_head ORDER BY size, at`)
	if err != nil {
		return nil, fmt.Errorf("read signed heads: %w", err)
	}
	defer rows.Close()
	var list []Head
	for rows.Next() {
		var text string
		var signature []byte
		if err := rows.Scan(&text, &signature); err != nil {
			return nil, err
		}
		h, err := ParseHead(Head{Text: text, Signature: signature}.Marshal())
		if err != nil { // a tampered head holds for nothing: the verifier says so
			h = Head{Text: text, Signature: signature, Size: -1}
		}
		list = append(list, h)
	}
	return list, rows.Err()
}
