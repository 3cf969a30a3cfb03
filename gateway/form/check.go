package form

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check applies every rule of the form. Errors stop it (answered with a NAK
// that names the box), warnings travel with it. It changes nothing.
func Check(f *Form, ctx Context) []Problem {
	c := &checker{sent: f, f: f.Normal(), ctx: ctx}
	c.form()
	for _, addr := range c.f.Addresses() {
		a, _ := parseAddress(addr)
		c.allowed(a)
		c.box(a)
	}
	c.missing()
	c.across()
	if !f.IsNormal() {
		c.warn("not-normal", 14, "", nil)
	}
	return c.problems
}

// checker carries one form through its checks.
type checker struct {
	sent, f  *Form // as sent, and in normal form
	ctx      Context
	typ      TypeInfo
	problems []Problem
}

func (c *checker) fail(key string, code int, box string, args map[string]string) {
	c.problems = append(c.problems, newProblem(key, code, Error, box, args))
}

func (c *checker) warn(key string, code int, box string, args map[string]string) {
	c.problems = append(c.problems, newProblem(key, code, Warning, box, args))
}

// form checks what concerns the form as a whole: type, version, phase, A24.
func (c *checker) form() {
	name := c.f.Type()
	typ, known := typeOf(name)
	c.typ = typ
	if name != "" && !known {
		c.fail("not-in-list", 12, "A1", map[string]string{"value": name, "list": c.codes("form-type")})
	}
	if p := c.ctx.Profile; known && p != nil && len(p.Use) > 0 && !slices.Contains(p.Use, name) && !slices.Contains(alwaysInUse, name) {
		c.fail("type-not-used", 12, "A1", map[string]string{"type": name})
	}
	if v := c.f.Get("A2"); v != "" && v != Version {
		c.fail("version", 69, "A2", map[string]string{"value": v, "limit": Version})
	}
	if c.ctx.Phase != "" && len(typ.Phases) > 0 && !slices.Contains(typ.Phases, c.ctx.Phase) {
		c.warn("phase", 14, "A1", map[string]string{"type": name})
	}
	if c.f.Get("A24") != "" && !c.sent.sealHolds() {
		c.warn("changed", 14, "A24", nil)
	}
}

// allowed checks whether a box may be filled in this form at all.
func (c *checker) allowed(a address) {
	_, extra := c.ctx.Profile.extra(a.code)
	b, known := a.box()
	switch {
	case extra || a.removesRow():
	case !known || a.row > 1 && !a.grouped():
		c.warn("unknown-box", 15, a.String(), nil)
		return
	case c.typ.Code != "" && a.group() != "A" && !strings.Contains(c.typ.Groups, a.group()):
		c.warn("not-here", 15, a.String(), map[string]string{"type": c.typ.Code})
	}
	if c.f.Get(a.String()) == remove && c.f.Type() != "COR" {
		c.fail("remove-only-in-cor", 14, a.String(), nil)
	}
	if n := len(c.f.All(a.String())); b.Code == "A11" && n > 3 {
		c.fail("too-many", 14, a.String(), map[string]string{"limit": "3"})
	}
}

// box checks every value of a box.
func (c *checker) box(a address) {
	b, known := a.box()
	if x, ok := c.ctx.Profile.extra(a.code); ok {
		b.Code, known = x.Code, true
	}
	for _, v := range c.f.All(a.String()) {
		if v == remove || !known {
			continue
		}
		if limit := b.limit(); utf8.RuneCountInString(v) > limit {
			c.fail("too-long", 14, a.String(), map[string]string{"limit": strconv.Itoa(limit)})
		}
		c.value(a, b, v)
		if p := c.ctx.Profile; p != nil && len(p.Restrict[a.code]) > 0 && !slices.Contains(p.Restrict[a.code], v) {
			c.fail("not-in-list", 12, a.String(), map[string]string{"value": c.shown(a, v), "list": strings.Join(p.Restrict[a.code], " ")})
		}
	}
}

// limit is the longest value in characters.
func (b BoxInfo) limit() int {
	if b.Max > 0 {
		return b.Max
	}
	return 64
}

// shown is a value as a message may repeat it: nothing of a person.
func (c *checker) shown(a address, v string) string {
	if Nominal(c.f, a.String(), c.ctx.Profile) || Sensitive(a.String(), c.ctx.Profile) || FreeText(a.String()) {
		return ""
	}
	if utf8.RuneCountInString(v) > 40 {
		return string([]rune(v)[:40]) + "..."
	}
	return v
}

// codes lists a code list's members for a message, the beginning of a long one.
func (c *checker) codes(list string) string {
	var out []string
	for _, e := range Codes(list) {
		if len(out) == 24 {
			return strings.Join(out, " ") + " ..."
		}
		out = append(out, e.Code)
	}
	return strings.Join(out, " ")
}

// suppliedByGateway are the boxes that aren't missing in what a partner sent.
var suppliedByGateway = []string{"A2", "A3", "A4", "A6", "A7", "A8", "A10", "A13", "A16", "A18", "A22"}

// missing names the mandatory boxes that are empty. What a partner leaves to
// the gateway is no fault of its form.
func (c *checker) missing() {
	must := slices.Concat([]string{"A1", "A3", "A4", "A6"}, c.typ.Must, c.ctx.Profile.required(c.f.Type()))
	slices.Sort(must)
	for _, code := range slices.Compact(must) {
		a, ok := parseAddress(code)
		if !ok || c.ctx.Received && slices.Contains(suppliedByGateway, code) {
			continue
		}
		rows := 1
		if a.grouped() {
			rows = max(1, c.f.Rows(a.group()))
		}
		for row := 1; row <= rows; row++ {
			a.row = row
			if c.f.Get(a.String()) == "" && (row == 1 || len(c.f.row(a.group(), row)) > 0) {
				c.miss(a)
			}
		}
	}
	if c.f.Get("A16") == "Y" || IsNominal(c.f, c.ctx.Profile) {
		if c.f.Get("A17") == "" && c.ctx.Legal == "" {
			c.miss(address{"A17", 1})
		}
	}
	if slices.Contains(c.f.All("A11"), "H3") && c.f.Get("A12") == "" {
		c.miss(address{"A12", 1})
	}
}

// miss says what to write, by the kind of box.
func (c *checker) miss(a address) {
	b, _ := a.box()
	key, example := "missing-text", "..."
	switch b.Type {
	case "dec", "int":
		key, example = "missing-number", "120"
	case "date":
		key, example = "missing-date", "2027-01-15"
	case "dt":
		key, example = "missing-date", "2027-01-15T10:15:00Z"
	case "ctry", "citizen":
		key, example = "missing-code", "LV"
	case "code", "unit", "currency", "yn":
		key = "missing-code"
		if l := Codes(b.List); len(l) > 0 {
			example = l[0].Code
		}
	case "ref":
		example = "LV-VID-2027-000017"
	}
	args := map[string]string{"example": example}
	c.fail(key, 13, a.String(), args)
}
