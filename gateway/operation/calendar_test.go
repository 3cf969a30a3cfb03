package operation

import (
	"testing"
	"time"
)

// riga is a contact's calendar: 8 to 18 in Riga, closed on 6 January 2027, a
// Wednesday.
func riga(hours string) Calendar {
	p := &Participant{Contacts: []Contact{{Name: "A. Invented", Hours: hours, Timezone: "Europe/Riga"}},
		Closed: []Date{{time.Date(2027, 1, 6, 0, 0, 0, 0, time.UTC)}}}
	return p.Calendar()
}

func local(t *testing.T, s string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Riga")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTermsRunInOpenHoursAlone(t *testing.T) {
	for name, c := range map[string]struct{ hours, from, term, want string }{
		"within the day":                        {"08:00-18:00", "2027-01-04 09:00", "4h", "2027-01-04 13:00"},
		"over the night":                        {"08:00-18:00", "2027-01-04 16:00", "4h", "2027-01-05 10:00"},
		"over a closed day":                     {"08:00-18:00", "2027-01-05 17:30", "1h", "2027-01-07 08:30"},
		"over a weekend":                        {"08:00-18:00", "2027-01-08 17:50", "30m", "2027-01-11 08:20"},
		"from before the door opens":            {"08:00-18:00", "2027-01-04 05:00", "30m", "2027-01-04 08:30"},
		"two working days keep the time of day": {"08:00-18:00", "2027-01-04 10:00", "2d", "2027-01-07 10:00"},
		"two working days from a Friday":        {"08:00-18:00", "2027-01-08 10:00", "2d", "2027-01-12 10:00"},
		"two working days from a Saturday":      {"08:00-18:00", "2027-01-09 10:00", "2d", "2027-01-13 08:00"},
		"hours over midnight":                   {"22:00-06:00", "2027-01-04 23:00", "8h", "2027-01-05 23:00"},
		"day and night":                         {"", "2027-01-09 23:00", "4h", "2027-01-10 03:00"},
		"day and night over a closed day":       {"", "2027-01-05 23:00", "2h", "2027-01-07 01:00"},
		"working days of who is always there":   {"", "2027-01-08 10:00", "2d", "2027-01-12 10:00"},
		"the day that summer time begins":       {"", "2027-03-28 00:00", "4h", "2027-03-28 05:00"},
	} {
		term, err := ParseTerm(c.term)
		if err != nil {
			t.Fatal(err)
		}
		if got := riga(c.hours).After(local(t, c.from), term); !got.Equal(local(t, c.want)) {
			t.Errorf("%s: %s after %s = %s; want %s", name, c.term, c.from, got.Format("2006-01-02 15:04"), c.want)
		}
	}
}

func TestOpenTimeBetweenIsWhatATermUsesUp(t *testing.T) {
	for _, hours := range []string{"08:00-18:00", "22:00-06:00", ""} {
		c := riga(hours)
		from := local(t, "2027-01-04 09:00")
		for _, d := range []time.Duration{time.Minute, 3 * time.Hour, 25 * time.Hour, 70 * time.Hour} {
			if got := c.Between(from, c.After(from, Term{Time: d})); got != d {
				t.Errorf("hours %q: open time until the end of a term of %s = %s", hours, d, got)
			}
		}
	}
}

func TestClosedDaysAreKnownByTheContactsOwnDate(t *testing.T) {
	c := riga("08:00-18:00")
	for at, want := range map[string]bool{"2027-01-06 00:30": true, "2027-01-06 23:30": true, "2027-01-07 00:30": false, "2027-01-09 12:00": true} {
		if got := c.ClosedOn(local(t, at)); got != want {
			t.Errorf("ClosedOn(%s) = %v; want %v", at, got, want)
		}
	}
	if got, want := c.NextOpen(local(t, "2027-01-05 18:00")), local(t, "2027-01-07 08:00"); !got.Equal(want) {
		t.Errorf("NextOpen = %s; want %s", got, want)
	}
	if c.Open(local(t, "2027-01-05 18:00")) || !c.Open(local(t, "2027-01-05 17:59")) {
		t.Error("the hours end at 18:00")
	}
}

func TestCalendarOfWhoIsAlwaysClosedEnds(t *testing.T) {
	p := &Participant{Contacts: []Contact{{Name: "A. Invented"}}}
	for d := range 500 {
		p.Closed = append(p.Closed, Date{time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d)})
	}
	from := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	c := p.Calendar()
	if c.Open(from) || c.Between(from, from.AddDate(0, 1, 0)) != 0 || !c.NextOpen(from).Equal(from) {
		t.Error("who is always closed is open")
	}
	_ = c.After(from, Term{Days: 2, Time: time.Hour}) // it returns
}

func TestTestsComeAsScheduled(t *testing.T) {
	o := &Operation{}
	o.Phases.Operation = Span{From: Date{time.Date(2027, 1, 11, 0, 0, 0, 0, time.UTC)}, To: Date{time.Date(2027, 1, 13, 0, 0, 0, 0, time.UTC)}}
	var got []string
	for _, d := range o.TestDays() {
		got = append(got, o.Begins(d).Format("01-02 15:04")+" "+d.Deadline.String())
	}
	for at, ok := o.NextHeartbeat(time.Time{}); ok; at, ok = o.NextHeartbeat(at) {
		got = append(got, at.Format("01-02 15:04"))
	}
	want := []string{"12-21 08:00 2d", "01-04 08:00 4h", "01-10 08:00 30m", "01-11 06:00", "01-12 06:00", "01-13 06:00"}
	if len(got) != len(want) {
		t.Fatalf("tests = %q; want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("tests = %q; want %q", got, want)
		}
	}
}

// On 28 March 2027 the clocks of the Azores go from midnight to 01:00.
func TestADayWithoutAMidnightCountsOnce(t *testing.T) {
	p := &Participant{Contacts: []Contact{{Name: "A. Invented", Timezone: "Atlantic/Azores"}}}
	from := time.Date(2027, 3, 27, 13, 0, 0, 0, time.UTC)
	for _, d := range []time.Duration{10 * time.Hour, 14 * time.Hour, 30 * time.Hour, 60 * time.Hour} {
		if got := p.Calendar().After(from, Term{Time: d}); !got.Equal(from.Add(d)) {
			t.Errorf("%s after %s, day and night = %s; want %s", d, from, got.UTC(), from.Add(d))
		}
		if got := p.Calendar().Between(from, from.Add(d)); got != d {
			t.Errorf("between %s and %s somebody is there %s; want %s", from, from.Add(d), got, d)
		}
	}
}
