package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
	"liaison/gateway/store"
)

// The operation of these tests. LV, PL and EE read and write OpenPGP mail, FI
// has a system on the WebSocket and mail behind it, GE plain mail alone, TR
// OpenPGP mail without clearance.
const operationYAML = `
operation: OP-001
title: Tests
organiser: LV
legal_basis: NAPLES2
phases:
  preparation: {from: 2026-11-02, to: 2027-01-10}
  operation:   {from: 2027-01-11, to: 2027-01-17}
  evaluation:  {from: 2027-01-18, to: 2027-02-15}
priorities: {U: 10m, P: 2h, R: 24h}
policy: {unsigned: held, unconfirmed: held}
desk: {phone: "+000 1"}
participants:
  - {code: LV, country: LV, class: eu-member, authority: Customs, reference: VID, languages: [en], duty: {phone: "+371 1"}, addresses: [jco@lv.example],
     contacts: [{name: A. Invented, timezone: Europe/Riga}], nominal: &cleared {send: {operation: true}, receive: {operation: true}}, channels: [{kind: pgp-mail, address: jco@lv.example}]}
  - {code: PL, country: PL, class: eu-member, authority: Customs, reference: KAS, languages: [en], duty: {phone: "+48 1"}, addresses: [jco@pl.example],
     nominal: *cleared, channels: [{kind: pgp-mail, address: jco@pl.example}]}
  - {code: EE, country: EE, class: eu-member, authority: Customs, reference: MTA, languages: [en], duty: {phone: "+372 1"}, addresses: [jco@ee.example],
     nominal: *cleared, channels: [{kind: pgp-mail, address: jco@ee.example}, {kind: mail, address: duty@ee.example}]}
  - {code: FI, country: FI, class: eu-member, authority: Customs, reference: TUL, languages: [en], duty: {phone: "+358 1"}, addresses: [jco@fi.example],
     nominal: *cleared, channels: [{kind: websocket}, {kind: pgp-mail, address: jco@fi.example}]}
  - {code: GE, country: GE, class: third-country, authority: Revenue, reference: RS, languages: [en], duty: {phone: "+995 1"}, addresses: [duty@ge.example],
     nominal: {receive: {operation: true}, legal_basis: BILAT},
     channels: [{kind: mail, address: duty@ge.example}]}
  - {code: TR, country: TR, class: third-country, authority: Trade, reference: TIC, languages: [en], duty: {phone: "+90 1"}, addresses: [jco@tr.example],
     channels: [{kind: pgp-mail, address: jco@tr.example}]}
`

const (
	unitAddress = "ocu@gateway.example"
	mx          = "mx.gateway.example"
)

// Generating keys is dear: all tests share them.
var keyOf = sync.OnceValue(func() map[string]*openpgp.SecretKey {
	keys := map[string]*openpgp.SecretKey{}
	for _, code := range []string{"OCU", "LV", "PL", "EE", "FI", "TR", "XX"} {
		k, err := openpgp.Generate(openpgp.KeyOptions{Name: code, Address: "jco@" + strings.ToLower(code) + ".example",
			Created: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Expires: 5 * 365 * 24 * time.Hour})
		if err != nil {
			panic(err)
		}
		keys[code] = k
	}
	return keys
})

// flow is a gateway in process, on SQLite, with a clock of the test's and
// channels that keep what they are given.
type flow struct {
	t     *testing.T
	store *store.Store
	opt   gateway.Options
	g     *gateway.Gateway
	now   time.Time
	mails int

	waited time.Duration // of the mails that come, behind their own senders'

	mu      sync.Mutex // guards the rest
	sent    []*gateway.Outbound
	outcome map[operation.ParticipantCode]gateway.Outcome // of attempts; Sent where none is named
}

var duringOperation = time.Date(2027, 1, 12, 9, 0, 0, 0, time.UTC)

func newFlow(t *testing.T) *flow {
	t.Helper()
	return newFlowOf(t, operationYAML)
}

// newFlowOf is newFlow with another operation.
func newFlowOf(t *testing.T, yaml string) *flow {
	t.Helper()
	f := &flow{t: t, now: duringOperation, outcome: map[operation.ParticipantCode]gateway.Outcome{}}
	clock := func() time.Time { return f.now }
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "liaison.db"), store.Options{Key: sha256.Sum256([]byte("tests")), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	f.store = st
	ring := keyring.New(st, clock)
	f.apply(yaml)
	for _, code := range []string{"LV", "PL", "EE", "FI", "TR"} {
		cert := keyOf()[code].Certificate()
		p := operation.ParticipantCode(code)
		if _, err := ring.Propose(t.Context(), "OP-001", p, keyring.Proposal{Certificate: cert, Source: "test", By: "test"}); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Confirm(t.Context(), "OP-001", p, string(cert.Fingerprint()), "A. Invented", "read back in a test"); err != nil {
			t.Fatal(err)
		}
	}
	f.opt = gateway.Options{Code: "OCU", Address: unitAddress, Keys: []*openpgp.SecretKey{keyOf()["OCU"]}, Store: st, Clock: st, Reads: st, Ring: ring,
		Socket: f, Phone: "+000 1", AuthServ: mx, Now: clock, Limits: gateway.Limits{Grace: time.Millisecond}}
	f.setMail(f)
	return f
}

// setMail makes the gateway anew with a mail channel of the test's.
func (f *flow) setMail(m gateway.Sender) {
	f.t.Helper()
	f.opt.Mail = m
	var err error
	if f.g, err = gateway.New(f.opt); err != nil {
		f.t.Fatal(err)
	}
}

// Send implements gateway.Sender for every channel.
func (f *flow) Send(_ context.Context, out *gateway.Outbound) (gateway.Evidence, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := gateway.Evidence{Outcome: gateway.Sent, Detail: "250 taken"}
	if o := f.outcome[out.Participant]; o != "" {
		e.Outcome, e.Detail = o, "as the test wants"
	}
	if e.Outcome == gateway.Sent {
		f.sent = append(f.sent, out)
	}
	return e, nil
}

// officer is a participant's mail program; "XX" signs with a key that nobody
// registered, and GE has none.
func officer(code string) simulator.Participant {
	p := simulator.Participant{Code: code, Address: "jco@" + strings.ToLower(code) + ".example", To: unitAddress, Key: keyOf()[code], Gateway: keyOf()["OCU"].Certificate()}
	if code == "GE" {
		p.Address = "duty@ge.example"
	}
	return p
}

// write makes a participant's mail; replyTo is a Message-ID, "" for none.
func (f *flow) write(p simulator.Participant, text, replyTo string) []byte {
	f.t.Helper()
	f.mails++
	raw, err := p.Write(text, fmt.Sprintf("%d@%s.example", f.mails, strings.ToLower(p.Code)), replyTo, f.now)
	if err != nil {
		f.t.Fatal(err)
	}
	return raw
}

// accept offers a mail as an adapter does.
func (f *flow) accept(raw []byte) *gateway.Receipt {
	f.t.Helper()
	sum := sha256.Sum256(raw)
	r, err := f.g.Accept(f.t.Context(), &gateway.Inbound{Medium: gateway.ByMail, Raw: raw, Received: f.now, Waited: f.waited, Repeats: []gateway.Repeat{{Name: fmt.Sprintf("%x", sum), Digest: sum}}})
	if err != nil {
		f.t.Fatalf("Accept: %v", err)
	}
	f.recallsRight()
	return r
}

// recallsRight: what the gateway keeps in mind is what the record would give it
// after a new start. Only the state may have changed there.
func (f *flow) recallsRight() {
	f.t.Helper()
	same := cmp.Options{cmp.Comparer(func(a, b *form.Form) bool { return bytes.Equal(a.JSON(), b.JSON()) }), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(gateway.Form{}, "State")}
	for _, kept := range f.g.Remembered() {
		recorded, err := f.store.Form(f.t.Context(), kept.ID)
		if err != nil {
			f.t.Fatal(err)
		}
		if diff := cmp.Diff(recorded, kept, same); diff != "" {
			f.t.Errorf("form %s is remembered other than it is recorded (-recorded +remembered):\n%s", kept.Reference, diff)
		}
	}
}

// vouched is a participant's mail; for the address of one without a key the mail
// server vouches.
func (f *flow) vouched(code, text string) []byte {
	f.t.Helper()
	raw := f.write(officer(code), text, "")
	if keyOf()[code] == nil {
		raw = append([]byte("Authentication-Results: "+mx+"; dmarc=pass header.from="+strings.ToLower(code)+".example\r\n"), raw...)
	}
	return raw
}

// submit lets a participant send a form, and wants the verdict.
func (f *flow) submit(code, text string, want gateway.Verdict) *gateway.Receipt {
	f.t.Helper()
	r := f.accept(f.vouched(code, text))
	if r.Verdict != want {
		in, err := f.store.Inbound(f.t.Context(), r.Inbound)
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Fatalf("a form from %s is %s (%s); want %s\n%s", code, r.Verdict, in.Reason, want, text)
	}
	return r
}

// pass lets time pass and everything due happen.
func (f *flow) pass(d time.Duration) {
	f.t.Helper()
	f.now = f.now.Add(d)
	if err := f.store.Heartbeat(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	for {
		if err := f.g.DoDue(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
		n, err := f.g.DeliverDue(f.t.Context())
		if err != nil {
			f.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// got returns what a participant received since it was asked last, as it reads
// there: the opened text of sealed ones, or the plain text, or the status.
func (f *flow) got(code string) []string {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var texts []string
	f.sent = slices.DeleteFunc(f.sent, func(out *gateway.Outbound) bool {
		if string(out.Participant) != code {
			return false
		}
		switch {
		case out.Status != nil:
			texts = append(texts, fmt.Sprintf("status %s %s %s: %s %s", out.Status.Reference, out.Status.Recipient, out.Status.State, out.Status.Reason, out.Status.Phone))
		case out.Plain != "":
			texts = append(texts, "PLAIN "+out.Plain)
		default:
			x := gateway.Examiner{Keys: []*openpgp.SecretKey{keyOf()[code]}, At: f.now}
			m := x.Sealed(out.Message)
			if m.Reading.Text == "" {
				f.t.Errorf("%s can't read its message: kind %s, %v, %v", code, m.Kind, m.Problems, m.Reading.OpenErr)
			}
			f.bound(code, m.Reading.Attachments)
			texts = append(texts, m.Reading.Text)
		}
		return true
	})
	return texts
}

// bound: what a participant gets names it as a recipient. An agent refuses
// anything else, and all that stands behind it.
func (f *flow) bound(code string, files []entity.Attachment) {
	f.t.Helper()
	for _, file := range files {
		if file.Name != "relay.json" {
			continue
		}
		var relay gateway.Relay
		if err := json.Unmarshal(file.Content, &relay); err != nil || !slices.Contains(relay.Recipients, operation.ParticipantCode(code)) {
			f.t.Errorf("%s gets a form whose relay.json names %v (%v)", code, relay.Recipients, err)
		}
	}
}

// apply puts a changed operation in force.
func (f *flow) apply(yaml string) {
	f.t.Helper()
	op, problems := operation.Parse([]byte(yaml), "operation.yaml")
	if op == nil || slices.ContainsFunc(problems, func(p operation.Problem) bool { return p.Severity == "error" }) {
		f.t.Fatalf("operation: %v", problems)
	}
	if err := f.store.ApplyOperation(f.t.Context(), op, []byte(yaml), gateway.AuditEntry{Kind: gateway.Administration, At: f.now, Actor: "test", Action: "applied"}); err != nil {
		f.t.Fatal(err)
	}
}

// gets wants exactly these texts at a participant, by some words of each, in
// whatever order.
func (f *flow) gets(code string, want ...string) {
	f.t.Helper()
	texts := f.got(code)
	if len(texts) != len(want) {
		f.t.Errorf("%s got %d messages; want %d (%q)\n%s", code, len(texts), len(want), want, strings.Join(texts, "\n---\n"))
		return
	}
	for _, words := range want {
		i := slices.IndexFunc(texts, func(t string) bool { return holdsAll(t, words) })
		if i < 0 {
			f.t.Errorf("%s got nothing with %q:\n%s", code, words, strings.Join(texts, "\n---\n"))
			return
		}
		texts = slices.Delete(texts, i, i+1)
	}
}

// holdsAll reports whether a text holds every part that "|" separates.
func holdsAll(text, parts string) bool {
	for part := range strings.SplitSeq(parts, "|") {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// seizure is a form's text; more are further boxes, and one that is there
// already is replaced.
func seizure(to string, more ...string) string {
	boxes := []string{"A1: [SEZ]", "A7: [" + to + "]", "B1: [2027-01-12]", "B3: [LV]", "C1: [TOBA]", "C2: [Cigarettes]", "C4: [120]", "C5: [H87]", "C14: [SEZ]"}
	for _, m := range more {
		code, _, _ := strings.Cut(m, ":")
		i := slices.IndexFunc(boxes, func(b string) bool { return strings.HasPrefix(b, code+":") })
		if i >= 0 {
			boxes[i] = m
		} else {
			boxes = append(boxes, m)
		}
	}
	return strings.Join(boxes, "\n") + "\n"
}
