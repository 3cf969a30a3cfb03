package gateway

import (
	"time"

	"liaison/gateway/operation"
)

// State is a delivery's state: the highest rank ever reached.
//
//	from         to                                              by
//	pending      handed over, failed, confirmed, withheld        an attempt; the policy
//	handed over  failed, confirmed                               late evidence; the last channel
//	failed       confirmed                                       evidence after all
//	confirmed by system → confirmed by person                    a person's answer
//	withheld     pending                                         an operator's release alone
type State string

// The states. The store's CHECK lists the same words.
const (
	Pending           State = "pending"
	HandedOver        State = "handed over"
	Failed            State = "failed"
	ConfirmedBySystem State = "confirmed by system"
	ConfirmedByPerson State = "confirmed by person"
	Withheld          State = "withheld"
)

// Rank orders states; a state never moves to a lower rank. Withheld stands
// outside the order: it is left only by Release.
func (s State) Rank() int {
	switch s {
	case HandedOver:
		return 1
	case Failed:
		return 2
	case ConfirmedBySystem:
		return 3
	case ConfirmedByPerson:
		return 4
	}
	return 0
}

// Delivery is one form to one participant, as claimed or read.
type Delivery struct {
	ID          DeliveryID
	Form        FormID
	Number      int64  // of the form
	Reference   string // of the form
	Type        string
	Role        Role
	Operation   operation.Code
	Participant operation.ParticipantCode
	Channel     operation.ChannelKind
	ChannelAt   int // index of Channel among the participant's channels
	Priority    Priority
	State       State
	Reason      string
	Queued      bool // an attempt is to be made: while pending, and once handed over where that came back
	Attempts    int  // on this channel
	Created     time.Time
	ChannelFrom time.Time  // since when this channel is the one
	Subject     DeliveryID // of a notice: the delivery that it speaks of
	Confirmed   time.Time

	// Fence names the claim: Finish changes the state only for its holder.
	Fence int64
	// Claimed is when this process claimed it.
	Claimed time.Time
	// Unreachable: claimed because no node reached the participant's WebSocket
	// within the channel's share of the limit.
	Unreachable bool
}

// Outbound is bytes ready for a channel.
type Outbound struct {
	Delivery    DeliveryID
	Form        FormID
	Operation   operation.Code
	Participant operation.ParticipantCode
	Number      int64
	Reference   string // A4
	Channel     operation.Channel
	ChannelAt   int // its index among the participant's channels
	Urgent      bool
	Exercise    bool
	Automated   bool   // an answer or notice: RFC 3834 headers
	InReplyTo   string // Message-ID of the mail that is answered, with its brackets; "" for none

	// Message is the sealed entity (binary OpenPGP message); nil on plain
	// channels. For style inline it is a sealed text and Files are sealed files.
	Message []byte
	Files   []Attachment
	// Plain is the text of a plain mail; "" on encrypted channels.
	Plain string
	// Status is a status frame instead of a form, on the WebSocket alone.
	Status *Status
}

// Status is what became of a form at one recipient.
type Status struct {
	Reference string                    `json:"reference"`
	Recipient operation.ParticipantCode `json:"recipient"`
	State     State                     `json:"state"`
	Reason    string                    `json:"reason,omitempty"`
	Phone     string                    `json:"phone,omitempty"`
}

// Outcome is what one attempt came to.
type Outcome string

// The outcomes.
const (
	Sent      Outcome = "sent"      // the next hop took it
	Deferred  Outcome = "deferred"  // try again later: 4xx, connection lost, greylisting
	Bounced   Outcome = "bounced"   // this channel can't: 5xx
	Confirmed Outcome = "confirmed" // the other side's system or person has it
	Refuted   Outcome = "refuted"   // late evidence against it: a bounce after a 250
	Observed  Outcome = "observed"  // evidence that changes no state: delay, success DSN, auto-reply
)

// Evidence is what an attempt, a report or an answer shows about a delivery.
// It holds nothing of the form's content.
type Evidence struct {
	Delivery DeliveryID
	Outcome  Outcome
	State    State                 // that it proves, "" where none
	Channel  operation.ChannelKind // over which
	At       time.Time
	Detail   string // "250 2.0.0 queued as 4ZrT1", "bounce 5.1.1 mailbox-unknown"
	By       string // who or what says so: host, fingerprint, "agent"
	Seq      int64  // WebSocket sequence number, where it has one
}

// Attempt is a finished attempt at a claimed delivery.
type Attempt struct {
	Delivery Delivery
	Evidence Evidence
	// Next is what to do with the delivery; the zero Next leaves it alone.
	Next Next
}

// Next is what follows an attempt.
type Next struct {
	State     State                 // new state, never of lower rank
	Reason    string                // words for people, no content
	RetryAt   time.Time             // pending: when to try again
	Channel   operation.ChannelKind // pending: over which
	ChannelAt int
}
