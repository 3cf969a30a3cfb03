package operation

import (
	"fmt"
	"slices"
	"time"
)

// Tests says when the communications are tested without anybody's asking.
type Tests struct {
	// Schedule are the days before the operational phase; missing means 21, 7 and 1
	// days before it, an empty list none.
	Schedule []TestDay `yaml:"schedule"`
	// Heartbeat is the time, in UTC, at which every day of the operational phase
	// begins with a silent test of what answers by itself; "none" for none.
	Heartbeat string `yaml:"heartbeat"`
}

// TestDay is one scheduled test.
type TestDay struct {
	Days     int    `yaml:"days"`     // before the first day of the operational phase
	Deadline Term   `yaml:"deadline"` // in each contact's open hours
	At       string `yaml:"at"`       // time of day in UTC, 08:00
}

const (
	testTime      = "08:00"
	heartbeatTime = "06:00"
	noHeartbeat   = "none"
)

// TestDays is the schedule with its defaults, the earliest first.
func (o *Operation) TestDays() []TestDay {
	days := slices.Clone(o.Tests.Schedule)
	if o.Tests.Schedule == nil {
		days = []TestDay{{Days: 21, Deadline: Term{Days: 2}}, {Days: 7, Deadline: Term{Time: 4 * time.Hour}}, {Days: 1, Deadline: Term{Time: 30 * time.Minute}}}
	}
	for i := range days {
		if days[i].At == "" {
			days[i].At = testTime
		}
	}
	slices.SortFunc(days, func(a, b TestDay) int { return b.Days - a.Days })
	return days
}

// Begins is when the scheduled test begins.
func (o *Operation) Begins(d TestDay) time.Time {
	return onDay(o.Phases.Operation.From.AddDate(0, 0, -d.Days), d.At)
}

// NextHeartbeat is the time of the first silent test after a time; ok false where
// there is none left.
func (o *Operation) NextHeartbeat(after time.Time) (time.Time, bool) {
	at := o.Tests.Heartbeat
	if at == "" {
		at = heartbeatTime
	}
	if at == noHeartbeat {
		return time.Time{}, false
	}
	for day := o.Phases.Operation.From.Time; !day.After(o.Phases.Operation.To.Time); day = day.AddDate(0, 0, 1) {
		if t := onDay(day, at); t.After(after) {
			return t, true
		}
	}
	return time.Time{}, false
}

// onDay is a time of day in UTC.
func onDay(day time.Time, at string) time.Time {
	t, err := time.Parse("15:04", at)
	if err != nil {
		return day
	}
	return time.Date(day.Year(), day.Month(), day.Day(), t.Hour(), t.Minute(), 0, 0, time.UTC)
}

// tests checks the schedule.
func (c *checker) tests() {
	for i, d := range c.o.Tests.Schedule {
		at := path{"tests", "schedule", i}
		if d.Days < 0 {
			c.fail(at.in("days"), "tests.schedule: days: %d is before no operation; use 0 or more days before it", d.Days)
		}
		if d.Deadline == (Term{}) {
			c.fail(at, "tests.schedule: entry %d has no deadline; write it as 2d (working days), 4h or 30m", i+1)
		}
		c.timeOfDay(at.in("at"), "tests.schedule: at", d.At, "")
	}
	c.timeOfDay(path{"tests", "heartbeat"}, "tests.heartbeat", c.o.Tests.Heartbeat, noHeartbeat)
}

func (c *checker) timeOfDay(at path, key, value, other string) {
	if value == "" || other != "" && value == other {
		return
	}
	if _, err := time.Parse("15:04", value); err != nil {
		or := ""
		if other != "" {
			or = fmt.Sprintf(", or %s", other)
		}
		c.fail(at, "%s: %q is no time of day; write it as 08:00%s", key, value, or)
	}
}
