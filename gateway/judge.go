package gateway

import (
	"errors"
	"slices"
	"strings"
	"time"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// answering says how the sender of a held message hears of it.
type answering int

const (
	silent       answering = iota // nothing of what was opened goes to an unproven sender
	answerHeld                    // "received, a person will decide"
	answerFillIn                  // the same, with a blank form: files are no form
)

// form judges a proven form: accepted, held, rejected or a repeat.
func (h *handling) form() (func(Ledger) (*Decision, error), error) {
	sent := h.m.Form
	if sent.Type() == "ACK" || sent.Type() == "NAK" {
		return h.receiptForm()
	}
	origin, err := h.origin(sent)
	if err != nil {
		return nil, err
	}
	declaredNominal(sent, h.m.Attachments)
	full := h.g.fill(sent, h.op, h.sender.Code, origin, h.m.Attachments, h.now)
	record := h.record(sent, full)
	corrects, err := h.correct(sent, &record, origin)
	if err != nil {
		return nil, err
	}
	problems := slices.Concat(h.m.Problems, h.checks(record.Content.Boxes, origin))
	h.problems = problems
	record.Content.Problems = problems
	switch judge(record.Content.Boxes, problems) {
	case Rejected:
		return h.reject(record, problems), nil
	case Held:
		return h.holdForm(record, "an urgent form whose routing or markings can't be read", nil, answerHeld), nil
	}
	return h.accept(record, corrects), nil
}

// checks are the form's own rules and those that only the operation knows.
func (h *handling) checks(boxes *form.Form, origin *Form) []form.Problem {
	problems := form.Check(boxes, form.Context{Profile: profile(h.op), Phase: string(h.op.PhaseAt(h.now)), Now: h.now, Legal: h.op.LegalBasis, Received: true})
	if a6, sender := boxes.Get("A6"), string(h.sender.Code); a6 != sender {
		other := form.OtherSender
		if h.assurance == Signed {
			other = form.OtherSigner
		}
		problems = append(problems, other(a6, sender))
	}
	if mixes(boxes, origin) {
		problems = append(problems, form.NewProblem(70, form.Error, "A10", map[string]string{"value": boxes.Get("A10")}))
	}
	if a3 := boxes.Get("A3"); a3 != string(h.op.Code) {
		problems = append(problems, form.OtherOperation(a3, string(h.op.Code)))
	}
	if _, unknown := h.op.Expand(boxes.All("A7"), h.g.opt.Code, h.sender.Code); len(unknown) > 0 {
		problems = append(problems, form.NewProblem(12, form.Error, "A7", map[string]string{"value": strings.Join(unknown, " ")}))
	}
	if form.IsNominal(boxes, profile(h.op)) && !h.sender.MaySendNominal(h.op.PhaseAt(h.now)) {
		problems = append(problems, form.NewProblem(66, form.Warning, "A16", nil))
	}
	return problems
}

// mixes reports whether a form would carry an exercise or a test into what is
// live, or the reverse.
func mixes(boxes *form.Form, origin *Form) bool {
	return origin != nil && (boxes.Get("A10") == "LIVE") != (origin.Mode == "LIVE")
}

// routing are the boxes without which an urgent form can't be sent on: it is
// held with an alarm instead of refused.
var routing = []string{"A1", "A6", "A7", "A10", "A11", "A13", "A16"}

// judge turns problems into a verdict. An urgent form is never refused for a
// wrong value (12–15): it goes on incomplete or, where its routing can't be
// read, a person decides at once. Security codes stay refusals.
func judge(boxes *form.Form, problems []form.Problem) Verdict {
	urgent := boxes.Get("A9") == "U"
	verdict := Accepted
	for _, p := range problems {
		if p.Severity != form.Error {
			continue
		}
		switch {
		case !urgent || p.Code < 12 || p.Code > 15:
			if urgent && slices.Contains(routing, p.Box) && p.Code != 67 {
				verdict = Held
				continue
			}
			return Rejected
		case slices.Contains(routing, p.Box):
			verdict = Held
		}
	}
	return verdict
}

// origin finds the form that A5 names, nil where there is none.
func (h *handling) origin(sent *form.Form) (*Form, error) {
	reference := sent.Get("A5")
	if reference == "" {
		return nil, nil
	}
	f, err := h.g.opt.Reads.FormByReference(h.ctx, h.op.Code, "", reference)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return f, err
}

// record is the form as it would be recorded.
func (h *handling) record(sent *form.Form, full *filled) Form {
	b := full.boxes
	f := Form{ID: NewFormID(), Operation: h.op.Code, Role: Original, Type: b.Type(), Reference: b.Get("A4"), Sender: h.sender.Code,
		State: FormAccepted, Assurance: h.assurance, Signer: h.m.Fingerprint, Priority: priorityOf(b.Get("A9")), Mode: b.Get("A10"),
		Nominal: b.Get("A16") == "Y", Received: h.now, Hash: identity(sent), SignedSum: h.m.SignedSum,
		Content: Content{Boxes: b, Added: full.added, AsSent: h.m.AsSent, Signature: h.m.Signature, Attachments: h.m.Attachments}}
	if h.assurance != Signed { // no signature goes along that would prove somebody else
		f.Signer, f.Content.Signature = "", nil
	}
	return f
}

// identity is the hash by which a repeat of a form is known, whatever way it
// comes and whoever completed its header: without the boxes that say only which
// operation, whose form, which version and when it was sent, since an agent fills
// those in and a mail program doesn't.
func identity(sent *form.Form) [32]byte {
	bare := sent.Clone()
	for _, box := range []string{"A2", "A3", "A6", "A8"} {
		bare.Set(box)
	}
	return bare.ContentHash()
}

func priorityOf(a9 string) Priority {
	switch p := Priority(a9); p {
	case Urgent, Prior:
		return p
	}
	return Routine
}

// accept records the form with its deliveries and its ACK.
func (h *handling) accept(f Form, c *correction) func(Ledger) (*Decision, error) {
	return func(l Ledger) (*Decision, error) {
		if d, err := h.repeat(l, f); d != nil || err != nil {
			return d, err
		}
		if c != nil && c.origin.State == FormCancelled {
			return h.reject(f, []form.Problem{form.WasCancelled(c.origin.Reference)})(l)
		}
		f := f // decide may run again: the ledger's numbers must not stick
		if err := h.assign(l, &f); err != nil {
			return nil, err
		}
		recipients, err := h.recipients(l, f, c)
		if err != nil {
			return nil, err
		}
		if c != nil { // whoever had the original may have its correction
			f.Content.Facts = map[string]string{factReached: joinCodes(recipients)}
		}
		deliveries, rulings := h.deliveries(f, recipients)
		d := &Decision{Verdict: Accepted, Operation: h.op.Code, Sender: h.sender.Code, Subject: f.ID, Forms: []NewForm{{f, deliveries}}, Due: h.g.starts(h.op, &f, deliveries, h.now)}
		d.Evidence = h.answered(l, f)
		d.Audit = []AuditEntry{h.entry(Collection, "form accepted", f.Reference)}
		if c != nil {
			d.Audit = append(d.Audit, h.entry(Alteration, "form "+string(c.state), c.origin.Reference))
		}
		return d, h.answer(l, d, ackWords(h, f, rulings))
	}
}

// answered is the evidence that a form which answers another gives about the
// delivery of that other to its sender.
func (h *handling) answered(l Ledger, f Form) []Evidence {
	if f.Answers == "" || f.Assurance != Signed {
		return nil
	}
	deliveries, err := l.Deliveries(f.Answers)
	if err != nil {
		return nil
	}
	for _, d := range deliveries {
		if d.Participant == f.Sender {
			e := h.confirms(d.ID, "answered by "+f.Type)
			if e.State = ConfirmedByPerson; f.Type == "TSR" && f.Content.Boxes.Get("T9") == "" {
				e.State = ConfirmedBySystem // an agent answers its part of a test by itself
			}
			return []Evidence{e}
		}
	}
	return nil
}

// assign gives the form its number and, where it came without, its reference.
func (h *handling) assign(l Ledger, f *Form) (err error) {
	if f.Number, err = l.NextNumber(h.op.Code); err != nil {
		return err
	}
	if f.Reference == "" {
		prefix := referencePrefix(h.sender.CountryOrCode(), h.sender.ReferenceCode(), h.now)
		if f.Reference, err = l.NextReference(h.op.Code, h.sender.Code, prefix); err != nil {
			return err
		}
		f.Content.Boxes = completed(f.Content.Boxes, func(b *form.Form) { b.Set("A4", f.Reference) })
		f.Content.Added = append(slices.Clone(f.Content.Added), "A4")
	}
	f.Content.JSON = f.Content.Boxes.JSON()
	return nil
}

const probablyRepeats = "probably a repeat of "

// repeat recognises a form that is here already: the same reference with the
// same content is one form; with other content it is a mistake to report;
// without a reference it is probably a repeat, and a person decides.
func (h *handling) repeat(l Ledger, f Form) (*Decision, error) {
	if f.Reference == "" {
		same, err := l.Similar(h.op.Code, h.sender.Code, f.Hash, f.SignedSum, h.now.AddDate(0, 0, -1))
		if err != nil || same == nil {
			return nil, err
		}
		return h.holdForm(f, probablyRepeats+same.Reference, nil, answerHeld)(skipRepeat{l})
	}
	known, err := l.Known(h.op.Code, h.sender.Code, f.Reference)
	if err != nil || known == nil {
		return nil, err
	}
	if known.Hash != f.Hash {
		problems := []form.Problem{form.NewProblem(26, form.Error, "A4", map[string]string{"value": f.Reference})}
		return h.reject(f, problems)(l)
	}
	d := &Decision{Verdict: Duplicate, Operation: h.op.Code, Sender: h.sender.Code, Repeats: known.ID, Subject: known.ID,
		Reason: "repeats " + known.Reference, Audit: []AuditEntry{h.entry(Collection, "form repeated", known.Reference)}}
	if h.in.Medium == ByMail { // a mailing list or a forwarding that brings it again and again must not keep us talking
		told, err := l.Once("repeated "+string(known.ID), h.now, repeatEvery)
		if err != nil || told {
			return d, err
		}
	}
	deliveries, err := l.Deliveries(known.ID)
	if err != nil {
		return nil, err
	}
	return d, h.answer(l, d, repeatWords(h, *known, deliveries))
}

// repeatEvery is how often a sender by mail hears that a form is here already.
const repeatEvery = 10 * time.Minute

// skipRepeat is a ledger that knows no similar forms, for one that is held
// because of them.
type skipRepeat struct{ Ledger }

func (skipRepeat) Similar(operation.Code, operation.ParticipantCode, [32]byte, [32]byte, time.Time) (*Form, error) {
	return nil, nil
}

// reject answers with a NAK; the form occupies no reference and is not
// recorded but as the inbound that it came in.
func (h *handling) reject(f Form, problems []form.Problem) func(Ledger) (*Decision, error) {
	return func(l Ledger) (*Decision, error) {
		d := &Decision{Verdict: Rejected, Operation: h.op.Code, Sender: h.sender.Code, Reason: "form refused: codes " + codes(problems),
			Audit: []AuditEntry{h.entry(Collection, "form refused", f.Reference)}}
		return d, h.answer(l, d, nakWords(h, f, problems))
	}
}

// hold keeps a form that has not been filled in yet for a person to decide.
func (h *handling) hold(reason string, evidence []Evidence, how answering) func(Ledger) (*Decision, error) {
	declaredNominal(h.m.Form, h.m.Attachments)
	full := h.g.fill(h.m.Form, h.op, h.sender.Code, nil, h.m.Attachments, h.now)
	return h.holdForm(h.record(h.m.Form, full), reason, evidence, how)
}

// holdForm keeps a form for a person to decide: it occupies its reference and
// goes to nobody.
func (h *handling) holdForm(f Form, reason string, evidence []Evidence, how answering) func(Ledger) (*Decision, error) {
	return func(l Ledger) (*Decision, error) {
		if d, err := h.repeat(l, f); d != nil || err != nil {
			return d, err
		}
		f := f
		f.State = FormHeld
		if err := h.assign(l, &f); err != nil {
			return nil, err
		}
		d := &Decision{Verdict: Held, Operation: h.op.Code, Sender: h.sender.Code, Reason: reason, Subject: f.ID, Forms: []NewForm{{Form: f}},
			Evidence: evidence, Audit: []AuditEntry{h.entry(Collection, "form held", f.Reference)}}
		if f.Priority == Urgent {
			d.Alarm = "an urgent form is held"
		}
		if how == silent {
			return d, nil
		}
		w := heldWords(h, f)
		if how == answerFillIn {
			w.facts[factBlank] = "SEZ"
		}
		return d, h.answer(l, d, w)
	}
}

// deliveries makes a delivery for each recipient, over its first channel, and
// says what is withheld from whom.
func (h *handling) deliveries(f Form, recipients []operation.ParticipantCode) ([]NewDelivery, []recipientRuling) {
	var out []NewDelivery
	var rulings []recipientRuling
	for _, to := range recipients {
		d, r := h.g.delivery(h.op, &f, to, h.now)
		out = append(out, d)
		rulings = append(rulings, recipientRuling{to, r})
	}
	return out, rulings
}

// recipientRuling is what the policy said of one recipient.
type recipientRuling struct {
	to operation.ParticipantCode
	Ruling
}
