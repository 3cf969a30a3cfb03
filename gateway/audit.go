package gateway

import (
	"time"

	"liaison/gateway/operation"
)

// AuditKind is one of the six kinds of processing that data protection law
// wants logged (Directive (EU) 2016/680, Article 25), and the gateway's own
// administration.
type AuditKind string

// The kinds.
const (
	Collection     AuditKind = "collection"
	Alteration     AuditKind = "alteration"
	Consultation   AuditKind = "consultation"
	Disclosure     AuditKind = "disclosure"
	Combination    AuditKind = "combination"
	Erasure        AuditKind = "erasure"
	Administration AuditKind = "administration"
)

// AuditEntry is one line of the audit log. It never holds a nominal value.
type AuditEntry struct {
	Kind          AuditKind                   `json:"kind"`
	At            time.Time                   `json:"at"`
	Actor         string                      `json:"actor"`  // participant code, operator's name, "gateway"
	Action        string                      `json:"action"` // constant words: "form accepted", "certificate confirmed"
	Operation     operation.Code              `json:"operation,omitempty"`
	Reference     string                      `json:"reference,omitempty"`
	Recipients    []operation.ParticipantCode `json:"recipients,omitempty"`
	Channel       string                      `json:"channel,omitempty"`
	Justification string                      `json:"justification,omitempty"`
}
