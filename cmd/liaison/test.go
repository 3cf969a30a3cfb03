package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// testCmd is the communications test.
type testCmd struct {
	Run      testRunCmd      `cmd:"" help:"Test the communication with an operation's participants."`
	Watch    testWatchCmd    `cmd:"" help:"Watch a run fill in."`
	List     testListCmd     `cmd:"" help:"List the runs of an operation, and whether its gate is open."`
	Show     testShowCmd     `cmd:"" help:"Show how participants stand, with every finding and what to do."`
	Report   testReportCmd   `cmd:"" help:"The readiness report, signed by the gateway."`
	Verify   testVerifyCmd   `cmd:"" help:"Verify the signature of a report."`
	Waive    testWaiveCmd    `cmd:"" help:"Let a participant pass the gate that isn't ready: the organiser signs for it."`
	Called   testCalledCmd   `cmd:"" help:"Log a call back: in place of a signature where a channel has none."`
	Take     testTakeCmd     `cmd:"" help:"Take over the mail style that passed the test."`
	Tell     testTellCmd     `cmd:"" help:"Send a participant its findings, in its language."`
	Rehearse testRehearseCmd `cmd:"" help:"Run the fault laboratory: does the test find what is wrong?"`
}

// testBench is what the test commands work on: the store, and the operation.
type testBench struct {
	*app
	s      *setup
	st     *store.Store
	op     *operation.Operation
	runner *commtest.Runner
	config configFlag
}

// withOperation opens the store beside a serving gateway and finds the operation,
// the only one where none is named.
func (c configFlag) withOperation(a *app, code string, f func(*testBench) error) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	st, err := s.beside(a)
	if err != nil {
		return err
	}
	defer st.Close()
	op, err := findOperation(a, st, code)
	if err != nil {
		return err
	}
	return f(&testBench{app: a, s: s, st: st, op: op, runner: newTests(s, st), config: c})
}

// runNumber is the end of a run's id, behind the operation's code, in which there may
// be a "-T" as well.
var runNumber = regexp.MustCompile(`-T[0-9]{3,}$`)

// withRun is withOperation for a run: by its id, or the newest of the only
// operation where it is "" or names an operation.
func (c configFlag) withRun(a *app, id string, f func(*testBench, gateway.TestRun) error) error {
	code := runNumber.ReplaceAllString(id, "")
	return c.withOperation(a, code, func(b *testBench) error {
		runs, err := b.st.TestRuns(a.ctx, b.op.Code)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if string(r.ID) == id || id == "" || id == string(b.op.Code) {
				return f(b, r)
			}
		}
		if len(runs) == 0 {
			return wrongf("%s has not been tested yet; see \"liaison test run --help\"", b.op.Code)
		}
		return wrongf("there is no test run %s; see \"liaison test list %s%s\"", id, b.op.Code, c.option())
	})
}

// standing reads everything that verdicts are made of: the runs up to one, or all
// where it is nil.
func (b *testBench) standing(upTo *gateway.TestRun) (commtest.Standing, error) {
	out := commtest.Standing{Operation: b.op, Self: b.runner.Self, Now: b.s.now(), Keys: map[operation.ParticipantCode][]gateway.KeyRecord{}}
	keys, err := b.st.Keys(b.ctx, b.op.Code, "", "")
	if err != nil {
		return out, err
	}
	for _, k := range keys {
		out.Keys[k.Participant] = append(out.Keys[k.Participant], k)
	}
	runs, err := b.st.TestRuns(b.ctx, b.op.Code)
	if err != nil {
		return out, err
	}
	for _, r := range runs {
		if upTo != nil && r.Number > upTo.Number {
			continue
		}
		parties, err := b.st.TestParties(b.ctx, r.ID)
		if err != nil {
			return out, err
		}
		past, err := commtest.ReadPast(r, parties)
		if err != nil {
			return out, err
		}
		out.Past = append(out.Past, past)
	}
	waivers, err := b.st.Waivers(b.ctx, b.op.Code)
	if err != nil {
		return out, err
	}
	out.Waivers = commtest.ReadWaivers(waivers, b.organiserSigned)
	return out, nil
}

type testRunCmd struct {
	configFlag
	jsonFlag
	Operation   string        `arg:"" optional:"" help:"Operation code; the only one where none is named."`
	Participant []string      `help:"Only these participants." sep:","`
	Channel     []string      `help:"Only channels of these kinds: websocket, pgp-mail, mail, phone." sep:","`
	Deadline    time.Duration `help:"End after this time, whatever the hours: 20m. Without it each contact has its own open hours to answer: two working days more than ten days before the operation, four hours in the last days, 30 minutes on the eve."`
	Priority    string        `help:"R, P or U: how urgent the test calls are marked." enum:"R,P,U" default:"R"`
	Exercise    bool          `help:"An exercise: forms carry A10: EXER."`
	Retest      bool          `help:"Only what isn't proven yet, or not any more."`
	Plan        bool          `help:"Only say what would be asked of whom, and who is closed."`
	Wait        bool          `help:"Wait for the end, and show the answers as they come."`
}

func (testRunCmd) Help() string {
	return "Asks every participant over every channel, and judges what comes back. A gateway must be serving. With --wait the exit code is 0 if all who were asked are ready, else 3.\n" +
		"Example: liaison test run OP-7K3 --wait\nTo ask again only what failed: liaison test run OP-7K3 --retest. To see how it works without asking anybody: liaison test rehearse."
}

func (c testRunCmd) Run(a *app) error {
	return c.withOperation(a, c.Operation, func(b *testBench) error {
		order, sel, err := c.order(b)
		if err != nil {
			return err
		}
		plans, err := b.runner.Plans(a.ctx, b.op, order, sel)
		if err != nil {
			return wrong{err}
		}
		if len(plans) == 0 {
			return wrongf("nothing is selected: no participant has such a channel, or everything is proven already")
		}
		c.announce(b, plans)
		if c.Plan {
			return nil
		}
		serving, err := b.st.Serving(a.ctx)
		if err != nil {
			return err
		}
		if !serving && c.Wait {
			return fmt.Errorf("no gateway serves this store, so nothing would be sent: start it with \"liaison serve%s\"", c.option())
		}
		id, err := b.runner.Start(a.ctx, b.op, order, sel)
		if err != nil {
			return err
		}
		c.fact(a, map[string]any{"run": id, "operation": b.op.Code, "participants": len(plans)}, "Run %s: %s asked.", id, plural(len(plans), "participant is", "participants are"))
		if c.Wait {
			return b.follow(id, c.jsonFlag)
		}
		if !serving {
			c.say(a, "No gateway serves this store now: the test calls leave as soon as one does (\"liaison serve%s\").", c.option())
		}
		c.say(a, "Next: liaison test watch %s%s", id, c.option())
		return nil
	})
}

// order is what the run is asked to do.
func (c testRunCmd) order(b *testBench) (commtest.Order, commtest.Selection, error) {
	now := b.s.now()
	order := commtest.Order{Cause: "by hand", By: person(), Mode: "TEST", Priority: gateway.Priority(c.Priority), Deadline: usualTerm(b.op, now)}
	if c.Exercise {
		order.Mode, order.Cause = "EXER", "exercise"
	}
	if c.Deadline < 0 {
		return order, commtest.Selection{}, wrongf("--deadline %s is no time to answer in; write it as 20m", c.Deadline)
	}
	if c.Deadline > 0 {
		order.Deadline, order.Within = operation.Term{Time: c.Deadline}, c.Deadline
	}
	sel := commtest.Selection{}
	for _, p := range c.Participant {
		sel.Participants = append(sel.Participants, operation.ParticipantCode(p))
	}
	for _, k := range c.Channel {
		kind := operation.ChannelKind(k)
		if !slices.Contains([]operation.ChannelKind{operation.WebSocket, operation.PGPMail, operation.Mail, operation.Phone}, kind) {
			return order, sel, wrongf("--channel %s: a kind of channel is websocket, pgp-mail, mail or phone", k)
		}
		sel.Kinds = append(sel.Kinds, kind)
	}
	if c.Retest {
		standing, err := b.standing(nil)
		if err != nil {
			return order, sel, err
		}
		order.Cause, sel.Cells = "re-test of what failed", commtest.Failing(standing.Stands()).Cells
	}
	return order, sel, nil
}

// usualTerm is how long an answer may take, by how near the operation is.
func usualTerm(op *operation.Operation, now time.Time) operation.Term {
	term := operation.Term{Days: 2}
	left := op.Phases.Operation.From.Sub(now)
	for _, d := range op.TestDays() { // the earliest first
		if left <= time.Duration(d.Days)*24*time.Hour*3/2 {
			term = d.Deadline
		}
	}
	return term
}

// announce says who is asked what, and who is closed today.
func (c testRunCmd) announce(b *testBench, plans map[operation.ParticipantCode]commtest.Plan) {
	for _, code := range slices.Sorted(maps.Keys(plans)) {
		plan := plans[code]
		var names []string
		for _, cell := range plan.Cells {
			names = append(names, cell.Name())
		}
		if c.Plan {
			c.fact(b.app, map[string]any{"participant": code, "channels": names, "due": plan.Due.UTC(), "closed": plan.Closed, "better": day(plan.Better), "second_person": plan.Second, "onward_to": plan.Partner},
				"%-6s until %s  %s", code, plan.Due.UTC().Format("2006-01-02 15:04"), strings.Join(names, " · "))
		}
		if plan.Closed {
			c.say(b.app, "%s is closed today by its calendar; it is there again from %s (UTC).", code, plan.Better.UTC().Format("2006-01-02 15:04"))
		}
	}
}

type testWatchCmd struct {
	configFlag
	jsonFlag
	RunID string `arg:"" optional:"" name:"run" help:"Run, such as OP-7K3-T001; the newest where none is named."`
}

func (testWatchCmd) Help() string {
	return "Shows the matrix as answers come, until the run ends; Ctrl-C leaves it running.\nExample: liaison test watch OP-7K3-T001\nFor the details, see \"liaison test show\"."
}

func (c testWatchCmd) Run(a *app) error {
	return c.withRun(a, c.RunID, func(b *testBench, r gateway.TestRun) error { return b.follow(r.ID, c.jsonFlag) })
}

// watchEvery is how often a run is looked at while somebody watches.
const watchEvery = 300 * time.Millisecond

// follow shows a run until it ends.
func (b *testBench) follow(id gateway.RunID, j jsonFlag) error {
	v := newView(b, j)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		run, stands, err := b.look(id)
		if err != nil {
			return err
		}
		v.show(run, stands)
		if !run.Ended.IsZero() {
			return v.end(run, stands)
		}
		select {
		case <-b.ctx.Done():
			return context.Cause(b.ctx)
		case <-tick.C:
		}
	}
}

// look reads a run and how its participants stand.
func (b *testBench) look(id gateway.RunID) (gateway.TestRun, []commtest.Stand, error) {
	runs, err := b.st.TestRuns(b.ctx, b.op.Code)
	if err != nil {
		return gateway.TestRun{}, nil, err
	}
	i := slices.IndexFunc(runs, func(r gateway.TestRun) bool { return r.ID == id })
	if i < 0 {
		return gateway.TestRun{}, nil, wrongf("there is no test run %s", id)
	}
	standing, err := b.standing(&runs[i])
	if err != nil {
		return runs[i], nil, err
	}
	took := standing.Past[0].Parts
	return runs[i], slices.DeleteFunc(standing.Stands(), func(s commtest.Stand) bool { _, in := took[s.Participant]; return !in }), nil
}

type testListCmd struct {
	configFlag
	jsonFlag
	Operation string `arg:"" optional:"" help:"Operation code; the only one where none is named."`
}

func (testListCmd) Help() string {
	return "Example: liaison test list OP-7K3\nFor one run, see \"liaison test show\"; for the organiser, \"liaison test report\"."
}

func (c testListCmd) Run(a *app) error {
	return c.withOperation(a, c.Operation, func(b *testBench) error {
		standing, err := b.standing(nil)
		if err != nil {
			return err
		}
		for _, p := range slices.Backward(standing.Past) {
			counts := map[commtest.Verdict]int{}
			state := "running"
			if p.Order.Summary != nil {
				counts, state = p.Order.Summary.Counts, "ended "+p.Run.Ended.UTC().Format("2006-01-02 15:04")
			}
			c.fact(a, map[string]any{"run": p.Run.ID, "operation": b.op.Code, "cause": p.Order.Cause, "by": p.Order.By, "started": p.Run.Started.UTC(), "ended": day(p.Run.Ended), "participants": len(p.Parts), "verdicts": counts},
				"%-14s %-24s %s  %-22s %s", p.Run.ID, p.Order.Cause, p.Run.Started.UTC().Format("2006-01-02 15:04"), state, countWords(counts))
		}
		if len(standing.Past) == 0 {
			c.say(a, "%s has not been tested yet. Next: liaison test run %s --wait%s", b.op.Code, b.op.Code, c.option())
		}
		c.gate(b, commtest.GateOf(standing.Stands()))
		return nil
	})
}

// gate says whether the operation may begin by its tests.
func (c testListCmd) gate(b *testBench, g commtest.Gate) {
	c.fact(b.app, map[string]any{"gate": g, "operation": b.op.Code}, "%s", gateWords(b.op.Code, g))
}

func gateWords(code operation.Code, g commtest.Gate) string {
	text := fmt.Sprintf("Gate of %s: open, everyone is ready.", code)
	switch {
	case !g.Open:
		text = fmt.Sprintf("Gate of %s: not open. Neither ready nor waived: %s.", code, codeList(g.Waiting))
	case len(g.Waived) > 0:
		text = fmt.Sprintf("Gate of %s: open with waivers for %s.", code, codeList(g.Waived))
	}
	return text
}

func codeList(codes []operation.ParticipantCode) string {
	var list []string
	for _, c := range codes {
		list = append(list, string(c))
	}
	return strings.Join(list, " ")
}

// countWords lists verdicts: "3 GREEN, 1 RED".
func countWords(counts map[commtest.Verdict]int) string {
	var out []string
	for _, v := range []commtest.Verdict{commtest.Green, commtest.Amber, commtest.Red, commtest.Away, commtest.Running, commtest.Untested} {
		if counts[v] > 0 {
			out = append(out, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	return strings.Join(out, ", ")
}
