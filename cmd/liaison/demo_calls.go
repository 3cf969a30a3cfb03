package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/form"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
)

// demoSecond is the second way to PL: another desk, with plain mail alone.
const demoSecond = "duty@pl-second.example"

// calls is the communications test of the demo: everyone is asked over every
// channel, and answers.
type calls struct {
	*demo
	op       *operation.Operation
	run      gateway.RunID
	officers map[string]*simulator.Officer // by address
	read     map[string]int                // of their mails
	answered map[string]bool               // who, and which questions of LV's agent
}

// proveAll tests the communication with all participants, and shows how they
// stand.
func (d *demo) proveAll() error {
	op, err := findOperation(d.app, d.node.store, "")
	if err != nil {
		return err
	}
	d.say("the communications test asks LV, PL, EE and GE over all their channels, with a code that stands only inside the sealed message")
	order := commtest.Order{Cause: "demo", By: "the demo", Mode: "TEST", Priority: gateway.Routine, Deadline: operation.Term{Time: time.Hour}}
	id, err := d.node.tests.Start(d.ctx, op, order, commtest.Selection{})
	if err != nil {
		return err
	}
	c := &calls{demo: d, op: op, run: id, officers: map[string]*simulator.Officer{}, read: map[string]int{}, answered: map[string]bool{}}
	for _, code := range []string{"PL", "EE", "GE"} {
		p := d.demoOfficer(code)
		c.officers[p.Address] = p
	}
	second := d.demoOfficer("PL")
	second.Address, second.Key = demoSecond, nil
	c.officers[demoSecond] = second
	var failed error
	err = d.wait("everyone has answered", func() bool {
		failed = errors.Join(failed, c.answer())
		return failed != nil || c.over()
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	return c.show()
}

func (d *demo) demoOfficer(code string) *simulator.Officer {
	return &simulator.Officer{Participant: d.officers[code], People: []string{code[:1] + "X"}}
}

// answer lets everyone react to what came since the last time.
func (c *calls) answer() error {
	for at, o := range c.officers {
		list := c.mails.Messages(at, "INBOX")
		for _, raw := range list[min(c.read[at], len(list)):] {
			sent := o.Receive(raw, demoGateway, time.Now())
			for _, s := range sent {
				if err := c.submit(at, s.Raw); err != nil {
					return err
				}
			}
			if len(sent) == 0 || c.answered[at] {
				continue
			}
			c.answered[at] = true
			if err := c.reacted(o); err != nil {
				return err
			}
		}
		c.read[at] = len(list)
	}
	return c.answerForLV()
}

// reacted says how an officer answered its call; who has no key is called back.
func (c *calls) reacted(o *simulator.Officer) error {
	if o.Key != nil {
		c.say("%s opened its call in its mail program and answers, signed and encrypted", o.Code)
		return nil
	}
	c.say("%s answers from %s by plain mail; the unit calls it back on the number that it knew before", o.Code, o.Address)
	call := testCalledCmd{configFlag: c.config(), RunID: string(c.run), Participant: o.Code, SpokeTo: "B. Invented", Number: c.op.Participant(operation.ParticipantCode(o.Code)).Duty.Phone}
	return call.Run(&app{c.ctx, streams{c.in, io.Discard, c.err}})
}

func (c *calls) config() configFlag { return configFlag{Config: c.path("gateway.yaml")} }

// answerForLV fills in what LV's agent asks its operator; the agent answers the
// machine's part by itself.
func (c *calls) answerForLV() error {
	questions, err := filepath.Glob(c.path("LV/ask/*.txt"))
	if err != nil {
		return err
	}
	for _, file := range questions {
		name := filepath.Base(file)
		if c.answered[name] {
			continue
		}
		text, err := c.filled(file)
		if errors.Is(err, fs.ErrNotExist) { // the agent asks a moment before the call lands
			continue
		}
		if err != nil {
			return err
		}
		c.say("LV's agent answered by itself; now its operator fills in what only a person can")
		if err := c.drop(name, text); err != nil {
			return err
		}
		c.answered[name] = true
	}
	return nil
}

// filled is a question of the agent's with the person's part in it.
func (c *calls) filled(question string) (string, error) {
	text, err := os.ReadFile(question)
	if err != nil {
		return "", err
	}
	folder := c.path("LV/in/" + strings.TrimSuffix(filepath.Base(question), ".txt"))
	data, err := os.ReadFile(filepath.Join(folder, "form.json"))
	if err != nil {
		return "", err
	}
	file, err := os.ReadFile(filepath.Join(folder, "attachments/test.txt"))
	if err != nil {
		return "", err
	}
	call, _ := form.ParseJSON(data)
	code := regexp.MustCompile(`T8: (Y \w{8})`).FindStringSubmatch(string(file))
	if call == nil || code == nil {
		return "", fmt.Errorf("the test call that %s is about lacks its form or its file's code", filepath.Base(question))
	}
	return strings.NewReplacer("T7: []", "T7: ["+call.Get("T7")+"]", "T8: []", "T8: ["+code[1]+"]", "T9: []", "T9: [LX]").Replace(string(text)), nil
}

// over reports whether the run has ended.
func (c *calls) over() bool {
	runs, err := c.node.store.TestRuns(c.ctx, c.op.Code)
	return err == nil && len(runs) > 0 && !runs[0].Ended.IsZero()
}

// show prints how everyone stands.
func (c *calls) show() error {
	return c.config().withRun(c.app, string(c.run), func(b *testBench, r gateway.TestRun) error {
		_, stands, err := b.look(r.ID)
		if err != nil {
			return err
		}
		c.say("the test has ended; L9 is the last step: a form went from there to another participant, and the reverse")
		for _, s := range stands {
			c.print("    %s", commtest.Show(s, "en", time.Time{}).Line())
			if !s.Passes() {
				err = errors.Join(err, fmt.Errorf("%s is %s after the communications test", s.Participant, s.Verdict))
			}
		}
		c.print("    GREEN: two ways that share neither key nor server. AMBER: one way, or plain mail alone. Why: liaison test show %s -c %s", r.ID, c.path("gateway.yaml"))
		return err
	})
}
