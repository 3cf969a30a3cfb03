package form

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // P10 names a time zone, on machines that know none too
)

// innerKind gives the kinds of boxes whose values have parts.
func innerKind(typ string) kind {
	switch typ {
	case "an":
		return kind{between: ",;", free: true}
	case "position":
		return kind{read: readPlain(readPosition), pattern: positionPattern, example: "56.9496/24.1052"}
	case "packages":
		return kind{read: readPlain(readPackages), judge: judgePackages, example: "12 CT"}
	case "external":
		return kind{read: readTyped, judge: judgeTyped, between: ",;", free: true, example: "CENCOMM:12345"}
	case "document":
		return kind{read: readTyped, judge: judgeDocument, between: ",;", free: true, example: "BL:ABCD1234567"}
	case "attachment":
		return kind{read: readAttachment, judge: judgeAttachment, free: true, example: "photo.jpg;48213;64 x 0-9 a-f;N"}
	case "identity":
		return kind{read: readIdentity, judge: judgeIdentity, example: "PASSPORT;X0000000;LV;2030-12-31"}
	case "pending":
		return kind{read: readPlain(readPending), pattern: `[YN]( ` + datePattern + `)?`, example: "Y 2027-03-01"}
	case "objective":
		return kind{read: readPlain(readObjective), pattern: `[^;,]+;[YPN]`, between: ",", example: "O1;Y"}
	case "hours":
		return kind{read: readHours, example: "08:00-18:00 Europe/Riga"}
	case "validity":
		return kind{read: readPlain(readValidity), pattern: `(` + datePattern + `)?/(` + datePattern + `)?`, example: "2027-01-11/2027-02-15"}
	case "opened":
		return kind{read: readPlain(readOpened), pattern: `[YN]( [0-9a-f]{8})?`, example: "Y 9f86d081"}
	case "species":
		return kind{judge: judgeSpecies, example: "Psittacus erithacus I"}
	case "substance":
		return kind{judge: judgeSubstance, example: "50-36-2 85 %"}
	case "identifier", "register":
		return kind{}
	}
	return kind{between: ",", free: true}
}

// fields are the parts of a value between any of the signs, without blanks
// around them.
func fields(v, signs string) []string {
	parts := strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(signs, r) })
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// readPending reads K6: whether a decision is pending, and since or until when.
func readPending(v string) (string, bool) {
	return answerAnd(v, readDate)
}

// readOpened reads T8: whether the attachment opened, and the first eight digits
// of its SHA-256.
func readOpened(v string) (string, bool) {
	return answerAnd(v, func(s string) (string, bool) {
		s = strings.ToLower(s)
		return s, eightHex.MatchString(s)
	})
}

var eightHex = regexp.MustCompile(`^[0-9a-f]{8}$`)

// answerAnd reads Y or N, or a word for it, and what may follow it.
func answerAnd(v string, rest func(string) (string, bool)) (string, bool) {
	first, more, _ := strings.Cut(strings.Join(fields(v, " ;,"), " "), " ")
	b, _ := boxOf("H6")
	answer, _ := readCode(b, first)
	if !listed(b.List, answer) {
		return "", false
	}
	if more == "" {
		return answer, true
	}
	second, ok := rest(more)
	return answer + " " + second, ok
}

// readObjective reads K7: the objective's id and whether it was reached, Y, N or
// partly.
func readObjective(v string) (string, bool) {
	id, result, ok := strings.Cut(v, ";")
	b, _ := boxOf("K8")
	id = strings.TrimSpace(id)
	result, _ = readCode(b, strings.TrimSpace(result))
	return id + ";" + result, ok && id != "" && listed(b.List, result)
}

// readValidity reads P17: two dates, of which one may be missing.
func readValidity(v string) (string, bool) {
	from, to, ok := strings.Cut(v, "/")
	if !ok || strings.Count(v, "/") > 1 {
		dates := wordsBetween.Split(v, -1)
		if len(dates) != 2 {
			return "", false
		}
		from, to = dates[0], dates[1]
	}
	var out []string
	for _, d := range []string{strings.TrimSpace(from), strings.TrimSpace(to)} {
		iso, ok := readDate(d)
		if d != "" && !ok {
			return "", false
		}
		out = append(out, iso)
	}
	return out[0] + "/" + out[1], out[0]+out[1] != "" && (out[0] == "" || out[1] == "" || out[0] <= out[1])
}

// wordsBetween separates two dates.
var wordsBetween = regexp.MustCompile(`\s+-\s+|\s+(?:to|bis|au|iki|līdz|έως|до)\s+|\s*;\s*|\s*,\s*|\s+`)

// readHours reads P10: hours in words and figures, then a time zone of the IANA
// database, wherever it stands.
func readHours(_ BoxInfo, v string) (string, bool) {
	var hours []string
	zone := ""
	for _, w := range strings.Fields(v) {
		if name := strings.Trim(w, "(),;"); zone == "" && isZone(name) {
			zone = name
			continue
		}
		hours = append(hours, w)
	}
	return strings.TrimSpace(strings.Join(append(hours, zone), " ")), zone != "" && len(hours) > 0
}

func isZone(name string) bool {
	if !strings.Contains(name, "/") && name != "UTC" {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

// readPackages reads C9: how many and the kind, by its code or in words.
func readPackages(v string) (string, bool) {
	m := countAndKind.FindStringSubmatch(v)
	if m == nil {
		return "", false
	}
	b, _ := boxOf("C9")
	kind, _ := readCode(b, m[2])
	return trimZeros(m[1]) + " " + kind, true
}

var countAndKind = regexp.MustCompile(`^([0-9]{1,9})(?:\s*[xX*]\s+|\s*)([^\s0-9].*|[0-9][A-Za-z].*)$`)

func judgePackages(c *checker, a address, b BoxInfo, v string) {
	count, kind, ok := strings.Cut(v, " ")
	if _, err := strconv.Atoi(count); err != nil || !ok {
		c.fail("shape-packages", 14, a.String(), nil)
		return
	}
	if !listed(b.List, kind) {
		c.fail("package-kind", 12, a.String(), map[string]string{"value": c.shown(a, kind)})
	}
}

var speciesAppendix = regexp.MustCompile(`(?i)[\s;,(]+(?:(?:app\.?|appendix|annex|cites)[\s.]*)*(?:I{1,3}|[ABCD])\)?(?:\s*/\s*[ABCD])?$`)

// judgeSpecies asks for the CITES appendix, I to III, or the Union's annex, A to
// D, at the end of C12.
func judgeSpecies(c *checker, a address, _ BoxInfo, v string) {
	if !speciesAppendix.MatchString(v) {
		c.warn("species", 14, a.String(), nil)
	}
}

var (
	casInText    = regexp.MustCompile(`\b[0-9]{2,7}-[0-9]{2}-[0-9]\b`)
	purityInText = regexp.MustCompile(`([0-9]+(?:[.,][0-9]+)?)\s*%`)
)

// judgeSubstance checks the CAS number and the purity that C13 names.
func judgeSubstance(c *checker, a address, _ BoxInfo, v string) {
	if n := casInText.FindString(v); n != "" {
		c.digits(a, CAS(n))
	}
	if m := purityInText.FindStringSubmatch(v); m != nil {
		if p, err := strconv.ParseFloat(strings.Replace(m[1], ",", ".", 1), 64); err != nil || p > 100 {
			c.warn("purity", 14, a.String(), nil)
		}
	}
}
