package form

import (
	"regexp"
	"strings"
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
	v = strings.TrimPrefix(v, "+")
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

// readDecimal reads C4, C7, K1 and the like. A number with two readings stays as
// it was written.
func readDecimal(_ BoxInfo, v string) (string, bool) {
	n, unclear := readNumber(plain(v))
	return n, n != "" && !unclear
}
