package form

import (
	"regexp"
	"slices"
	"strings"
)

// across checks what lies between boxes.
func (c *checker) across() {
	c.goods()
	c.craft()
	c.parties()
	c.place()
	c.nothing()
	if c.f.Get("A16") == "N" && IsNominal(c.f, c.ctx.Profile) {
		c.warn("nominal-declared-no", 14, "A16", nil)
	}
	if addr := c.classified(); addr != "" {
		c.fail("nak-67", 67, addr, nil)
	}
	if names.MatchString(c.f.Get("H1")) {
		c.warn("names", 14, "H1", nil)
	}
}

// classified gives the first box that bears a mark of EU classification.
func (c *checker) classified() string {
	for _, addr := range c.f.Addresses() {
		if slices.ContainsFunc(c.f.All(addr), Classified) {
			return addr
		}
	}
	return ""
}

// names is what a summary that holds a person's data tends to contain.
var names = regexp.MustCompile(`(?i)\b(mr|mrs|ms|herr|frau|mme|born|geboren|née?|passport|date of birth|dob)\b\.?\s+\S`)

func (c *checker) goods() {
	for row := 1; row <= c.f.Rows("C"); row++ {
		quantity := address{"C4", row}
		v, status := c.f.Get(quantity.String()), c.f.Get(address{"C14", row}.String())
		if v != "" && strings.Trim(v, "0.") == "" && status != "NIL" && c.f.Type() != "COR" {
			c.fail("zero", 14, quantity.String(), nil)
		}
		value, currency := address{"C7", row}, address{"C8", row}
		if filled(c.f.Get(value.String())) && c.f.Get(currency.String()) == "" && c.f.Type() != "COR" {
			c.warn("no-currency", 14, currency.String(), nil)
		}
	}
}

// craft checks identifiers by their kind; a bad check digit never refuses.
func (c *checker) craft() {
	checks := map[string]func(string) error{"IMO": IMOShip, "MMSI": MMSI, "UIC": UIC, "ENI": ENI, "VIN": americanVIN}
	for row := 1; row <= c.f.Rows("E"); row++ {
		id, kind := address{"E3", row}, address{"E2", row}
		v, k := c.f.Get(id.String()), c.f.Get(kind.String())
		switch {
		case !filled(v):
		case k == "" && c.f.Type() != "COR":
			c.warn("no-kind", 14, kind.String(), nil)
		case checks[k] != nil:
			c.digits(id, checks[k](v))
		}
	}
}

// americanVIN holds a VIN to its check digit where that is mandatory: in North
// America, whose makers' codes begin with 1 to 5.
func americanVIN(v string) error {
	if err := VIN(v); err == ErrShape || compact(v)[0] >= '1' && compact(v)[0] <= '5' {
		return err
	}
	return nil
}

// parties looks at register numbers that seem to be EORI or VAT numbers.
func (c *checker) parties() {
	for row := 1; row <= c.f.Rows("G"); row++ {
		number := address{"G12", row}
		if v := c.f.Get(number.String()); filled(v) && looksRegistered.MatchString(compact(v)) && !registered(v) {
			c.warn("eori", 14, number.String(), nil)
		}
	}
}

var looksRegistered = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]*[0-9][A-Z0-9]*$`)

// registered: an EORI begins with an ISO country, a VAT number of Greece with
// EL.
func registered(v string) bool {
	return EORI(v) == nil || greekVAT.MatchString(compact(v))
}

var greekVAT = regexp.MustCompile(`^EL[0-9]{9}$`)

// place holds the place's code and the customs office against the country: NL
// HAM is Harmelen, not Hamburg.
func (c *checker) place() {
	country := c.f.Get("B3")
	for _, box := range []string{"B4", "B7"} {
		v := c.f.Get(box)
		if len(v) < 2 || !listed("country", country) || !listed("country", v[:2]) || v[:2] == country {
			continue
		}
		c.warn("elsewhere", 14, box, map[string]string{"first": v[:2], "second": country})
	}
}

// nothing warns of a report that says "nothing to report" beside figures.
func (c *checker) nothing() {
	if c.f.Get("K9") != "Y" {
		return
	}
	for _, box := range []string{"K2", "K3", "K4", "K5"} {
		if v := c.f.Get(box); v != "" && strings.Trim(v, "0") != "" {
			c.warn("nothing-but", 14, "K9", map[string]string{"first": box})
			return
		}
	}
}

// classifiedMarks are the marks of EU classification; LIMITE isn't one. Halves
// that are ordinary words too count in capitals only.
var classifiedMarks = regexp.MustCompile(`(?i:RESTREINT\s+UE|CONFIDENTIEL\s+UE|SECRET\s+UE|UE\s*/\s*EU\s+(?:RESTRICTED|CONFIDENTIAL|(?:TOP\s+)?SECRET))|EU\s+(?:RESTRICTED|CONFIDENTIAL|(?:TOP\s+)?SECRET)|\b(?:R|C|S|TS)-UE/EU-(?:R|C|S|TS)\b`)

// Classified reports whether a text bears a mark of EU classification, for
// which the gateway isn't accredited.
func Classified(text string) bool {
	lower := strings.ToLower(strings.ToUpper(text)) // as the expression folds: a long s is an s
	return slices.ContainsFunc(markWords, func(w string) bool { return strings.Contains(lower, w) }) && classifiedMarks.MatchString(text)
}

// markWords are those of which each mark holds one: looking for them is cheap.
var markWords = []string{"restr", "confiden", "secret", "-ue/eu-"}

// Answers reports whether a form of one type is expected in answer to another.
func Answers(typ, to string) bool {
	t, ok := typeOf(to)
	return ok && t.Answer != "" && slices.Contains([]string{t.Answer, "ACK"}, typ)
}
