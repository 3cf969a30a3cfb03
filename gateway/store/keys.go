package store

import (
	"context"
	"errors"
	"fmt"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// certificatesVersion names the counter that grows with every change.
const certificatesVersion = "certificates"

const keyColumns = `c.operation, c.participant, c.fingerprint, c.state, c.certificate, c.role, c.holder, c.source, c.added, c.confirmed_by, c.confirmed_at, c.how, c.replaces`

// Keys implements gateway.KeyRecords.
func (s *Store) Keys(ctx context.Context, op operation.Code, p operation.ParticipantCode, fp openpgp.Fingerprint) ([]gateway.KeyRecord, error) {
	return s.keyRecords(ctx, `SELECT `+keyColumns+` FROM certificate c WHERE ($1 = '' OR c.operation = $1) AND ($2 = '' OR c.participant = $2) AND ($3 = '' OR c.fingerprint = $3)
		ORDER BY c.operation, c.participant, c.added, c.fingerprint`, string(op), string(p), string(fp))
}

// KeysVersion implements gateway.KeyRecords.
func (s *Store) KeysVersion(ctx context.Context) (version int64, err error) {
	err = notFound(s.read().QueryRow(ctx, `SELECT value FROM counter WHERE name = $1`, certificatesVersion).Scan(&version))
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return 0, fmt.Errorf("read the certificates' version: %w", err)
	}
	return version, nil
}

// KeysByID implements gateway.KeyRecords.
func (s *Store) KeysByID(ctx context.Context, keyID uint64) ([]gateway.KeyRecord, error) {
	return s.keyRecords(ctx, `SELECT `+keyColumns+` FROM certificate c JOIN certificate_key k ON k.operation = c.operation AND k.participant = c.participant AND k.fingerprint = c.fingerprint
		WHERE k.key_id = $1 ORDER BY c.operation, c.participant, c.added, c.fingerprint`, int64(keyID))
}

func (s *Store) keyRecords(ctx context.Context, query string, args ...any) ([]gateway.KeyRecord, error) {
	return keyRecords(ctx, s.read(), query, args...)
}

func keyRecords(ctx context.Context, q querier, query string, args ...any) ([]gateway.KeyRecord, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	list, err := scanKeys(rows)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	return list, nil
}

func scanKeys(rows rows) (list []gateway.KeyRecord, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r gateway.KeyRecord
		var added, confirmed int64
		if err := rows.Scan(&r.Operation, &r.Participant, &r.Fingerprint, &r.State, &r.Certificate, &r.Role, &r.Holder, &r.Source, &added,
			&r.ConfirmedBy, &confirmed, &r.How, &r.Replaces); err != nil {
			return nil, err
		}
		r.Added, r.ConfirmedAt = when(added), when(confirmed)
		list = append(list, r)
	}
	return list, rows.Err()
}

func keyIDs(ctx context.Context, q querier, h gateway.Holding) (ids []uint64, err error) {
	rows, err := q.Query(ctx, `SELECT key_id FROM certificate_key WHERE operation = $1 AND participant = $2 AND fingerprint = $3 ORDER BY key_id`,
		string(h.Operation), string(h.Participant), string(h.Fingerprint))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, uint64(id))
	}
	return ids, rows.Err()
}

// ChangeKeys implements gateway.KeyRecords. On PostgreSQL a lock on operation and
// participant makes changes wait for each other, whether there are rows or not.
func (s *Store) ChangeKeys(ctx context.Context, op operation.Code, p operation.ParticipantCode, decide func([]gateway.KeyRecord) (*gateway.KeyRecord, gateway.AuditEntry, error)) error {
	err := s.write(ctx, func(t *tx) error {
		if s.d.serialize != "" {
			if err := t.put(s.d.serialize, "certificates/"+string(op)+"/"+string(p)); err != nil {
				return err
			}
		}
		list, err := keyRecords(t.ctx, t, `SELECT `+keyColumns+` FROM certificate c WHERE c.operation = $1 AND c.participant = $2 ORDER BY c.added, c.fingerprint`, string(op), string(p))
		if err != nil {
			return err
		}
		for i := range list {
			if list[i].KeyIDs, err = keyIDs(t.ctx, t, list[i].Holding); err != nil {
				return fmt.Errorf("read key ids: %w", err)
			}
		}
		r, entry, err := decide(list)
		if err != nil || r == nil {
			return err
		}
		if err := t.putKey(r); err != nil {
			return err
		}
		if _, err := t.count(certificatesVersion); err != nil {
			return err
		}
		return t.audit(entry)
	})
	if err != nil {
		return fmt.Errorf("change certificates: %w", err)
	}
	return nil
}

func (t *tx) putKey(r *gateway.KeyRecord) error {
	op, p, fp := string(r.Operation), string(r.Participant), string(r.Fingerprint)
	err := t.put(`INSERT INTO certificate (operation, participant, fingerprint, state, certificate, role, holder, source, added, confirmed_by, confirmed_at, how, replaces)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (operation, participant, fingerprint) DO UPDATE SET state = $4, certificate = $5, role = $6, holder = $7, source = $8, added = $9,
			confirmed_by = $10, confirmed_at = $11, how = $12, replaces = $13`,
		op, p, fp, string(r.State), r.Certificate, r.Role, r.Holder, r.Source, millis(r.Added), r.ConfirmedBy, millis(r.ConfirmedAt), r.How, string(r.Replaces))
	if err != nil {
		return err
	}
	if err := t.put(`DELETE FROM certificate_key WHERE operation = $1 AND participant = $2 AND fingerprint = $3`, op, p, fp); err != nil {
		return err
	}
	for _, id := range r.KeyIDs {
		if err := t.put(`INSERT INTO certificate_key (key_id, operation, participant, fingerprint) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, int64(id), op, p, fp); err != nil {
			return err
		}
	}
	return nil
}
