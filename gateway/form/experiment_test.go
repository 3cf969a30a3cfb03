package form

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// outcome of reading a mangled form whose truth is known.
type outcome int

const (
	right    outcome = iota // as it was written
	reported                // not, and the reader or the check value says so
	wrong                   // not, and nobody says so
)

// judged reads a mangled form.
func judged(truth *Form, text string) (outcome, *Form) {
	f, problems := ParseText(text)
	switch {
	case f != nil && withoutCheck(f).Equal(withoutCheck(truth)):
		return right, f
	case f == nil || len(problems) > 0 || f.Changed():
		return reported, f
	}
	return wrong, f
}

// TestMangledFormsAreRightOrReported is the experiment: realistic forms of every
// type in every language through every way of mangling, alone and in pairs, with
// and without a check value. Nothing may be read wrong silently.
// LIAISON_EXPERIMENT=n tries every pair n times.
func TestMangledFormsAreRightOrReported(t *testing.T) {
	rounds, share := 1, 24 // of the pairs; each way alone in any case
	if n, err := strconv.Atoi(os.Getenv("LIAISON_EXPERIMENT")); err == nil {
		rounds, share = n, 1
	}
	types, languages := Types(), Languages()
	counts := map[bool]map[outcome]int{true: {}, false: {}}
	n := 0
	for round := range rounds {
		for i, first := range manglers {
			for j, second := range manglers {
				if i > 0 && j > 0 && (i+j)%share != 0 {
					continue
				}
				if first.quotes() && second.adds() {
					continue
				}
				n++
				s := newSampler(uint64(round*1000003 + i*1009 + j))
				truth := s.form(types[n%len(types)].Code, languages[n/len(types)%len(languages)])
				sealed := n%2 == 0
				text := truth.Text(TextOptions{Lang: pick(s, languages)})
				if !sealed {
					text = unsealed(text)
				}
				mangled := second.apply(s, first.apply(s, text))
				got, f := judged(truth, mangled)
				counts[sealed][got]++
				if got == wrong && (sealed || !first.lossy && !second.lossy) {
					t.Errorf("%s, then %s (round %d, sealed %v): read wrong silently\n%s", first.name, second.name, round, sealed, differences(truth, f))
					if os.Getenv("LIAISON_SHOW") != "" {
						t.Logf("text:\n%s", mangled)
					}
				}
			}
		}
	}
	t.Logf("%d mangled forms: with a check value %v, without %v (right, reported, wrong)", n, counts[true], counts[false])
	if float64(counts[true][right]) < 0.7*float64(n/2) {
		t.Errorf("only %d of %d were right", counts[true][right], n/2)
	}
}

// unsealed takes the check value off, as in a form filled in by hand.
func unsealed(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "A24: [") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func differences(want, got *Form) string {
	var b strings.Builder
	w, g := withoutCheck(want), withoutCheck(got)
	for _, addr := range w.Addresses() {
		if fmt.Sprint(w.All(addr)) != fmt.Sprint(g.All(addr)) {
			fmt.Fprintf(&b, "  %s = %q; want %q\n", addr, g.All(addr), w.All(addr))
		}
	}
	for _, addr := range g.Addresses() {
		if len(w.All(addr)) == 0 {
			fmt.Fprintf(&b, "  %s = %q; want nothing\n", addr, g.All(addr))
		}
	}
	return b.String()
}
