package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// heard adds to a decision what the inbound shows about a probe of a
// communications test: the facts, whatever was decided of the message itself.
func (h *handling) heard(decide func(Ledger) (*Decision, error)) (func(Ledger) (*Decision, error), error) {
	if h.g.opt.Tests == nil {
		return decide, nil
	}
	found, err := h.hearings()
	if err != nil || len(found) == 0 {
		return decide, err
	}
	return func(l Ledger) (*Decision, error) {
		d, err := decide(l)
		if err != nil || d == nil {
			return d, err
		}
		with := *d // what decide returns may be the same each time
		with.Tests.Heard = slices.Clone(with.Tests.Heard)
		for _, e := range found {
			e.Judged = d.Verdict
			e.Repeats = d.Verdict == Duplicate || d.Verdict == Held && strings.HasPrefix(d.Reason, probablyRepeats)
			if d.Verdict == Accepted && e.Type != "" {
				e.Form = d.Subject
			}
			with.Tests.Heard = append(with.Tests.Heard, e)
		}
		if with.Operation == "" {
			with.Operation = found[0].Operation
		}
		return &with, nil
	}, nil
}

// hearings are the evidence that the inbound is: about the probe that it ties
// to, and, where a later run asked again, that its question wasn't answered.
func (h *handling) hearings() ([]Hearing, error) {
	probe, err := h.probe()
	if err != nil || probe == nil {
		return nil, err
	}
	op, err := h.g.operation(h.ctx, probe.Operation)
	if err != nil || op == nil {
		return nil, err
	}
	e := h.evidence(probe, op)
	if e.Earlier, err = h.ofAnother(probe, slices.Concat(e.Codes, e.Quoted)); err != nil {
		return nil, err
	}
	out := []Hearing{e}
	newest, err := h.g.opt.Tests.NewestProbe(h.ctx, probe.Operation, probe.Participant, probe.ChannelAt)
	if err != nil || newest == nil || newest.Run == probe.Run || e.Kind != HeardAnswer {
		return out, err
	}
	e.Run, e.Probe, e.Stale = newest.Run, newest.Delivery, true
	return append(out, e), nil
}

// How much of what a person wrote is kept with the test.
const heardText = 500

// evidence is the message as a hearing about a probe.
func (h *handling) evidence(p *Probe, op *operation.Operation) Hearing {
	m, r := h.m, h.m.Reading
	e := Hearing{Run: p.Run, Operation: p.Operation, Participant: p.Participant, At: h.now, Kind: HeardAnswer, Probe: p.Delivery,
		Medium: h.in.Medium, Channel: h.channel(), From: m.From, Encrypted: m.Encrypted, Unreadable: m.Kind == entity.Unreadable,
		Verdict: m.Verdict, Covers: m.Covers, Signed: m.Fingerprint, Made: m.Made, Text: clip(m.Text, heardText)}
	if who := op.Participant(p.Participant); who != nil {
		e.Registered = who.Owns(m.From)
	}
	f := m.Form
	var inner *entity.Reading
	if r != nil {
		inner = attachedOwn(r, m.From)
	}
	e.Wrapped = inner != nil && inner.OpenErr != nil && !m.Encrypted
	if f == nil && inner != nil {
		f = filledIn(inner.Text)
	}
	switch m.Kind {
	case entity.AutoReply:
		if f == nil {
			f = filledIn(m.Text)
		}
		sealed := r.OpenErr != nil && strings.TrimSpace(m.Text) == "" // machines reply in the clear
		if e.Unreadable = sealed; f == nil && !sealed && !e.Wrapped {
			e.Kind = HeardAuto
		}
	case entity.Bounce, entity.Delay, entity.Delivered, entity.ReadReceipt, entity.Feedback:
		e.Kind, e.Report, e.Text = HeardReport, string(m.Kind), ""
		for _, b := range r.Bounce {
			e.Fates = append(e.Fates, BouncedFate{b.Status, b.Cause, b.Final})
		}
	}
	h.signer(&e, p.Operation)
	h.contents(&e, f)
	if r != nil {
		e.Aligned = r.Aligned(h.g.opt.AuthServ)
		e.Outside = r.Outside
		e.Apart = m.Encrypted && takenApart(r, h.in.Raw)
		var why *openpgp.OpenError
		if errors.As(r.OpenErr, &why) {
			e.Unopened = why.Reason
		}
	}
	return e
}

// filledIn is the answer to a test that stands in a text with somebody's initials,
// nil where none does: a person wrote it, whatever a list or a scanner made of the
// mail that carried it.
func filledIn(text string) *form.Form {
	if f, _ := form.ParseText(text); f != nil && f.Type() == "TSR" && f.Get("T9") != "" {
		return f
	}
	return nil
}

// shut opens nothing.
type shut struct{}

func (shut) Open([]byte, int64) (entity.Opened, error) {
	return entity.Opened{}, &openpgp.OpenError{Reason: "no-key"}
}

func (shut) Verify([]byte, []byte) entity.Signature { return entity.Signature{} }

// attachedMost bounds how many attached mails are looked into.
const attachedMost = 4

// attachedOwn is a mail of the sender's own that is attached to a mail, as scanners
// do; a sealed one, which it doesn't open, before others. nil where there is none.
func attachedOwn(r *entity.Reading, from string) *entity.Reading {
	var plain *entity.Reading
	looked := 0
	for _, a := range r.Attachments {
		if a.Type != "message/rfc822" || looked == attachedMost {
			continue
		}
		looked++
		inner := entity.Read(a.Content, shut{}, entity.Limits{})
		switch own := slices.Contains(inner.Senders(), from); {
		case own && inner.OpenErr != nil:
			return inner
		case own && plain == nil:
			plain = inner
		}
	}
	return plain
}

// signer says whose key signed: a participant's of this operation, or our own.
func (h *handling) signer(e *Hearing, op operation.Code) {
	fp := openpgp.Fingerprint(e.Signed)
	if fp == "" {
		return
	}
	for _, k := range h.g.opt.Keys {
		if k.Certificate().Fingerprint() == fp {
			e.Signer = h.g.opt.Code
			return
		}
	}
	all, err := h.reg.ring.Holdings(h.ctx, fp)
	h.reg.note(err)
	for _, held := range all {
		if held.Operation == op && (e.Signer == "" || held.Participant == e.Participant) {
			e.Signer, e.KeyState = held.Participant, held.State
		}
	}
}

// contents says what of the question came back, in the form f where there is one.
func (h *handling) contents(e *Hearing, f *form.Form) {
	m := h.m
	e.Codes = testCodes(m.Text)
	if f != nil {
		n := f.Normal()
		e.Type, e.Boxes = n.Type(), n.JSON()
		if code := TestCode(n.Get("T2")); code != "" && !slices.Contains(e.Codes, code) {
			e.Codes = append(e.Codes, code)
		}
	}
	problems := h.problems
	if problems == nil {
		problems = m.Problems
	}
	for _, p := range problems {
		if p.Severity == form.Error {
			e.Broken = append(e.Broken, p.Code)
		}
	}
	for _, a := range m.Attachments {
		sum := sha256.Sum256(a.Content)
		e.Files = append(e.Files, hex.EncodeToString(sum[:]))
	}
	if m.Reading == nil {
		return
	}
	for _, code := range testCodes(m.Reading.Text) {
		if !slices.Contains(e.Codes, code) {
			e.Quoted = append(e.Quoted, code)
		}
	}
	e.Joined = joinedLines(m.Reading.Text)
}

// takenApart reports whether a server on the way turned PGP/MIME into a bundle
// of attachments: its control part is there, and its frame is another.
func takenApart(r *entity.Reading, raw []byte) bool {
	frame := strings.ToLower(r.Header.Get("Content-Type"))
	if strings.HasPrefix(frame, "multipart/encrypted") {
		return false
	}
	lower := bytes.ToLower(raw)
	for _, mark := range []string{"application/pgp-encrypted", "pgpmime versions identification", "pgp/mime version"} {
		if bytes.Contains(lower, []byte(mark)) {
			return true
		}
	}
	return false
}

// joinedLines reports whether the lines of a form in a text were run together.
func joinedLines(text string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "JCOFORM/1 BEGIN") {
			return strings.Count(line, "]") >= 3
		}
	}
	return false
}
