package commtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

// reach is L0: what was tried before anything was sent. It stops a channel only
// where nothing came back over it: what was reached can be reached.
func (q *question) reach() {
	var facts []gateway.ReachFact
	var at time.Time
	for _, e := range q.Evidence.Heard {
		if e.Kind == gateway.HeardReach {
			facts, at = e.Facts, e.At
		}
	}
	kind := "mail"
	if q.cell.Kind == operation.WebSocket {
		kind = "websocket"
	}
	tried := 0
	bad := false
	for _, f := range facts {
		if f.At != q.cell.At && (f.At >= 0 || f.Kind != kind || q.cell.Kind == operation.Phone) {
			continue
		}
		tried++
		bad = q.reached(f, at) || bad
	}
	if tried > 0 && !bad {
		q.v.mark(Reach, There, Passed, at, "%s tried, all well", plural(tried, "thing", "things"))
	}
}

// codes of what can't be reached; what is not here is told and stops nothing.
var reachCodes = map[string]Code{"address": Address, "dns": Address, "tcp": NoRoute, "tls": TLS, "log-in": Login, "listener": NoRoute}

func (q *question) reached(f gateway.ReachFact, at time.Time) (bad bool) {
	ends := !f.Until.IsZero() && f.Until.Before(q.Plan.End)
	if f.OK && !ends {
		return false
	}
	found := Finding{Code: reachCodes[f.What], Rung: Reach, Way: There, At: at, Seen: "seen-try",
		Args: map[string]string{"at": q.stamp(at), "detail": f.Detail, "address": q.cell.Address}}
	switch {
	case f.What == "dns" && len(q.answers) > 0: // our own server knows better than the resolver
		return false
	case f.OK, f.What == "dns", len(q.answers) > 0: // a certificate that can be renewed in time; a doubt; proof to the contrary
		q.tell(found)
		return false
	}
	q.fail(found, "%s", f.Detail)
	return true
}

// keys is L1: is there a confirmed certificate that serves on every day until
// the operation is over, to encrypt to and to sign with?
func (q *question) keys() {
	var keys []gateway.KeyFact
	var at time.Time
	for _, e := range q.Evidence.Heard {
		if e.Kind == gateway.HeardKeys {
			keys, at = e.Keys, e.At
		}
	}
	if at.IsZero() || !has(q.cell.Kind, Keys) {
		return
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k gateway.KeyFact) bool {
		return len(q.cell.Keys) > 0 && !narrowed(q.cell.Keys, k.Fingerprint)
	})
	q.purpose(keys, There, at, func(k gateway.KeyFact) gateway.Validity { return k.Encrypts })
	q.purpose(keys, Back, at, func(k gateway.KeyFact) gateway.Validity { return k.Signs })
}

func (q *question) purpose(keys []gateway.KeyFact, w Way, at time.Time, of func(gateway.KeyFact) gateway.Validity) {
	var lasting *gateway.KeyFact
	var troubles []Finding
	confirmed := 0
	for i, k := range keys {
		v := of(k)
		switch {
		case k.State != gateway.KeyConfirmed:
			continue
		case v.Now && (v.Until.IsZero() || !v.Until.Before(q.Plan.End)):
			lasting = &keys[i]
		default:
			troubles = append(troubles, q.keyTrouble(k, v, w, at))
		}
		confirmed++
	}
	switch {
	case lasting != nil:
		for _, f := range troubles {
			q.tell(f)
		}
		q.v.mark(Keys, w, Passed, at, "certificate %s serves to the end (%s)", tail(lasting.Fingerprint), lasting.Features)
	case confirmed == 0:
		q.fail(q.noKey(keys, w, at), "no confirmed certificate")
	default:
		slices.SortStableFunc(troubles, func(a, b Finding) int { return trouble(a.Code) - trouble(b.Code) })
		q.fail(troubles[0], "%s", troubles[0].Args["detail"])
	}
}

// trouble orders what is wrong with keys: the one that serves longest speaks for
// the participant.
func trouble(c Code) int { return slices.Index([]Code{KeyExpires, KeyExpired, KeyRevoked, KeyWeak}, c) }

func (q *question) keyTrouble(k gateway.KeyFact, v gateway.Validity, w Way, at time.Time) Finding {
	f := Finding{Rung: Keys, Way: w, At: at, Seen: "seen-key", Args: map[string]string{"key": tail(k.Fingerprint), "detail": v.Reason, "end": q.Plan.End.AddDate(0, 0, -1).Format(time.DateOnly)}}
	switch {
	case v.Now:
		f.Code = KeyExpires
		f.Args["until"], f.Args["detail"] = v.Until.UTC().Format(time.DateOnly), v.Until.UTC().Format("2006-01-02 15:04")
	case v.Reason == "expired":
		f.Code = KeyExpired
	case v.Reason == "revoked":
		f.Code = KeyRevoked
	default:
		f.Code = KeyWeak
	}
	return f
}

func (q *question) noKey(keys []gateway.KeyFact, w Way, at time.Time) Finding {
	f := Finding{Code: NoKey, Rung: Keys, Way: w, At: at, Seen: "seen-key", Args: map[string]string{"key": "-", "detail": "-"}}
	for _, k := range keys {
		f.Args["key"], f.Args["detail"] = tail(k.Fingerprint), string(k.State)
		if f.Code = KeyRevoked; k.State == gateway.KeyProposed {
			f.Code = Unconfirmed
			return f
		}
	}
	return f
}

// tail is the end of a fingerprint, for sentences alone.
func tail(fingerprint string) string {
	if len(fingerprint) > 16 {
		return fingerprint[len(fingerprint)-16:]
	}
	return fingerprint
}

// taken is L2: did the next server take it, or the agent acknowledge it?
func (q *question) taken() {
	if len(q.probes) == 0 {
		return
	}
	var last *gateway.Evidence
	for i, e := range q.Evidence.Attempts {
		if !slices.ContainsFunc(q.probes, func(p gateway.Probe) bool { return p.Delivery == e.Delivery }) {
			continue
		}
		if q.takes(e) {
			if q.v.Sent.IsZero() {
				q.v.Sent = e.At
			}
			q.v.mark(Taken, There, Passed, e.At, "%s", e.Detail)
			return
		}
		if e.Outcome == gateway.Bounced || e.Outcome == gateway.Deferred || e.Outcome == gateway.Sent {
			last = &q.Evidence.Attempts[i]
		}
	}
	if fresh := q.fresh(); len(fresh) > 0 { // it can't be answered without having left
		q.v.mark(Taken, There, Passed, fresh[0].At, "it was answered")
		return
	}
	q.refused(last)
}

func (q *question) takes(e gateway.Evidence) bool {
	if q.cell.Kind == operation.WebSocket {
		return e.State.Rank() >= gateway.ConfirmedBySystem.Rank() // the session took it when it acknowledged
	}
	return e.Outcome == gateway.Sent || e.State.Rank() >= gateway.ConfirmedBySystem.Rank()
}

// refused says why nothing left: a final refusal at once, everything else when
// the time is over.
func (q *question) refused(last *gateway.Evidence) {
	f := Finding{Rung: Taken, Way: There, At: q.now, Seen: "seen-server", Args: map[string]string{"at": q.stamp(q.now), "detail": "-"}}
	if last != nil {
		f.At, f.Args = last.At, map[string]string{"at": q.stamp(last.At), "detail": last.Detail}
	}
	for _, d := range q.Evidence.Deliveries {
		if d.State == gateway.Withheld && slices.ContainsFunc(q.probes, func(p gateway.Probe) bool { return p.Delivery == d.ID }) {
			f.Code, f.Args["detail"] = Withheld, d.Reason
			q.fail(f, "%s", d.Reason)
			return
		}
	}
	switch {
	case q.cell.Kind == operation.WebSocket:
		if q.over {
			q.noSession(f)
		}
	case last == nil && !q.over || last != nil && last.Outcome == gateway.Deferred && !q.over:
	case last != nil && last.Outcome == gateway.Bounced && last.By != "": // a server said so; else it never left us
		q.bounced(f, causeOf(last.Detail), last.Detail)
	case last != nil && replied(last.Detail):
		f.Code, f.Cause = Delayed, causeOf(last.Detail)
		q.fail(f, "%s", last.Detail)
	default:
		f.Code, f.Seen = NoRoute, "seen-try"
		q.fail(f, "nothing left")
	}
}

// noSession says why nothing went over the WebSocket.
func (q *question) noSession(f Finding) {
	f.Code = WSDown
	if q.v.Has(NoRoute) { // our own end isn't there: nobody could connect
		f.Code = NoRoute
	}
	for _, e := range q.Evidence.Heard {
		if e.Kind == gateway.HeardSession && !e.At.Before(q.Plan.Started) {
			f.Code, f.At, f.Args = WSAuth, e.At, map[string]string{"at": q.stamp(e.At), "detail": e.Text}
		}
	}
	f.Seen = "seen-try"
	if f.Args["detail"] == "-" {
		f.Args["detail"] = "no session"
	}
	q.fail(f, "%s", f.Args["detail"])
}

// bounced is a mail that came back, by its cause.
func (q *question) bounced(f Finding, cause, seen string) {
	f.Code, f.Cause = bounceCode(cause), cause
	q.fail(f, "%s", seen)
}

func bounceCode(cause string) Code {
	if cause == "spam" {
		return Spam
	}
	return Bounce
}

// A server's reply in an attempt's detail: "RCPT: 550 5.1.1 …".
var replyPattern = regexp.MustCompile(`\b([245]\d\d)(?: (\d\.\d{1,3}\.\d{1,3}))?\b`)

func replied(detail string) bool { return replyPattern.MatchString(detail) }

// causeOf names the cause in a server's reply.
func causeOf(detail string) string {
	m := replyPattern.FindStringSubmatch(detail)
	if m == nil {
		return "other"
	}
	return entity.Cause(m[2], strings.TrimSpace(detail[strings.Index(detail, m[0]):]))
}

// unharmed is L3: no bounce, delay or automatic reply ties to it. Evidence
// against it that an answer disproves is told beside.
func (q *question) unharmed() {
	if q.v.at(Taken, There) != Passed {
		return
	}
	disproved := slices.ContainsFunc(q.answers, func(e gateway.Hearing) bool { return !q.stale(e) && !q.ours(e) })
	var against []Finding
	for _, e := range q.reports {
		if f, ok := q.reported(e); ok {
			against = append(against, f)
		}
	}
	for _, e := range q.autos {
		if !q.echoes(e) {
			against = append(against, Finding{Code: AutoReply, Rung: Unharmed, Way: There, At: e.At, Seen: "seen-answer",
				Args: map[string]string{"at": q.stamp(e.At), "channel": q.cameOver(e), "signature": signature(e)}})
		}
	}
	final := slices.IndexFunc(against, func(f Finding) bool { return f.Code == Bounce || f.Code == Spam })
	switch {
	case disproved || len(against) == 0:
		for _, f := range against {
			q.tell(f)
		}
		q.v.mark(Unharmed, There, Passed, q.v.Last, "%s, none against it", plural(len(q.reports), "report", "reports"))
	case final >= 0:
		q.fail(against[final], "%s %s", against[final].Code, against[final].Cause)
	case q.over:
		for _, f := range against {
			q.fail(f, "%s %s", f.Code, f.Cause)
		}
	default:
		for _, f := range against {
			q.tell(f)
		}
	}
}

// reported is what a report says against the question.
func (q *question) reported(e gateway.Hearing) (Finding, bool) {
	f := Finding{Rung: Unharmed, Way: There, At: e.At, Seen: "seen-server", Args: map[string]string{"at": q.stamp(e.At), "detail": e.Report}}
	for _, fate := range e.Fates {
		f.Cause = fate.Cause
		f.Args["detail"] = strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Report, fate.Status, fate.Cause))
		if fate.Final {
			break
		}
	}
	switch entity.Kind(e.Report) {
	case entity.Bounce:
		if f.Cause == "" {
			f.Cause = "other"
		}
		f.Code = bounceCode(f.Cause)
		if final := len(e.Fates) == 0 || slices.ContainsFunc(e.Fates, func(x gateway.BouncedFate) bool { return x.Final }); !final {
			f.Code = Delayed
		}
	case entity.Delay:
		f.Code = Delayed
		if f.Cause == "" {
			f.Cause = "other"
		}
	case entity.Feedback:
		f.Code, f.Cause = Spam, "spam"
	default:
		return f, false
	}
	return f, true
}
