package operation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// checker collects problems of one operation.
type checker struct {
	o    *Operation
	file string
	out  []Problem
}

// path leads to a value of the file: keys and places in lists.
type path []any

// in is a path below this one; it never shares its memory.
func (p path) in(steps ...any) path { return append(slices.Clone(p), steps...) }

func (c *checker) fail(at path, format string, args ...any) {
	c.out = append(c.out, Problem{File: c.file, Line: c.o.lines.Of(at...), Severity: "error", Code: "invalid", Message: fmt.Sprintf(format, args...)})
}

// warn adds a warning, with its justification where the file gives one.
func (c *checker) warn(at path, code, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	for _, j := range c.o.Justified {
		if j.Warning == code {
			message += " (justified: " + j.Reason + ")"
		}
	}
	c.out = append(c.out, Problem{File: c.file, Line: c.o.lines.Of(at...), Severity: "warning", Code: code, Message: message})
}

var codePattern = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{1,15}$`)

// Check judges the operation as a whole and returns every problem at once. unit
// is the gateway's own participant code.
func (o *Operation) Check(file string, unit ParticipantCode) []Problem {
	c := &checker{o: o, file: file}
	if !codePattern.MatchString(string(o.Code)) {
		c.fail(path{"operation"}, "operation: %q is not a code; use 2 to 16 capital letters, digits and hyphens, such as OP-7K3", o.Code)
	}
	if o.Organiser == "" {
		c.fail(path{"organiser"}, "organiser is missing: name the participant that organises, such as CY")
	} else if o.Participant(o.Organiser) == nil && o.Organiser != unit {
		c.warn(path{"organiser"}, "organiser", "the organiser %s is not among the participants", o.Organiser)
	}
	for _, v := range []struct{ key, value string }{{"unsigned", o.Policy.Unsigned}, {"unconfirmed", o.Policy.Unconfirmed}} {
		if v.value != "held" && v.value != "rejected" {
			c.fail(path{"policy", v.key}, "policy.%s: %q is neither held nor rejected", v.key, v.value)
		}
	}
	for i, j := range o.Justified {
		if j.Warning == "" || strings.TrimSpace(j.Reason) == "" {
			c.fail(path{"justified", i}, "justified: entry %d needs warning (its code) and reason", i+1)
		}
	}
	c.phases()
	c.forms()
	c.desk()
	c.tests()
	c.participants(unit)
	return c.out
}

// phases checks lengths and order. A length outside the usual is a warning that
// can be justified, never a wall. What is missing is said once: order and
// length are judged of whole spans alone.
func (c *checker) phases() {
	p := c.o.Phases
	for _, s := range []struct {
		name string
		span Span
		high int
	}{{"preparation", p.Preparation, 62}, {"operation", p.Operation, 14}, {"evaluation", p.Evaluation, 31}} {
		at := path{"phases", s.name}
		switch {
		case s.span.From.IsZero() && s.span.To.IsZero():
			c.fail(at, "phases.%s: from and to are missing", s.name)
		case s.span.From.IsZero():
			c.fail(at, "phases.%s: from is missing", s.name)
		case s.span.To.IsZero():
			c.fail(at, "phases.%s: to is missing", s.name)
		case s.span.To.Before(s.span.From.Time):
			c.fail(at, "phases.%s ends before it begins", s.name)
		case s.span.Days() > s.high:
			c.warn(at, s.name+"-length", "phases.%s lasts %d days; usual are up to %d", s.name, s.span.Days(), s.high)
		}
	}
	c.order(p.Preparation, p.Operation, "preparation", "operation", Preparation)
	c.order(p.Operation, p.Evaluation, "operation", "evaluation", Operational)
}

// order checks that one phase follows another.
func (c *checker) order(first, second Span, one, other string, counts Phase) {
	if !first.whole() || !second.whole() {
		return
	}
	if !second.From.After(first.To.Time) {
		c.fail(path{"phases", other}, "phases.%s begins before phases.%s ends", other, one)
	} else if second.From.Sub(first.To.Time) > 24*time.Hour {
		c.warn(path{"phases", other}, "gap", "there is a gap between phases.%s and phases.%s; it counts as %s", one, other, counts)
	}
}

func (s Span) whole() bool {
	return !s.From.IsZero() && !s.To.IsZero() && !s.To.Before(s.From.Time)
}

var (
	formPattern  = regexp.MustCompile(`^[A-Z]{3}$`)
	boxPattern   = regexp.MustCompile(`^[A-Z]{1,2}[1-9][0-9]?$`)
	extraPattern = regexp.MustCompile(`^X[1-9][0-9]?$`)
)

// forms checks the form profile: the shapes of its entries and, where they are
// right, whether there are such forms, boxes and codes.
func (c *checker) forms() {
	before := len(c.out)
	c.formShapes()
	if len(c.out) > before {
		return
	}
	for _, fault := range c.o.Forms.Profile().Faults() {
		at := path{"forms"}
		for _, key := range fault.At {
			at = at.in(key)
		}
		c.fail(at, "forms.%s: %s", strings.Join(fault.At, "."), fault.Message)
	}
}

func (c *checker) formShapes() {
	f := c.o.Forms
	for i, form := range f.Use {
		c.shape(path{"forms", "use", i}, "forms.use", form, formPattern, "form type; use three capital letters, such as SEZ")
	}
	for _, form := range sorted(f.Require) {
		at := path{"forms", "require", form}
		c.shape(at, "forms.require", form, formPattern, "form type; use three capital letters, such as SEZ")
		for i, box := range f.Require[form] {
			c.shape(at.in(i), "forms.require."+form, box, boxPattern, "box; use a code such as E1")
		}
	}
	for _, box := range sorted(f.Restrict) {
		c.shape(path{"forms", "restrict", box}, "forms.restrict", box, boxPattern, "box; use a code such as C1")
	}
	seen := map[string]bool{}
	for i, box := range f.Boxes {
		at := path{"forms", "boxes", i}
		c.shape(at.in("code"), "forms.boxes", box.Code, extraPattern, "box that an operation adds; use X1 to X99")
		if seen[box.Code] {
			c.fail(at.in("code"), "forms.boxes: %s is there twice", box.Code)
		}
		seen[box.Code] = true
		for _, lang := range sorted(box.Labels) {
			c.language(at.in("labels", lang), "forms.boxes: "+box.Code+": labels", lang)
		}
	}
	for _, lang := range sorted(f.Labels) {
		c.language(path{"forms", "labels", lang}, "forms.labels", lang)
		for _, box := range sorted(f.Labels[lang]) {
			c.shape(path{"forms", "labels", lang, box}, "forms.labels."+lang, box, boxPattern, "box; use a code such as E1")
		}
	}
}

func (c *checker) shape(at path, key, value string, pattern *regexp.Regexp, want string) {
	if !pattern.MatchString(value) {
		c.fail(at, "%s: %q is not a %s", key, value, want)
	}
}

var languagePattern = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// language checks the shape of a BCP 47 tag.
func (c *checker) language(at path, key, value string) {
	c.shape(at, key, value, languagePattern, "language; use its code, such as en or lv")
}

// sorted is a map's keys, so that problems always come in the same order.
func sorted[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Overlaps warns of participants that are in two operations at once.
func Overlaps(ops []*Operation) []Problem {
	var out []Problem
	for i, a := range ops {
		for _, b := range ops[i+1:] {
			if a.Phases.Operation.To.Before(b.Phases.Operation.From.Time) || b.Phases.Operation.To.Before(a.Phases.Operation.From.Time) {
				continue
			}
			for _, p := range a.Participants {
				if b.Participant(p.Code) != nil {
					out = append(out, Problem{File: string(a.Code), Severity: "warning", Code: "overlap",
						Message: fmt.Sprintf("%s is in %s and %s at the same time", p.Code, a.Code, b.Code)})
				}
			}
		}
	}
	return out
}
