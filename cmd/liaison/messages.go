package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// isMessage reports whether somebody names a held message, by its id, and not a
// form.
func isMessage(reference string) bool {
	_, err := uuid.Parse(reference)
	return err == nil
}

// shownMessage is a held message as a person sees it: what it is and why it
// waits. What it says is veiled unless there is a reason to look.
type shownMessage struct {
	ID          string          `json:"inbound"`
	Received    time.Time       `json:"received"`
	Verdict     gateway.Verdict `json:"verdict"`
	Why         string          `json:"why"`
	Settled     string          `json:"settled_by,omitempty"`
	Kind        string          `json:"kind"`
	From        string          `json:"from"`
	Encrypted   bool            `json:"encrypted"`
	Signature   signature       `json:"signature"`
	Participant string          `json:"participant"`
	Problems    []form.Problem  `json:"problems"`
	Attachments []shownPart     `json:"attachments"`
	Form        string          `json:"form_type,omitempty"`
	Subject     string          `json:"subject,omitempty"`
	Text        string          `json:"text,omitempty"`
}

type shownPart struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes int    `json:"bytes"`
}

// showMessage shows a held message as text alone: nothing is fetched, nothing is
// run, and nothing in it moves the terminal.
func (c formsShowCmd) showMessage(a *app) error {
	return c.withNode(a, func(n *node) error {
		held, err := n.store.Inbound(a.ctx, c.Reference)
		if err != nil {
			return err
		}
		m, err := n.gateway.Examine(a.ctx, held.AsInbound())
		if err != nil {
			return err
		}
		entry := gateway.AuditEntry{Kind: gateway.Consultation, At: time.Now(), Actor: person(), Action: "message shown", Operation: held.Operation, Justification: c.Reason}
		if err := n.store.Audit(a.ctx, entry); err != nil {
			return err
		}
		s := describeMessage(held, m, c.Reason != "")
		c.fact(a, s, "%s", s)
		return nil
	})
}

func describeMessage(held *store.InboundRecord, m *gateway.Message, whole bool) shownMessage {
	s := shownMessage{ID: held.ID, Received: held.Received.UTC(), Verdict: held.Verdict, Why: held.Reason, Settled: held.SettledBy, Kind: string(m.Kind), From: m.From,
		Encrypted: m.Encrypted, Signature: signature{m.Verdict, m.Fingerprint, m.Covers}, Participant: m.Participant, Problems: m.Problems, Attachments: []shownPart{}}
	for _, p := range m.Attachments {
		s.Attachments = append(s.Attachments, shownPart{p.Name, p.Type, len(p.Content)})
	}
	if m.Form != nil {
		s.Form = m.Form.Type()
	}
	if whole && m.Reading != nil {
		s.Subject, s.Text = m.Reading.Subject(), m.Reading.Text
	}
	return s
}

// String is for a terminal: everything that came from outside is cleaned first.
func (s shownMessage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "message %s  %s  %s: %s\n", s.ID, s.Received.Format("2006-01-02 15:04"), s.Verdict, harmless(s.Why))
	fmt.Fprintf(&b, "kind: %s   from: %s   encrypted: %v\n", s.Kind, harmless(s.From), s.Encrypted)
	fmt.Fprintf(&b, "signature: %s %s %s   participant: %s\n", s.Signature.Verdict, s.Signature.Fingerprint, s.Signature.Covers, s.Participant)
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "! %d %s %s\n", p.Code, p.Box, harmless(p.In("en")))
	}
	for _, p := range s.Attachments {
		fmt.Fprintf(&b, "attachment: %s (%s, %d bytes)\n", harmless(p.Name), harmless(p.Type), p.Bytes)
	}
	if s.Form != "" {
		fmt.Fprintf(&b, "there is a form in it: %s\n", harmless(s.Form))
	}
	switch {
	case s.Settled != "":
		fmt.Fprintf(&b, "Decided by %s.\n", s.Settled)
	case s.Text == "":
		b.WriteString("Its text is veiled: say why you look at it with --reason.\n")
	}
	if s.Text != "" {
		fmt.Fprintf(&b, "subject: %s\n\n%s\n", harmless(s.Subject), harmless(s.Text))
	}
	b.WriteString("Next: liaison forms release, refuse or answer " + s.ID)
	return b.String()
}

// harmless takes out what could move a terminal or hide what is read: control
// characters, and those that turn the direction of writing.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == unicode.ReplacementChar:
			return '·'
		}
		return r
	}, text)
}

// take records the form in a held message as one of a participant's.
func (c formsReleaseCmd) take(a *app, n *node) error {
	if c.For == "" {
		return wrongf("say whose form it is: --for LV")
	}
	held, err := n.store.Inbound(a.ctx, c.Reference)
	if err != nil {
		return err
	}
	op, err := findOperation(a, n.store, c.Operation)
	if err != nil {
		return err
	}
	decide, err := n.gateway.Taken(a.ctx, held.AsInbound(), held.ID, op.Code, operation.ParticipantCode(c.For))
	if err != nil {
		return err
	}
	return n.store.Settle(a.ctx, held.ID, person(), c.Reason, decide)
}

type formsAnswerCmd struct {
	decideFlags
	Template string `help:"undecryptable (it could not be opened), fill-in (no form was found; a blank one goes along), call (it could not be processed)." enum:"undecryptable,fill-in,call" required:""`
}

func (formsAnswerCmd) Help() string {
	return "The template goes in the clear to the sender's registered address, never to another, and the message is settled.\n" +
		"Example: liaison forms answer 01a20f72-16ec-75c8-ac3f-a59433d55cf7 --template fill-in --reason \"a Word file\""
}

func (c formsAnswerCmd) Run(a *app) error {
	if !isMessage(c.Reference) {
		return wrongf("%q is no id of a held message; see \"liaison forms list --held\"", c.Reference)
	}
	return c.decide(a, func(n *node) error {
		held, err := n.store.Inbound(a.ctx, c.Reference)
		if err != nil {
			return err
		}
		decide, err := n.gateway.Answered(a.ctx, held.AsInbound(), c.Template)
		if err != nil {
			return err
		}
		return n.store.Settle(a.ctx, held.ID, person(), c.Reason, decide)
	})
}
