package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

// view shows a run as it fills in: on a terminal a matrix that is drawn anew,
// elsewhere a line for each participant whose state changed.
type view struct {
	b       *testBench
	j       jsonFlag
	redraws bool
	drawn   int // lines on the screen
	last    map[operation.ParticipantCode]string
}

func newView(b *testBench, j jsonFlag) *view {
	out := b.out
	if p, is := out.(*printed); is {
		out = p.Writer
	}
	f, ok := out.(*os.File)
	return &view{b: b, j: j, redraws: ok && !j.JSON && isatty.IsTerminal(f.Fd()), last: map[operation.ParticipantCode]string{}}
}

// show draws what changed.
func (v *view) show(run gateway.TestRun, stands []commtest.Stand) {
	if v.redraws {
		v.draw(run, stands)
		return
	}
	for _, s := range stands {
		shown := commtest.Show(s, "en", time.Time{})
		shown.Run = run.ID
		text := shown.Line()
		if v.last[s.Participant] == text {
			continue
		}
		v.last[s.Participant] = text
		v.j.fact(v.b.app, shown, "%s  %s", v.b.s.now().Format("15:04:05"), text)
	}
}

// Whether the terminal goes on in the next row where a line is too long (DECAWM).
const wrapOff, wrapOn = "\x1b[?7l", "\x1b[?7h"

// draw writes the matrix over the one before it. Each line takes one row, on a narrow
// terminal too, which cuts it off: else what is drawn next wouldn't cover it.
func (v *view) draw(run gateway.TestRun, stands []commtest.Stand) {
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", v.drawn)
	}
	fmt.Fprintf(&b, wrapOff+"%s  %s  %s  %d not through yet\n", run.ID, v.b.op.Title, v.b.s.now().Format("15:04:05"), run.Open)
	for _, s := range stands {
		b.WriteString(commtest.Show(s, "en", time.Time{}).Line() + "\n")
	}
	b.WriteString(wrapOn)
	v.drawn = len(stands) + 1
	_, _ = io.WriteString(v.b.out, b.String()) // as with print: nobody reads any more
}

// end says how the run ended; "no" where somebody who was asked isn't ready.
func (v *view) end(run gateway.TestRun, stands []commtest.Stand) error {
	counts := map[commtest.Verdict]int{}
	var waiting []operation.ParticipantCode
	for _, s := range stands {
		counts[s.Verdict]++
		if !s.Passes() {
			waiting = append(waiting, s.Participant)
		}
	}
	v.j.fact(v.b.app, map[string]any{"run": run.ID, "ended": run.Ended.UTC().Format(time.RFC3339), "verdicts": counts, "waiting": waiting}, "%s has ended: %s.", run.ID, countWords(counts))
	if len(waiting) > 0 {
		v.j.say(v.b.app, "Next: liaison test show %s%s", run.ID, v.b.config.option())
		return no{fmt.Sprintf("not ready: %s", codeList(waiting))}
	}
	v.j.say(v.b.app, "Next: liaison test report %s --format html --out readiness.html%s", run.ID, v.b.config.option())
	return nil
}
