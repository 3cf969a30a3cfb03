package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
)

type testCalledCmd struct {
	configFlag
	jsonFlag
	RunID       string `arg:"" name:"run" help:"Run, such as OP-7K3-T001."`
	Participant string `arg:"" help:"Participant that was called."`
	SpokeTo     string `help:"Who answered." required:""`
	Number      string `help:"The number that was called, known before the test." required:""`
	Code        string `help:"The test code that they read out, such as K7QF2-MXD9R."`
	WrongPerson bool   `help:"Somebody else answered."`
}

func (testCalledCmd) Help() string {
	return "A call back on the number known before stands in for the signature where a channel has none, and is the test of a phone channel.\n" +
		"Example: liaison test called OP-7K3-T001 GE --spoke-to \"B. Invented\" --number \"+995 …\" --code K7QF2-MXD9R"
}

func (c testCalledCmd) Run(a *app) error {
	return c.withRun(a, c.RunID, func(b *testBench, r gateway.TestRun) error {
		if strings.TrimSpace(c.SpokeTo) == "" || strings.TrimSpace(c.Number) == "" {
			return wrongf("--spoke-to and --number say who was called on which number; neither may be blank")
		}
		who := operation.ParticipantCode(c.Participant)
		party, err := b.st.TestParty(a.ctx, r.ID, who)
		if err != nil {
			return wrongf("%s was not asked in %s", c.Participant, r.ID)
		}
		h := gateway.Hearing{Run: r.ID, Operation: r.Operation, Participant: who, At: b.s.now(), Kind: gateway.HeardCall,
			Caller: person(), SpokeTo: c.SpokeTo, Number: c.Number, WrongBy: c.WrongPerson}
		if code := gateway.TestCode(c.Code); code != "" {
			if !slices.ContainsFunc(party.Probes, func(p gateway.Probe) bool { return p.Code == code }) {
				return no{fmt.Sprintf("%s is no test code that %s was sent in %s: don't take them for who they say they are; nothing was recorded", c.Code, who, r.ID)}
			}
			h.Codes = []string{code}
		}
		entry := audit("call back logged", person(), r.Operation, string(r.ID))
		entry.Recipients, entry.Justification = []operation.ParticipantCode{who}, "spoke to "+c.SpokeTo
		err = b.st.Record(a.ctx, func(gateway.Ledger) (*gateway.Decision, error) {
			return &gateway.Decision{Operation: r.Operation, Audit: []gateway.AuditEntry{entry}, Tests: gateway.TestRecord{Heard: []gateway.Hearing{h}}}, nil
		})
		if err != nil {
			return err
		}
		c.fact(a, map[string]any{"run": r.ID, "participant": who, "done": true}, "Recorded. Next: liaison test show %s %s%s", r.ID, who, c.option())
		return nil
	})
}

type testTellCmd struct {
	configFlag
	jsonFlag
	RunID       string `arg:"" name:"run" help:"Run, such as OP-7K3-T001."`
	Participant string `arg:"" help:"Participant that is told."`
}

func (testTellCmd) Help() string {
	return "Sends the participant what was found on its channels, in its language, by mail: over its own channel where one works, else to its contact.\n" +
		"Example: liaison test tell OP-7K3-T001 LV\nTo read it first: liaison test show OP-7K3-T001 LV --lang lv"
}

func (c testTellCmd) Run(a *app) error {
	return c.withRun(a, c.RunID, func(b *testBench, r gateway.TestRun) error {
		_, stands, err := b.look(r.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(stands, func(s commtest.Stand) bool { return s.Participant == operation.ParticipantCode(c.Participant) })
		if i < 0 {
			return wrongf("%s was not asked in %s", c.Participant, r.ID)
		}
		reference, err := b.runner.Tell(a.ctx, b.op, r.ID, stands[i], person())
		if err != nil {
			return err
		}
		c.fact(a, map[string]any{"run": r.ID, "participant": c.Participant, "reference": reference}, "Sent to %s as %s.", c.Participant, reference)
		return nil
	})
}

type testWaiveCmd struct {
	configFlag
	jsonFlag
	Operation   string `arg:"" help:"Operation code."`
	Participant string `arg:"" help:"Participant that passes although it isn't ready."`
	Reason      string `help:"Why; goes into the statement and the audit log."`
	Until       string `help:"Last day of the waiver, 2027-01-17; the last day of the operational phase where none is named."`
	Key         string `help:"The organiser's secret key, to sign here; its passphrase from LIAISON_PASSPHRASE." type:"path"`
	Statement   string `help:"File for the statement: written where it is to be signed elsewhere, read where --signature is given." type:"path"`
	Signature   string `help:"Detached signature of the statement, made elsewhere (gpg --armor --detach-sign FILE)." type:"path"`
}

func (testWaiveCmd) Help() string {
	return "The gate never stops a live form; a waiver says that the organiser knows what isn't ready and goes on all the same. It covers what is known now: what is found later is not waived.\n" +
		"Example, signed here:      liaison test waive OP-7K3 GE --reason \"phone and courier until Friday\" --key organiser.asc\n" +
		"Example, signed elsewhere: liaison test waive OP-7K3 GE --reason \"…\" --statement waiver.txt\n" +
		"                           gpg --armor --detach-sign waiver.txt\n" +
		"                           liaison test waive OP-7K3 GE --statement waiver.txt --signature waiver.txt.asc"
}

func (c testWaiveCmd) Run(a *app) error {
	return c.withOperation(a, c.Operation, func(b *testBench) error {
		if c.Signature != "" {
			return c.signedElsewhere(b)
		}
		w, err := c.waiver(b)
		if err != nil {
			return err
		}
		switch {
		case c.Statement != "":
			if err := writeNew(c.Statement, w.Statement(), 0o600); err != nil {
				return err
			}
			c.remark(b, w)
			c.fact(a, map[string]any{"statement": c.Statement}, "Written: %[1]s. Let the organiser sign it:\n  gpg --armor --detach-sign %[2]s\n  liaison test waive %[3]s %[4]s --statement %[2]s --signature %[5]s%[6]s", c.Statement, word(c.Statement), b.op.Code, c.Participant, word(c.Statement+".asc"), c.option())
			return nil
		case c.Key == "":
			return wrongf("a waiver needs the organiser's signature: name its key with --key, or write the statement with --statement and sign it elsewhere")
		}
		signature, err := signWith(c.Key, w.Statement(), b.s.now())
		if err != nil {
			return err
		}
		return c.record(b, w.Statement(), signature)
	})
}

// waiver is the statement about how the participant stands now.
func (c testWaiveCmd) waiver(b *testBench) (commtest.Waived, error) {
	p := b.op.Participant(operation.ParticipantCode(c.Participant))
	if p == nil {
		return commtest.Waived{}, wrongf("%s is no participant of %s", c.Participant, b.op.Code)
	}
	if strings.TrimSpace(c.Reason) == "" {
		return commtest.Waived{}, wrongf("a waiver needs --reason: why does the operation go on without this participant's being ready?")
	}
	until := b.op.Phases.Operation.To.Time
	if c.Until != "" {
		var err error
		if until, err = time.Parse(time.DateOnly, c.Until); err != nil {
			return commtest.Waived{}, wrongf("--until %q is no date; write it as 2027-01-17", c.Until)
		}
	}
	if err := c.inTime(b, commtest.Waived{Until: until}); err != nil {
		return commtest.Waived{}, err
	}
	standing, err := b.standing(nil)
	if err != nil {
		return commtest.Waived{}, err
	}
	stand := standing.Stand(p)
	if stand.Verdict.Ready() {
		return commtest.Waived{}, no{fmt.Sprintf("%s is %s: there is nothing to waive", p.Code, stand.Verdict)}
	}
	return commtest.NewWaiver(stand, b.op, c.Reason, until, b.s.now()), nil
}

// inTime refuses a waiver whose last day has passed: as the newest it would take the
// place of one that holds.
func (c testWaiveCmd) inTime(b *testBench, w commtest.Waived) error {
	day := w.Until.Format(time.DateOnly)
	switch {
	case !w.Over(b.s.now()):
		return nil
	case c.Signature != "":
		return wrongf("the statement's last day %s is past; nothing was recorded", day)
	case c.Until == "":
		return wrongf("the operational phase of %s ended on %s; nothing was recorded, name the waiver's last day with --until", b.op.Code, day)
	}
	return wrongf("--until %s is past; nothing was recorded", day)
}

// covers refuses a waiver that doesn't hold for what is known by now, as one that was
// written before a test: as the newest it would take the place of one that holds.
func (b *testBench) covers(w commtest.Waived) error {
	p := b.op.Participant(w.Participant)
	if p == nil {
		return wrongf("%s is no participant of %s", w.Participant, b.op.Code)
	}
	standing, err := b.standing(nil)
	if err != nil {
		return err
	}
	standing.Waivers = []commtest.Waived{w}
	if s := standing.Stand(p); !s.Passes() {
		return no{fmt.Sprintf("the waiver doesn't hold for %s: %s; nothing was recorded, write the statement anew and have it signed", p.Code, s.Waived.Why)}
	}
	return nil
}

// remark says where a waiver lasts longer than what it is for.
func (c testWaiveCmd) remark(b *testBench, w commtest.Waived) {
	if end := b.op.Phases.Operation.To; w.Until.After(end.Time) {
		c.say(b.app, "Note: the waiver lasts until %s, the operational phase of %s until %s.", w.Until.Format(time.DateOnly), b.op.Code, end.Format(time.DateOnly))
	}
}

func (c testWaiveCmd) signedElsewhere(b *testBench) error {
	statement, err := readFile(c.Statement, "--statement")
	if err != nil {
		return err
	}
	signature, err := readFile(c.Signature, "--signature")
	if err != nil {
		return err
	}
	w, err := commtest.ReadWaiver(statement)
	if err != nil {
		return wrong{err}
	}
	if w.Operation != b.op.Code || string(w.Participant) != c.Participant {
		return wrongf("the statement is about %s in %s, not about %s in %s", w.Participant, w.Operation, c.Participant, b.op.Code)
	}
	return c.record(b, statement, signature)
}

// record keeps a waiver that the organiser signed.
func (c testWaiveCmd) record(b *testBench, statement, signature []byte) error {
	signer, err := b.organiserSigned(statement, signature)
	if err != nil {
		return no{err.Error()}
	}
	w, err := commtest.ReadWaiver(statement)
	if err != nil {
		return err
	}
	if err := c.inTime(b, w); err != nil {
		return err
	}
	if err := b.covers(w); err != nil {
		return err
	}
	entry := audit("test waived", person(), b.op.Code, string(w.Participant))
	entry.Justification = w.Reason + "; signed by " + signer
	err = b.st.Record(b.ctx, func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Operation: b.op.Code, Audit: []gateway.AuditEntry{entry}, Tests: gateway.TestRecord{
			Waivers: []gateway.Waiver{{Operation: b.op.Code, Participant: w.Participant, At: b.s.now(), Statement: statement, Signature: signature}}}}, nil
	})
	if err != nil {
		return err
	}
	c.remark(b, w)
	c.fact(b.app, map[string]any{"operation": b.op.Code, "participant": w.Participant, "until": w.Until.Format(time.DateOnly), "signer": signer, "findings": w.Codes},
		"%s is waived until %s, signed by %s. Next: liaison test list %s%s", w.Participant, w.Until.Format(time.DateOnly), signer, b.op.Code, c.option())
	return nil
}
