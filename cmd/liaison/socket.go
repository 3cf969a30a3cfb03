package main

import (
	"context"
	"fmt"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// socketKeys are the certificates that open a session on the WebSocket: the
// confirmed ones of a participant of an operation in force.
type socketKeys struct {
	ring  *keyring.Ring
	reads gateway.Reads
}

func (k socketKeys) Confirmed(ctx context.Context, code operation.Code, p operation.ParticipantCode) ([]*openpgp.Certificate, error) {
	ops, _, err := k.reads.Operations(ctx)
	if err != nil {
		return nil, err
	}
	for _, op := range ops {
		if op.Code == code && op.Participant(p) != nil {
			return k.ring.Confirmed(ctx, code, p)
		}
	}
	return nil, nil
}

func (k socketKeys) Version(ctx context.Context) (string, error) {
	keys, err := k.ring.Version(ctx)
	if err != nil {
		return "", err
	}
	_, operations, err := k.reads.Operations(ctx)
	return fmt.Sprintf("%d/%d", keys, operations), err
}
