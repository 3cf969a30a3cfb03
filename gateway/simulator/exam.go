package simulator

import (
	"slices"
	"strings"

	"liaison/gateway/operation"
)

// Exam is one participant of the laboratory with its faults, none for one who
// does everything right.
type Exam struct {
	Code   operation.ParticipantCode
	Kind   operation.ChannelKind   // of its first channel
	More   []operation.ChannelKind // that follow it
	Faults []Fault
}

// Name says what is wrong.
func (e Exam) Name() string {
	if len(e.Faults) == 0 {
		return "nothing is wrong (" + string(e.Kind) + ")"
	}
	var names []string
	for _, f := range e.Faults {
		names = append(names, f.Name)
	}
	return strings.Join(names, " + ")
}

// Cast is the participant with its faults.
func (e Exam) Cast() *Cast {
	c := &Cast{People: 1}
	for _, f := range e.Faults {
		f.Apply(c)
	}
	return c
}

// Alone are exams of each fault by itself, and of nothing for each kind.
func Alone() []Exam {
	var out []Exam
	for _, kind := range []operation.ChannelKind{mail, socket, plain} {
		out = append(out, Exam{Kind: kind})
	}
	for _, f := range Faults() {
		out = append(out, Exam{Kind: f.Kind, Faults: []Fault{f}})
	}
	return out
}

// Pairs are exams of every two faults that can come together.
func Pairs() []Exam {
	var out []Exam
	all := Faults()
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Kind == b.Kind && a.Slot != b.Slot && !excludes(a, b) && !excludes(b, a) {
				out = append(out, Exam{Kind: a.Kind, Faults: []Fault{a, b}})
			}
		}
	}
	return out
}

// Spread picks every nth exam, so that some of everything is among them.
func Spread(exams []Exam, n int) []Exam {
	var out []Exam
	for i := 0; i < len(exams); i += max(n, 1) {
		out = append(out, exams[i])
	}
	return out
}

// excludes reports whether one fault undoes what the other is about: both would
// change the same habit.
func excludes(a, b Fault) bool {
	x, y := &Cast{People: 1}, &Cast{People: 1}
	a.Apply(x)
	b.Apply(y)
	switch {
	case x.Key.Signs != "" && (y.Key.Signs != "" || y.Signing != "" || y.Next != ""), x.Signing != "" && (y.Signing != "" || y.Next != ""):
		return true
	case x.Next != "" && y.Next != "", (x.Key.Ends || x.Key.Encrypts) && y.Next == "confirmed": // a fault of its own
		return true
	case x.Fill != nil && y.Fill != nil, x.Calls != "" && y.Calls != "", x.People != 1 && y.People != 1, x.People == 0 && y.Contacts:
		return true
	case x.Complains && y.Silent: // who says nothing doesn't complain
		return true
	case x.Short && (y.Fill != nil || y.People != 1 || y.Contacts || y.Machine), x.Machine && (y.Contacts || y.People != 1):
		return true
	}
	return false
}

// Label is what must be found of an exam's faults together: those of the step
// that fails first hide what comes after it.
type Label struct {
	Codes []string   // one of these
	Told  [][]string // of each of these one, where nothing fails
	Steps []int      // that may fail first, none where none may
	Ready bool
}

// Label is the exam's.
func (e Exam) Label() Label {
	l := Label{Ready: true}
	first := 99
	for _, f := range e.Faults {
		l.Ready = l.Ready && f.Ready
		if len(f.Steps) > 0 {
			first = min(first, slices.Min(f.Steps))
		}
		if len(f.Codes) > 0 {
			l.Told = append(l.Told, f.Codes)
		}
	}
	for _, f := range e.Faults {
		if len(f.Steps) > 0 && slices.Min(f.Steps) == first {
			l.Codes, l.Steps = append(l.Codes, f.Codes...), append(l.Steps, f.Steps...)
		}
	}
	if len(l.Steps) == 0 {
		return l
	}
	l.Told = nil
	for _, f := range e.Faults {
		if len(e.Faults) == 1 && len(f.Steps) > 0 {
			break // nothing hides it
		}
		for _, s := range f.Clouds {
			l.Codes, l.Steps = append(l.Codes, s.Code), append(l.Steps, s.Step)
		}
	}
	return l
}

// Found is what a test made of a participant, in the words that everybody reads.
type Found struct {
	Ready bool
	Codes []string
	Step  int // that failed first, -1 for none
}

// Marks are how a test did in one exam.
type Marks struct {
	Exam       Exam
	Found      Found
	FalseGreen bool // ready, it says, and isn't
	FalseRed   bool // not ready, it says, and is
	Cause      bool // the cause is named
	Step       bool // the step is right
}

// Grade compares what was found with the label.
func (e Exam) Grade(f Found) Marks {
	l := e.Label()
	m := Marks{Exam: e, Found: f, FalseGreen: f.Ready && !l.Ready, FalseRed: !f.Ready && l.Ready}
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(c string) bool { return slices.Contains(f.Codes, c) })
	}
	m.Cause = len(l.Codes) == 0 || has(l.Codes)
	for _, told := range l.Told {
		m.Cause = m.Cause && has(told)
	}
	m.Step = len(l.Steps) == 0 && f.Step < 0 || slices.Contains(l.Steps, f.Step)
	return m
}
