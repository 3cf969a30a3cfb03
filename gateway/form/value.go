package form

import (
	"errors"
	"regexp"
	"strings"
	"time"
)

var (
	refShape         = regexp.MustCompile(`^[A-Z0-9]{2,8}(-[A-Z0-9]{1,12}){0,2}-[0-9]{4}-[0-9]{1,9}$`)
	locodeShape      = regexp.MustCompile(`^[A-Z]{2}[A-Z2-9]{3}$`)
	officeShape      = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{6}$`)
	clockShape       = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	hsShape          = regexp.MustCompile(`^[0-9]{4}([0-9]{2}){0,3}$`)
	fingerprintShape = regexp.MustCompile(`^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$`)
	participantShape = regexp.MustCompile(`^[A-Z0-9][A-Z0-9+._-]{0,19}$`)
	decShape         = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	intShape         = regexp.MustCompile(`^[0-9]{1,12}$`)
	casInText        = regexp.MustCompile(`[0-9]{2,7}-[0-9]{2}-[0-9]`)
)

// value checks one value by its box's type.
func (c *checker) value(a address, b BoxInfo, v string) {
	switch b.Type {
	case "code", "unit", "currency", "yn":
		if !listed(b.List, v) {
			c.fail("not-in-list", 12, a.String(), map[string]string{"value": c.shown(a, v), "list": c.codes(b.List)})
		}
	case "ctry", "citizen":
		if !isCountry(a.code, v) {
			c.fail("country", 12, a.String(), map[string]string{"value": c.shown(a, v)})
		}
	case "dec", "int":
		c.number(a, b, v)
	case "date":
		c.date(a, v)
	case "dt":
		if _, ok := readTime(v); !ok {
			c.fail("time", 14, a.String(), map[string]string{"value": c.shown(a, v)})
		}
	case "hs":
		c.commodityCode(a, v)
	default:
		c.shape(a, b, v)
	}
}

// shape checks what has a fixed form or a check digit.
func (c *checker) shape(a address, b BoxInfo, v string) {
	shapes := map[string]*regexp.Regexp{"ref": refShape, "office": officeShape, "time": clockShape, "part": participantShape, "fingerprint": fingerprintShape}
	if b.Type == "fingerprint" {
		v = strings.ReplaceAll(v, " ", "")
	}
	switch re := shapes[b.Type]; {
	case re != nil && !re.MatchString(v):
		c.fail("shape-"+b.Type, 14, a.String(), map[string]string{"value": c.shown(a, v)})
	case b.Type == "locode" && (!locodeShape.MatchString(v) || !isCountry("B3", v[:2])):
		c.fail("shape-locode", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	case b.Type == "container":
		c.digits(a, Container(v))
	case b.Type == "document":
		c.document(a, v)
	case b.Type == "cas":
		if n := casInText.FindString(v); n != "" {
			c.digits(a, CAS(n))
		}
	}
}

// digits warns about a number that doesn't add up: real boxes are misread, and
// a seizure must still go through.
func (c *checker) digits(a address, err error) {
	switch {
	case errors.Is(err, ErrCheckDigit):
		c.warn("check-digit", 14, a.String(), nil)
	case err != nil:
		c.warn("number-shape", 14, a.String(), nil)
	}
}

func (c *checker) document(a address, v string) {
	kind, number, ok := strings.Cut(v, ":")
	kind, number = strings.ToUpper(strings.TrimSpace(kind)), strings.TrimSpace(number)
	if !ok || !listed("document", kind) {
		c.warn("document", 14, a.String(), map[string]string{"list": c.codes("document")})
		return
	}
	switch kind {
	case "AWB":
		c.digits(a, AWB(number))
	case "MRN":
		c.digits(a, MRN(number))
	case "S10":
		c.digits(a, S10(number))
	}
}

func (c *checker) number(a address, b BoxInfo, v string) {
	_, unclear := readNumber(v)
	switch {
	case unclear && !c.sent.sealHolds():
		first, second := bothReadings(v)
		c.fail("ambiguous", 14, a.String(), map[string]string{"value": c.shown(a, v), "first": first, "second": second})
	case b.Type == "int" && !intShape.MatchString(v):
		c.fail("whole-number", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	case !decShape.MatchString(v) || strings.HasPrefix(v, "-"):
		c.fail("number", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	}
}

func (c *checker) date(a address, v string) {
	if iso, ok := readDate(v); !ok || iso != v {
		c.fail("date", 14, a.String(), map[string]string{"value": c.shown(a, v)})
		return
	}
	if ahead := c.ctx.Now.AddDate(0, 0, 1).Format(time.DateOnly); (a.code == "B1" || a.code == "G6") && !c.ctx.Now.IsZero() && v > ahead {
		c.warn("ahead", 14, a.String(), nil)
	}
}

func (c *checker) commodityCode(a address, v string) {
	switch {
	case !hsShape.MatchString(v) || v[:2] == "00" || v[:2] == "77":
		c.fail("hs", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	case len(v) == 4:
		c.warn("hs-heading", 14, a.String(), nil)
	}
}
