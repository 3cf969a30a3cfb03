package store

import (
	"context"
	"errors"
	"fmt"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Refusals returns the answers that refused a form of this reference on receipt,
// oldest first. Such a form isn't recorded: what is left of it are the message that
// it came in, the audit entry and the answer, which says why. All of them bear the
// time of one decision.
func (s *Store) Refusals(ctx context.Context, op operation.Code, reference string) ([]gateway.Form, error) {
	if reference == "" {
		return nil, nil
	}
	ids, err := s.answersMadeWith(ctx, op, reference)
	if err != nil {
		return nil, fmt.Errorf("look for refusals of %s: %w", reference, err)
	}
	var list []gateway.Form
	for _, id := range ids {
		f, err := s.Form(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("look for refusals of %s: %w", reference, err)
		}
		if f.Content.Boxes != nil && f.Content.Boxes.Get("A5") == reference { // another was decided in the same millisecond
			list = append(list, *f)
		}
	}
	return list, nil
}

// answersMadeWith are the NAKs of the moments at which the audit log speaks of a
// reference.
func (s *Store) answersMadeWith(ctx context.Context, op operation.Code, reference string) (ids []gateway.FormID, err error) {
	rows, err := s.read().Query(ctx, `SELECT DISTINCT f.id FROM audit a JOIN form f ON f.operation = a.operation AND f.received = a.at
		WHERE a.operation = $1 AND a.reference = $2 AND f.role = 'answer' AND f.type = 'NAK' ORDER BY f.id`, string(op), reference)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id gateway.FormID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
