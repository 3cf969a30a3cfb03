// Package operation is a joint customs operation as its organiser writes it
// down: phases, participants, contacts, channels, clearances and the form
// profile, in one YAML file.
//
// Parse reads the file and Check judges it as a whole; both return every
// problem at once, with file and line. Decode is the strict reading of YAML
// beneath it. The package is pure: it opens no files but the system's time
// zones and has no clock.
package operation

import (
	"slices"
	"strings"
	"time"

	"liaison/gateway/form"
)

// Code is an operation's neutral code, "OP-7K3": the only name that may stand
// in a clear header.
type Code string

// ParticipantCode is a participant's code in an operation, "LV" or "OCU".
type ParticipantCode string

// ChannelKind is a kind of channel.
type ChannelKind string

// The kinds of channels.
const (
	WebSocket ChannelKind = "websocket"
	PGPMail   ChannelKind = "pgp-mail"
	Mail      ChannelKind = "mail"
	Phone     ChannelKind = "phone"
)

// Phase is a phase of an operation.
type Phase string

// The phases, and the times around them.
const (
	Before      Phase = "before"
	Preparation Phase = "preparation"
	Operational Phase = "operation"
	Evaluation  Phase = "evaluation"
	After       Phase = "after"
)

// Operation is one joint operation.
type Operation struct {
	Code         Code            `yaml:"operation"`
	Title        string          `yaml:"title"`
	Organiser    ParticipantCode `yaml:"organiser"`
	LegalBasis   string          `yaml:"legal_basis"`
	Phases       Phases          `yaml:"phases"`
	Forms        Forms           `yaml:"forms"`
	Priorities   Priorities      `yaml:"priorities"`
	Policy       Policy          `yaml:"policy"`
	Desk         Desk            `yaml:"desk"`
	Justified    []Justification `yaml:"justified"`
	Tests        Tests           `yaml:"tests"`
	Participants []*Participant  `yaml:"participants"`

	lines *Lines // where it all stands in the file; nil where it wasn't parsed
}

// Justification explains why a warning is accepted: warnings never stop an
// operation.
type Justification struct {
	Warning string `yaml:"warning"`
	Reason  string `yaml:"reason"`
}

// Phases are the three phases; days are whole days in UTC, ends included.
type Phases struct {
	Preparation Span `yaml:"preparation"`
	Operation   Span `yaml:"operation"`
	Evaluation  Span `yaml:"evaluation"`
}

// Span is a span of days, both ends included.
type Span struct {
	From Date `yaml:"from"`
	To   Date `yaml:"to"`
}

// Days counts the span's days.
func (s Span) Days() int { return int(s.To.Sub(s.From.Time).Hours()/24) + 1 }

func (s Span) holds(t time.Time) bool {
	return !t.Before(s.From.Time) && t.Before(s.To.AddDate(0, 0, 1))
}

// Forms is the operation's form profile.
type Forms struct {
	Use      []string                     `yaml:"use"`
	Require  map[string][]string          `yaml:"require"`
	Restrict map[string][]string          `yaml:"restrict"`
	Boxes    []Box                        `yaml:"boxes"`
	Labels   map[string]map[string]string `yaml:"labels"`
}

// Profile is the form profile as the form knows it.
func (f Forms) Profile() *form.Profile {
	p := &form.Profile{Use: f.Use, Require: f.Require, Restrict: f.Restrict, Labels: f.Labels}
	for _, b := range f.Boxes {
		p.Extra = append(p.Extra, form.ExtraBox{Code: b.Code, Labels: b.Labels, Nominal: b.Nominal, Sensitive: b.Sensitive})
	}
	return p
}

// Box is a national extension box, "X1" and up.
type Box struct {
	Code      string            `yaml:"code"`
	Labels    map[string]string `yaml:"labels"`
	Nominal   *bool             `yaml:"nominal"` // missing means yes
	Sensitive bool              `yaml:"sensitive"`
}

// Priorities are the times until which a delivery wants confirmation.
type Priorities struct {
	Urgent   Duration `yaml:"U"`
	Priority Duration `yaml:"P"`
	Routine  Duration `yaml:"R"`
}

// Policy says what happens to forms that prove too little: "held" or
// "rejected".
type Policy struct {
	Unsigned    string `yaml:"unsigned"`
	Unconfirmed string `yaml:"unconfirmed"`
}

// Desk is where a form to the coordination unit reaches a person.
type Desk struct {
	Channels []Channel `yaml:"channels"`
	Phone    string    `yaml:"phone"`
}

// Participant is a country's authority or a body in the operation.
type Participant struct {
	Code      ParticipantCode `yaml:"code"`
	Country   string          `yaml:"country"`
	Class     string          `yaml:"class"`
	Authority string          `yaml:"authority"`
	Reference string          `yaml:"reference"` // AUTH part of the references that the gateway gives, "VID"
	Languages []string        `yaml:"languages"`
	Nominal   Nominal         `yaml:"nominal"`
	Contacts  []Contact       `yaml:"contacts"`
	Duty      Duty            `yaml:"duty"`
	Closed    []Date          `yaml:"closed"`
	Keys      []Key           `yaml:"keys"`
	Addresses []string        `yaml:"addresses"`
	Channels  []Channel       `yaml:"channels"`
}

// Nominal is a participant's clearance for nominal data, by phase. What is
// missing means no.
type Nominal struct {
	Send       map[Phase]bool `yaml:"send"`
	Receive    map[Phase]bool `yaml:"receive"`
	Declared   Declaration    `yaml:"declared"`
	LegalBasis string         `yaml:"legal_basis"` // needed of third countries and bodies
}

// Declaration says when and by whom the clearance was declared.
type Declaration struct {
	On Date   `yaml:"on"`
	By string `yaml:"by"`
}

// Contact is a person or office to call.
type Contact struct {
	Name        string   `yaml:"name"`
	Function    string   `yaml:"function"`
	Phone       string   `yaml:"phone"`
	Email       string   `yaml:"email"`
	Languages   []string `yaml:"languages"`
	Competences []string `yaml:"competences"`
	Hours       string   `yaml:"hours"`
	Timezone    string   `yaml:"timezone"`
	Deputy      string   `yaml:"deputy"`
}

// Duty is reachable day and night.
type Duty struct {
	Phone string `yaml:"phone"`
	Email string `yaml:"email"`
}

// Key names a participant's certificate.
type Key struct {
	File   string `yaml:"file"`
	Holder string `yaml:"holder"`
	Role   string `yaml:"role"` // shared · personal · spare
}

// Channel is one configured way to a participant.
type Channel struct {
	Kind     ChannelKind `yaml:"kind"`
	Address  string      `yaml:"address"`
	Style    string      `yaml:"style"`    // pgp-mime · inline · attachment
	Fallback string      `yaml:"fallback"` // notice · redacted
	Number   string      `yaml:"number"`
	Keys     []string    `yaml:"keys"`  // fingerprints, to narrow
	Trust    string      `yaml:"trust"` // dmarc · call-back
}

// PhaseAt returns the phase at a time.
func (o *Operation) PhaseAt(t time.Time) Phase {
	switch {
	case o.Phases.Operation.holds(t):
		return Operational
	case o.Phases.Preparation.holds(t):
		return Preparation
	case o.Phases.Evaluation.holds(t):
		return Evaluation
	case t.Before(o.Phases.Preparation.From.Time):
		return Before
	case t.Before(o.Phases.Operation.From.Time):
		return Preparation
	case t.Before(o.Phases.Evaluation.From.Time):
		return Operational
	}
	return After
}

// End is the end of the evaluation phase: the first moment after its last day.
func (o *Operation) End() time.Time { return o.Phases.Evaluation.To.AddDate(0, 0, 1) }

// Participant returns a participant by code, nil where there is none.
func (o *Operation) Participant(code ParticipantCode) *Participant {
	for _, p := range o.Participants {
		if p != nil && p.Code == code {
			return p
		}
	}
	return nil
}

// Expand resolves the recipients of box A7 (participant codes, ALL, EU, and the
// unit itself), without the sender, each once, and names the unknown ones.
func (o *Operation) Expand(to []string, unit, from ParticipantCode) (list []ParticipantCode, unknown []string) {
	add := func(code ParticipantCode) {
		if code != from && !slices.Contains(list, code) {
			list = append(list, code)
		}
	}
	for _, code := range to {
		switch {
		case code == "ALL", code == "EU":
			for _, p := range o.Participants {
				if p.Code != unit && (code == "ALL" || p.Class == "eu-member" || p.Class == "eu-body") {
					add(p.Code)
				}
			}
			if code == "ALL" {
				add(unit)
			}
		case code == "OCU", ParticipantCode(code) == unit:
			add(unit)
		case o.Participant(ParticipantCode(code)) != nil:
			add(ParticipantCode(code))
		default:
			unknown = append(unknown, code)
		}
	}
	return list, unknown
}

// MayReceiveNominal reports whether the participant may receive nominal data in
// a phase.
func (p *Participant) MayReceiveNominal(phase Phase) bool { return p.Nominal.Receive[phase] }

// MaySendNominal reports whether the participant may send nominal data in a
// phase.
func (p *Participant) MaySendNominal(phase Phase) bool { return p.Nominal.Send[phase] }

// Lang is the participant's first language, English where none is given.
func (p *Participant) Lang() string {
	if len(p.Languages) == 0 {
		return "en"
	}
	return p.Languages[0]
}

// OnlyPlain reports whether plain mail (and phone) is all that the participant
// has.
func (p *Participant) OnlyPlain() bool {
	plain := false
	for _, c := range p.Channels {
		switch c.Kind {
		case WebSocket, PGPMail:
			return false
		case Mail:
			plain = true
		}
	}
	return plain
}

// Registered are the participant's addresses: those listed, and those of its mail
// channels.
func (p *Participant) Registered() []string {
	out := slices.Clone(p.Addresses)
	for _, c := range p.Channels {
		if c.Address != "" {
			out = append(out, c.Address)
		}
	}
	return out
}

// Owns reports whether an address is registered for the participant.
func (p *Participant) Owns(address string) bool {
	same := func(a string) bool { return strings.EqualFold(a, address) }
	return address != "" && slices.ContainsFunc(p.Registered(), same)
}

// Reaches reports whether an address reaches somebody of the participant: it is
// registered, or a contact's, or that of the duty.
func (p *Participant) Reaches(address string) bool {
	if address == "" {
		return false
	}
	contact := func(c Contact) bool { return strings.EqualFold(c.Email, address) }
	return p.Owns(address) || strings.EqualFold(p.Duty.Email, address) || slices.ContainsFunc(p.Contacts, contact)
}

// CountryOrCode is the country, or the code of a body that has none.
func (p *Participant) CountryOrCode() string {
	if p.Country != "" {
		return p.Country
	}
	return string(p.Code)
}

// ReferenceCode is the AUTH part of the references that the gateway gives: as
// configured, else the initials of the authority.
func (p *Participant) ReferenceCode() string {
	if p.Reference != "" {
		return p.Reference
	}
	initials := ""
	for _, word := range strings.FieldsFunc(p.Authority, func(r rune) bool { return r < 'A' || r > 'Z' && r < 'a' || r > 'z' }) {
		if len(initials) < 4 && word[0] >= 'A' && word[0] <= 'Z' {
			initials += word[:1]
		}
	}
	if len(initials) < 2 {
		return "GW"
	}
	return initials
}
