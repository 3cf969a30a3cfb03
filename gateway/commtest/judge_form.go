package commtest

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// reply is a form that came back, with the answer that brought it.
type reply struct {
	gateway.Hearing
	f      *form.Form
	proven bool
}

// replies are the forms that came back to the question, proven ones first.
func (q *question) replies() []reply {
	var out []reply
	for _, e := range q.answers {
		f := formOf(e)
		if f == nil || q.stale(e) || q.ours(e) || e.Type == "ACK" || e.Type == "NAK" || cantOpen(f) && !q.has(e) {
			continue
		}
		proven := q.cell.Kind == operation.Mail && e.Registered || q.cell.Kind != operation.Mail && len(q.doubts(e)) == 0
		out = append(out, reply{e, f, proven})
	}
	slices.SortStableFunc(out, func(a, b reply) int {
		switch {
		case a.proven == b.proven:
			return 0
		case a.proven:
			return -1
		}
		return 1
	})
	return out
}

// harm is what a form shows to have happened to it.
type harm struct {
	findings []Finding // that stop
	hints    []Finding // that are told
	there    bool      // what was sent arrived whole
	back     bool      // what was sent back arrived whole
	missing  []string  // boxes that say nothing
}

// intact is L6: what came back is what was sent, and the file could be read.
func (q *question) intact() {
	replies := q.replies()
	q.changed()
	if len(replies) == 0 {
		if q.over && q.v.at(Proven, Back) == Passed {
			q.fail(q.noForm(Intact, []string{"T5", "T7", "T8", "T9"}), "only a short reply came")
		}
		return
	}
	best := -1
	harms := make([]harm, len(replies))
	for i, r := range replies {
		harms[i] = q.harm(r)
		if r.proven && harms[i].there && harms[i].back && best < 0 {
			best = i
		}
	}
	if best >= 0 {
		at := replies[best].At
		q.v.mark(Intact, There, Passed, at, "text and file were read")
		q.v.mark(Intact, Back, Passed, at, "text and goods lines came back as they were sent")
		for _, f := range harms[best].hints {
			q.tell(f)
		}
		return
	}
	q.damaged(replies[0], harms[0])
}

// damaged tells what is wrong with the form that speaks for the question.
func (q *question) damaged(r reply, h harm) {
	if r.proven {
		if h.there {
			q.v.mark(Intact, There, Passed, r.At, "text and file were read")
		}
		if h.back {
			q.v.mark(Intact, Back, Passed, r.At, "text and goods lines came back as they were sent")
		}
	}
	for _, f := range h.findings {
		q.fail(f, "%s %s", f.Code, f.Cause)
	}
	for _, f := range h.hints {
		q.tell(f)
	}
	if len(h.missing) > 0 && len(h.findings) == 0 {
		f := q.noForm(Intact, h.missing)
		f.At = r.At
		if q.over {
			q.fail(f, "boxes without an answer: %s", f.Args["boxes"])
		} else {
			q.tell(f)
		}
	}
}

func (q *question) noForm(r Rung, boxes []string) Finding {
	list := strings.Join(boxes, " ")
	return Finding{Code: NoForm, Rung: r, Way: Back, At: q.Plan.until(), Seen: "seen-boxes",
		Args: map[string]string{"boxes": list, "at": q.stamp(q.v.Answered), "channel": q.cell.Name()}}
}

// harm compares a form with what was sent.
func (q *question) harm(r reply) harm {
	h := &harm{there: true, back: true}
	found := func(code Code, cause string, w Way, boxes string) {
		h.findings = append(h.findings, Finding{Code: code, Cause: cause, Rung: Intact, Way: w, At: r.At, Seen: "seen-boxes",
			Args: map[string]string{"boxes": boxes, "at": q.stamp(r.At), "channel": q.cameOver(r.Hearing)}})
	}
	q.broken(r, h, found)
	q.text(r, h, found)
	q.file(r, h, found)
	if r.f.Get("T6") == "N" {
		h.there = false
		found(BadSig, "", There, "T6: N")
	}
	for _, f := range h.findings {
		if f.Way == Back {
			h.back = false
		}
	}
	return *h
}

type finder func(code Code, cause string, w Way, boxes string)

// broken is a form that the flow refused.
func (q *question) broken(r reply, h *harm, found finder) {
	if r.Judged != gateway.Rejected || len(r.Broken) == 0 {
		return
	}
	if slices.Contains(r.Broken, 70) {
		found(WrongMode, "", Back, "A10: "+r.f.Get("A10"))
		return
	}
	var codes []string
	for _, c := range r.Broken {
		codes = append(codes, "code "+itoa(c))
	}
	found(FormBroken, "", Back, strings.Join(codes, ", "))
}

// text compares the sample and the goods lines.
func (q *question) text(r reply, h *harm, found finder) {
	back := r.f.Get("T7")
	rows, boxes := compareRows(r.f)
	if q.cell.Kind == operation.Mail { // goods lines don't travel in the clear
		rows = absent
	}
	switch compare(Sample, back) {
	case absent:
		h.missing, h.back = append(h.missing, "T7"), false
	case letters:
		found(Charset, "", Back, "T7: "+back)
	case other:
		found(Mangled, "text", Back, "T7: "+back)
	case signs:
		h.hints = append(h.hints, Finding{Code: Mangled, Cause: "signs", Rung: Intact, Way: Back, At: r.At, Seen: "seen-boxes",
			Args: map[string]string{"boxes": "T7", "at": q.stamp(r.At), "channel": q.cameOver(r.Hearing)}})
	}
	switch rows {
	case letters:
		found(Charset, "", Back, strings.Join(boxes, " "))
	case other:
		found(Mangled, "table", Back, strings.Join(boxes, " "))
	}
}

// file asks whether the attached file was read.
func (q *question) file(r reply, h *harm, found finder) {
	i := slices.IndexFunc(q.probes, func(p gateway.Probe) bool { return p.Delivery == r.Probe })
	if i < 0 || q.probes[i].FileSum == "" {
		return
	}
	p, said := q.probes[i], strings.ToUpper(strings.TrimSpace(r.f.Get("T8")))
	letters := gateway.TestCode(said)
	switch {
	case slices.Contains(r.Files, p.FileSum), strings.Contains(letters, strings.ToUpper(p.FileCode)), strings.Contains(letters, strings.ToUpper(p.FileSum[:8])):
	case said == "" || said == "Y" || said == "YES":
		h.missing, h.there = append(h.missing, "T8"), false
	default:
		h.there = false
		found(AttLost, "", There, "T8: "+said)
	}
}

// changed tells of what the way did to the answers, whether it harmed or not.
func (q *question) changed() {
	for _, e := range q.answers {
		for cause, is := range map[string]bool{"apart": e.Apart, "joined": e.Joined, "footer": len(e.Outside) > 0} {
			if is {
				q.tell(Finding{Code: Mangled, Cause: cause, Rung: Intact, Way: Back, At: e.At, Seen: "seen-answer",
					Args: map[string]string{"at": q.stamp(e.At), "channel": q.cameOver(e), "signature": signature(e)}})
			}
		}
	}
}

// person is L7: somebody filled the form in, and a second one did too.
func (q *question) person() {
	if q.Plan.Silent {
		for _, r := range []Rung{Person, InTime, Onward} {
			for _, w := range ways[r] {
				q.v.mark(r, w, Missing, time.Time{}, "nobody is asked")
			}
		}
		return
	}
	byPerson := map[string]reply{} // the latest of each
	machine := false
	for _, r := range q.replies() {
		if !r.proven || r.Judged == gateway.Rejected {
			continue
		}
		who := initials(r.f.Get("T9"))
		if who == "" {
			machine = true
			continue
		}
		if len(q.v.People) == 0 {
			q.v.mark(Person, Back, Passed, r.At, "filled in by %s", who)
		}
		if _, known := byPerson[who]; !known {
			q.v.People = append(q.v.People, who)
		}
		q.agree(byPerson, who, r)
		byPerson[who] = r
	}
	q.v.Second = len(q.v.People) > 1 && !q.v.Has(Disagree)
	q.nobody(machine)
}

// nobody tells who is still missing when the time is over.
func (q *question) nobody(machine bool) {
	f := Finding{Code: NoSecond, Rung: Person, Way: Back, At: q.Plan.until(), Seen: "seen-boxes",
		Args: map[string]string{"boxes": "T9: " + strings.Join(q.v.People, ", "), "at": q.stamp(q.v.Answered), "channel": q.cell.Name()}}
	switch {
	case !q.over:
	case len(q.v.People) == 0 && machine:
		f.Code, f.Args["boxes"] = NoPerson, "T9: -"
		q.fail(f, "no person filled the form in")
	case len(q.v.People) == 1 && q.Plan.Second:
		q.tell(f)
	}
}

// agree finds people who say different things about the same question.
func (q *question) agree(others map[string]reply, who string, r reply) {
	for name, o := range others {
		if o.Probe != r.Probe {
			continue
		}
		for _, box := range []string{"T5", "T6", "T8"} {
			a, b := yesNo(o.f.Get(box)), yesNo(r.f.Get(box))
			if a == "" || b == "" || a == b {
				continue
			}
			q.tell(Finding{Code: Disagree, Rung: Person, Way: Back, At: r.At, Seen: "seen-boxes",
				Args: map[string]string{"boxes": box + ": " + name + " " + a + ", " + who + " " + b, "at": q.stamp(r.At), "channel": q.cameOver(r.Hearing)}})
			return
		}
	}
}

func yesNo(v string) string {
	v = strings.ToUpper(strings.TrimSpace(v))
	if v != "" && (v[0] == 'Y' || v[0] == 'N') {
		return v[:1]
	}
	return ""
}

// initials are those of box T9, as they are compared.
func initials(t9 string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, t9)
}

// inTime is L8: the person's answer, else the first proven one, within the limit.
func (q *question) inTime() {
	if q.Plan.Silent {
		return
	}
	at := q.v.Answered
	for _, s := range q.v.Steps {
		if s.Rung == Person && s.Mark == Passed {
			at = s.At
		}
	}
	if at.IsZero() || q.v.at(Proven, Back) != Passed && q.cell.Kind != operation.Mail {
		return
	}
	q.v.Took = q.Calendar.Between(q.v.Asked, at)
	if !at.After(q.Plan.until()) {
		q.v.mark(InTime, Back, Passed, at, "after %s of open hours", q.v.Took.Round(time.Second))
		return
	}
	q.fail(Finding{Code: TooLate, Rung: InTime, Way: Back, At: at, Seen: "seen-answer",
		Args: map[string]string{"at": q.stamp(at), "channel": q.cell.Name(), "signature": "-", "until": q.stamp(q.Plan.until())}}, "after %s", q.stamp(q.Plan.until()))
}

// onward is L9: a reply from here reached another participant, and one from
// another reached here; both were confirmed.
func (q *question) onward() {
	if q.Plan.Silent || q.Plan.Partner == "" {
		for _, w := range ways[Onward] {
			q.v.mark(Onward, w, Missing, time.Time{}, "nobody to exchange with")
		}
		return
	}
	me, due := q.Evidence.Participant, map[Way]bool{}
	for _, o := range q.Evidence.Onward {
		from := o.From == me && o.To != q.Self.Code && slices.ContainsFunc(q.probes, func(p gateway.Probe) bool { return p.Delivery == o.Probe })
		to := o.To == me && o.ChannelAt == q.cell.At
		w, who := Back, o.To
		if to {
			w, who = There, o.From
		}
		if !from && !to {
			continue
		}
		due[w] = true
		if o.State.Rank() >= gateway.ConfirmedBySystem.Rank() {
			q.v.mark(Onward, w, Passed, o.Confirmed, "exchanged with %s", who)
		}
	}
	first := q.cell.At == q.Plan.Cells[0].At
	for _, w := range ways[Onward] {
		switch {
		case q.v.at(Onward, w) == Passed:
		case q.cell.Kind == operation.Mail && w == There: // whoever reads it there can't confirm it
			q.v.mark(Onward, w, Missing, time.Time{}, "nothing that arrives by plain mail is confirmed")
		case !first && !due[w]: // one channel of each participant carries them
			q.v.mark(Onward, w, Missing, time.Time{}, "carried by another channel")
		case q.over && q.v.at(Person, Back) == Passed:
			q.tell(Finding{Code: NotOnward, Rung: Onward, Way: w, At: q.now, Args: map[string]string{"channel": q.cell.Name(), "who": string(q.Plan.Partner)}})
			return // its words speak of both ways
		}
	}
}

// phoned judges a phone channel: a number, and a logged call.
func (q *question) phoned() {
	if q.cell.Address != "" {
		q.v.mark(Reach, There, Passed, q.Plan.Started, "number %s", q.cell.Address)
	}
	for _, e := range q.calls {
		f := Finding{Code: WrongPerson, Rung: Person, Way: Back, At: e.At, Seen: "seen-try", Args: map[string]string{"at": q.stamp(e.At), "detail": e.Number, "who": e.SpokeTo}}
		if e.WrongBy {
			q.fail(f, "somebody else answered")
			continue
		}
		q.v.mark(Person, Back, Passed, e.At, "spoke to %s", e.SpokeTo)
		q.v.Answered, q.v.Last = earliest(q.v.Answered, e.At), e.At
	}
}
