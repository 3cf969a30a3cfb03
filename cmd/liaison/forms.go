package main

import (
	"fmt"
	"io"
	"time"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// formsCmd is what came in and where each delivery stands.
type formsCmd struct {
	List    formsListCmd    `cmd:"" help:"List forms and held messages, newest first."`
	Show    formsShowCmd    `cmd:"" help:"Show one form with its deliveries; nominal boxes are veiled without --reason."`
	Release formsReleaseCmd `cmd:"" help:"Release a held form: it goes to whom it names."`
	Refuse  formsRefuseCmd  `cmd:"" help:"Refuse a held form."`
}

type formsListCmd struct {
	configFlag
	Operation string `help:"Operation code."`
	Held      bool   `help:"Only what waits for a person."`
	Limit     int    `help:"At most so many." default:"50"`
	JSON      bool   `help:"Print as JSON, one object a line."`
}

func (formsListCmd) Help() string { return "Example: liaison forms list --held" }

func (c formsListCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		filter := store.Filter{Operation: operation.Code(c.Operation), Role: gateway.Original, Limit: c.Limit}
		if c.Held {
			filter.State = gateway.FormHeld
		}
		list, err := st.ListForms(a.ctx, filter)
		if err != nil {
			return err
		}
		for _, l := range list {
			if err := printListed(a, l, c.JSON); err != nil {
				return err
			}
		}
		held, err := st.ListHeld(a.ctx)
		if err != nil {
			return err
		}
		for _, m := range held {
			if m.Form != "" {
				continue
			}
			if c.JSON {
				err = a.json(map[string]any{"inbound": m.ID, "verdict": m.Verdict, "medium": m.Medium, "received": m.Received.UTC(), "reason": m.Reason})
			} else {
				a.print("message %s  %s  %-9s held: %s", m.ID, m.Received.UTC().Format("2006-01-02 15:04"), m.Medium, m.Reason)
			}
			if err != nil {
				return err
			}
		}
		if len(list)+len(held) == 0 && !c.JSON {
			a.print("Nothing has come in yet.")
		}
		return nil
	})
}

func printListed(a *app, l store.Listed, asJSON bool) error {
	f := l.Form
	type delivery struct {
		Participant operation.ParticipantCode `json:"participant"`
		State       string                    `json:"state"`
		Reason      string                    `json:"reason,omitempty"`
		Channel     operation.ChannelKind     `json:"channel,omitempty"`
	}
	var ds []delivery
	for _, d := range l.Deliveries {
		ds = append(ds, delivery{d.Participant, string(d.State), d.Reason, d.Channel})
	}
	if asJSON {
		return a.json(map[string]any{"operation": f.Operation, "number": f.Number, "reference": f.Reference, "type": f.Type, "sender": f.Sender,
			"state": f.State, "assurance": f.Assurance, "priority": f.Priority, "mode": f.Mode, "received": f.Received.UTC(), "deliveries": ds})
	}
	a.print("%s %06d  %-3s %-22s from %-4s %-9s %s  %s", f.Operation, f.Number, f.Type, f.Reference, f.Sender, f.State, f.Received.UTC().Format("2006-01-02 15:04"), f.Assurance)
	for _, d := range ds {
		a.print("    %-4s %s %s", d.Participant, people(d.State), d.Reason)
	}
	return nil
}

// people says a delivery's state in the words that people read.
func people(state string) string {
	words := map[string]string{"pending": "waiting", "handed over": "sent, not confirmed", "confirmed by system": "received by system",
		"confirmed by person": "read by a person", "failed": "not delivered", "withheld": "not sent"}
	return words[state]
}

type formsShowCmd struct {
	configFlag
	Reference string `arg:"" help:"A4 reference, or number such as \"OP-7K3 000123\"."`
	Operation string `help:"Operation code, where there are several."`
	Reason    string `help:"Why nominal boxes are looked at; goes into the audit log."`
	Lang      string `help:"Language of the labels." default:"en"`
}

func (formsShowCmd) Help() string { return "Example: liaison forms show LV-VID-2026-000017" }

func (c formsShowCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		f, err := c.find(a, st)
		if err != nil {
			return err
		}
		entry := gateway.AuditEntry{Kind: gateway.Consultation, At: time.Now(), Actor: person(), Action: "form shown", Operation: f.Operation, Reference: f.Reference, Justification: c.Reason}
		if err := st.Audit(a.ctx, entry); err != nil {
			return err
		}
		veil := func(addr string) bool { return c.Reason == "" && form.Nominal(f.Content.Boxes, addr, nil) }
		a.print("%s %06d  %s  from %s, %s, %s", f.Operation, f.Number, f.Reference, f.Sender, f.State, f.Assurance)
		if _, err := io.WriteString(a.out, f.Content.Boxes.Text(form.TextOptions{Lang: c.Lang, Withhold: veil})); err != nil {
			return err
		}
		ds, err := st.DeliveriesOf(a.ctx, f.ID)
		if err != nil {
			return err
		}
		for _, d := range ds {
			a.print("%-4s %-22s %s %s", d.Participant, people(string(d.State)), d.Channel, d.Reason)
			evidence, err := st.Attempts(a.ctx, d.ID)
			if err != nil {
				return err
			}
			for _, e := range evidence {
				a.print("     %s %-9s %-9s %s", e.At.UTC().Format("2006-01-02 15:04:05"), e.Channel, e.Outcome, e.Detail)
			}
		}
		return nil
	})
}

func (c formsShowCmd) find(a *app, st *store.Store) (*gateway.Form, error) {
	op, err := findOperation(a, st, c.Operation)
	if err != nil {
		return nil, err
	}
	f, err := st.FormByReference(a.ctx, op.Code, "", c.Reference)
	if err != nil {
		return nil, fmt.Errorf("find %s in %s: %w", c.Reference, op.Code, err)
	}
	return f, nil
}

// decideFlags are what a person's decision needs.
type decideFlags struct {
	configFlag
	Reference string `arg:"" help:"A4 reference, or number such as \"OP-7K3 000123\"."`
	Operation string `help:"Operation code, where there are several."`
	Reason    string `help:"Why; goes into the audit log." required:""`
}

type formsReleaseCmd struct{ decideFlags }

func (formsReleaseCmd) Help() string {
	return "Example: liaison forms release LV-VID-2026-000017 --reason \"called LV, it is theirs\""
}

func (c formsReleaseCmd) Run(a *app) error { return c.decide(a, releaseForm) }

type formsRefuseCmd struct{ decideFlags }

func (formsRefuseCmd) Help() string {
	return "Example: liaison forms refuse LV-VID-2026-000017 --reason \"not from LV\""
}

func (c formsRefuseCmd) Run(a *app) error { return c.decide(a, refuseForm) }

func releaseForm(a *app, n *node, f *gateway.Form, reason string) error {
	return n.store.ReleaseForm(a.ctx, f.ID, person(), reason, n.gateway.Released(a.ctx, f))
}

func refuseForm(a *app, n *node, f *gateway.Form, reason string) error {
	return n.store.RefuseForm(a.ctx, f.ID, person(), reason, n.gateway.Declined(a.ctx, f))
}

// decide carries a person's decision on a held form out.
func (c decideFlags) decide(a *app, act func(*app, *node, *gateway.Form, string) error) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	st, err := s.beside(a)
	if err != nil {
		return err
	}
	defer st.Close()
	f, err := formsShowCmd{Reference: c.Reference, Operation: c.Operation}.find(a, st)
	if err != nil {
		return err
	}
	n, err := newNode(s, st, st)
	if err != nil {
		return err
	}
	if err := act(a, n, f, c.Reason); err != nil {
		return err
	}
	a.print("Done: %s. Next: liaison forms show %s", f.Reference, f.Reference)
	return nil
}
