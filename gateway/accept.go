package gateway

import (
	"slices"
	"time"

	"liaison/gateway/operation"
)

// Medium is the kind of adapter that brought an inbound.
type Medium string

// The media.
const (
	ByMail      Medium = "mail"
	ByWebSocket Medium = "websocket"
	ByPhone     Medium = "phone"
)

// Inbound is bytes as a channel brought them, with transport facts; not yet
// opened. The adapter owns Raw until Accept returns and doesn't change it.
type Inbound struct {
	Medium   Medium
	Account  string    // which of the adapter's inputs, e.g. "imap:ocu@imap.gateway.example/INBOX"
	Raw      []byte    // a whole mail, or an OpenPGP message (binary)
	Received time.Time // when the channel got it

	// Repeats are the names under which the same transport would come again.
	// At least one; any that is known settles the offer.
	Repeats []Repeat

	// Waited is how long it waited in the adapter behind its own sender's mail; 0
	// where that is not to be spoken of.
	Waited time.Duration

	// Backlog marks what was there before the set-up: recorded, never answered.
	Backlog bool

	Envelope Envelope // mail over LMTP or SMTP
	Session  *Session // WebSocket: who proved itself when the channel was opened
	SubmitID string   // WebSocket: the submit's id
}

// Repeat names one transport of a message: Name plus SHA-256 of the bytes that
// it stands for. With Exclusive, the same name with another digest is
// ErrOtherBytes (a WebSocket submit id); otherwise it is another message (a
// reused UID).
type Repeat struct {
	Name      string // "imap:account/mailbox/uidvalidity/uid", "mid:<…>", "ws:OP-7K3/LV/uuid"
	Digest    [32]byte
	Exclusive bool
}

// Envelope is the SMTP envelope, where the channel shows one.
type Envelope struct {
	From string // "" is the null sender
	To   []string
	Seen bool // false: the channel shows no envelope (IMAP)
}

// Session is a WebSocket session after its proof.
type Session struct {
	ID          string
	Operation   operation.Code
	Participant operation.ParticipantCode
	Fingerprint string // primary fingerprint of the key that proved it
	Language    string
}

// Verdict is what was decided of an inbound, frozen on receipt.
type Verdict string

// The verdicts.
const (
	Accepted  Verdict = "accepted"
	Duplicate Verdict = "duplicate"
	Held      Verdict = "held"
	Rejected  Verdict = "rejected"
	// Noted is what is no form and wants no decision: automated mail, receipts,
	// backlog. It is recorded as evidence and never answered.
	Noted Verdict = "noted"
)

// Receipt says that a decision about an inbound was recorded. Whoever holds one
// may acknowledge to the peer.
type Receipt struct {
	Inbound   string  // id of the record
	Verdict   Verdict //
	Form      FormID  // the form that it became or repeats; "" where none
	Number    int64   // the operation's number of that form
	Reference string  // A4
	Answer    FormID  // the ACK or NAK form; "" where none is due
	Repeated  bool    // the decision is an earlier one, offered again
}

// Assurance is on what a form's origin rests.
type Assurance string

// The assurances, strongest first.
const (
	Signed       Assurance = "signed"
	BySession    Assurance = "session"
	ByPhoneCall  Assurance = "phone"
	PlainChannel Assurance = "plain"
)

// strength orders the assurances.
var strength = []Assurance{PlainChannel, ByPhoneCall, BySession, Signed}

// restsOnLess reports whether a rests on less than b.
func (a Assurance) restsOnLess(b Assurance) bool {
	return slices.Index(strength, a) < slices.Index(strength, b)
}

// Decision is everything that one inbound, attempt or operator's action leads
// to; the store writes it in one transaction or not at all.
type Decision struct {
	Verdict   Verdict
	Operation operation.Code            // "": the gateway's own quarantine
	Sender    operation.ParticipantCode // as far as proven, else ""
	Reason    string                    // for the operator, never content: "signature: unknown key 8F…"
	Repeats   FormID                    // a duplicate's original
	Forms     []NewForm                 // the form first; answers and notices after it
	Evidence  []Evidence                // about deliveries of other forms that this inbound proves
	Fallbacks []Fallback                // deliveries of other forms that go on over the next channel
	Audit     []AuditEntry
	Answer    FormID     // which of Forms answers the inbound
	Subject   FormID     // the form that this inbound became or repeats
	Due       []Due      // what time starts because of it, unless it is set already
	Alarm     string     // why a person must look at once; "" for none
	Tests     TestRecord // of the communications tests
}

// Fallback takes a delivery from a channel that turns out not to reach its participant,
// though it took it, to the next. The state stays as it is. Where the delivery isn't on
// an earlier channel any more, or waits for nothing, nothing happens.
type Fallback struct {
	Delivery  DeliveryID
	Channel   operation.ChannelKind
	ChannelAt int
	Reason    string // in the words of a delivery's
	At        time.Time
}

// NewForm is a form to be recorded with the deliveries that it causes.
type NewForm struct {
	Form       Form
	Deliveries []NewDelivery
}

// NewDelivery is a delivery as its form causes it.
type NewDelivery struct {
	ID          DeliveryID
	Participant operation.ParticipantCode
	Channel     operation.ChannelKind // the first to try
	ChannelAt   int                   // its index in the participant's channels
	Priority    Priority
	State       State // Pending, Withheld, or HandedOver for what the desk has at once
	Reason      string
	Subject     DeliveryID // of a status notice: the delivery that it speaks of
	NotBefore   time.Time
}
