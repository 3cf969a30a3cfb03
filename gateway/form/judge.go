package form

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	decShape = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	intShape = regexp.MustCompile(`^[0-9]{1,12}$`)
	// long references are usual; short ones are taken with a word
	usualRef = regexp.MustCompile(`^[A-Z0-9]{2,12}-[A-Z0-9]{1,12}-[0-9]{4}-[0-9]{6}$`)
)

// IsUsualReference reports whether a reference is of the usual kind: country,
// authority, year and number.
func IsUsualReference(reference string) bool { return usualRef.MatchString(reference) }

func judgeDecimal(c *checker, a address, _ BoxInfo, v string) {
	_, unclear := readNumber(v)
	switch {
	case unclear && !c.sealed():
		first, second := bothReadings(v)
		c.fail("ambiguous", 14, a.String(), map[string]string{"value": c.shown(a, v), "first": first, "second": second})
	case !decShape.MatchString(v):
		c.fail("number", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	}
}

// Unclear names the numbers of a text form that have two readings, which would
// become one by being written as JSON.
func Unclear(f *Form) (problems []Problem) {
	c := &checker{sent: f, f: f.Normal()}
	for _, addr := range c.f.Addresses() {
		a, _ := parseAddress(addr)
		if b, _ := a.box(); b.Type == "dec" {
			judgeDecimal(c, a, b, c.f.Get(addr))
		}
	}
	return slices.DeleteFunc(c.problems, func(p Problem) bool { return p.Key != "ambiguous" })
}

func judgeInteger(c *checker, a address, _ BoxInfo, v string) {
	if !intShape.MatchString(v) {
		c.fail("whole-number", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	}
}

// judgeDate also warns of days ahead where only past ones make sense.
func judgeDate(c *checker, a address, b BoxInfo, v string) {
	if iso, ok := readDate(v); !ok || iso != v {
		c.fail("date", 14, a.String(), map[string]string{"value": c.shown(a, v), "example": b.example()})
		return
	}
	if ahead := c.ctx.Now.AddDate(0, 0, 1).Format(time.DateOnly); (a.code == "B1" || a.code == "G6") && !c.ctx.Now.IsZero() && v > ahead {
		c.warn("ahead", 14, a.String(), nil)
	}
}

const commodityPattern = `(0[1-9]|[1-68-9][0-9]|7[0-689])[0-9]{2}([0-9]{2}){0,3}`

var commodityShape = regexp.MustCompile("^" + commodityPattern + "$")

// readCommodity reads an HS, CN or TARIC code: digits, of a chapter that exists.
func readCommodity(v string) (string, bool) {
	digits := strings.NewReplacer(" ", "", ".", "").Replace(v)
	return digits, commodityShape.MatchString(digits)
}

func judgeCommodity(c *checker, a address, _ BoxInfo, v string) {
	switch _, ok := readCommodity(v); {
	case !ok:
		c.fail("hs", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	case len(v) == 4:
		c.warn("hs-heading", 14, a.String(), nil)
	}
}

func judgeContainer(c *checker, a address, _ BoxInfo, v string) { c.digits(a, Container(v)) }

// judgeReference takes what can be told apart, and asks for the usual form.
func judgeReference(c *checker, a address, b BoxInfo, v string) {
	switch _, ok := solidKinds["ref"].read(b, v); {
	case !ok:
		c.fail("shape-ref", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	case !usualRef.MatchString(v):
		c.warn("shape-ref", 14, a.String(), map[string]string{"value": c.shown(a, v)})
	}
}

// judgePlace knows the shape of a UN/LOCODE and its country; the list itself is
// the operation's affair.
func judgePlace(c *checker, a address, b BoxInfo, v string) {
	if _, ok := solidKinds["locode"].read(b, v); !ok || !isCountry("B4", v[:2]) {
		c.fail("shape-locode", 14, a.String(), map[string]string{"value": c.shown(a, v)})
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
