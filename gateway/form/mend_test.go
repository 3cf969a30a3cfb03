package form

import (
	"runtime"
	"strings"
	"testing"
)

// Without a bound, what may explain a wrong check value is tried forty times over.
func TestAWrongCheckValueInALargeFormCostsNotMuchMoreThanNone(t *testing.T) {
	text := "A1: [SEZ]\nD4: [" + strings.Repeat("a’,b–;", MaxSize/16) + "]\n"
	allocated := func(text string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if f, _ := ParseText(text); f == nil || f.Get("D4") == "" {
			t.Fatal("the form isn't read")
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	none, wrong := allocated(text), allocated(text+"A24: [AAAAAA]\n")
	if wrong > 8*none {
		t.Errorf("ParseText allocated %d MB with a wrong check value, %d MB with none; want at most eight times as much", wrong>>20, none>>20)
	}
}
