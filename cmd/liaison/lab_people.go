package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
)

// people makes the operation with all participants, their keys and officers.
func (l *lab) people() error {
	now := l.clock.Now()
	day := func(n int) string { return now.UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	var yaml strings.Builder
	fmt.Fprintf(&yaml, "operation: %s\ntitle: The fault laboratory; everyone in it is invented\norganiser: OCU\nlegal_basis: NAPLES2\nphases:\n  preparation: {from: %s, to: %s}\n  operation: {from: %s, to: %s}\n  evaluation: {from: %s, to: %s}\n"+
		"tests: {schedule: [], heartbeat: none}\ndesk: {phone: \"+000 000 000\"}\nparticipants:\n", labOperation, day(-10), day(30), day(31), day(37), day(38), day(60))
	for _, e := range l.exams {
		yaml.WriteString(participantYAML(e, l.casts[e.Code]))
	}
	op, problems := operation.Parse([]byte(yaml.String()), "laboratory")
	if op == nil {
		return fmt.Errorf("the laboratory's operation: %v", problems)
	}
	l.op = op
	if err := l.st.ApplyOperation(l.ctx, op, []byte(yaml.String()), audit("operation applied", "laboratory", op.Code, "")); err != nil {
		return err
	}
	ring := keyring.New(l.st, func() time.Time { return now.Add(-36 * time.Hour) }) // keys were confirmed while they served
	stranger, err := simulator.NewKey("stranger", "stranger@private.example", simulator.Keys{}, now, now)
	if err != nil {
		return err
	}
	makers, ctx := errgroup.WithContext(l.ctx)
	makers.SetLimit(8)
	for _, e := range l.exams {
		makers.Go(func() error { return l.person(ctx, e, ring, stranger, now) })
	}
	return makers.Wait()
}

func participantYAML(e simulator.Exam, c *simulator.Cast) string {
	at := address(e.Code)
	var channels []string
	for _, kind := range append([]operation.ChannelKind{e.Kind}, e.More...) {
		switch {
		case kind == operation.WebSocket:
			channels = append(channels, "{kind: websocket}")
		case kind == operation.Mail && e.Kind != operation.Mail:
			channels = append(channels, fmt.Sprintf("{kind: mail, address: plain-%s}", at))
		default:
			channels = append(channels, fmt.Sprintf("{kind: %s, address: %s}", kind, at))
		}
	}
	contacts := ""
	if c.Contacts {
		contacts = fmt.Sprintf(" contacts: [{name: A. Invented, email: contact-%s, deputy: B. Invented}, {name: B. Invented, email: deputy-%s}],", at, at)
	}
	return fmt.Sprintf("  - {code: %s, class: third-country, authority: Laboratory, reference: LAB, languages: [en], duty: {phone: \"+000 %s\"},%s addresses: [%s], channels: [%s]}\n", e.Code, e.Code[1:], contacts, at, strings.Join(channels, ", "))
}

// person makes one participant's keys and labOfficer.
func (l *lab) person(ctx context.Context, e simulator.Exam, ring *keyring.Ring, stranger *openpgp.SecretKey, now time.Time) error {
	c, at := l.casts[e.Code], address(e.Code)
	o := &simulator.Officer{Participant: simulator.Participant{Code: string(e.Code), Address: at, To: demoGateway, Gateway: l.s.keys[0].Certificate()}, Habits: c.Habits, Stranger: stranger.Certificate()}
	for i := range c.People {
		o.People = append(o.People, string(rune('A'+i))+"X")
	}
	if c.Contacts && !c.Alone {
		o.Deputy = "deputy-" + at
	}
	l.mu.Lock()
	l.officers[at] = &labOfficer{Officer: o, code: e.Code, plain: e.Kind == operation.Mail}
	if slices.Contains(e.More, operation.Mail) { // another desk, with plain mail alone
		open := *o
		open.Address = "plain-" + at
		l.officers[open.Address] = &labOfficer{Officer: &open, code: e.Code, plain: true}
	}
	l.mu.Unlock()
	if e.Kind == operation.Mail {
		return nil
	}
	key, err := simulator.NewKey(string(e.Code), at, c.Key, now, l.op.Phases.Operation.From.Time)
	if err != nil {
		return err
	}
	o.Key = key
	if c.Key.Sees {
		o.Sees = []*openpgp.SecretKey{stranger}
	}
	if c.Key.Signs == "other" {
		o.Signs = stranger
	}
	if c.Confirmed == "none" {
		return nil
	}
	if _, err := ring.Propose(ctx, l.op.Code, e.Code, keyring.Proposal{Certificate: key.Certificate(), Source: "laboratory", By: "laboratory"}); err != nil {
		return err
	}
	fp := string(key.Certificate().Fingerprint())
	switch c.Confirmed {
	case "proposed":
		return nil
	case "blocked":
		return ring.Block(ctx, l.op.Code, e.Code, fp, "laboratory", "the laboratory wants it so")
	}
	if _, err = ring.Confirm(ctx, l.op.Code, e.Code, fp, "laboratory", "the laboratory made it"); err != nil || c.Next == "" {
		return err
	}
	second, err := l.secondKey(ctx, e, ring, now)
	if c.Next != "away" {
		o.Signs, o.Sees = second, []*openpgp.SecretKey{key, second}
	}
	return err
}

// secondKey registers a second key for a participant.
func (l *lab) secondKey(ctx context.Context, e simulator.Exam, ring *keyring.Ring, now time.Time) (*openpgp.SecretKey, error) {
	key, err := simulator.NewKey(string(e.Code), address(e.Code), simulator.Keys{}, now, l.op.Phases.Operation.From.Time)
	if err != nil {
		return nil, err
	}
	if _, err := ring.Propose(ctx, l.op.Code, e.Code, keyring.Proposal{Certificate: key.Certificate(), Source: "laboratory", By: "laboratory"}); err != nil || l.casts[e.Code].Next == "proposed" {
		return key, err
	}
	for _, person := range []string{"laboratory", "another of the laboratory"} { // a second key takes two
		if _, err := ring.Confirm(ctx, l.op.Code, e.Code, string(key.Certificate().Fingerprint()), person, "the laboratory made it"); err != nil {
			return nil, err
		}
	}
	return key, nil
}
