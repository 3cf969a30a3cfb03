package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// opCache keeps the parsed operations of one version.
type opCache struct {
	mu      sync.Mutex // guards the rest
	filled  bool
	asked   time.Time // of the version, last
	version int64
	ops     []*operation.Operation
}

const operationsVersion = "operations"

// ApplyOperation records an operation's file as its newest version and opens it
// again where it was closed. The same bytes again change nothing.
func (s *Store) ApplyOperation(ctx context.Context, op *operation.Operation, yaml []byte, entry gateway.AuditEntry) error {
	err := s.write(ctx, func(t *tx) error {
		version, same, err := t.sameFile(string(op.Code), yaml)
		if err != nil || same {
			return err
		}
		next, err := t.count(operationsVersion)
		if err != nil {
			return err
		}
		if next <= version {
			return fmt.Errorf("version %d is not above %d", next, version)
		}
		sealed, err := t.seal(string(op.Code), "operation", fmt.Sprintf("%s/%d", op.Code, next), "yaml", yaml)
		if err != nil {
			return err
		}
		if err := t.put(`INSERT INTO operation (code, version, applied, sealed_yaml) VALUES ($1, $2, $3, $4)`, string(op.Code), next, time.Now().UnixMilli(), sealed); err != nil {
			return err
		}
		if err := t.put(`INSERT INTO operation_state (code, version) VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET version = $2, closed = 0`, string(op.Code), next); err != nil {
			return err
		}
		t.due = true
		return t.audit(entry)
	})
	if err != nil {
		return fmt.Errorf("apply operation %s: %w", op.Code, err)
	}
	s.ops.askAgain()
	return nil
}

// sameFile reports whether an open operation's newest version has these bytes.
func (t *tx) sameFile(code string, yaml []byte) (version int64, same bool, err error) {
	var closed int64
	err = notFound(t.row(`SELECT version, closed FROM operation_state WHERE code = $1`+t.s.d.forUpdate, code).Scan(&version, &closed))
	if errors.Is(err, gateway.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil || closed != 0 {
		return version, false, err
	}
	var sealed []byte
	if err := t.row(`SELECT sealed_yaml FROM operation WHERE code = $1 AND version = $2`, code, version).Scan(&sealed); err != nil {
		return version, false, notFound(err)
	}
	have, err := t.s.opener(t.ctx, t).unseal(code, "operation", fmt.Sprintf("%s/%d", code, version), "yaml", sealed)
	return version, bytes.Equal(have, yaml), err
}

// CloseOperation takes an operation out of force; its record stays.
func (s *Store) CloseOperation(ctx context.Context, code operation.Code, entry gateway.AuditEntry) error {
	defer s.ops.askAgain()
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE operation_state SET closed = $1 WHERE code = $2 AND closed = 0`, time.Now().UnixMilli(), string(code))
		if err != nil {
			return fmt.Errorf("close operation %s: %w", code, err)
		}
		if n == 0 {
			return fmt.Errorf("close operation %s: %w", code, gateway.ErrNotFound)
		}
		if _, err := t.count(operationsVersion); err != nil {
			return err
		}
		return t.audit(entry)
	})
}

// EraseOperation destroys a closed operation's data key: its content is
// unreadable from then on, in every copy of the database that doesn't still
// hold the key. States, times and the audit log stay.
func (s *Store) EraseOperation(ctx context.Context, code operation.Code, entry gateway.AuditEntry) error {
	err := s.write(ctx, func(t *tx) error {
		var closed int64
		if err := t.row(`SELECT closed FROM operation_state WHERE code = $1`+t.s.d.forUpdate, string(code)).Scan(&closed); err != nil {
			return notFound(err)
		}
		if closed == 0 {
			return errors.New("it is in force; close it first")
		}
		if err := t.put(`UPDATE data_key SET wrapped = NULL, erased = $1 WHERE operation = $2`, time.Now().UnixMilli(), string(code)); err != nil {
			return err
		}
		delete(t.keys, string(code))
		return t.audit(entry)
	})
	if err != nil {
		return fmt.Errorf("erase operation %s: %w", code, err)
	}
	s.codec.forget(string(code))
	return nil
}

// operationsFor is how long what was read of the operations is believed: a change
// that another process makes counts at the latest after it.
const operationsFor = 200 * time.Millisecond

// Operations implements gateway.Reads. The returned operations are shared: don't
// change them.
func (s *Store) Operations(ctx context.Context) ([]*operation.Operation, int64, error) {
	s.ops.mu.Lock()
	defer s.ops.mu.Unlock()
	if s.ops.filled && time.Since(s.ops.asked) < operationsFor {
		return s.ops.ops, s.ops.version, nil
	}
	q, asked := s.read(), time.Now()
	version := int64(0)
	err := notFound(q.QueryRow(ctx, `SELECT value FROM counter WHERE name = $1`, operationsVersion).Scan(&version))
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return nil, 0, fmt.Errorf("read operations: %w", err)
	}
	if !s.ops.filled || s.ops.version != version {
		ops, err := s.readOperations(ctx, q)
		if err != nil {
			return nil, 0, fmt.Errorf("read operations: %w", err)
		}
		// What was read may be newer than version: then the next call reads again.
		s.ops.filled, s.ops.version, s.ops.ops = true, version, ops
	}
	s.ops.asked = asked
	return s.ops.ops, version, nil
}

// askAgain forgets when the operations were read: this process changed them.
func (c *opCache) askAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = time.Time{}
}

func (s *Store) readOperations(ctx context.Context, q querier) ([]*operation.Operation, error) {
	rows, err := q.Query(ctx, `SELECT o.code, o.version, o.sealed_yaml FROM operation o JOIN operation_state a ON a.code = o.code AND a.version = o.version WHERE a.closed = 0 ORDER BY o.code`)
	if err != nil {
		return nil, err
	}
	type file struct {
		code    string
		version int64
		sealed  []byte
	}
	var files []file
	for rows.Next() {
		var f file
		if err := rows.Scan(&f.code, &f.version, &f.sealed); err != nil {
			_ = rows.Close()
			return nil, err
		}
		files = append(files, f)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	o := s.opener(ctx, q)
	var ops []*operation.Operation
	for _, f := range files {
		name := fmt.Sprintf("%s/%d", f.code, f.version)
		yaml, err := o.unseal(f.code, "operation", name, "yaml", f.sealed)
		if err != nil {
			return nil, fmt.Errorf("operation %s: %w", f.code, err)
		}
		op, problems := operation.Parse(yaml, f.code)
		if op == nil {
			return nil, fmt.Errorf("operation %s: its recorded file can't be parsed: %v", f.code, problems)
		}
		op.Forget()
		ops = append(ops, op)
	}
	return ops, nil
}
