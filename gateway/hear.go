package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
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

// CodeLetters are those of a test code: none is mistaken for another when it is
// read out, and no words come of them.
const CodeLetters = "23456789BCDFGHJKMNPQRTVWXZ"

// A test code as people write it: two groups of five.
var codePattern = regexp.MustCompile(`[` + CodeLetters + `]{5}[ -]?[` + CodeLetters + `]{5}`)

// Letters of national keyboards that look like those of a code.
var lookalikes = strings.NewReplacer("В", "B", "С", "C", "Н", "H", "К", "K", "М", "M", "Р", "P", "Т", "T", "Х", "X",
	"Β", "B", "Η", "H", "Κ", "K", "Μ", "M", "Ν", "N", "Ρ", "P", "Τ", "T", "Χ", "X", "Ζ", "Z", "‐", "-", "‑", "-", "–", "-", "—", "-", "\u00a0", " ")

// codesMost bounds how many codes of one message are looked up.
const codesMost = 8

// TestCode is a test code as it is compared: "K7QF2MXD9R".
func TestCode(written string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(lookalikes.Replace(strings.ToUpper(strings.TrimSpace(written))))
}

// testCodes are what looks like a test code in a text.
func testCodes(text string) []string {
	var out []string
	for _, found := range codePattern.FindAllString(lookalikes.Replace(strings.ToUpper(text)), codesMost) {
		if code := TestCode(found); !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return out
}

// probe finds the question that the message is about: by the delivery that it
// replies to or reports on, by the form that it answers, by a test code in it,
// in that order. A message about another delivery of ours is about no question,
// whatever it quotes. It says nothing of who sent it.
func (h *handling) probe() (*Probe, error) {
	tests := h.g.opt.Tests
	if r := h.m.Reading; r != nil {
		for _, id := range h.namedDeliveries() {
			if p, err := tests.ProbeOf(h.ctx, "", DeliveryID(id), ""); p != nil || err != nil {
				return p, err
			}
			if _, err := h.g.opt.Reads.Delivery(h.ctx, DeliveryID(id)); !errors.Is(err, ErrNotFound) {
				return nil, err
			}
		}
	}
	ops, err := h.operationsHere()
	if err != nil {
		return nil, err
	}
	codes := h.codes()
	for _, op := range ops {
		for _, reference := range h.namedForms(op) {
			if p, known, err := h.probeOfForm(op, reference); known || err != nil {
				return p, err
			}
		}
		for _, code := range codes {
			p, err := tests.ProbeOf(h.ctx, op, "", code)
			if err != nil || p != nil && (h.sender == nil || h.sender.Code == p.Participant) {
				return p, err
			}
		}
	}
	return h.probeOfSender()
}

// probeOfSender is the newest question to whom the message claims to be from,
// where it says neither to which call it belongs nor by which code: it can't be
// opened here, or it is a test's reply of somebody who couldn't open the call.
func (h *handling) probeOfSender() (*Probe, error) {
	unreadable := h.m.Kind == entity.Unreadable
	reply := h.m.Form != nil && h.m.Form.Type() == "TSR" && len(h.codes()) == 0
	if !unreadable && !reply {
		return nil, nil
	}
	op, who, err := h.claims()
	if err != nil || who == nil {
		return nil, err
	}
	for i, ch := range who.Channels {
		if (ch.Kind == operation.WebSocket) != (h.in.Medium == ByWebSocket) || ch.Kind == operation.Phone {
			continue
		}
		if p, err := h.g.opt.Tests.NewestProbe(h.ctx, op.Code, who.Code, i); p != nil || err != nil {
			return p, err
		}
	}
	return nil, nil
}

// claims is whom the message claims to be from: by its session, which is proven, or
// by its From, which isn't.
func (h *handling) claims() (op *operation.Operation, who *operation.Participant, err error) {
	if s := h.in.Session; s != nil {
		if op, err = h.g.operation(h.ctx, s.Operation); err != nil || op == nil {
			return nil, nil, err
		}
		return op, op.Participant(s.Participant), nil
	}
	claimed := ""
	if h.m.Form != nil {
		claimed = h.m.Form.Normal().Get("A3")
	}
	op, who = h.reg.placeAddress(h.m.From, claimed)
	return op, who, nil
}

// ofAnother reports whether one of the codes belongs to another question.
func (h *handling) ofAnother(p *Probe, codes []string) (bool, error) {
	for _, code := range codes {
		if code == p.Code {
			continue
		}
		other, err := h.g.opt.Tests.ProbeOf(h.ctx, p.Operation, "", code)
		if err != nil || other != nil {
			return other != nil, err
		}
	}
	return false, nil
}

// namedDeliveries are the deliveries whose ids stand in the mail's headers.
func (h *handling) namedDeliveries() []string {
	r := h.m.Reading
	ids := append([]string{r.Header.InReplyTo}, r.Header.References...)
	if r.Original != nil {
		ids = append(ids, r.Original.MessageID)
	}
	ids = append(ids, r.Recipients()...)
	ids = append(ids, h.in.Envelope.To...)
	return deliveryPattern.FindAllString(strings.Join(ids, " "), codesMost)
}

// namedForms are the references by which the message may name a question: in
// A5, or the number in its subject.
func (h *handling) namedForms(op operation.Code) []string {
	var out []string
	if h.m.Form != nil && h.m.Form.Get("A5") != "" {
		out = append(out, h.m.Form.Normal().Get("A5"))
	}
	if h.m.Reading != nil {
		for _, subject := range []string{h.m.Reading.Subject(), h.m.Reading.Header.Subject} {
			if match := numberPattern.FindStringSubmatch(subject); match != nil && operation.Code(match[1]) == op && !slices.Contains(out, match[0]) {
				out = append(out, match[0])
			}
		}
	}
	return out
}

// probeOfForm is the question that a form is; known where there is such a form at
// all.
func (h *handling) probeOfForm(op operation.Code, reference string) (p *Probe, known bool, err error) {
	f, err := h.g.opt.Reads.FormByReference(h.ctx, op, "", reference)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil || f.Type != "TST" || f.Sender != h.g.opt.Code {
		return nil, true, err
	}
	ds, err := h.g.opt.Reads.DeliveriesOf(h.ctx, f.ID)
	if err != nil || len(ds) == 0 {
		return nil, true, err
	}
	p, err = h.g.opt.Tests.ProbeOf(h.ctx, "", ds[0].ID, "")
	return p, true, err
}

// operationsHere are the operations whose test the message may be about.
func (h *handling) operationsHere() ([]operation.Code, error) {
	if h.op != nil {
		return []operation.Code{h.op.Code}, nil
	}
	ops, err := h.g.operations(h.ctx)
	if err != nil {
		return nil, err
	}
	var out []operation.Code
	for code := range ops {
		out = append(out, code)
	}
	slices.Sort(out)
	return out, nil
}

// codes are the test codes anywhere in the message, those of box T2 first.
func (h *handling) codes() []string {
	var out []string
	if h.m.Form != nil {
		if code := TestCode(h.m.Form.Get("T2")); code != "" {
			out = append(out, code)
		}
	}
	if h.m.Reading == nil {
		return out
	}
	return append(out, testCodes(h.m.Reading.Text)...)
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
