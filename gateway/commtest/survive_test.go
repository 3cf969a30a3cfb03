package commtest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

func (m mortal) ClaimDue(ctx context.Context, kinds []string, limit int, now time.Time) ([]gateway.Due, error) {
	list, err := m.Store.ClaimDue(ctx, kinds, limit, now)
	if err == nil && len(list) > 0 {
		err = m.w.step()
	}
	return list, err
}

func (m mortal) FinishDue(ctx context.Context, d gateway.Due, decide func(gateway.Ledger) (*gateway.Decision, time.Time, error)) error {
	if err := m.w.step(); err != nil {
		return err
	}
	if err := m.Store.FinishDue(ctx, d, decide); err != nil {
		return err
	}
	return m.w.step()
}

// outcome is what a run came to, for whoever compares two.
type outcome struct {
	Calls    map[operation.ParticipantCode]int
	Notices  []string
	Verdicts map[operation.ParticipantCode]commtest.Verdict
}

// story is a whole run: LV fills the form in, PL never answers, and everyone is
// reminded until it ends. The process dies at a step and is started again on what
// is recorded.
func story(t *testing.T, before *world, dies int) (w *world, o outcome) {
	t.Helper()
	w = worldOn(t, before.record.Kill(t), before.op, tuesday)
	w.answers["LV"], w.answers["CY"] = w.fills("AI"), w.fills("CX")
	id := w.begin(commtest.Order{Mode: "TEST", Priority: gateway.Routine, Deadline: operation.Term{Time: 4 * time.Hour}})
	w.dies, w.steps = dies, 0
	for {
		err := w.until(tuesday.Add(5*time.Hour), 20*time.Minute)
		if err == nil {
			break
		}
		if !errors.Is(err, errDead) || w.dies == 0 {
			t.Fatalf("death at step %d: %v", dies, err)
		}
		w.dies, w.record = 0, w.record.Kill(t)
		w.start()
	}
	return w, w.outcome(id)
}

func (w *world) outcome(id gateway.RunID) outcome {
	w.t.Helper()
	o := outcome{Calls: map[operation.ParticipantCode]int{}}
	runs, err := w.st.TestRuns(w.t.Context(), w.op.Code)
	w.must("TestRuns", err)
	order, err := commtest.ReadOrder(&runs[0])
	w.must("ReadOrder", err)
	if runs[0].Ended.IsZero() || order.Summary == nil {
		w.t.Fatalf("run %s has not ended: %d are forgotten", id, runs[0].Open)
	}
	o.Verdicts = order.Summary.Verdicts
	for _, p := range w.op.Participants {
		party, err := w.st.TestParty(w.t.Context(), id, p.Code)
		w.must("TestParty", err)
		o.Calls[p.Code] = len(party.Probes)
	}
	o.Notices = slices.Sorted(slices.Values(w.notices))
	return o
}

func TestRunGoesOnAfterDeathAtAnyStepAndAsksNobodyTwice(t *testing.T) {
	before := newWorld(t, tuesday)
	whole, want := story(t, before, 0)
	if want.Verdicts["LV"] != commtest.Amber || want.Verdicts["PL"] != commtest.Red || len(want.Notices) == 0 {
		t.Fatalf("a run without death comes to %+v; want LV ready, PL not, and reminders", want)
	}
	every := 1
	if racing || testing.Short() {
		every = 8 // a sample
	}
	for dies := 1; dies <= whole.steps; dies += every {
		w, got := story(t, before, dies)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("death at step %d of %d (-without +with):\n%s", dies, whole.steps, diff)
		}
		if repeats := w.repeats(); repeats > 1 {
			t.Errorf("death at step %d: %d mails left twice; want at most the one that was under way", dies, repeats)
		}
	}
}

// repeats counts mails that left more than once, each under its one identity.
func (w *world) repeats() (n int) {
	for _, times := range w.handed {
		n += times - 1
	}
	return n
}

func TestTwoProcessesStepThroughARunWithoutAskingTwice(t *testing.T) {
	w := newWorld(t, tuesday)
	other := &commtest.Runner{Self: w.runner.Self, Clock: w.runner.Clock, Record: w.runner.Record, Survey: allWell{}, Now: w.clock}
	id := w.begin(commtest.Order{Deadline: operation.Term{Time: 4 * time.Hour}})
	errs := make(chan error, 2)
	for _, r := range []*commtest.Runner{w.runner, other} {
		go func() {
			var err error
			for range 5 {
				_, stepped := r.Step(t.Context())
				err = errors.Join(err, stepped)
			}
			errs <- err
		}()
	}
	w.must("Step", errors.Join(<-errs, <-errs))
	for _, p := range w.op.Participants {
		party, err := w.st.TestParty(t.Context(), id, p.Code)
		w.must("TestParty", err)
		if len(party.Probes) != 1 {
			t.Errorf("%s was asked %d times; want once", p.Code, len(party.Probes))
		}
	}
}
