package commtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// has reports whether a probe's code stands in a message, written or quoted.
func (q *question) has(e gateway.Hearing) bool {
	return slices.ContainsFunc(q.probes, func(p gateway.Probe) bool {
		return slices.Contains(e.Codes, p.Code) || slices.Contains(e.Quoted, p.Code)
	})
}

// ours reports whether a message is the unit's own that came back.
func (q *question) ours(e gateway.Hearing) bool {
	return e.Signer == q.Self.Code || e.From != "" && strings.EqualFold(e.From, q.Self.Address)
}

// echoes reports whether a machine sent the code back.
func (q *question) echoes(e gateway.Hearing) bool { return e.Kind == gateway.HeardAuto && q.has(e) }

// stale reports whether an answer is to an earlier question.
func (q *question) stale(e gateway.Hearing) bool { return e.Stale || e.Earlier && !q.has(e) }

// fresh are the answers that hold the code and are nobody's echo.
func (q *question) fresh() []gateway.Hearing {
	return slices.DeleteFunc(slices.Clone(q.answers), func(e gateway.Hearing) bool { return q.stale(e) || q.ours(e) || !q.has(e) })
}

// opened is L4: the code that stood inside the sealed message alone came back.
func (q *question) opened() {
	if fresh := q.fresh(); len(fresh) > 0 {
		q.v.mark(Opened, There, Passed, fresh[0].At, "the test code came back")
		return
	}
	for _, e := range q.calls {
		if !e.WrongBy && q.has(e) {
			q.v.mark(Opened, There, Passed, e.At, "the test code was read out by %s", e.SpokeTo)
			return
		}
	}
	for _, e := range q.autos {
		if q.echoes(e) {
			q.v.mark(Opened, There, Passed, e.At, "the test code came back in an automatic reply")
		}
	}
	for _, e := range q.answers {
		if f, ok := q.unopened(e); ok && (f.Code == NoDecrypt || q.v.at(Opened, There) != Passed) { // a person knows better than a machine
			q.fail(f, "%s", f.Code)
		}
	}
	if len(q.answers) == 0 && q.v.at(Opened, There) != Passed {
		q.unanswered()
	}
}

// unopened says what an answer without the code shows. One that can't be opened
// here shows nothing about the way there.
func (q *question) unopened(e gateway.Hearing) (Finding, bool) {
	f := q.about(NoCode, Opened, There, e)
	f.Args["phone"] = q.Plan.Phone
	boxes := formOf(e)
	switch {
	case q.ours(e):
		f.Code = Echo
	case e.Unreadable || e.Wrapped:
		return f, false
	case q.stale(e):
		f.Code = Replay
	case boxes != nil && cantOpen(boxes):
		f.Code = NoDecrypt
	}
	return f, true
}

// cantOpen reports whether a form says that the call could not be opened.
func cantOpen(f *form.Form) bool {
	t10 := Code(f.Get("T10"))
	return f.Get("T5") == "N" || t10 == NoDecrypt || t10 == WrongKey
}

// unanswered is what silence means, once the time is over.
func (q *question) unanswered() {
	if !q.over || q.away() || q.v.at(Taken, There) != Passed || q.v.at(Unharmed, There) == Failed {
		return
	}
	f := Finding{Code: NoAnswer, Rung: Opened, Way: There, At: q.Plan.until(), Seen: "seen-nothing", Args: map[string]string{"channel": q.cell.Name(), "phone": q.Plan.Phone}}
	q.fail(f, "no answer by %s", q.stamp(q.Plan.until()))
	if q.judge.elsewhere(q.cell.At) && q.cell.Kind != operation.WebSocket { // they are there: then the mail isn't before their eyes
		f.Code = Spam
		q.tell(f)
	}
}

// proven is L5: a good signature over everything, by a confirmed key of the
// participant, over the channel that was asked.
func (q *question) proven() {
	if q.cell.Kind == operation.Mail {
		q.vouched()
		return
	}
	var troubles []Finding
	for _, e := range q.answers {
		doubts := q.doubts(e)
		if len(doubts) == 0 {
			q.v.Proof = latest(q.v.Proof, e.At)
			if q.v.at(Proven, Back) != Passed {
				q.v.Answered, q.v.Signer = e.At, e.Signed
				q.v.mark(Proven, Back, Passed, e.At, "signed by %s", tail(e.Signed))
			}
			q.clock(e)
			continue
		}
		troubles = append(troubles, doubts...)
	}
	for _, e := range q.autos {
		if q.echoes(e) {
			troubles = append(troubles, q.about(Echo, Proven, Back, e))
		}
	}
	for _, f := range troubles {
		switch {
		case q.v.at(Proven, Back) != Passed:
			q.fail(f, "%s", f.Code)
		case f.Code != Replay: // a late answer to an earlier call is nothing, once this one is answered
			q.tell(f)
		}
	}
}

// doubts are why an answer proves nothing; none where it does.
func (q *question) doubts(e gateway.Hearing) []Finding {
	var out []Finding
	doubt := func(code Code) Finding {
		f := q.about(code, Proven, Back, e)
		f.Args["end"] = q.Plan.End.AddDate(0, 0, -1).Format(time.DateOnly)
		out = append(out, f)
		return f
	}
	harmed := func(cause string) {
		doubt(Mangled)
		out[len(out)-1].Cause = cause
	}
	switch {
	case q.stale(e):
		doubt(Replay)
		return out
	case q.ours(e):
		doubt(Echo)
		return out
	case e.Unreadable:
		f := doubt(NoDecrypt)
		f.Args["ours"] = q.Self.Fingerprint
		if e.Unopened == "corrupt" || e.Unopened == "not-openpgp" {
			harmed("damaged")
		}
		return out
	case e.Wrapped:
		harmed("wrapped")
		return out
	case e.Verdict == "none" || e.Verdict == "":
		doubt(Unsigned)
	case e.Verdict == "bad":
		doubt(BadSig)
		if q.clock(e) {
			out[len(out)-1].Stops = true
		}
	case e.Verdict == "unknown-key":
		doubt(WrongKey)
	case e.Verdict == "expired-key":
		doubt(KeyExpired)
	case e.Verdict == "revoked-key", e.KeyState == gateway.KeyBlocked:
		doubt(KeyRevoked)
	case e.Signer != "" && e.Signer != q.Evidence.Participant:
		doubt(NotSender)
		f := doubt(WrongPerson)
		f.Args["who"] = string(e.Signer)
	case e.Verdict != "good" || e.Signer == "" || e.Medium == gateway.ByMail && !e.Registered:
		doubt(NotSender)
	case e.Covers != "all":
		doubt(BadSig)
	case e.KeyState == gateway.KeyProposed:
		doubt(Unconfirmed)
	}
	if e.Medium == gateway.ByMail && !e.Encrypted && e.Verdict != "none" && e.Verdict != "" {
		doubt(Clear)
	}
	if q.elsewhere(e) {
		doubt(WrongChannel)
	}
	return out
}

// elsewhere reports whether an answer came over another channel than the one
// that was asked.
func (q *question) elsewhere(e gateway.Hearing) bool {
	if (e.Medium == gateway.ByWebSocket) != (q.cell.Kind == operation.WebSocket) {
		return true
	}
	if strings.EqualFold(e.From, q.cell.Address) {
		return false
	}
	return slices.ContainsFunc(q.Plan.Cells, func(c Cell) bool {
		return c.At != q.cell.At && c.Kind != operation.WebSocket && c.Address != "" && strings.EqualFold(c.Address, e.From)
	})
}

// How far a clock may differ before it is told.
const clockMost = 12 * time.Hour

// clock tells of a signer whose clock is off.
func (q *question) clock(e gateway.Hearing) bool {
	off := e.Made.Sub(e.At)
	if e.Made.IsZero() || off.Abs() < clockMost {
		return false
	}
	f := q.about(Clock, Proven, Back, e)
	f.Args["hours"] = fmt.Sprintf("%.0f", off.Abs().Hours())
	q.tell(f)
	return true
}

// vouched is L5 of a plain channel: the code came back from a registered address,
// and somebody who was called on the known number vouched for it.
func (q *question) vouched() {
	var answer *gateway.Hearing
	for i, e := range q.answers {
		switch {
		case q.stale(e):
		case q.ours(e):
			q.fail(q.about(Echo, Proven, Back, e), "our own mail came back")
		case !e.Registered:
			q.fail(q.about(NotSender, Proven, Back, e), "from %s, which is not registered", e.From)
		case q.elsewhere(e):
			q.fail(q.about(WrongChannel, Proven, Back, e), "over another channel")
		default:
			answer = &q.answers[i]
			q.v.Answered, q.v.Proof = earliest(q.v.Answered, e.At), latest(q.v.Proof, e.At)
		}
		if len(e.Files) > 0 {
			q.tell(q.about(Nominal, Proven, Back, e))
		}
	}
	for _, e := range q.autos {
		if q.echoes(e) {
			q.fail(q.about(Echo, Proven, Back, e), "an automatic reply")
		}
	}
	for _, e := range q.calls {
		f := Finding{Code: WrongPerson, Rung: Proven, Way: Back, At: e.At, Seen: "seen-try", Args: map[string]string{"at": q.stamp(e.At), "detail": e.Number, "who": e.SpokeTo}}
		if e.WrongBy {
			q.fail(f, "somebody else answered the phone")
			continue
		}
		q.v.mark(Proven, Back, Passed, e.At, "%s was called on %s and vouched for it", e.SpokeTo, e.Number)
		q.v.Answered, q.v.Proof = earliest(q.v.Answered, e.At), latest(q.v.Proof, e.At)
		return
	}
	if answer == nil {
		return
	}
	f := q.about(CallBack, Proven, Back, *answer)
	f.Args["phone"] = q.Plan.Phone
	if q.over {
		q.fail(f, "no call back yet")
		return
	}
	q.v.mark(Proven, Back, Open, time.Time{}, "no call back yet") // also where a stranger wrote as well
	q.tell(f)
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// formOf is the form in an answer, nil where there is none.
func formOf(e gateway.Hearing) *form.Form {
	if len(e.Boxes) == 0 {
		return nil
	}
	f, _ := form.ParseJSON(e.Boxes)
	return f
}
