package form

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check applies every rule of the form. Errors stop it (answered with a NAK
// that names the box), warnings travel with it. Errors come first, each in the
// order of the boxes. It changes nothing.
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
	c.notNormal()
	slices.SortStableFunc(c.problems, inOrder)
	return c.problems
}

// checker carries one form through its checks.
type checker struct {
	sent, f  *Form // as sent, and in normal form
	ctx      Context
	typ      TypeInfo
	problems []Problem
	seal     *bool // whether A24 holds, once asked
}

func (c *checker) fail(key string, code int, box string, args map[string]string) {
	c.problems = append(c.problems, newProblem(key, code, Error, box, c.named(box, args)))
}

func (c *checker) warn(key string, code int, box string, args map[string]string) {
	c.problems = append(c.problems, newProblem(key, code, Warning, box, c.named(box, args)))
}

// named adds the labels that the operation gave a box to a problem's arguments.
func (c *checker) named(box string, args map[string]string) map[string]string {
	a, _ := parseAddress(box)
	labels := c.ctx.Profile.labels(a.code)
	if len(labels) == 0 {
		return args
	}
	args = maps.Clone(args)
	if args == nil {
		args = map[string]string{}
	}
	for lang, label := range labels {
		args["name."+lang] = label
	}
	return args
}

func (c *checker) sealed() bool {
	if c.seal == nil {
		holds := c.sent.sealHolds()
		c.seal = &holds
	}
	return *c.seal
}

// inOrder puts errors before warnings, and each in the order of the boxes.
func inOrder(p, q Problem) int {
	if p.Severity != q.Severity {
		return cmp.Compare(p.Severity, q.Severity)
	}
	a, _ := parseAddress(p.Box)
	b, _ := parseAddress(q.Box)
	return a.compare(b)
}

// form checks what concerns the form as a whole: type, version, phase, A24.
func (c *checker) form() {
	name := c.f.Type()
	c.typ, _ = typeOf(name)
	if p := c.ctx.Profile; c.typ.Code != "" && !p.uses(name) {
		c.fail("type-not-used", 12, "A1", map[string]string{"type": name})
	}
	if v := c.f.Get("A2"); v != "" && v != Version {
		c.fail("version", 69, "A2", map[string]string{"value": v, "limit": Version})
	}
	if c.ctx.Phase != "" && len(c.typ.Phases) > 0 && !slices.Contains(c.typ.Phases, c.ctx.Phase) {
		c.warn("phase", 14, "A1", map[string]string{"type": name})
	}
	if c.sent.Changed() {
		c.warn("changed", 14, "A24", nil)
	}
}

// allowed checks whether a box may be filled in this form at all. What nobody
// knows is kept; a box that we know and that has no place here is refused.
func (c *checker) allowed(a address) {
	_, extra := c.ctx.Profile.extra(a.code)
	_, known := a.box()
	switch {
	case extra || a.removesRow():
	case !known || a.row > 1 && !a.grouped():
		c.warn("unknown-box", 15, a.String(), nil)
		return
	case c.typ.Code != "" && !c.typ.allows(a.group()):
		c.fail("not-here", 15, a.String(), map[string]string{"type": c.typ.Code})
	}
	values := c.f.All(a.String())
	if values[0] == remove && c.f.Type() != "COR" {
		c.fail("remove-only-in-cor", 14, a.String(), nil)
	}
	limit := maxValues
	if a.code == "A11" {
		limit = 3
	}
	if len(values) > limit {
		c.fail("too-many", 14, a.String(), map[string]string{"limit": strconv.Itoa(limit)})
	}
}

// box checks every value of a box.
func (c *checker) box(a address) {
	b, known := a.box()
	if x, ok := c.ctx.Profile.extra(a.code); ok {
		b.Code, known = x.Code, true
	}
	judge := kindOf(b.Type).judge
	values := c.f.All(a.String())
	for _, v := range values[:min(len(values), maxValues)] { // more are too many anyway
		if v == remove || !known {
			continue
		}
		if limit := b.limit(); utf8.RuneCountInString(v) > limit {
			c.fail("too-long", 14, a.String(), map[string]string{"limit": strconv.Itoa(limit)})
		}
		if judge == nil {
			judge = judgeShape
		}
		judge(c, a, b, v)
		if only := c.ctx.Profile.restricts(a.code); len(only) > 0 && !slices.Contains(only, v) {
			c.fail("not-in-list", 12, a.String(), map[string]string{"value": c.shown(a, v), "list": strings.Join(only, " ")})
		}
	}
}

// judgeShape refuses what the reader of a kind can't read.
func judgeShape(c *checker, a address, b BoxInfo, v string) {
	read := kindOf(b.Type).read
	if read == nil {
		return
	}
	if _, ok := read(b, v); !ok {
		c.fail("shape-"+b.Type, 14, a.String(), map[string]string{"value": c.shown(a, v)})
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

// notNormal names the boxes that are read otherwise than they were written.
func (c *checker) notNormal() {
	var boxes []string
	for _, addr := range c.sent.Addresses() {
		if !slices.Equal(c.sent.All(addr), c.f.All(addr)) {
			boxes = append(boxes, addr)
		}
	}
	if len(boxes) > 0 {
		c.warn("not-normal", 14, "", map[string]string{"list": strings.Join(boxes, " ")})
	}
}
