package form

import (
	"regexp"
	"strings"
	"time"
)

var (
	plainNumber   = regexp.MustCompile(`^-?[0-9]+([.,][0-9]+)?$`)
	groupedNumber = regexp.MustCompile(`^-?[0-9]{1,3}(?:( [0-9]{3})+|('[0-9]{3})+|(\.[0-9]{3})+|(,[0-9]{3})+)([.,][0-9]+)?$`)
	lone          = regexp.MustCompile(`^-?[1-9][0-9]{0,2}[.,][0-9]{3}$`)
)

// readNumber reads a decimal with point or comma, grouped by blank, apostrophe,
// point or comma. unclear: "1.234" and "1,234" have two readings, of which
// number is the decimal one. No number: "".
func readNumber(v string) (number string, unclear bool) {
	v = strings.NewReplacer("’", "'", "+", "").Replace(v)
	switch {
	case lone.MatchString(v):
		return trimZeros(strings.ReplaceAll(v, ",", ".")), true
	case plainNumber.MatchString(v):
		return trimZeros(strings.ReplaceAll(v, ",", ".")), false
	case groupedNumber.MatchString(v):
		return ungroup(v), false
	}
	return "", false
}

// ungroup drops the grouping: the fraction is what follows the last mark, where
// that mark occurs once and differs from the others.
func ungroup(v string) string {
	last := strings.LastIndexAny(v, ".,")
	if last < 0 || strings.Count(v, v[last:last+1]) > 1 {
		return trimZeros(digitsOf(v))
	}
	if strings.ContainsAny(v[:last], " '.,") {
		return trimZeros(digitsOf(v[:last]) + "." + v[last+1:])
	}
	return trimZeros(digitsOf(v))
}

func digitsOf(v string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, v)
}

// trimZeros drops leading zeros; trailing ones say how exactly was measured.
func trimZeros(v string) string {
	sign := ""
	if strings.HasPrefix(v, "-") {
		sign, v = "-", v[1:]
	}
	whole, fraction, dotted := strings.Cut(v, ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if dotted {
		whole += "." + fraction
	}
	if strings.Trim(whole, "0.") == "" {
		sign = ""
	}
	return sign + whole
}

// bothReadings gives what a lone "1.234" may mean: the decimal and the whole.
func bothReadings(v string) (string, string) {
	n, _ := readNumber(v)
	return n, strings.NewReplacer(".", "", ",", "").Replace(v)
}

var (
	yearFirst = regexp.MustCompile(`^([0-9]{4})[-/. ]?([0-9]{1,2})[-/. ]?([0-9]{1,2})\.?$`)
	yearLast  = regexp.MustCompile(`^([0-9]{1,2})[-/. ]\s?([0-9]{1,2})[-/. ]\s?([0-9]{4})\.?$`)
)

// readDate gives an ISO date; two-digit years and 03/04/2012 have no certain
// reading.
func readDate(v string) (string, bool) {
	if m := yearFirst.FindStringSubmatch(v); m != nil {
		return isoDate(m[1], m[2], m[3])
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
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04 Z07:00", "2006-01-02T15:04:05-0700", "2006-01-02 15:04 -0700"}

// readTime gives a moment in UTC as RFC 3339.
func readTime(v string) (string, bool) {
	v = strings.ToUpper(v)
	if before, ok := strings.CutSuffix(v, " UTC"); ok {
		v = before + "Z"
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, v); err == nil {
			if y := t.UTC().Year(); y < 1 || y > 9999 {
				return "", false
			}
			return t.UTC().Format(time.RFC3339), true
		}
	}
	return "", false
}
