package operation

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Calendar is when somebody can be expected to answer: the hours of a contact,
// Monday to Friday where hours are named at all, without the days on which the
// participant is closed. Who names no hours is open day and night.
type Calendar struct {
	zone     *time.Location
	from, to time.Duration // of the day; both zero: day and night
	closed   map[string]bool
}

// Calendar is that of the participant's first contact.
func (p *Participant) Calendar() Calendar {
	c := Calendar{zone: time.UTC, closed: make(map[string]bool, len(p.Closed))}
	for _, d := range p.Closed {
		c.closed[d.Format(time.DateOnly)] = true
	}
	if len(p.Contacts) == 0 {
		return c
	}
	if zone, err := time.LoadLocation(p.Contacts[0].Timezone); err == nil && isZone(p.Contacts[0].Timezone) {
		c.zone = zone
	}
	if from, to, err := openHours(p.Contacts[0].Hours); err == nil {
		c.from, c.to = from, to
	}
	return c
}

// Zone is where the contact is.
func (c Calendar) Zone() *time.Location {
	if c.zone == nil {
		return time.UTC
	}
	return c.zone
}

func (c Calendar) dayAndNight() bool { return c.from == c.to }

// works reports whether a day, by any moment of it in the zone, has open hours.
func (c Calendar) works(day time.Time) bool {
	weekend := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
	return !c.closed[day.Format(time.DateOnly)] && (c.dayAndNight() || !weekend)
}

// hours are a day's open hours; ok false where it has none.
func (c Calendar) hours(day time.Time) (from, to time.Time, ok bool) {
	if !c.works(day) {
		return from, to, false
	}
	at := func(d time.Duration) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), int(d/time.Hour), int(d%time.Hour/time.Minute), 0, 0, c.Zone())
	}
	switch {
	case c.dayAndNight():
		return at(0), at(24 * time.Hour), true
	case c.to < c.from: // over midnight
		return at(c.from), at(c.to + 24*time.Hour), true
	}
	return at(c.from), at(c.to), true
}

// day is the noon of t's day: where the clocks go forward at midnight a day has no
// first moment, but every day has a noon.
func (c Calendar) day(t time.Time) time.Time {
	l := t.In(c.Zone())
	return time.Date(l.Year(), l.Month(), l.Day(), 12, 0, 0, 0, c.Zone())
}

// horizon bounds how far ahead open hours are looked for.
const horizon = 400

// each calls f with the open spans that end after from, in order, until f says
// that it has enough.
func (c Calendar) each(from time.Time, f func(open, end time.Time) (enough bool)) {
	day := c.day(from).AddDate(0, 0, -1) // yesterday's hours may go over midnight
	for range horizon {
		if open, end, ok := c.hours(day); ok && end.After(from) && f(open, end) {
			return
		}
		day = day.AddDate(0, 0, 1)
	}
}

// Open reports whether somebody is there at a time.
func (c Calendar) Open(t time.Time) bool {
	open := false
	c.each(t, func(from, _ time.Time) bool { open = !from.After(t); return true })
	return open
}

// NextOpen is the first moment from t on at which somebody is there; t itself
// where no such moment is in sight.
func (c Calendar) NextOpen(t time.Time) time.Time {
	next := t
	c.each(t, func(from, _ time.Time) bool {
		if from.After(t) {
			next = from
		}
		return true
	})
	return next
}

// ClosedOn reports whether nobody is there on the day of t, by the contact's own
// calendar.
func (c Calendar) ClosedOn(t time.Time) bool { return !c.works(c.day(t)) }

// Between is how long somebody is there between two times.
func (c Calendar) Between(from, to time.Time) (open time.Duration) {
	if !to.After(from) {
		return 0
	}
	c.each(from, func(start, end time.Time) bool {
		if start.Before(from) {
			start = from
		}
		if end.After(to) {
			end = to
		}
		if end.After(start) {
			open += end.Sub(start)
		}
		return !end.Before(to)
	})
	return open
}

// After is when a term is over that begins at from and runs in open hours alone.
func (c Calendar) After(from time.Time, term Term) time.Time {
	if term.Days > 0 {
		from = c.workingDays(c.NextOpen(from), term.Days)
	}
	left, at := term.Time, from
	if left <= 0 {
		return at
	}
	c.each(from, func(start, end time.Time) bool {
		if start.Before(from) {
			start = from
		}
		if end.Sub(start) >= left {
			at = start.Add(left)
			return true
		}
		left -= end.Sub(start)
		at = end
		return false
	})
	return at
}

// workingDays is the same time of day some working days later, moved into that
// day's open hours. Saturday and Sunday are no working days, whatever the hours.
func (c Calendar) workingDays(from time.Time, days int) time.Time {
	local := from.In(c.Zone())
	day := c.day(from)
	for range horizon {
		if days == 0 {
			break
		}
		day = day.AddDate(0, 0, 1)
		if w := day.Weekday(); c.works(day) && w != time.Saturday && w != time.Sunday {
			days--
		}
	}
	at := time.Date(day.Year(), day.Month(), day.Day(), local.Hour(), local.Minute(), local.Second(), 0, c.Zone())
	open, end, ok := c.hours(day)
	switch {
	case !ok:
		return at
	case at.Before(open):
		return open
	case at.After(end):
		return end
	}
	return at
}

// Term is how long an answer may take: whole working days, open hours, or both;
// "2d", "4h", "30m", "1d12h".
type Term struct {
	Days int
	Time time.Duration
}

var termPattern = regexp.MustCompile(`^(?:([0-9]{1,2})d)?(.*)$`)

// ParseTerm reads "2d" or "4h".
func ParseTerm(s string) (Term, error) {
	m := termPattern.FindStringSubmatch(s)
	var t Term
	if m == nil || s == "" {
		return t, fmt.Errorf("%q is no term; write it as 2d (working days), 4h or 30m", s)
	}
	t.Days, _ = strconv.Atoi(m[1]) // "" is none
	if m[2] != "" {
		d, err := time.ParseDuration(m[2])
		if err != nil || d < 0 {
			return t, fmt.Errorf("%q is no term; write it as 2d (working days), 4h or 30m", s)
		}
		t.Time = d
	}
	if t == (Term{}) {
		return t, fmt.Errorf("the term %q has no length; write it as 2d (working days), 4h or 30m", s)
	}
	return t, nil
}

// String writes it as it is read.
func (t Term) String() string {
	s := ""
	if t.Days > 0 {
		s = strconv.Itoa(t.Days) + "d"
	}
	if t.Time > 0 || s == "" {
		s += shortDuration(t.Time)
	}
	return s
}

// shortDuration leaves zero minutes and seconds out: "4h", not "4h0m0s".
func shortDuration(d time.Duration) string {
	switch {
	case d%time.Hour == 0 && d > 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0 && d > 0 && d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return d.String()
}

// MarshalText writes it as it is read.
func (t Term) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads "2d" or "4h".
func (t *Term) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTerm(string(text))
	return err
}

// UnmarshalYAML reads "2d" or "4h".
func (t *Term) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseTerm(n.Value)
	if err != nil {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
	}
	*t = v
	return nil
}
