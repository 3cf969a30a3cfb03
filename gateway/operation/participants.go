package operation

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that a time zone is judged alike on every machine
)

var (
	classes        = []string{"eu-member", "efta", "candidate", "third-country", "eu-body", "international"}
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
)

func (c *checker) participants(unit ParticipantCode) {
	if len(c.o.Participants) == 0 {
		c.fail(path{"participants"}, "participants: there are none")
	}
	seen := map[ParticipantCode]bool{}
	owner := map[string]ParticipantCode{}
	for i, p := range c.o.Participants {
		at := path{"participants", i}
		if p == nil {
			c.fail(at, "participants: entry %d is empty", i+1)
			continue
		}
		c.code(at.in("code"), p, unit)
		if seen[p.Code] {
			c.fail(at.in("code"), "participant %s is there twice", p.Code)
		}
		seen[p.Code] = true
		if !slices.Contains(classes, p.Class) {
			c.fail(at.in("class"), "participant %s: class %q is not one of %s", p.Code, p.Class, strings.Join(classes, ", "))
		}
		if p.Country != "" && !countryPattern.MatchString(p.Country) {
			c.fail(at.in("country"), "participant %s: country: %q is not a country; use its two capital letters, such as LV", p.Code, p.Country)
		}
		for j, lang := range p.Languages {
			c.language(at.in("languages", j), fmt.Sprintf("participant %s: languages", p.Code), lang)
		}
		c.nominal(at.in("nominal"), p)
		c.people(at, p)
		c.keys(at, p)
		c.channels(at, p, unit)
		c.owners(at, p, owner)
	}
}

func (c *checker) code(at path, p *Participant, unit ParticipantCode) {
	switch {
	case !codePattern.MatchString(string(p.Code)):
		c.fail(at, "participant %q: the code must be 2 to 16 capital letters, digits and hyphens", p.Code)
	case p.Code == "ALL" || p.Code == "EU":
		c.fail(at, "participant %s: this code means a group in box A7; choose another", p.Code)
	case p.Code == "OCU" && unit != "" && unit != "OCU":
		c.fail(at, "participant OCU: this code means the coordination unit in box A7; choose another")
	}
}

// owners checks the addresses that the participant's mail comes from, those of
// its mail channels among them: one address is one participant's, or nobody
// could tell whose a mail is.
func (c *checker) owners(at path, p *Participant, owner map[string]ParticipantCode) {
	claim := func(at path, address string) {
		key := strings.ToLower(address)
		if other, taken := owner[key]; taken && other != p.Code {
			c.fail(at, "address %s is registered for %s and for %s", address, other, p.Code)
			return
		}
		owner[key] = p.Code
	}
	for i, a := range p.Addresses {
		if c.address(at.in("addresses", i), p, "addresses", a) {
			claim(at.in("addresses", i), a)
		}
	}
	for i, ch := range p.Channels {
		if (ch.Kind == PGPMail || ch.Kind == Mail) && ch.Address != "" {
			claim(at.in("channels", i, "address"), ch.Address)
		}
	}
}

func (c *checker) nominal(at path, p *Participant) {
	if len(p.Nominal.Send)+len(p.Nominal.Receive) == 0 {
		return
	}
	for _, m := range []struct {
		key    string
		phases map[Phase]bool
	}{{"send", p.Nominal.Send}, {"receive", p.Nominal.Receive}} {
		for _, phase := range sorted(m.phases) {
			if phase != Preparation && phase != Operational && phase != Evaluation {
				c.fail(at.in(m.key, string(phase)), "participant %s: nominal.%s: %q is no phase; use preparation, operation, evaluation", p.Code, m.key, phase)
			}
		}
	}
	if p.Nominal.Declared.On.IsZero() || p.Nominal.Declared.By == "" {
		c.fail(at.in("declared"), "participant %s: nominal.declared needs on (date) and by (who declared it)", p.Code)
	}
	if foreign := p.Class == "third-country" || p.Class == "international" || p.Class == "eu-body"; foreign && p.Nominal.LegalBasis == "" {
		c.fail(at.in("legal_basis"), "participant %s: a third country or body needs nominal.legal_basis", p.Code)
	}
}

func (c *checker) people(at path, p *Participant) {
	for i, person := range p.Contacts {
		c.person(at.in("contacts", i), p, person)
	}
	if p.Duty.Email != "" {
		c.address(at.in("duty", "email"), p, "duty.email", p.Duty.Email)
	}
	if len(p.Contacts) == 0 && p.Duty.Phone == "" {
		c.warn(at, "no-contact", "participant %s has no contact and no duty phone", p.Code)
	}
}

func (c *checker) person(at path, p *Participant, person Contact) {
	who := fmt.Sprintf("participant %s: contact %s", p.Code, person.Name)
	if person.Name == "" {
		c.fail(at, "participant %s: contacts: name is missing: a person, or an office such as duty officer", p.Code)
	}
	if person.Email != "" {
		c.address(at.in("email"), p, "contacts", person.Email)
	}
	for i, lang := range person.Languages {
		c.language(at.in("languages", i), who+": languages", lang)
	}
	if !isZone(person.Timezone) {
		c.fail(at.in("timezone"), "%s: timezone: %q is no time zone; use a name such as Europe/Riga", who, person.Timezone)
	}
	if person.Hours != "" {
		if _, _, err := openHours(person.Hours); err != nil {
			c.fail(at.in("hours"), "%s: %v", who, err)
		}
	}
	if person.Deputy == "" {
		return
	}
	listed := func(other Contact) bool { return other.Name == person.Deputy && other.Name != person.Name }
	if !slices.ContainsFunc(p.Contacts, listed) {
		c.warn(at.in("deputy"), "deputy", "%s: the deputy %s is not among the other contacts: nobody has a number to call", who, person.Deputy)
	}
}

// isZone reports whether a name is one of the IANA time zone database; none
// means UTC. Local would be another zone on every machine.
func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && !strings.EqualFold(name, "local") && !strings.EqualFold(name, "localtime")
}

func (c *checker) address(at path, p *Participant, key, address string) bool {
	if !isAddress(address) {
		c.fail(at, "participant %s: %s: %q is not a mail address", p.Code, key, address)
		return false
	}
	return true
}

// isAddress reports whether a text is one bare address (RFC 5322, section
// 3.4.1).
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

func (c *checker) keys(at path, p *Participant) {
	roles := []string{"", "shared", "personal", "spare"}
	for i, k := range p.Keys {
		if k.File == "" {
			c.fail(at.in("keys", i), "participant %s: keys: entry %d has no file", p.Code, i+1)
		}
		if !slices.Contains(roles, k.Role) {
			c.fail(at.in("keys", i, "role"), "participant %s: keys: role %q is not one of %s", p.Code, k.Role, strings.Join(roles[1:], ", "))
		}
	}
}

var hoursPattern = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)

// openHours reads "08:00-18:00" as times of day; the end may lie before the
// beginning, on the next day.
func openHours(s string) (from, to time.Duration, err error) {
	if !hoursPattern.MatchString(s) || s[:5] == s[6:] {
		return 0, 0, fmt.Errorf("hours: %q are not of the form 08:00-18:00", s)
	}
	of := func(t string) time.Duration {
		digit := func(i int) time.Duration { return time.Duration(t[i] - '0') }
		return (digit(0)*10+digit(1))*time.Hour + (digit(3)*10+digit(4))*time.Minute
	}
	return of(s[:5]), of(s[6:]), nil
}
