package form

// Change is what a correction did to one box.
type Change struct {
	Box string `json:"box"`
	Was string `json:"was"`
	Now string `json:"now"` // "" where the box was removed
}

// ownBoxes are the boxes of a correction that speak of the correction itself.
var ownBoxes = map[string]bool{"A1": true, "A2": true, "A4": true, "A5": true, "A6": true, "A7": true, "A8": true, "A20": true, "A24": true}

// Apply puts a correction (COR) onto the original and gives the whole, what
// changed, and what couldn't be applied. The whole keeps the original's type,
// reference, sender, recipients and time. A16, marking, handling and priority
// are never weaker than the original's.
func Apply(original, correction *Form) (*Form, []Change, []Problem) {
	whole, sent := original.Normal(), correction.Normal()
	var changes []Change
	var problems []Problem
	for _, addr := range sent.Addresses() {
		a, _ := parseAddress(addr)
		switch {
		case ownBoxes[a.code]:
		case a.removesRow():
			changes = append(changes, whole.removeRow(a)...)
		case sent.Get(addr) == remove && whole.Get(addr) == "":
			problems = append(problems, newProblem("nothing-to-remove", 14, Warning, addr, nil))
		default:
			if c, changed := whole.change(a, sent.All(addr)); changed {
				changes = append(changes, c)
			}
		}
	}
	whole.reseal(original, sent, correction.sealHolds())
	return whole, changes, problems
}

func (f *Form) change(a address, values []string) (Change, bool) {
	addr := a.String()
	b, _ := a.box()
	was := joined(b, f.All(addr))
	if len(values) == 1 && values[0] == remove {
		values = nil
	}
	values = stricter(a.code, f.All(addr), values)
	f.Set(addr, values...)
	now := joined(b, f.All(addr))
	return Change{Box: addr, Was: was, Now: now}, was != now
}

func (f *Form) removeRow(a address) []Change {
	var out []Change
	for _, b := range f.row(a.group(), a.row) {
		c, _ := f.change(b, nil)
		out = append(out, c)
	}
	return out
}

// strictness lists the values of boxes that a correction can't weaken, the
// weakest first.
var strictness = map[string][]string{
	"A9":  {"R", "P", "U"},
	"A13": {"TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"},
	"A16": {"N", "Y"},
}

// stricter gives the values that the whole must carry.
func stricter(code string, was, now []string) []string {
	if code == "A11" || code == "A12" && len(now) == 0 {
		return union(was, now)
	}
	order, ok := strictness[code]
	if !ok || len(was) == 0 {
		return now
	}
	if len(now) == 0 || rank(order, now[0]) < rank(order, was[0]) {
		return was
	}
	return now
}

// rank puts what can't be read at the strict end.
func rank(order []string, v string) int {
	for i, o := range order {
		if o == v {
			return i
		}
	}
	return len(order)
}

func union(a, b []string) []string {
	out := append([]string{}, a...)
	for _, v := range b {
		if rank(out, v) == len(out) {
			out = append(out, v)
		}
	}
	return out
}

// reseal gives the whole a check value of its own where no decimal of it is in
// doubt; the old one no longer fits.
func (f *Form) reseal(original, sent *Form, sentHolds bool) {
	doubt := !original.sealHolds() && doubtful(original, f) || !sentHolds && doubtful(sent, f)
	f.Set("A24")
	f.seal = sealed{}
	if !doubt {
		f.Set("A24", f.CheckValue())
	}
}

// doubtful reports whether a decimal of source with two readings stands in
// whole.
func doubtful(source, whole *Form) bool {
	for _, addr := range source.Addresses() {
		a, _ := parseAddress(addr)
		b, _ := a.box()
		v := source.Get(addr)
		if _, unclear := readNumber(v); unclear && (b.Type == "dec" || b.Type == "int") && whole.Get(addr) == v {
			return true
		}
	}
	return false
}
