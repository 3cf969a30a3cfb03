package gateway

import (
	"context"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// KeyState is where a certificate stands in its operation.
type KeyState string

// The states of a certificate: only Confirmed is ever used.
const (
	KeyProposed  KeyState = "proposed"
	KeyConfirmed KeyState = "confirmed"
	KeyBlocked   KeyState = "blocked"
)

// Holding is a certificate as registered for a participant of an operation.
type Holding struct {
	Operation   operation.Code
	Participant operation.ParticipantCode
	Fingerprint openpgp.Fingerprint
	State       KeyState
}

// Keyring is what the flow asks about certificates.
type Keyring interface {
	// Signers returns the registered certificates, in whatever state, that hold
	// a key of this id or fingerprint (fp may be "").
	Signers(ctx context.Context, keyID uint64, fp openpgp.Fingerprint) ([]*openpgp.Certificate, error)
	// Holdings returns who registered the certificate of this primary
	// fingerprint, in every operation.
	Holdings(ctx context.Context, fp openpgp.Fingerprint) ([]Holding, error)
	// Recipients returns a participant's confirmed certificates, to all of which
	// its deliveries are sealed.
	Recipients(ctx context.Context, op operation.Code, p operation.ParticipantCode) ([]*openpgp.Certificate, error)
}

// KeyRecord is a certificate in the record.
type KeyRecord struct {
	Holding
	Certificate []byte   // binary; public
	KeyIDs      []uint64 // by which KeysByID finds it; read by ChangeKeys alone
	Role        string   // shared · personal · spare
	Holder      string
	Source      string // file or person that it came from
	Added       time.Time
	ConfirmedBy string // who read it back, when, how
	ConfirmedAt time.Time
	How         string
	Replaces    openpgp.Fingerprint
}

// KeyRecords is the part of the record that keeps certificates.
type KeyRecords interface {
	// Keys returns records; empty arguments match all.
	Keys(ctx context.Context, op operation.Code, p operation.ParticipantCode, fp openpgp.Fingerprint) ([]KeyRecord, error)
	// KeysVersion returns a number that grows whenever a record changes.
	KeysVersion(ctx context.Context) (int64, error)
	// KeysByID returns the records that hold a key of this id.
	KeysByID(ctx context.Context, keyID uint64) ([]KeyRecord, error)
	// ChangeKeys lets decide look at a participant's records and insert or replace
	// one, with its audit entry, in one transaction: two persons who confirm at
	// the same time are one after the other. decide may run again; a nil record
	// changes nothing.
	ChangeKeys(ctx context.Context, op operation.Code, p operation.ParticipantCode, decide func([]KeyRecord) (*KeyRecord, AuditEntry, error)) error
}
