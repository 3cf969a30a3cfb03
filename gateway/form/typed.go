package form

import (
	"regexp"
	"strconv"
	"strings"
)

// readTyped reads TYPE:number (A21, F7): the type in capitals, no blanks around
// the colon, and the number as its type writes it.
func readTyped(b BoxInfo, v string) (string, bool) {
	typ, number, ok := strings.Cut(v, ":")
	typ, number = strings.ToUpper(plain(strings.TrimSpace(typ))), strings.TrimSpace(number)
	if !ok || typ == "" || number == "" || !listed(b.List, typ) {
		return "", false
	}
	switch typ {
	case "MRN", "S10":
		number = compact(plain(number))
	case "AWB", "HAWB", "TIR":
		number = strings.ToUpper(plain(number))
	}
	return typ + ":" + number, true
}

// judgeTyped names a missing or unknown type.
func judgeTyped(c *checker, a address, b BoxInfo, v string) {
	typ, number, ok := strings.Cut(v, ":")
	switch {
	case !ok || strings.TrimSpace(number) == "":
		c.fail("shape-"+b.Type, 14, a.String(), map[string]string{"list": c.codes(b.List)})
	case !listed(b.List, typ):
		c.fail("not-in-list", 12, a.String(), map[string]string{"value": c.shown(a, typ), "list": c.codes(b.List)})
	}
}

// judgeDocument also checks the numbers that carry a check digit.
func judgeDocument(c *checker, a address, b BoxInfo, v string) {
	judgeTyped(c, a, b, v)
	checks := map[string]func(string) error{"AWB": AWB, "MRN": MRN, "S10": S10}
	typ, number, _ := strings.Cut(v, ":")
	if check := checks[typ]; check != nil && number != "" {
		c.digits(a, check(number))
	}
}

var wholeHash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// readAttachment reads name;bytes;sha256 and N for nominal (A22); a name may hold
// semicolons.
func readAttachment(_ BoxInfo, v string) (string, bool) {
	parts := strings.Split(v, ";")
	mark := ""
	if n := len(parts); n > 3 {
		if last := strings.ToUpper(plain(strings.TrimSpace(parts[n-1]))); last == "N" || last == "" {
			mark, parts = last, parts[:n-1]
		}
	}
	n := len(parts)
	if n < 3 {
		return "", false
	}
	name := strings.TrimSpace(strings.Join(parts[:n-2], ";"))
	size, sum := strings.TrimSpace(parts[n-2]), strings.ToLower(strings.ReplaceAll(parts[n-1], " ", ""))
	_, err := strconv.ParseUint(size, 10, 63)
	out := name + ";" + size + ";" + sum
	if mark != "" {
		out += ";" + mark
	}
	return out, err == nil && name != "" && wholeHash.MatchString(sum)
}

// judgeAttachment warns of an entry that declares nothing: what it names counts
// as nominal.
func judgeAttachment(c *checker, a address, b BoxInfo, v string) {
	if _, ok := readAttachment(b, v); !ok {
		c.warn("shape-attachment", 14, a.String(), nil)
	}
}

// nominalAttachment: an entry without the mark N is declared free of nominal
// data; one that can't be read declares nothing.
func nominalAttachment(entry string) bool {
	read, ok := readAttachment(BoxInfo{}, tidy(entry))
	return !ok || strings.HasSuffix(read, ";N")
}

// readIdentity reads type;number;country;date (G10), of which country and date
// may be missing.
func readIdentity(_ BoxInfo, v string) (string, bool) {
	parts := strings.Split(v, ";")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if len(parts) < 2 || len(parts) > 4 || parts[0] == "" || parts[1] == "" {
		return "", false
	}
	parts[0] = strings.ToUpper(parts[0])
	ok := true
	if len(parts) > 2 && parts[2] != "" {
		b, _ := boxOf("G8")
		parts[2], _ = readCountry(b, parts[2])
		ok = isCountry("G10", parts[2])
	}
	if len(parts) > 3 && parts[3] != "" {
		date, read := readDate(plain(parts[3]))
		if !read {
			return "", false
		}
		parts[3] = date
	}
	return strings.Join(parts, ";"), ok
}

func judgeIdentity(c *checker, a address, b BoxInfo, v string) {
	if _, ok := readIdentity(b, v); ok {
		return
	}
	parts := strings.Split(v, ";")
	switch {
	case len(parts) < 2 || len(parts) > 4 || strings.TrimSpace(parts[0]) == "" || strings.TrimSpace(parts[1]) == "":
		c.fail("shape-identity", 14, a.String(), nil)
	case len(parts) == 4 && strings.TrimSpace(parts[3]) != "" && !certainDate(parts[3]):
		c.fail("date", 14, a.String(), map[string]string{"example": b.example()})
	default:
		c.fail("country", 12, a.String(), nil)
	}
}

func certainDate(v string) bool {
	_, ok := readDate(plain(strings.TrimSpace(v)))
	return ok
}
