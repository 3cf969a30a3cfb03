package operation

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
)

// checker collects problems of one operation.
type checker struct {
	o    *Operation
	file string
	out  []Problem
}

func (c *checker) fail(format string, args ...any) {
	c.out = append(c.out, Problem{File: c.file, Severity: "error", Code: "invalid", Message: fmt.Sprintf(format, args...)})
}

// warn adds a warning, with its justification where the file gives one.
func (c *checker) warn(code, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	for _, j := range c.o.Justified {
		if j.Warning == code {
			message += " (justified: " + j.Reason + ")"
		}
	}
	c.out = append(c.out, Problem{File: c.file, Severity: "warning", Code: code, Message: message})
}

var codePattern = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{1,15}$`)

// Check judges the operation as a whole and returns every problem at once. unit
// is the gateway's own participant code.
func (o *Operation) Check(file string, unit ParticipantCode) []Problem {
	c := &checker{o: o, file: file}
	if !codePattern.MatchString(string(o.Code)) {
		c.fail("operation: %q is not a code; use 2 to 16 capital letters, digits and hyphens, such as OP-7K3", o.Code)
	}
	if o.Organiser == "" {
		c.fail("organiser is missing: name the participant that organises, such as CY")
	} else if o.Participant(o.Organiser) == nil && o.Organiser != unit {
		c.warn("organiser", "the organiser %s is not among the participants", o.Organiser)
	}
	if o.Desk.Phone == "" {
		c.warn("desk-phone", "desk.phone is missing: every mail ends with the unit's number")
	}
	for _, v := range []struct{ key, value string }{{"unsigned", o.Policy.Unsigned}, {"unconfirmed", o.Policy.Unconfirmed}} {
		if v.value != "held" && v.value != "rejected" {
			c.fail("policy.%s: %q is neither held nor rejected", v.key, v.value)
		}
	}
	c.phases()
	c.participants(unit)
	return c.out
}

// phases checks lengths and order. A length outside the usual is a warning that
// can be justified, never a wall.
func (c *checker) phases() {
	p := c.o.Phases
	for _, s := range []struct {
		name      string
		span      Span
		low, high int
	}{{"preparation", p.Preparation, 1, 62}, {"operation", p.Operation, 1, 14}, {"evaluation", p.Evaluation, 1, 31}} {
		switch {
		case s.span.From.IsZero() || s.span.To.IsZero():
			c.fail("phases.%s: from and to are needed", s.name)
		case s.span.To.Before(s.span.From.Time):
			c.fail("phases.%s ends before it begins", s.name)
		case s.span.Days() > s.high:
			c.warn(s.name+"-length", "phases.%s lasts %d days; usual are up to %d", s.name, s.span.Days(), s.high)
		}
	}
	if !p.Operation.From.After(p.Preparation.To.Time) {
		c.fail("the operation phase begins before the preparation ends")
	} else if p.Operation.From.Sub(p.Preparation.To.Time) > 24*time.Hour {
		c.warn("gap", "there is a gap between preparation and operation; it counts as preparation")
	}
	if !p.Evaluation.From.After(p.Operation.To.Time) {
		c.fail("the evaluation phase begins before the operation ends")
	} else if p.Evaluation.From.Sub(p.Operation.To.Time) > 24*time.Hour {
		c.warn("gap", "there is a gap between operation and evaluation; it counts as operation")
	}
}

var classes = []string{"eu-member", "efta", "candidate", "third-country", "eu-body", "international"}

func (c *checker) participants(unit ParticipantCode) {
	if len(c.o.Participants) == 0 {
		c.fail("participants: there are none")
	}
	seen := map[ParticipantCode]bool{}
	owner := map[string]ParticipantCode{}
	for _, p := range c.o.Participants {
		if !codePattern.MatchString(string(p.Code)) {
			c.fail("participant %q: the code must be 2 to 16 capital letters, digits and hyphens", p.Code)
		}
		if p.Code == "ALL" || p.Code == "EU" {
			c.fail("participant %s: this code means a group in box A7; choose another", p.Code)
		}
		if seen[p.Code] {
			c.fail("participant %s is there twice", p.Code)
		}
		seen[p.Code] = true
		if !slices.Contains(classes, p.Class) {
			c.fail("participant %s: class %q is not one of %s", p.Code, p.Class, strings.Join(classes, ", "))
		}
		c.nominal(p)
		c.people(p)
		c.channels(p, unit)
		for _, a := range p.Addresses {
			c.address(p, "addresses", a)
			if other, taken := owner[strings.ToLower(a)]; taken && other != p.Code {
				c.fail("address %s is registered for %s and for %s", a, other, p.Code)
			}
			owner[strings.ToLower(a)] = p.Code
		}
	}
}

func (c *checker) nominal(p *Participant) {
	if len(p.Nominal.Send)+len(p.Nominal.Receive) == 0 {
		return
	}
	for _, m := range []map[Phase]bool{p.Nominal.Send, p.Nominal.Receive} {
		for phase := range m {
			if phase != Preparation && phase != Operational && phase != Evaluation {
				c.fail("participant %s: nominal: %q is no phase; use preparation, operation, evaluation", p.Code, phase)
			}
		}
	}
	if p.Nominal.Declared.On.IsZero() || p.Nominal.Declared.By == "" {
		c.fail("participant %s: nominal.declared needs on (date) and by (who declared it)", p.Code)
	}
	if foreign := p.Class == "third-country" || p.Class == "international" || p.Class == "eu-body"; foreign && p.Nominal.LegalBasis == "" {
		c.fail("participant %s: a third country or body needs nominal.legal_basis", p.Code)
	}
}

func (c *checker) people(p *Participant) {
	for _, person := range p.Contacts {
		if person.Email != "" {
			c.address(p, "contacts", person.Email)
		}
		if _, err := time.LoadLocation(person.Timezone); err != nil {
			c.fail("participant %s: contact %s: %q is no time zone; use a name such as Europe/Riga", p.Code, person.Name, person.Timezone)
		}
		if person.Hours != "" {
			if _, _, err := openHours(person.Hours); err != nil {
				c.fail("participant %s: contact %s: %v", p.Code, person.Name, err)
			}
		}
	}
	if len(p.Contacts) == 0 && p.Duty.Phone == "" {
		c.warn("no-contact", "participant %s has no contact and no duty phone", p.Code)
	}
}

func (c *checker) address(p *Participant, key, address string) {
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		c.fail("participant %s: %s: %q is not a mail address", p.Code, key, address)
	}
}

func (c *checker) channels(p *Participant, unit ParticipantCode) {
	working := p.Code == unit
	for _, ch := range p.Channels {
		switch ch.Kind {
		case WebSocket, PGPMail:
			working = true
			if len(p.Keys) == 0 {
				c.warn("no-key", "participant %s: channel %s needs a key, and none is named", p.Code, ch.Kind)
			}
		case Mail:
			working = true
		case Phone:
			if ch.Number == "" {
				c.fail("participant %s: the phone channel has no number", p.Code)
			}
		default:
			c.fail("participant %s: channel kind %q is not one of websocket, pgp-mail, mail, phone", p.Code, ch.Kind)
		}
		if ch.Kind == PGPMail || ch.Kind == Mail {
			c.address(p, "channels", ch.Address)
		}
		c.values(p, ch)
	}
	if !working {
		c.warn("no-channel", "participant %s has no working channel: forms to it will not be sent", p.Code)
	}
}

func (c *checker) values(p *Participant, ch Channel) {
	for _, v := range []struct {
		key, value string
		allowed    []string
	}{{"style", ch.Style, []string{"", "pgp-mime", "inline", "attachment"}}, {"fallback", ch.Fallback, []string{"", "notice", "redacted"}}, {"trust", ch.Trust, []string{"", "dmarc", "call-back"}}} {
		if !slices.Contains(v.allowed, v.value) {
			c.fail("participant %s: %s %q is not one of %s", p.Code, v.key, v.value, strings.Join(v.allowed[1:], ", "))
		}
	}
}

// openHours reads "08:00-18:00" as times of day.
func openHours(s string) (from, to time.Duration, err error) {
	var fh, fm, th, tm int
	if n, _ := fmt.Sscanf(s, "%d:%d-%d:%d", &fh, &fm, &th, &tm); n != 4 || fh > 24 || th > 24 || fm > 59 || tm > 59 {
		return 0, 0, fmt.Errorf("hours %q are not of the form 08:00-18:00", s)
	}
	return time.Duration(fh)*time.Hour + time.Duration(fm)*time.Minute, time.Duration(th)*time.Hour + time.Duration(tm)*time.Minute, nil
}

// Overlaps warns of participants that are in two operations at once.
func Overlaps(ops []*Operation) []Problem {
	var out []Problem
	for i, a := range ops {
		for _, b := range ops[i+1:] {
			if a.Phases.Operation.To.Before(b.Phases.Operation.From.Time) || b.Phases.Operation.To.Before(a.Phases.Operation.From.Time) {
				continue
			}
			for _, p := range a.Participants {
				if b.Participant(p.Code) != nil {
					out = append(out, Problem{File: string(a.Code), Severity: "warning", Code: "overlap",
						Message: fmt.Sprintf("%s is in %s and %s at the same time", p.Code, a.Code, b.Code)})
				}
			}
		}
	}
	return out
}
