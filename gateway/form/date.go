package form

import (
	"regexp"
	"strings"
	"time"
)

const datePattern = `[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))`

var (
	yearFirst = regexp.MustCompile(`^([0-9]{4})[-/. ]\s?([0-9]{1,2})[-/. ]\s?([0-9]{1,2})\.?$`)
	compactly = regexp.MustCompile(`^([0-9]{4})([0-9]{2})([0-9]{2})$`)
	yearLast  = regexp.MustCompile(`^([0-9]{1,2})[-/. ]\s?([0-9]{1,2})[-/. ]\s?([0-9]{4})\.?$`)
)

// readDate gives an ISO date; two-digit years and 03/04/2012 have no certain
// reading.
func readDate(v string) (string, bool) {
	for _, re := range []*regexp.Regexp{yearFirst, compactly} {
		if m := re.FindStringSubmatch(v); m != nil {
			return isoDate(m[1], m[2], m[3])
		}
	}
	m := yearLast.FindStringSubmatch(v)
	if m == nil {
		return "", false
	}
	first, second := pad(m[1]), pad(m[2])
	switch {
	case first == second || first > "12":
		return isoDate(m[3], second, first)
	case second > "12":
		return isoDate(m[3], first, second)
	}
	return "", false
}

func pad(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}

func isoDate(year, month, day string) (string, bool) {
	t, err := time.Parse(time.DateOnly, year+"-"+pad(month)+"-"+pad(day))
	return t.Format(time.DateOnly), err == nil
}

// timeLayouts all carry an offset: a time without one isn't a moment.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05-0700", "2006-01-02T15:04-0700", "2006-01-02T15:04:05-07", "2006-01-02T15:04-07", "20060102T150405Z0700",
}

// readTime gives a moment in UTC as RFC 3339. A blank may stand before the time
// and before the offset, "UTC" or "GMT" for Z.
func readTime(v string) (string, bool) {
	v = strings.ToUpper(v)
	for _, zone := range []string{"UTC", "GMT"} {
		if before, ok := strings.CutSuffix(v, zone); ok {
			v = strings.TrimSpace(before) + "Z"
		}
	}
	if date, rest, ok := strings.Cut(v, " "); ok {
		if !strings.Contains(date, "T") {
			date += "T"
		}
		v = date + strings.ReplaceAll(rest, " ", "")
	}
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, v)
		if err != nil {
			continue
		}
		if y := t.UTC().Year(); y < 1 || y > 9999 {
			return "", false
		}
		return t.UTC().Format(time.RFC3339), true
	}
	return "", false
}

var clockShape = regexp.MustCompile(`^([01]?[0-9]|2[0-3])[:.hH]([0-5][0-9])$|^([01][0-9]|2[0-3])([0-5][0-9])$`)

// readClock gives local hours and minutes: 14:30, from 14.30, 14h30, 1430 too.
func readClock(v string) (string, bool) {
	m := clockShape.FindStringSubmatch(v)
	if m == nil {
		return "", false
	}
	return pad(m[1]+m[3]) + ":" + m[2] + m[4], true
}
