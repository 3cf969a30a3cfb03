package gateway

import (
	"context"
	"log/slog"
	"time"

	"liaison/gateway/operation"
)

// A communications test asks every participant over every channel, and judges
// what comes back. Here are the words that the flow and the record share with
// it; what is asked, judged and done next is decided in commtest.

// RunID names a run of the communications test: "OP-7K3-T001".
type RunID string

// DueTest and DueRun let the clock look at one participant's part of a run (the
// key is PartyKey) and at a run as a whole (the key is its id).
const (
	DueTest = "test"
	DueRun  = "test-run"
)

// PartyKey is the key under which a participant's part of a run is due.
func PartyKey(run RunID, p operation.ParticipantCode) string { return string(run) + "/" + string(p) }

// TestRun is one run of the test.
type TestRun struct {
	ID        RunID
	Operation operation.Code
	Number    int64
	Started   time.Time
	Ended     time.Time // zero while it goes on
	Detail    []byte    // commtest's own, sealed at rest
	Open      int64     // participants that aren't through; read only
}

// TestParty is one participant's part of a run.
type TestParty struct {
	Run         RunID
	Operation   operation.Code
	Participant operation.ParticipantCode
	Ended       bool
	Detail      []byte // commtest's own, sealed at rest

	// Read only, by Ledger.TestParty: the evidence.
	Probes     []Probe
	Deliveries []Delivery // of the probes
	Attempts   []Evidence // about the probes' deliveries
	Heard      []Hearing
	Onward     []Onward
}

// Probe is one question to one participant over one channel: a TST form with one
// delivery. Its codes stand inside the sealed message alone.
type Probe struct {
	Delivery    DeliveryID                `json:"delivery"`
	Form        FormID                    `json:"form"`
	Reference   string                    `json:"reference"` // A4
	Number      int64                     `json:"number"`    // of its form, as its subject shows it
	Run         RunID                     `json:"run"`
	Operation   operation.Code            `json:"operation"`
	Participant operation.ParticipantCode `json:"participant"`
	ChannelAt   int                       `json:"channel_at"`
	Kind        operation.ChannelKind     `json:"kind"`
	Style       string                    `json:"style,omitempty"`
	Code        string                    `json:"code"`                // the nonce, T2
	FileCode    string                    `json:"file_code,omitempty"` // to be read in the attached file
	FileSum     string                    `json:"file_sum,omitempty"`  // SHA-256 of the attached file, hex
	Sent        time.Time                 `json:"sent"`
}

// LogValue refuses to print.
func (Probe) LogValue() slog.Value { return slog.StringValue("[probe]") }

// Onward is a test reply that the flow relayed from one participant to another.
type Onward struct {
	Form      FormID
	From, To  operation.ParticipantCode
	Probe     DeliveryID            // that the reply answered
	ChannelAt int                   // of the recipient
	Channel   operation.ChannelKind // of the recipient
	State     State
	Confirmed time.Time
}

// HearingKind is what kind of thing was heard.
type HearingKind string

// The kinds of hearings.
const (
	HeardAnswer  HearingKind = "answer"  // a message of a person or a system
	HeardReport  HearingKind = "report"  // bounce, delay, delivery report, receipt
	HeardAuto    HearingKind = "auto"    // an automatic reply
	HeardReach   HearingKind = "reach"   // what could be reached before anything was sent
	HeardKeys    HearingKind = "keys"    // the participant's certificates
	HeardCall    HearingKind = "call"    // a logged call
	HeardSession HearingKind = "session" // a connection that proved nothing
)

// Hearing is one piece of evidence about a probe, as the flow saw it: facts,
// not conclusions. Groups that don't belong to its kind are empty.
type Hearing struct {
	Run         RunID                     `json:"-"`
	Operation   operation.Code            `json:"-"`
	Participant operation.ParticipantCode `json:"-"`
	At          time.Time                 `json:"-"`
	Form        FormID                    `json:"-"` // the reply as recorded, "" where none was
	Kind        HearingKind               `json:"kind"`
	Probe       DeliveryID                `json:"probe,omitempty"`

	// An answer, an automatic reply or a report.
	Medium     Medium                    `json:"medium,omitempty"`
	Channel    operation.ChannelKind     `json:"channel,omitempty"` // that it came over
	From       string                    `json:"from,omitempty"`
	Registered bool                      `json:"registered,omitempty"` // From is one of the participant's addresses
	Aligned    bool                      `json:"aligned,omitempty"`    // the mail server vouches for From
	Encrypted  bool                      `json:"encrypted,omitempty"`
	Unreadable bool                      `json:"unreadable,omitempty"` // it could not be opened
	Unopened   string                    `json:"unopened,omitempty"`   // why, where it was sealed: no-key · no-integrity · corrupt · not-openpgp · too-large
	Wrapped    bool                      `json:"wrapped,omitempty"`    // a sealed mail of the same sender is attached to it, unopened
	Verdict    string                    `json:"verdict,omitempty"`    // of the signature
	Covers     string                    `json:"covers,omitempty"`
	Signer     operation.ParticipantCode `json:"signer,omitempty"` // whose key signed
	Signed     string                    `json:"signed,omitempty"` // its fingerprint
	KeyState   KeyState                  `json:"key_state,omitempty"`
	Made       time.Time                 `json:"made,omitzero"` // when it was signed, by the signer's clock
	Type       string                    `json:"type,omitempty"`
	Boxes      []byte                    `json:"boxes,omitempty"`   // of the form in it, JSON
	Broken     []int                     `json:"broken,omitempty"`  // codes of the form's errors
	Codes      []string                  `json:"codes,omitempty"`   // test codes that its writer wrote
	Quoted     []string                  `json:"quoted,omitempty"`  // test codes in what was quoted alone
	Outside    []string                  `json:"outside,omitempty"` // what stands outside the signature, described
	Files      []string                  `json:"files,omitempty"`   // SHA-256 of its attachments, hex
	Apart      bool                      `json:"apart,omitempty"`   // PGP/MIME that a server took apart
	Joined     bool                      `json:"joined,omitempty"`  // lines of the form were joined
	Stale      bool                      `json:"stale,omitempty"`   // it answers an earlier run's question
	Earlier    bool                      `json:"earlier,omitempty"` // it holds the code of another question
	Repeats    bool                      `json:"repeats,omitempty"` // the same was here before
	Judged     Verdict                   `json:"judged,omitempty"`  // what the flow made of it
	Text       string                    `json:"text,omitempty"`    // what a person wrote, clipped

	// A report.
	Report string        `json:"report,omitempty"` // bounce, delay, delivered, read-receipt, feedback
	Fates  []BouncedFate `json:"fates,omitempty"`

	// What could be reached, and keys.
	Facts []ReachFact `json:"facts,omitempty"`
	Keys  []KeyFact   `json:"keys,omitempty"`

	// A call.
	Caller  string `json:"caller,omitempty"`   // who called, of the unit
	SpokeTo string `json:"spoke_to,omitempty"` // who answered
	Number  string `json:"number,omitempty"`
	WrongBy bool   `json:"wrong,omitempty"` // it was somebody else
}

// LogValue refuses to print.
func (Hearing) LogValue() slog.Value { return slog.StringValue("[hearing]") }

// BouncedFate is what a report says of a recipient.
type BouncedFate struct {
	Status string `json:"status,omitempty"`
	Cause  string `json:"cause,omitempty"`
	Final  bool   `json:"final,omitempty"`
}

// ReachFact is one thing that was tried before anything was sent.
type ReachFact struct {
	What   string    `json:"what"` // address · dns · tcp · tls · log-in · listener
	At     int       `json:"at"`   // index of the channel, -1 for all of a kind
	Kind   string    `json:"kind,omitempty"`
	OK     bool      `json:"ok"`
	Detail string    `json:"detail,omitempty"`
	Until  time.Time `json:"until,omitzero"` // a certificate's end
}

// KeyFact is one certificate of the participant.
type KeyFact struct {
	Fingerprint string    `json:"fingerprint"`
	State       KeyState  `json:"state"`
	Role        string    `json:"role,omitempty"`
	Added       time.Time `json:"added,omitzero"`
	Encrypts    Validity  `json:"encrypts"`
	Signs       Validity  `json:"signs"`
	Features    string    `json:"features,omitempty"` // the newest format that it says it reads
}

// Validity is until when a certificate serves a purpose.
type Validity struct {
	Now    bool      `json:"now"`
	Until  time.Time `json:"until,omitzero"`   // zero with Now: for ever
	Reason string    `json:"reason,omitempty"` // why not, or why it ends: expired, revoked, weak, no-subkey, …
}

// Waiver is the organiser's signed decision to go on with a participant that
// isn't ready.
type Waiver struct {
	ID          string
	Operation   operation.Code
	Participant operation.ParticipantCode
	At          time.Time
	Statement   []byte // what was signed, text
	Signature   []byte // detached, armored
}

// TestRecord is what a decision adds to the record of the communications tests.
type TestRecord struct {
	Runs    []TestRun   // new ones, or old ones with their new state
	Parties []TestParty // likewise
	Probes  []Probe     // new; their forms are in the decision's Forms
	Look    []Due       // due no later than this from now on
	Heard   []Hearing
	Waivers []Waiver
}

// Tests is what the flow asks about communications tests.
type Tests interface {
	// ProbeOf returns the probe of a delivery, or where there is none the one with
	// the code; nil where neither is known.
	ProbeOf(ctx context.Context, op operation.Code, delivery DeliveryID, code string) (*Probe, error)
	// NewestProbe returns the newest probe to a participant over a channel, nil where
	// there is none.
	NewestProbe(ctx context.Context, op operation.Code, p operation.ParticipantCode, channelAt int) (*Probe, error)
}
