package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
	Release formsReleaseCmd `cmd:"" help:"Release a held form, or take the one in a held message: it goes to whom it names."`
	Refuse  formsRefuseCmd  `cmd:"" help:"Refuse a held form or message."`
	Answer  formsAnswerCmd  `cmd:"" help:"Answer a held message with a fixed template."`
}

type formsListCmd struct {
	configFlag
	jsonFlag
	Operation string `help:"Operation code."`
	Held      bool   `help:"Only what waits for a person."`
	Limit     int    `help:"At most so many." default:"50"`
}

func (formsListCmd) Help() string {
	return "Example: liaison forms list --held\nFor one form with its boxes and every attempt, see \"liaison forms show\"."
}

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
		held, err := st.ListHeld(a.ctx)
		if err != nil {
			return err
		}
		why := map[gateway.FormID]string{}
		messages := slices.DeleteFunc(held, func(m store.InboundRecord) bool {
			why[m.Form] = m.Reason
			return m.Form != "" || c.Operation != "" && m.Operation != "" && string(m.Operation) != c.Operation
		})
		for _, l := range list {
			f := showForm(l.Form, l.Deliveries, time.Now())
			f.Reason = why[l.Form.ID]
			c.fact(a, f, "%s", f)
		}
		for _, m := range messages { // no form came of them: the messages themselves wait
			c.fact(a, map[string]any{"inbound": m.ID, "verdict": m.Verdict, "medium": m.Medium, "received": m.Received.UTC(), "reason": m.Reason},
				"message %s  %s  %-9s held: %s", m.ID, m.Received.UTC().Format("2006-01-02 15:04"), m.Medium, harmless(m.Reason))
		}
		if len(list)+len(messages) == 0 {
			return c.nothing(a, st)
		}
		if c.Held {
			c.say(a, "Next: liaison forms show %s%s, then forms release, refuse or answer", c.first(list, messages), c.option())
		}
		return nil
	})
}

// nothing says what an empty list means.
func (c formsListCmd) nothing(a *app, st *store.Store) error {
	where := ""
	if c.Operation != "" {
		if _, err := findOperation(a, st, c.Operation); err != nil {
			return err
		}
		where = " in " + c.Operation
	}
	if c.Held {
		c.say(a, "Nothing waits for a person%s.", where)
		return nil
	}
	c.say(a, "Nothing has come in yet%s.", where)
	return nil
}

// first names what was listed first.
func (formsListCmd) first(list []store.Listed, messages []store.InboundRecord) string {
	if len(list) == 0 {
		return messages[0].ID
	}
	return naming(list[0].Form)
}

// naming is how a form is named on the command line, ready to be copied.
func naming(f gateway.Form) string {
	name := f.Reference
	if name == "" {
		name = fmt.Sprintf("%s %06d", f.Operation, f.Number)
	}
	return word(name) + " --operation " + string(f.Operation)
}

// shownForm is a form as the lists show it: nothing of its content.
type shownForm struct {
	Operation  operation.Code            `json:"operation"`
	Number     int64                     `json:"number"`
	Reference  string                    `json:"reference"`
	Type       string                    `json:"type"`
	Sender     operation.ParticipantCode `json:"sender"`
	State      gateway.FormState         `json:"state"`
	Assurance  gateway.Assurance         `json:"assurance"`
	Priority   gateway.Priority          `json:"priority"`
	Mode       string                    `json:"mode"`
	Received   time.Time                 `json:"received"`
	Reason     string                    `json:"reason,omitempty"`     // why it is or was held
	Settled    string                    `json:"settled_by,omitempty"` // who decided on a held one
	Deliveries []shownDelivery           `json:"deliveries"`
}

type shownDelivery struct {
	ID          gateway.DeliveryID        `json:"id"`
	Participant operation.ParticipantCode `json:"participant"`
	State       gateway.State             `json:"state"`
	People      string                    `json:"people"` // the state in the words that people read
	Reason      string                    `json:"reason,omitempty"`
	Channel     operation.ChannelKind     `json:"channel,omitempty"`
}

func showForm(f gateway.Form, ds []gateway.Delivery, now time.Time) shownForm {
	s := shownForm{f.Operation, f.Number, f.Reference, f.Type, f.Sender, f.State, f.Assurance, f.Priority, f.Mode, f.Received.UTC(), "", "", []shownDelivery{}}
	for _, d := range ds {
		s.Deliveries = append(s.Deliveries, shownDelivery{d.ID, d.Participant, d.State, people(d, now), d.Reason, d.Channel})
	}
	return s
}

// String is a line for the form, and one for each delivery.
func (f shownForm) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %06d  %-3s %-22s from %-4s %-9s %s  %s", f.Operation, f.Number, f.Type, f.Reference, f.Sender, f.State, f.Received.Format("2006-01-02 15:04"), f.Assurance)
	if f.Reason != "" {
		fmt.Fprintf(&b, "\n    held: %s", harmless(f.Reason))
	}
	for _, d := range f.Deliveries {
		b.WriteString(strings.TrimRight(fmt.Sprintf("\n    %-4s %s %s", d.Participant, d.People, d.Reason), " "))
	}
	return b.String()
}

// objectionTime is how long evidence against a mail that asks for no
// confirmation may take; after it the mail counts as settled.
const objectionTime = 24 * time.Hour

// people says a delivery's state in the words that people read.
func people(d gateway.Delivery, now time.Time) string {
	if d.State == gateway.HandedOver && d.Queued {
		return "sent, now waits for " + string(d.Channel)
	}
	if d.State == gateway.HandedOver && !gateway.AsksConfirmation(d) && now.Sub(d.Created) > objectionTime {
		return "sent, no objection"
	}
	return map[gateway.State]string{gateway.Pending: "waiting", gateway.HandedOver: "sent, not confirmed", gateway.ConfirmedBySystem: "received by system",
		gateway.ConfirmedByPerson: "read by a person", gateway.Failed: "not delivered", gateway.Withheld: "not sent"}[d.State]
}

type formsShowCmd struct {
	configFlag
	jsonFlag
	Reference string `arg:"" help:"A4 reference, number such as \"OP-7K3 000123\", or the id of a held message."`
	Operation string `help:"Operation code, where there are several."`
	Reason    string `help:"Why nominal boxes are looked at; goes into the audit log."`
	Lang      string `help:"Language of the labels." default:"en"`
}

func (formsShowCmd) Help() string {
	return "Nominal boxes are veiled unless --reason says why they are looked at.\nExample: liaison forms show LV-VID-2026-000017\nFor what came in and where it stands, see \"liaison forms list\"."
}

// shownAttempt is one piece of evidence about a delivery.
type shownAttempt struct {
	At      time.Time             `json:"at"`
	Channel operation.ChannelKind `json:"channel"`
	Outcome gateway.Outcome       `json:"outcome"`
	Detail  string                `json:"detail"`
}

func (c formsShowCmd) Run(a *app) error {
	if isMessage(c.Reference) {
		return c.showMessage(a)
	}
	return c.withStore(a, func(st *store.Store) error {
		f, err := c.find(a, st)
		var refused refusedOnReceipt
		if errors.As(err, &refused) {
			c.showRefused(a, refused)
			return nil
		}
		if err != nil {
			return err
		}
		entry := gateway.AuditEntry{Kind: gateway.Consultation, At: time.Now(), Actor: person(), Action: "form shown", Operation: f.Operation, Reference: f.Reference, Justification: c.Reason}
		if err := st.Audit(a.ctx, entry); err != nil {
			return err
		}
		ds, err := st.DeliveriesOf(a.ctx, f.ID)
		if err != nil {
			return err
		}
		attempts := map[gateway.DeliveryID][]shownAttempt{}
		for _, d := range ds {
			evidence, err := st.Attempts(a.ctx, d.ID)
			if err != nil {
				return err
			}
			for _, e := range evidence {
				attempts[d.ID] = append(attempts[d.ID], shownAttempt{e.At.UTC(), e.Channel, e.Outcome, e.Detail})
			}
		}
		shown := showForm(*f, ds, time.Now())
		if shown.Reason, shown.Settled, err = whyHeld(a, st, f); err != nil {
			return err
		}
		return c.show(a, f, shown, attempts)
	})
}

func (c formsShowCmd) show(a *app, f *gateway.Form, shown shownForm, attempts map[gateway.DeliveryID][]shownAttempt) error {
	text := f.Content.Boxes.Text(form.TextOptions{Lang: c.Lang, Withhold: func(addr string) bool { return c.Reason == "" && form.Nominal(f.Content.Boxes, addr, nil) }})
	if c.JSON {
		return a.json(struct {
			shownForm
			Text     string                                `json:"text"`
			Attempts map[gateway.DeliveryID][]shownAttempt `json:"attempts"`
		}{shown, text, attempts})
	}
	a.print("%s %06d  %s  from %s, %s, %s", f.Operation, f.Number, f.Reference, f.Sender, f.State, f.Assurance)
	if shown.Reason != "" {
		a.print("held: %s", harmless(shown.Reason))
	}
	if shown.Settled != "" {
		a.print("decided by %s", shown.Settled)
	}
	if _, err := io.WriteString(a.out, text); err != nil {
		return err
	}
	for _, d := range shown.Deliveries {
		a.print("%-4s %-22s %s %s", d.Participant, d.People, d.Channel, d.Reason)
		for _, e := range attempts[d.ID] {
			a.print("     %s %-9s %-9s %s", e.At.Format("2006-01-02 15:04:05"), e.Channel, e.Outcome, e.Detail)
		}
	}
	if f.State == gateway.FormHeld {
		a.print("Next: liaison forms release %[1]s%[2]s --reason …, or liaison forms refuse %[1]s%[2]s --reason …", naming(*f), c.option())
	}
	return nil
}

// whyHeld says why a form was held, and who decided on it; "" where it wasn't.
func whyHeld(a *app, st *store.Store, f *gateway.Form) (reason, who string, err error) {
	in, err := st.Inbound(a.ctx, f.Inbound)
	if errors.Is(err, gateway.ErrNotFound) || err == nil && in.Verdict != gateway.Held {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	return in.Reason, in.SettledBy, nil
}

// refusedOnReceipt is that a form of this reference came and was refused: it isn't
// recorded, its answer is.
type refusedOnReceipt struct {
	reference string
	answer    gateway.Form
}

func (r refusedOnReceipt) Error() string {
	return fmt.Sprintf("%s was refused on receipt, on %s, and isn't kept; the answer %s says why", r.reference, r.answer.Received.UTC().Format("2006-01-02 15:04"), r.answer.Reference)
}

func (c formsShowCmd) showRefused(a *app, r refusedOnReceipt) {
	c.fact(a, map[string]any{"operation": r.answer.Operation, "reference": r.reference, "state": gateway.FormRefused, "received": r.answer.Received.UTC(), "answer": r.answer.Reference},
		"%s.\nNext: liaison forms show %s%s", r, naming(r.answer), c.option())
}

func (c formsShowCmd) find(a *app, st *store.Store) (*gateway.Form, error) {
	op, err := findOperation(a, st, c.Operation)
	if err != nil {
		return nil, err
	}
	f, err := st.FormByReference(a.ctx, op.Code, "", c.Reference)
	if !errors.Is(err, gateway.ErrNotFound) {
		return f, err
	}
	refusals, err := st.Refusals(a.ctx, op.Code, c.Reference)
	if err != nil {
		return nil, err
	}
	if len(refusals) == 0 {
		return nil, wrongf("no form %s is recorded in %s; see \"liaison forms list\"", c.Reference, op.Code)
	}
	return nil, wrong{refusedOnReceipt{c.Reference, refusals[len(refusals)-1]}}
}

// decideFlags are what a person's decision needs.
type decideFlags struct {
	configFlag
	Reference string `arg:"" help:"A4 reference, number such as \"OP-7K3 000123\", or the id of a held message."`
	Operation string `help:"Operation code, where there are several."`
	Reason    string `help:"Why; goes into the audit log." required:""`
	jsonFlag
}

type formsReleaseCmd struct {
	decideFlags
	For string `help:"The participant whose form a held message brings; it counts as not proven."`
}

func (formsReleaseCmd) Help() string {
	return "Example: liaison forms release LV-VID-2026-000017 --reason \"called LV, it is theirs\"\n" +
		"Example: liaison forms release 01a20f72-16ec-75c8-ac3f-a59433d55cf7 --for LV --reason \"called LV, it is theirs\"\nTo see what waits, \"liaison forms list --held\".\n" +
		"What is signed with a key that isn't confirmed goes as not proven; where the key is theirs, confirm it first (\"liaison key confirm\")."
}

func (c formsReleaseCmd) Run(a *app) error {
	return c.decide(a, func(n *node) error {
		if isMessage(c.Reference) {
			return c.take(a, n)
		}
		f, err := c.find(a, n.store)
		if err != nil {
			return err
		}
		return n.store.ReleaseForm(a.ctx, f.ID, person(), c.Reason, n.gateway.Released(a.ctx, f))
	})
}

type formsRefuseCmd struct{ decideFlags }

func (formsRefuseCmd) Help() string {
	return "The sender of a refused form hears of it; of a refused message nobody does.\nExample: liaison forms refuse LV-VID-2026-000017 --reason \"not from LV\""
}

func (c formsRefuseCmd) Run(a *app) error {
	return c.decide(a, func(n *node) error {
		if isMessage(c.Reference) {
			return n.store.Settle(a.ctx, c.Reference, person(), c.Reason, nil)
		}
		f, err := c.find(a, n.store)
		if err != nil {
			return err
		}
		return n.store.RefuseForm(a.ctx, f.ID, person(), c.Reason, n.gateway.Declined(a.ctx, f))
	})
}

func (c decideFlags) find(a *app, st *store.Store) (*gateway.Form, error) {
	return formsShowCmd{Reference: c.Reference, Operation: c.Operation}.find(a, st)
}

// decide carries a person's decision out, beside a serving gateway.
func (c decideFlags) decide(a *app, act func(*node) error) error {
	if err := c.withNode(a, act); err != nil {
		return err
	}
	c.fact(a, map[string]any{"reference": c.Reference, "done": true}, "Done: %s. Next: liaison forms list --held%s", c.Reference, c.option())
	return nil
}

// withNode runs f on a gateway that doesn't run: its parts are there.
func (c configFlag) withNode(a *app, f func(*node) error) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	st, err := s.beside(a)
	if err != nil {
		return err
	}
	defer st.Close()
	n, err := newNode(a.ctx, s, st, st)
	if err != nil {
		return err
	}
	return f(n)
}
