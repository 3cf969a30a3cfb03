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
	if c.f.Get("A16") == "N" && IsNominal(c.f, c.ctx.Profile) {
		c.warn("nominal-declared-no", 14, "A16", nil)
	}
	for _, addr := range c.f.Addresses() {
		for _, v := range c.f.All(addr) {
			if Classified(v) {
				c.fail("nak-67", 67, addr, nil)
				return
			}
		}
	}
	if names.MatchString(c.f.Get("H1")) {
		c.warn("names", 14, "H1", nil)
	}
}

// names is what a summary that holds a person's data tends to contain.
var names = regexp.MustCompile(`(?i)\b(mr|mrs|ms|herr|frau|born|geboren|née?|passport|date of birth|dob)\b\.?\s+\S`)

func (c *checker) goods() {
	for row := 1; row <= c.f.Rows("C"); row++ {
		quantity := address{"C4", row}
		v, status := c.f.Get(quantity.String()), c.f.Get(address{"C14", row}.String())
		if v != "" && strings.Trim(v, "0.") == "" && status != "NIL" {
			c.fail("zero", 14, quantity.String(), nil)
		}
		value, currency := address{"C7", row}, address{"C8", row}
		if c.f.Get(value.String()) != "" && c.f.Get(currency.String()) == "" {
			c.warn("no-currency", 14, currency.String(), nil)
		}
	}
}

// craft checks identifiers by their kind; a bad check digit never refuses.
func (c *checker) craft() {
	checks := map[string]func(string) error{"IMO": IMOShip, "MMSI": MMSI, "UIC": UIC}
	for row := 1; row <= c.f.Rows("E"); row++ {
		id, kind := address{"E3", row}, address{"E2", row}
		v, k := c.f.Get(id.String()), c.f.Get(kind.String())
		switch {
		case v == "" || v == remove:
		case k == "" && c.f.Type() != "COR":
			c.warn("no-kind", 14, kind.String(), nil)
		case checks[k] != nil:
			c.digits(id, checks[k](v))
		case k == "VIN" && VIN(v) == ErrShape:
			c.warn("number-shape", 14, id.String(), nil)
		}
	}
}

func (c *checker) parties() {
	for row := 1; row <= c.f.Rows("G"); row++ {
		number := address{"G12", row}
		if v := c.f.Get(number.String()); v != "" && v != remove && EORI(v) != nil {
			c.warn("eori", 14, number.String(), nil)
		}
	}
}

// classifiedMarks are the marks of EU classification; LIMITE isn't one.
var classifiedMarks = regexp.MustCompile(`(?i)RESTREINT\s+UE|EU\s+RESTRICTED|CONFIDENTIEL\s+UE|EU\s+CONFIDENTIAL|SECRET\s+UE|EU\s+SECRET|TR[EÈ]S\s+SECRET\s+UE|EU\s+TOP\s+SECRET`)

// Classified reports whether a text bears a mark of EU classification, for
// which the gateway isn't accredited.
func Classified(text string) bool { return classifiedMarks.MatchString(text) }

// Answers reports whether a form of one type is expected in answer to another.
func Answers(typ, to string) bool {
	t, ok := typeOf(to)
	return ok && t.Answer != "" && slices.Contains([]string{t.Answer, "ACK"}, typ)
}
