package commtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Order is what a run was asked to do; the record keeps it with the run.
type Order struct {
	Cause    string                      `json:"cause"` // "by hand", "T-21", "heartbeat", "re-test of OP-7K3-T001"
	By       string                      `json:"by"`
	Mode     string                      `json:"mode"` // A10 of its forms: TEST, or EXER in an exercise
	Priority gateway.Priority            `json:"priority"`
	Silent   bool                        `json:"silent,omitempty"` // only what answers by itself
	Deadline operation.Term              `json:"deadline"`         // in each contact's open hours
	Within   time.Duration               `json:"within,omitempty"` // it ends then, whatever the hours; zero: with the last deadline
	Told     []operation.ParticipantCode `json:"told,omitempty"`   // participants that the organiser was told of
	Summary  *Summary                    `json:"summary,omitempty"`
}

// Summary is how a run ended, for history and trend.
type Summary struct {
	Counts   map[Verdict]int                       `json:"counts"`
	Verdicts map[operation.ParticipantCode]Verdict `json:"verdicts"`
}

// Part is a participant's part of a run, as the record keeps it: what is asked,
// who was reminded, and what was made of the evidence at last.
type Part struct {
	Plan   Plan   `json:"plan"`
	Asked  Asked  `json:"asked"`
	Result Result `json:"result"`
}

// Asked is who was reminded, when.
type Asked struct {
	Participant time.Time `json:"participant,omitzero"`
	Deputy      time.Time `json:"deputy,omitzero"`
	Organiser   time.Time `json:"organiser,omitzero"`
}

// Plan is what a run asks of one participant.
type Plan struct {
	Cells   []Cell                    `json:"cells"`
	Lang    string                    `json:"lang"`
	Contact Contact                   `json:"contact"`          // who is asked
	Deputy  Contact                   `json:"deputy,omitzero"`  // who stands in
	Second  bool                      `json:"second,omitempty"` // a second person is registered, and must be able to as well
	Partner operation.ParticipantCode `json:"partner,omitempty"`
	Phone   string                    `json:"phone,omitempty"` // day and night, else the contact's
	Started time.Time                 `json:"started"`
	Due     time.Time                 `json:"due"`            // the deadline, in the contact's open hours
	Limit   time.Time                 `json:"limit,omitzero"` // of the run
	End     time.Time                 `json:"end"`            // of the operation: keys must last so long
	Silent  bool                      `json:"silent,omitempty"`
	Closed  bool                      `json:"closed,omitempty"` // on the day of the start, by their calendar
	Better  time.Time                 `json:"better,omitzero"`  // a proposal where they are closed: when they are there
}

// Contact is a person as a plan needs one.
type Contact struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// Cell is one channel of a participant under test. Subject changes whenever its
// address, keys or kind do: then it is to be tested anew.
type Cell struct {
	At      int                   `json:"at"`
	Kind    operation.ChannelKind `json:"kind"`
	Address string                `json:"address,omitempty"` // or number
	Style   string                `json:"style,omitempty"`   // as configured
	Keys    []string              `json:"keys,omitempty"`    // fingerprints, where the channel narrows them
	Trust   string                `json:"trust,omitempty"`
	Subject string                `json:"subject"`
}

// Name is how people read of the channel.
func (c Cell) Name() string {
	if c.Address == "" {
		return string(c.Kind)
	}
	return string(c.Kind) + " " + c.Address
}

// Over reports whether the time to answer is over.
func (p Plan) Over(now time.Time) bool {
	return !now.Before(p.Due) || !p.Limit.IsZero() && !now.Before(p.Limit)
}

// until is when the time to answer is over.
func (p Plan) until() time.Time {
	if !p.Limit.IsZero() && p.Limit.Before(p.Due) {
		return p.Limit
	}
	return p.Due
}

// Subject names what a channel's proof is about: the way, and the confirmed keys
// on both ends. The style stands beside.
func Subject(ch operation.Channel, keys []gateway.KeyRecord, unit string) string {
	parts := []string{string(ch.Kind), strings.ToLower(ch.Address), ch.Number, unit}
	if ch.Kind == operation.WebSocket || ch.Kind == operation.PGPMail {
		var own []string
		for _, k := range keys {
			if k.State == gateway.KeyConfirmed && (len(ch.Keys) == 0 || narrowed(ch.Keys, string(k.Fingerprint))) {
				sum := sha256.Sum256(k.Certificate)
				own = append(own, string(k.Fingerprint)+hex.EncodeToString(sum[:4])) // a renewed certificate is another
			}
		}
		slices.Sort(own)
		parts = append(parts, own...)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// narrowed reports whether a fingerprint is in a channel's list.
func narrowed(list []string, fingerprint string) bool {
	return slices.ContainsFunc(list, func(k string) bool {
		return strings.EqualFold(strings.ReplaceAll(k, " ", ""), fingerprint)
	})
}

// Selection narrows a run.
type Selection struct {
	Participants []operation.ParticipantCode
	Kinds        []operation.ChannelKind
	// Cells, where not nil, are the channels by participant: what failed before.
	Cells map[operation.ParticipantCode][]int
}

func (s Selection) wants(p operation.ParticipantCode, at int, kind operation.ChannelKind) bool {
	if len(s.Participants) > 0 && !slices.Contains(s.Participants, p) || len(s.Kinds) > 0 && !slices.Contains(s.Kinds, kind) {
		return false
	}
	return s.Cells == nil || slices.Contains(s.Cells[p], at)
}

// Self is the unit that tests.
type Self struct {
	Code        operation.ParticipantCode
	Address     string
	Fingerprint string
	Phone       string
}

// NewPlans plans a run: every participant's registered channels, as selected.
// keys are the operation's certificates by participant.
func NewPlans(op *operation.Operation, self Self, order Order, sel Selection, keys map[operation.ParticipantCode][]gateway.KeyRecord, now time.Time) (map[operation.ParticipantCode]Plan, error) {
	for _, code := range sel.Participants {
		if op.Participant(code) == nil {
			return nil, fmt.Errorf("%s is no participant of %s", code, op.Code)
		}
	}
	plans := map[operation.ParticipantCode]Plan{}
	for _, p := range op.Participants {
		if p == nil || p.Code == self.Code {
			continue
		}
		plan := newPlan(op, p, order, now)
		for i, ch := range p.Channels {
			if !sel.wants(p.Code, i, ch.Kind) || order.Silent && ch.Kind != operation.WebSocket {
				continue
			}
			cell := Cell{At: i, Kind: ch.Kind, Address: ch.Address, Style: ch.Style, Keys: ch.Keys, Trust: ch.Trust, Subject: Subject(ch, keys[p.Code], self.Fingerprint)}
			if ch.Kind == operation.Phone {
				cell.Address = ch.Number
			}
			plan.Cells = append(plan.Cells, cell)
		}
		if len(plan.Cells) > 0 {
			plans[p.Code] = plan
		}
	}
	if !order.Silent {
		pairUp(op, plans)
	}
	return plans, nil
}

func newPlan(op *operation.Operation, p *operation.Participant, order Order, now time.Time) Plan {
	cal := p.Calendar()
	plan := Plan{Lang: Language(p.Languages...), Phone: p.Duty.Phone, Started: now, End: op.End(), Silent: order.Silent,
		Due: cal.After(now, order.Deadline), Closed: cal.ClosedOn(now)}
	if order.Within > 0 {
		plan.Limit = now.Add(order.Within)
	}
	if plan.Closed {
		plan.Better = cal.NextOpen(now)
	}
	if len(p.Contacts) == 0 {
		plan.Contact = Contact{Email: p.Duty.Email, Phone: p.Duty.Phone}
		return plan
	}
	first := p.Contacts[0]
	plan.Contact = Contact{Name: first.Name, Email: first.Email, Phone: first.Phone}
	plan.Lang = Language(append(slices.Clone(first.Languages), p.Languages...)...)
	plan.Second = len(p.Contacts) > 1 || first.Deputy != ""
	for i, c := range p.Contacts[1:] {
		if c.Name == first.Deputy || first.Deputy == "" && i == 0 {
			plan.Deputy = Contact{Name: c.Name, Email: c.Email, Phone: c.Phone}
			break
		}
	}
	if plan.Deputy.Name == "" {
		plan.Deputy.Name = first.Deputy
	}
	if plan.Phone == "" {
		plan.Phone = first.Phone
	}
	return plan
}

// pairUp lets each participant's answer travel on to the next one, round the
// table, so that everyone sends one and gets one. Who has plain mail alone sends
// one to the table and gets none: nothing that arrives there is confirmed.
func pairUp(op *operation.Operation, plans map[operation.ParticipantCode]Plan) {
	var table, outside []operation.ParticipantCode
	for _, p := range op.Participants {
		switch _, planned := plans[p.Code]; {
		case !planned:
		case reachable(p, operation.WebSocket, operation.PGPMail):
			table = append(table, p.Code)
		case reachable(p, operation.Mail):
			outside = append(outside, p.Code)
		}
	}
	to := func(code, partner operation.ParticipantCode) {
		plan := plans[code]
		plan.Partner = partner
		plans[code] = plan
	}
	if len(table) == 0 {
		return
	}
	for i, code := range outside {
		to(code, table[i%len(table)])
	}
	for i, code := range table {
		if len(table) > 1 {
			to(code, table[(i+1)%len(table)])
		}
	}
}

// reachable reports whether a participant has a channel of one of these kinds.
func reachable(p *operation.Participant, kinds ...operation.ChannelKind) bool {
	return slices.ContainsFunc(p.Channels, func(c operation.Channel) bool { return slices.Contains(kinds, c.Kind) })
}

// pack turns commtest's own data into what the record keeps.
func pack(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("commtest: " + err.Error()) // plain structs: it can't fail
	}
	return data
}

// ReadPart reads a participant's part of a run.
func ReadPart(p *gateway.TestParty) (Part, error) {
	var part Part
	if err := json.Unmarshal(p.Detail, &part); err != nil {
		return part, fmt.Errorf("read %s in test run %s: %w", p.Participant, p.Run, err)
	}
	return part, nil
}

// ReadOrder reads what a run was asked to do.
func ReadOrder(r *gateway.TestRun) (Order, error) {
	var o Order
	if err := json.Unmarshal(r.Detail, &o); err != nil {
		return o, fmt.Errorf("read test run %s: %w", r.ID, err)
	}
	return o, nil
}
