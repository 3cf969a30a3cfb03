package form

import (
	"errors"
	"regexp"
	"strings"
)

// Verdicts on numbers that carry a check digit. A number of another shape isn't
// that kind of number at all.
var (
	ErrShape      = errors.New("not that kind of number")
	ErrCheckDigit = errors.New("check digit is wrong")
)

var (
	containerShape = regexp.MustCompile(`^[A-Z]{3}[UJZ][0-9]{7}$`)
	mrnShape       = regexp.MustCompile(`^[0-9]{2}[A-Z]{2}[A-Z0-9]{13}[0-9F]$`)
	imoShape       = regexp.MustCompile(`^(IMO ?)?[0-9]{7}$`)
	mmsiShape      = regexp.MustCompile(`^(0{0,2}[2-7][0-9]{2}|111[2-7]|98[2-7]|99[2-7]|97[024])[0-9]+$`)
	eniShape       = regexp.MustCompile(`^[0-9]{8}$`)
	awbShape       = regexp.MustCompile(`^[0-9]{3}[- ]?[0-9]{8}$`)
	s10Shape       = regexp.MustCompile(`^[A-Z]{2}[0-9]{9}[A-Z]{2}$`)
	vinShape       = regexp.MustCompile(`^[A-HJ-NPR-Z0-9]{17}$`)
	casShape       = regexp.MustCompile(`^[0-9]{2,7}-[0-9]{2}-[0-9]$`)
	ibanShape      = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)
	eoriShape      = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{1,15}$`)
)

func verdict(ok bool) error {
	if ok {
		return nil
	}
	return ErrCheckDigit
}

func compact(s string) string {
	return strings.NewReplacer(" ", "", "-", "", "/", "", ".", "").Replace(strings.ToUpper(s))
}

// letterValue is that of ISO 6346: A is 10, counting up without multiples of 11.
func letterValue(c byte) int {
	if c <= '9' {
		return int(c - '0')
	}
	n := int(c-'A') + 10
	return n + (n-1)/10
}

// powers sums the letter values times 1, 2, 4 …, modulo 11, 10 counting as 0.
func powers(s string) int {
	sum, factor := 0, 1
	for i := range len(s) {
		sum += letterValue(s[i]) * factor
		factor *= 2
	}
	return sum % 11 % 10
}

// weighted sums digits times weights.
func weighted(s string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(s[i]-'0') * w
	}
	return sum
}

func digit(c byte) int { return int(c - '0') }

// Container checks an ISO 6346 container number.
func Container(s string) error {
	s = compact(s)
	if !containerShape.MatchString(s) {
		return ErrShape
	}
	return verdict(powers(s[:10]) == digit(s[10]))
}

// MRN checks a movement reference number; one ending in F was given in the
// fallback procedure and has no check digit.
func MRN(s string) error {
	s = compact(s)
	if !mrnShape.MatchString(s) {
		return ErrShape
	}
	return verdict(s[17] == 'F' || powers(s[:17]) == digit(s[17]))
}

// IMOShip checks a ship's IMO number, with or without "IMO" before it.
func IMOShip(s string) error {
	s = strings.ToUpper(strings.TrimSpace(s))
	if !imoShape.MatchString(s) {
		return ErrShape
	}
	s = s[len(s)-7:]
	return verdict(weighted(s, 7, 6, 5, 4, 3, 2)%10 == digit(s[6]))
}

// IMOCompany checks a company's IMO number.
func IMOCompany(s string) error {
	s = strings.ToUpper(strings.TrimSpace(s))
	if !imoShape.MatchString(s) {
		return ErrShape
	}
	s = s[len(s)-7:]
	return verdict((11-weighted(s, 8, 6, 4, 2, 9, 7)%11)%10 == digit(s[6]))
}

// MMSI checks the shape of a maritime mobile identity; it has no check digit.
func MMSI(s string) error {
	s = compact(s)
	if len(s) != 9 || !mmsiShape.MatchString(s) {
		return ErrShape
	}
	return nil
}

// ENI checks the shape of an inland vessel's European number.
func ENI(s string) error {
	if !eniShape.MatchString(compact(s)) {
		return ErrShape
	}
	return nil
}

// PlateKey is a road plate as two ways of writing it are held against each
// other: capitals, letters that look alike made Latin, no blanks, hyphens or
// dots. There is no rule by which a plate can be wrong.
func PlateKey(plate string) string { return compact(plain(plate)) }

// AWB checks an air waybill number: prefix, serial, serial modulo 7.
func AWB(s string) error {
	if !awbShape.MatchString(strings.TrimSpace(s)) {
		return ErrShape
	}
	s = compact(s)
	return verdict(remainder(s[3:10], 7) == digit(s[10]))
}

// S10 checks a postal item number (UPU S10).
func S10(s string) error {
	s = compact(s)
	if !s10Shape.MatchString(s) {
		return ErrShape
	}
	c := 11 - weighted(s[2:10], 8, 6, 4, 2, 3, 5, 9, 7)%11
	switch c {
	case 10:
		c = 0
	case 11:
		c = 5
	}
	return verdict(c == digit(s[10]))
}

// VIN checks a vehicle identification number; its check digit is mandatory in
// North America alone.
func VIN(s string) error {
	s = compact(s)
	if !vinShape.MatchString(s) {
		return ErrShape
	}
	const values = "12345678012345070923456789" // A to Z; I, O and Q don't occur
	weights := []int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	sum := 0
	for i, w := range weights {
		v := digit(s[i])
		if s[i] >= 'A' {
			v = digit(values[s[i]-'A'])
		}
		sum += v * w
	}
	return verdict("0123456789X"[sum%11] == s[8])
}

// luhn checks a run of n digits by the Luhn rule.
func luhn(s string, n int) error {
	s = compact(s)
	if len(s) != n || strings.Trim(s, "0123456789") != "" {
		return ErrShape
	}
	sum := 0
	for i := range len(s) {
		d := digit(s[len(s)-1-i])
		if i%2 == 1 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return verdict(sum%10 == 0)
}

// UIC checks a wagon or locomotive number of 12 digits.
func UIC(s string) error { return luhn(s, 12) }

// IMEI checks a telephone's number of 15 digits.
func IMEI(s string) error { return luhn(s, 15) }

// GTIN checks an article number of 8, 12, 13 or 14 digits.
func GTIN(s string) error {
	s = compact(s)
	if n := len(s); n != 8 && n != 12 && n != 13 && n != 14 || strings.Trim(s, "0123456789") != "" {
		return ErrShape
	}
	sum := 0
	for i := range len(s) {
		sum += digit(s[len(s)-1-i]) * (1 + 2*(i%2))
	}
	return verdict(sum%10 == 0)
}

// IBAN checks an account number by modulo 97.
func IBAN(s string) error {
	s = compact(s)
	if !ibanShape.MatchString(s) {
		return ErrShape
	}
	rest := 0
	for _, c := range []byte(s[4:] + s[:4]) {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
			continue
		}
		rest = (rest*10 + digit(c)) % 97
	}
	return verdict(rest == 1)
}

// MRZ checks a field of a machine-readable zone followed by its check digit
// (ICAO 9303).
func MRZ(s string) error {
	s = strings.ToUpper(s)
	if len(s) < 2 || strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<") != "" || s[len(s)-1] < '0' || s[len(s)-1] > '9' {
		return ErrShape
	}
	sum := 0
	for i := range len(s) - 1 {
		v := 0
		switch c := s[i]; {
		case c >= 'A':
			v = int(c-'A') + 10
		case c != '<':
			v = digit(c)
		}
		sum += v * []int{7, 3, 1}[i%3]
	}
	return verdict(sum%10 == digit(s[len(s)-1]))
}

// CAS checks a substance's registry number.
func CAS(s string) error {
	if !casShape.MatchString(s) {
		return ErrShape
	}
	s = compact(s)
	sum := 0
	for i := range len(s) - 1 {
		sum += digit(s[len(s)-2-i]) * (i + 1)
	}
	return verdict(sum%10 == digit(s[len(s)-1]))
}

// EORI checks the shape of an economic operator's number.
func EORI(s string) error {
	s = compact(s)
	if !eoriShape.MatchString(s) || (!listed("country", s[:2]) && s[:2] != "XI") {
		return ErrShape
	}
	return nil
}

func remainder(s string, by int) int {
	n := 0
	for i := range len(s) {
		n = (n*10 + digit(s[i])) % by
	}
	return n
}
