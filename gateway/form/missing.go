package form

import (
	"slices"
	"strings"
)

// suppliedByGateway are the boxes that aren't missing in what a partner sent.
var suppliedByGateway = []string{"A2", "A3", "A4", "A6", "A7", "A8", "A10", "A13", "A16", "A18", "A22"}

// missing names the mandatory boxes that are empty. What a partner leaves to
// the gateway is no fault of its form.
func (c *checker) missing() {
	must := slices.Concat([]string{"A1", "A3", "A4", "A6"}, c.typ.Must, c.ctx.Profile.required(c.f.Type()))
	slices.Sort(must)
	must = slices.Compact(must)
	for _, code := range must {
		a, ok := parseAddress(code)
		if !ok || c.ctx.Received && slices.Contains(suppliedByGateway, code) {
			continue
		}
		for _, row := range c.rows(a, true) {
			c.miss(row, Error)
		}
	}
	if c.f.Type() != "COR" {
		c.incomplete(must)
	}
	if c.f.Get("A17") == "" && c.ctx.Legal == "" && (c.f.Get("A16") == "Y" || IsNominal(c.f, c.ctx.Profile)) {
		c.miss(address{"A17", 1}, Error)
	}
	if slices.Contains(c.f.All("A11"), "H3") && c.f.Get("A12") == "" {
		c.miss(address{"A12", 1}, Error)
	}
	conditional := func(code string) bool { return c.f.Get(code) == "C" }
	if slices.ContainsFunc([]string{"P13", "P14", "P15"}, conditional) && c.f.Get("P16") == "" {
		c.miss(address{"P16", 1}, Warning)
	}
}

// incomplete warns of boxes that belong to what was filled in: a row of goods
// has a quantity, an event a country.
func (c *checker) incomplete(must []string) {
	for _, b := range Boxes() {
		if !b.One || slices.Contains(must, b.Code) {
			continue
		}
		for _, row := range c.rows(address{b.Code, 1}, false) {
			c.miss(row, Warning)
		}
	}
}

// rows gives where a box is empty: in its rows that are used and, for one that
// must be there, in the first.
func (c *checker) rows(a address, first bool) (empty []address) {
	last := 1
	if a.grouped() {
		last = max(1, c.f.Rows(a.group()))
	}
	for a.row = 1; a.row <= last; a.row++ {
		if c.f.Get(a.String()) == "" && (first && a.row == 1 || len(c.f.row(a.group(), a.row)) > 0) {
			empty = append(empty, a)
		}
	}
	return empty
}

// miss says what to write, by the kind of box.
func (c *checker) miss(a address, s Severity) {
	b, _ := a.box()
	key := "missing-text"
	switch {
	case b.example() == "":
		key = "nak-13" // words say themselves
	case b.Type == "dec" || b.Type == "int":
		key = "missing-number"
	case b.Type == "date" || b.Type == "dt":
		key = "missing-date"
	case b.Type == "ctry" || b.Type == "code" || strings.HasPrefix(b.List, "marking"):
		key = "missing-code"
	}
	args := c.named(a.String(), map[string]string{"example": b.example()})
	c.problems = append(c.problems, newProblem(key, 13, s, a.String(), args))
}
