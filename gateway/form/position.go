package form

import (
	"regexp"
	"strconv"
	"strings"
)

// A position in normal form is latitude/longitude in decimal degrees, south and
// west with a minus: 56.9496/24.1052.
const positionPattern = `-?([0-8]?[0-9](\.[0-9]+)?|90(\.0+)?)/-?((1[0-7][0-9]|[0-9]{1,2})(\.[0-9]+)?|180(\.0+)?)`

var (
	// degrees, minutes and seconds of one half, its letter before or behind:
	// N 56°56.98', 56 56 59 N, 24.1052E
	halfPosition = regexp.MustCompile(`^([NSEW])?\s*([-+]?[0-9]{1,3}(?:[.,][0-9]+)?)\s*[°O]?\s*(?:([0-9]{1,2}(?:[.,][0-9]+)?)\s*['′]?\s*)?(?:([0-9]{1,2}(?:[.,][0-9]+)?)\s*(?:"|''|″)?)?\s*([NSEW])?$`)
	// as the UN/LOCODE list has it: 5155N 00430E
	shortPosition = regexp.MustCompile(`^([0-9]{2})([0-9]{2})([NS])\s*([0-9]{3})([0-9]{2})([EW])$`)
	afterLetter   = regexp.MustCompile(`^(.*[NS])[\s,;/]+(.*[EW])$`)
	beforeLetter  = regexp.MustCompile(`^([NS].*?)[\s,;/]*([EW].*)$`)
)

// readPosition reads a latitude and a longitude in the ways in which they are
// written at sea, on maps and by receivers.
func readPosition(v string) (string, bool) {
	v = strings.ToUpper(v)
	if m := shortPosition.FindStringSubmatch(v); m != nil {
		return decimals(half{m[1], m[2], "", m[3]}, half{m[4], m[5], "", m[6]})
	}
	for _, re := range []*regexp.Regexp{afterLetter, beforeLetter} {
		if m := re.FindStringSubmatch(v); m != nil {
			return halves(m[1], m[2])
		}
	}
	for _, sign := range []string{"/", ";", ", ", " "} {
		if parts := strings.Split(v, sign); len(parts) == 2 {
			return halves(parts[0], parts[1])
		}
	}
	if parts := strings.Split(v, ","); len(parts) == 2 && strings.Count(v, ".") == 2 {
		return halves(parts[0], parts[1])
	}
	return "", false
}

// half is one half of a position as it was written.
type half struct{ degrees, minutes, seconds, letter string }

func halves(lat, long string) (string, bool) {
	a, ok := readHalf(strings.TrimSpace(lat))
	b, fine := readHalf(strings.TrimSpace(long))
	if !ok || !fine || (a.letter == "") != (b.letter == "") {
		return "", false
	}
	return decimals(a, b)
}

func readHalf(v string) (half, bool) {
	m := halfPosition.FindStringSubmatch(v)
	if m == nil || m[1] != "" && m[5] != "" {
		return half{}, false
	}
	return half{m[2], m[3], m[4], m[1] + m[5]}, true
}

func decimals(lat, long half) (string, bool) {
	a, ok := lat.decimal("S", 90)
	b, fine := long.decimal("W", 180)
	return a + "/" + b, ok && fine && !strings.ContainsAny(lat.letter, "EW") && !strings.ContainsAny(long.letter, "NS")
}

// decimal gives the half in degrees; five places are a metre. Degrees that came
// as a decimal stay as they were written.
func (h half) decimal(negative string, limit float64) (string, bool) {
	number := func(s string) float64 {
		f, _ := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64) // digits by the pattern; "" is 0
		return f
	}
	signed := strings.HasPrefix(h.degrees, "-")
	if signed && h.letter != "" {
		return "", false
	}
	digits := strings.Replace(strings.TrimLeft(h.degrees, "+-"), ",", ".", 1)
	minutes, seconds := number(h.minutes), number(h.seconds)
	value := number(digits) + minutes/60 + seconds/3600
	if minutes >= 60 || seconds >= 60 || value > limit || h.minutes != "" && strings.Contains(digits, ".") || h.seconds != "" && strings.ContainsAny(h.minutes, ".,") {
		return "", false
	}
	if h.minutes != "" {
		digits = strings.TrimRight(strings.TrimRight(strconv.FormatFloat(value, 'f', 5, 64), "0"), ".")
	}
	digits = trimZeros(digits)
	if (signed || h.letter == negative) && strings.Trim(digits, "0.") != "" {
		digits = "-" + digits
	}
	return digits, true
}
