package gateway

import (
	"log/slog"
	"time"

	"github.com/google/uuid"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// FormID identifies a recorded form on this gateway (UUID version 7).
type FormID string

// DeliveryID identifies a delivery; it stands in the mail's Message-ID and in
// the WebSocket's frames, so that copies over two channels are one (UUID
// version 7).
type DeliveryID string

// NewFormID returns a fresh id.
func NewFormID() FormID { return FormID(uuid.Must(uuid.NewV7()).String()) }

// NewDeliveryID returns a fresh id.
func NewDeliveryID() DeliveryID { return DeliveryID(uuid.Must(uuid.NewV7()).String()) }

// Role says what a recorded form is to the flow.
type Role string

// The roles.
const (
	Original Role = "form"   // of a participant or the unit's desk
	Answer   Role = "answer" // ACK, NAK or "held", by the gateway
	Notice   Role = "notice" // what became of a delivery, by the gateway
)

// Form is a form as recorded: opened, verified and checked. Everything in
// Content is encrypted at rest; the other fields are the record's columns and
// hold nothing nominal.
type Form struct {
	ID        FormID
	Operation operation.Code
	Role      Role
	Number    int64 // the operation's running number, "OP-7K3 000123"
	Type      string
	Reference string // A4
	Sender    operation.ParticipantCode
	State     FormState
	Assurance Assurance
	Signer    string // primary fingerprint, where signed
	Priority  Priority
	Mode      string // A10
	Nominal   bool
	Received  time.Time
	Hash      [32]byte // identity: form.ContentHash of the boxes as sent
	SignedSum [32]byte // SHA-256 of the signed bytes, where signed
	Answers   FormID   // the form that this one answers, corrects or cancels, where known
	Inbound   string   // id of the inbound that brought it
	Content   Content
}

// FormState is what became of a form.
type FormState string

// The form's states. Accepted → Corrected|Cancelled; Held → Accepted|Refused.
const (
	FormAccepted  FormState = "accepted"
	FormHeld      FormState = "held"
	FormRefused   FormState = "refused"
	FormCorrected FormState = "corrected"
	FormCancelled FormState = "cancelled"
)

// Content is what of a form is secret. It refuses to print.
type Content struct {
	Boxes       *form.Form        `json:"-"`
	JSON        []byte            `json:"json"`            // canonical boxes as the gateway reads them, filled in
	AsSent      []byte            `json:"sent,omitempty"`  // form.json as the originator sent it, byte for byte
	Signature   []byte            `json:"sig,omitempty"`   // detached, over AsSent
	Original    []byte            `json:"mime,omitempty"`  // the signed MIME original
	Added       []string          `json:"added,omitempty"` // boxes added by the gateway
	Text        string            `json:"text,omitempty"`  // what stood outside the boxes
	Subject     string            `json:"subject,omitempty"`
	Problems    []form.Problem    `json:"problems,omitempty"`
	Changes     []form.Change     `json:"changes,omitempty"` // of a correction
	Attachments []Attachment      `json:"-"`                 // stored beside, each under the same codec
	Whole       []byte            `json:"whole,omitempty"`   // of a correction: the corrected form
	Facts       map[string]string `json:"facts,omitempty"`   // of answers and notices: what the text says, as data
}

// LogValue refuses to print.
func (Content) LogValue() slog.Value { return slog.StringValue("[content]") }

// String refuses to print.
func (Content) String() string { return "[content]" }

// GoString refuses to print.
func (Content) GoString() string { return "[content]" }

// Attachment is a file that travels with a form.
type Attachment struct {
	Name    string
	Type    string
	Content []byte
	Nominal bool
}

// LogValue refuses to print.
func (Attachment) LogValue() slog.Value { return slog.StringValue("[attachment]") }

// Priority is A9.
type Priority string

// The priorities; Urgent is claimed first.
const (
	Routine Priority = "R"
	Prior   Priority = "P"
	Urgent  Priority = "U"
)

// Rank orders priorities for claiming: 0 is first.
func (p Priority) Rank() int {
	switch p {
	case Urgent:
		return 0
	case Prior:
		return 1
	}
	return 2
}
