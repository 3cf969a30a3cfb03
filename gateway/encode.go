package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// Relay is relay.json: what the gateway, under its signature, says of the form
// that it hands on. It binds the message to operation and recipients, since the
// OpenPGP layer names none.
type Relay struct {
	Operation   operation.Code              `json:"operation"`
	Number      int64                       `json:"number"`
	Reference   string                      `json:"reference"`
	Type        string                      `json:"type"`
	From        operation.ParticipantCode   `json:"from"`
	Recipients  []operation.ParticipantCode `json:"recipients"`
	FormSHA256  string                      `json:"form_sha256"`
	Added       []string                    `json:"added,omitempty"` // boxes added or read otherwise by the gateway
	Assurance   Assurance                   `json:"assurance"`
	Signer      string                      `json:"signer,omitempty"` // originator's fingerprint
	Received    time.Time                   `json:"received"`
	SignedBytes *SignedBytes                `json:"signed,omitempty"`
	Corrects    string                      `json:"corrects,omitempty"` // reference of the form that this one replaces
	Cancels     string                      `json:"cancels,omitempty"`
	Answers     string                      `json:"answers,omitempty"`
	State       string                      `json:"verdict,omitempty"` // of an answer: accepted, repeated, held, refused
	Problems    []form.Problem              `json:"problems,omitempty"`
}

// SignedBytes says what the originator signed, and its hash.
type SignedBytes struct {
	Kind   string `json:"kind"` // "form.json" or "mime"
	SHA256 string `json:"sha256"`
}

// encode makes the one inner entity of a form: its text in a language,
// form.json, the originator's signature, relay.json and the attachments.
// Nothing in it is particular to one recipient; of the channel it says only how a
// person confirms over it, where the form asks for that.
func (g *Gateway) encode(op *operation.Operation, f *Form, lang string, ch operation.ChannelKind, recipients []operation.ParticipantCode) ([]byte, error) {
	formJSON := f.Content.AsSent
	if formJSON == nil {
		formJSON = f.Content.JSON
	}
	relay, err := json.MarshalIndent(g.relay(f, formJSON, recipients), "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode relay.json: %w", err)
	}
	parts := []entity.Attachment{{Name: "form.json", Type: form.MediaType, Content: formJSON}}
	if f.Signer != "" && f.Content.AsSent != nil && f.Content.Signature != nil {
		parts = append(parts, entity.Attachment{Name: "form.json.asc", Type: "application/pgp-signature", Content: f.Content.Signature})
	}
	parts = append(parts, entity.Attachment{Name: "relay.json", Type: "application/json", Content: relay})
	for _, a := range f.Content.Attachments {
		parts = append(parts, entity.Attachment{Name: a.Name, Type: a.Type, Content: a.Content})
	}
	return entity.Inner(g.text(op, f, lang, ch, nil), parts, g.subject(f, lang)), nil
}

func (g *Gateway) relay(f *Form, formJSON []byte, recipients []operation.ParticipantCode) Relay {
	sum := sha256.Sum256(formJSON)
	r := Relay{Operation: f.Operation, Number: f.Number, Reference: f.Reference, Type: f.Type, From: f.Sender, Recipients: recipients,
		FormSHA256: hex.EncodeToString(sum[:]), Added: f.Content.Added, Assurance: f.Assurance, Signer: f.Signer, Received: f.Received.UTC(),
		State: f.Content.Facts[factSay], Problems: f.Content.Problems}
	if f.Role == Original {
		r.State = ""
	}
	if f.Signer != "" {
		r.SignedBytes = &SignedBytes{Kind: "mime", SHA256: hex.EncodeToString(f.SignedSum[:])}
		if f.Content.Signature != nil {
			r.SignedBytes = &SignedBytes{Kind: "form.json", SHA256: r.FormSHA256}
		}
	}
	about := f.Content.Boxes.Get("A5")
	switch f.Type {
	case "COR":
		r.Corrects = about
	case "CAN":
		r.Cancels = about
	default:
		r.Answers = about
	}
	return r
}

// subject is the true subject, a protected header.
func (g *Gateway) subject(f *Form, lang string) string {
	return fmt.Sprintf("%s: %s %s", numberText(f.Operation, f.Number), f.Type, strings.TrimSpace(f.Reference+" "+form.TypeName(f.Type, lang)))
}

// text is what a person reads: how to confirm it over its channel, a line on how sure
// the origin is, the form, and last the unit's phone and the number to quote. withhold
// marks boxes shown as [*], on a channel that others can read; nil shows all. On such a
// channel an answer repeats nothing of what was sent.
func (g *Gateway) text(op *operation.Operation, f *Form, lang string, ch operation.ChannelKind, withhold func(string) bool) string {
	var b strings.Builder
	say := sayer(lang)
	exercise := f.Mode == "EXER" || f.Mode == "TEST"
	if exercise {
		b.WriteString(exerciseLine + "\n\n")
	}
	if lines := f.Content.Facts[FactLines]; lines != "" {
		b.WriteString(lines)
	} else if f.Role != Original {
		g.answerText(&b, op, f, say, lang, withhold != nil)
	} else {
		if asksInWords(f) {
			b.WriteString(g.confirmText(f, ch, say) + "\n\n")
		}
		g.formText(&b, op, f, say, lang, withhold)
	}
	b.WriteString("\n" + say("quote", g.opt.Code, g.opt.Phone, numberText(f.Operation, f.Number)) + "\n")
	if exercise {
		b.WriteString("\n" + exerciseLine + "\n")
	}
	return b.String()
}

const exerciseLine = "EXERCISE EXERCISE EXERCISE"

// asksInWords reports whether a form's text says how a person confirms it: the reply of
// a test says so too, since it shows that forms travel onward.
func asksInWords(f *Form) bool { return wantsPerson(f) || f.Type == "TSR" }

// confirmText says how a person confirms over a channel: by what counts as proven
// there.
func (g *Gateway) confirmText(f *Form, ch operation.ChannelKind, say func(string, ...any) string) string {
	switch ch {
	case operation.WebSocket:
		return say("confirm-websocket", f.Reference)
	case operation.Mail:
		return say("confirm-plain", g.opt.Phone, numberText(f.Operation, f.Number))
	}
	return say("confirm")
}

func (g *Gateway) formText(b *strings.Builder, op *operation.Operation, f *Form, say func(string, ...any) string, lang string, withhold func(string) bool) {
	shown := f.Content.Boxes
	b.WriteString(changed(f, say, withhold))
	if f.Content.Whole != nil {
		if whole, _ := form.ParseJSON(f.Content.Whole); whole != nil {
			shown = whole
		}
	}
	b.WriteString(say("assurance-"+string(f.Assurance), f.Sender) + "\n")
	if added := slices.DeleteFunc(slices.Clone(f.Content.Added), func(a string) bool { return withhold != nil && withhold(a) }); len(added) > 0 {
		b.WriteString(say("added", strings.Join(added, " ")) + "\n")
	}
	for _, p := range problemsFor(op, f, withhold != nil) {
		b.WriteString("! " + p.In(lang) + "\n")
	}
	b.WriteString("\n")
	if withhold != nil {
		n := 0
		for _, addr := range shown.Addresses() {
			if withhold(addr) {
				n++
			}
		}
		b.WriteString(say("redacted", n) + "\n\n")
	}
	b.WriteString(shown.Text(form.TextOptions{Lang: lang, Profile: profile(op), Withhold: withhold, Words: true}))
}

// changed are the first lines of a correction or cancellation: what is to be
// forgotten.
func changed(f *Form, say func(string, ...any) string, withhold func(string) bool) string {
	var b strings.Builder
	for _, c := range f.Content.Changes {
		was, now := c.Was, c.Now
		if withhold != nil && withhold(c.Box) {
			was, now = "[*]", "[*]"
		}
		b.WriteString(say("corrected", c.Box, orEmpty(was), orEmpty(now)) + "\n")
	}
	if f.Type == "CAN" {
		b.WriteString(say("cancelled", f.Content.Boxes.Get("A5")) + "\n")
	}
	return b.String()
}

func orEmpty(value string) string {
	if value == "" {
		return "[]"
	}
	return value
}

// problemsFor are the problems of a form as they may be told: on an open channel,
// which others can read, without what was sent.
func problemsFor(op *operation.Operation, f *Form, open bool) []form.Problem {
	if !open {
		return f.Content.Problems
	}
	told := make([]form.Problem, len(f.Content.Problems))
	for i, p := range f.Content.Problems {
		told[i] = p.Unsaid(profile(op))
	}
	return told
}

// quotable is a reference as it may be told: on an open channel only one of the usual
// kind, in which nothing else can stand.
func quotable(reference string, open bool) string {
	if open && !form.IsUsualReference(reference) {
		return ""
	}
	return reference
}

// answerText says in words what became of a form, words first and codes last. On an
// open channel, which others can read, it repeats nothing of what was sent: of the
// recipients it says how many there are.
func (g *Gateway) answerText(b *strings.Builder, op *operation.Operation, f *Form, say func(string, ...any) string, lang string, open bool) {
	facts := f.Content.Facts
	about := strings.TrimSpace(quotable(f.Content.Boxes.Get("A5"), open) + " " + bracketed(facts[factNumber]))
	switch facts[factSay] {
	case "status":
		b.WriteString(say("status-"+stateKey(State(facts[factState])), about, facts[factRecipient]) + "\n")
		if facts[factReason] != "" {
			b.WriteString(say("reason-"+facts[factReason]) + "\n")
		}
		if facts[factPhone] != "" {
			b.WriteString(say("call", facts[factRecipient], facts[factPhone]) + "\n")
		}
	default:
		b.WriteString(say("answer-"+facts[factSay], about) + "\n")
	}
	if facts[factWaiting] != "" {
		b.WriteString("\n" + waitingText(facts[factWaiting], say, open))
	}
	recipientsText(b, facts, say, open)
	if facts[factWaited] != "" {
		b.WriteString(say("waited", facts[factWaited]) + "\n")
	}
	if facts[factUrgent] == "Y" {
		b.WriteString(say("urgent-call", g.opt.Phone) + "\n")
	}
	problems := problemsFor(op, f, open)
	if f.Type == "NAK" {
		refusedText(b, problems, say, lang)
	} else {
		problemsText(b, problems, say, lang)
	}
	if blank := facts[factBlank]; blank != "" {
		b.WriteString("\n" + say("fill-in") + "\n\n" + form.New(blank).Text(form.TextOptions{Lang: lang, Profile: profile(op), Blank: true}))
	}
	if seen, _ := form.ParseJSON([]byte(facts[factSeen])); facts[factSeen] != "" && seen != nil && !open {
		b.WriteString("\n" + say("understood") + "\n\n" + quoted(seen.Text(form.TextOptions{Lang: lang, Profile: profile(op)})))
	}
}

// refusedText says for what a form was refused and, apart from it, what else is wrong
// with it.
func refusedText(b *strings.Builder, problems []form.Problem, say func(string, ...any) string, lang string) {
	var errors, warnings []form.Problem
	for _, p := range problems {
		if p.Severity == form.Error {
			errors = append(errors, p)
		} else {
			warnings = append(warnings, p)
		}
	}
	problemsText(b, errors, say, lang)
	if len(warnings) > 0 {
		b.WriteString("\n" + say("besides") + "\n")
		problemsText(b, warnings, say, lang)
	}
}

// problemsText lists problems, words first and codes last.
func problemsText(b *strings.Builder, problems []form.Problem, say func(string, ...any) string, lang string) {
	var codes []string
	for _, p := range problems {
		b.WriteString("- " + p.In(lang) + "\n")
		codes = append(codes, strings.TrimSpace(fmt.Sprintf("%d %s", p.Code, p.Box)))
	}
	if len(codes) > 0 {
		b.WriteString(say("codes", strings.Join(codes, ", ")) + "\n")
	}
}

// recipientsText says to whom a form goes, and from whom it is withheld.
func recipientsText(b *strings.Builder, facts map[string]string, say func(string, ...any) string, open bool) {
	sent := facts[factSent]
	if _, err := strconv.Atoi(sent); open && sent != "" && err != nil {
		sent = strconv.Itoa(len(strings.Fields(sent)))
	}
	if sent != "" {
		b.WriteString(say("goes-to", sent) + "\n")
	}
	if open {
		return
	}
	for _, w := range strings.Fields(facts[factWithheld]) {
		to, reason, _ := strings.Cut(w, ":")
		b.WriteString(say("withheld-from", to, say("reason-"+reason)) + "\n")
	}
}

// quoted marks a form as history, so that a reply above it is what counts.
func quoted(text string) string {
	return "> " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n> ") + "\n"
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// numberText is how people quote a form: "OP-7K3 000123".
func numberText(op operation.Code, n int64) string { return fmt.Sprintf("%s %06d", op, n) }

func joinCodes(codes []operation.ParticipantCode) string {
	var list []string
	for _, c := range codes {
		list = append(list, string(c))
	}
	return strings.Join(list, " ")
}
