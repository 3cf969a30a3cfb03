package gateway

import (
	"context"
	"time"

	"liaison/gateway/operation"
)

// Ledger is what a decision may ask and take while its transaction is open.
// Its methods are single statements; a decision never does cryptography or
// waits for anything else.
type Ledger interface {
	// Known returns the form that occupies a reference: any that was not refused.
	Known(op operation.Code, sender operation.ParticipantCode, reference string) (*Form, error)
	// Similar returns a form of the same sender with the same signed bytes, or
	// the same hash received since then.
	Similar(op operation.Code, sender operation.ParticipantCode, hash, signed [32]byte, since time.Time) (*Form, error)
	// NextNumber takes the operation's next form number.
	NextNumber(op operation.Code) (int64, error)
	// NextReference takes the sender's next free A4 that begins with prefix
	// ("LV-VID-2026-"), six digits behind it.
	NextReference(op operation.Code, sender operation.ParticipantCode, prefix string) (string, error)
	// Form returns a form's columns, without its content. ErrNotFound.
	Form(id FormID) (*Form, error)
	// Deliveries returns where a form went.
	Deliveries(form FormID) ([]Delivery, error)
	// Unconfirmed returns the deliveries that wait for confirmation of a sender's
	// forms of one priority, received from (included) to (excluded).
	Unconfirmed(op operation.Code, sender operation.ParticipantCode, p Priority, from, to time.Time) ([]Delivery, error)
	// Once reports whether this was done already within the period, and marks it
	// as done now.
	Once(what string, now time.Time, period time.Duration) (already bool, err error)
	// Replace settles an earlier form: sets its state (corrected, cancelled) and
	// drops its deliveries, and those of its corrections, that are still pending from
	// the queue; returns the participants who must hear of that: whose delivery had
	// left and, where the form is corrected, whose was dropped.
	Replace(form FormID, state FormState) ([]operation.ParticipantCode, error)
	// Unacknowledged returns the deliveries of one priority that were numbered for a
	// participant's WebSocket, handed over, and neither acknowledged nor put on
	// another channel; the earliest numbers first, up to a limit.
	Unacknowledged(op operation.Code, p operation.ParticipantCode, priority Priority, limit int) ([]Delivery, error)
	// Version returns a form's state and its newest accepted correction, or itself where
	// there is none; nobody changes that before the decision is recorded. ErrNotFound.
	Version(form FormID) (latest FormID, state FormState, err error)
	// NextRun takes the operation's next number of a test run.
	NextRun(op operation.Code) (int64, error)
	// TestRun returns a run of the communications test, without Open. ErrNotFound.
	TestRun(run RunID) (*TestRun, error)
	// TestParty returns a participant's part of a run with its evidence. ErrNotFound.
	TestParty(run RunID, p operation.ParticipantCode) (*TestParty, error)
	// TestParties returns every participant's part of a run, without evidence.
	TestParties(run RunID) ([]TestParty, error)
}

// Store is the record: each method is one transaction, and durable. What Offer and
// Claim note need outlive the death of this process alone.
type Store interface {
	// Offer notes, in its own commit and before the bytes are opened, that this
	// process has them open, and returns how often that was interrupted so far:
	// by the death of a process that had them open, or by Blame. Where one of the
	// inbound's repeats is known it returns the recorded receipt (Repeated set)
	// and notes nothing. ErrOtherBytes: an exclusive name came with other bytes.
	Offer(ctx context.Context, in *Inbound) (interrupted int, receipt *Receipt, err error)

	// Blame counts that an offered inbound couldn't be decided, unless the cause
	// has nothing to do with it: a store that is away, a context that ended. It
	// reports which.
	Blame(ctx context.Context, in *Inbound, cause error) (blamed bool, err error)

	// Accept is the commit point: it records the inbound, its repeats and what
	// decide makes of it. decide runs inside the transaction, possibly more than
	// once (deadlock, batch rolled back), and must be pure but for the ledger.
	// If a repeat was recorded meanwhile, the recorded receipt is returned and
	// decide's work is dropped.
	Accept(ctx context.Context, in *Inbound, decide func(Ledger) (*Decision, error)) (*Receipt, error)

	// Claim leases due deliveries to this node as it wants them, urgent first,
	// oldest first. A WebSocket delivery is claimed only by the node that holds the
	// participant's session; when none does and its channel's share is over, by any
	// node, marked Unreachable. Phone deliveries are never claimed.
	Claim(ctx context.Context, want Want, now time.Time) ([]Delivery, error)
	// Holds reports whether a claim is still this process's alone; from then on it
	// is for as long as an attempt may last. An error: nobody knows, ask again.
	Holds(ctx context.Context, d Delivery) (bool, error)

	// Finish appends the attempt's evidence always, and where the fence still
	// holds applies Next and what consequence returns (a notice to the sender, an
	// audit entry; its Verdict is ignored). consequence may be nil.
	Finish(ctx context.Context, a *Attempt, consequence func(Ledger) (*Decision, error)) error
}

// Reads is what the flow reads of the record.
type Reads interface {
	// Form returns a form with its content and attachments. ErrNotFound.
	Form(ctx context.Context, id FormID) (*Form, error)
	// FormByReference finds a form by A4, or by "OP-7K3 000123"; sender may be ""
	// for any. ErrNotFound.
	FormByReference(ctx context.Context, op operation.Code, sender operation.ParticipantCode, reference string) (*Form, error)
	// Corrected returns the newest accepted correction of a form, whole. ErrNotFound.
	Corrected(ctx context.Context, f *Form) (*Form, error)
	// Delivery returns one delivery. ErrNotFound.
	Delivery(ctx context.Context, id DeliveryID) (*Delivery, error)
	// DeliveriesOf returns where a form went.
	DeliveriesOf(ctx context.Context, id FormID) ([]Delivery, error)
	// Operations returns all applied operations that are not closed, with the
	// version that changes whenever one of them does.
	Operations(ctx context.Context) (ops []*operation.Operation, version int64, err error)
}

// Sequencer keeps the WebSocket's sequence of a participant: one writer, no
// gaps, a number never moves.
type Sequencer interface {
	// OpenSession makes this node's session the live one of its participant and
	// returns the last number given and the highest acknowledged. An older
	// session, on any node, is ended: its node sees ErrFenced at the next Number
	// and its id in Replaced.
	OpenSession(ctx context.Context, s Session) (last, acked int64, err error)
	// CloseSession ends the session, if it is still the live one.
	CloseSession(ctx context.Context, id string) error
	// LiveSessions returns which of the given session ids are still live.
	LiveSessions(ctx context.Context, ids []string) (map[string]bool, error)
	// Number gives a delivery its number in the live session's sequence; one
	// that has a number keeps it. ErrFenced: the session is not live any more.
	Number(ctx context.Context, session string, id DeliveryID) (int64, error)
	// Numbered returns up to limit numbered deliveries above after that are not
	// acknowledged or, where after is lower than acknowledged, all above after.
	Numbered(ctx context.Context, op operation.Code, p operation.ParticipantCode, after int64, limit int) ([]Numbered, error)
	// Acknowledge settles all numbers up to seq as confirmed by system and
	// returns the deliveries that it newly settled.
	Acknowledge(ctx context.Context, op operation.Code, p operation.ParticipantCode, seq int64, by string) ([]DeliveryID, error)
}

// Numbered is a delivery with its number in a participant's sequence.
type Numbered struct {
	Seq      int64
	Delivery DeliveryID
}

// Clock keeps what time starts: rows with a due time, written in the transaction
// that causes them (Decision.Due) and claimed like deliveries, by one node at a
// time.
type Clock interface {
	// ClaimDue leases what is due by now, of these kinds, oldest first.
	ClaimDue(ctx context.Context, kinds []string, limit int, now time.Time) ([]Due, error)
	// FinishDue ends a claim in one transaction with what it leads to; next is
	// when it is due again, zero for never. ErrFenced: the claim is another
	// node's now, and nothing was recorded.
	FinishDue(ctx context.Context, d Due, decide func(Ledger) (then *Decision, next time.Time, err error)) error
}

// Due is something that time starts.
type Due struct {
	Kind  string
	Key   string
	At    time.Time
	Fence int64 // of the claim
}
