package store

import (
	"context"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"liaison/gateway"
)

// tx is one transaction, or one savepoint of a batch.
type tx struct {
	querier
	*common
	effects
	s   *Store
	ctx context.Context
	now int64 // the lease clock, read at most once
}

// common is what the transactions of one commit share.
type common struct {
	keys map[string]cipher.AEAD // data keys seen
	// counts are the counters that were moved; nil where one transaction may fail
	// alone.
	counts map[string]*counter
	// hopeful: a repeat that is known fails the commit, instead of being asked for.
	hopeful bool
}

func newCommon() *common { return &common{keys: make(map[string]cipher.AEAD)} }

// counter is one whose row this commit holds.
type counter struct{ last, written int64 }

// putCounts writes the counters that moved further than their rows say.
func (c *common) putCounts(ctx context.Context, q querier) error {
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		n := c.counts[name]
		if n.last == n.written {
			continue
		}
		if err := q.Put(ctx, `UPDATE counter SET value = $1 WHERE name = $2`, n.last, name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) put(query string, args ...any) error { return t.Put(t.ctx, query, legible(args)...) }
func (t *tx) exec(query string, args ...any) (int64, error) {
	return t.Exec(t.ctx, query, legible(args)...)
}
func (t *tx) row(query string, args ...any) row {
	return t.QueryRow(t.ctx, query, legible(args)...)
}

// legible makes text of what stands in text columns, or is looked for there: what was
// never that (a reference, a host's name) shows it by U+FFFD. PostgreSQL refuses all
// else, and a message must be answered whatever is in it; its bytes are kept as they
// came.
func legible(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}

// clock is the time that leases go by, in Unix milliseconds.
func (t *tx) clock() (int64, error) {
	if t.now != 0 {
		return t.now, nil
	}
	now, err := t.s.clockOf(t.ctx, t)
	t.now = now
	return now, err
}

// runGuarded turns a panic of a decision into an error, so that it rolls back
// its own transaction or savepoint and not the writer.
func runGuarded(t *tx, do func(*tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a decision panicked: %v", r)
		}
	}()
	return do(t)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func when(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return gateway.ErrNotFound
	}
	return err
}
