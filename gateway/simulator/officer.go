package simulator

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/form"
)

// Sent is what leaves an officer or its mail server.
type Sent struct {
	From  string // envelope sender, "" for the null sender
	Raw   []byte // a mail; for the WebSocket a sealed message
	After time.Duration
	Over  string // "mail" or "websocket"
}

// Officer is somebody with a mail program or a system, behind a mail server, who
// answers test calls with the habits that they have.
type Officer struct {
	Participant
	Habits
	Signs    *openpgp.SecretKey   // with which answers are signed; the participant's own where nil
	Sees     []*openpgp.SecretKey // with which mail is opened; likewise
	People   []string             // initials of those who fill the form in, one answer each
	Deputy   string               // address of the deputy, who answers when asked
	Stranger *openpgp.Certificate // to whom answers are sealed by mistake, where the habit says so

	Replay bool // from now on the first answer comes again instead of a new one

	calls int    // mails made so far
	kept  []byte // the last test call, for the deputy
	old   []Sent // the first answer
}

func (o *Officer) signer() *openpgp.SecretKey {
	if o.Signs != nil {
		return o.Signs
	}
	return o.Key
}

// opener opens mail as the officer's mail program does.
func (o *Officer) opener(at time.Time) gateway.Examiner {
	x := o.examiner(at)
	if o.Sees != nil {
		x.Keys = o.Sees
	}
	return x
}

// Receive takes a mail from the participant's mail server and returns what that
// server and the officer send because of it. envelope is its envelope sender.
func (o *Officer) Receive(raw []byte, envelope string, at time.Time) []Sent {
	var out []Sent
	for _, report := range o.Reports {
		out = append(out, Sent{Raw: report.Mail(raw, o.Address, envelope, at), After: report.After, Over: "mail"})
	}
	if o.Auto != nil {
		if auto := o.Auto(o, raw, at); auto != nil {
			out = append(out, Sent{From: o.Address, Raw: auto, Over: "mail"})
		}
	}
	if o.Swallow {
		return out
	}
	for _, mangle := range o.In {
		raw = mangle(raw)
	}
	if toDeputy := o.Deputy != "" && strings.Contains(string(raw), o.Deputy); toDeputy && o.kept != nil {
		return append(out, o.answer(o.kept, at, []string{"DEP"})...)
	}
	return append(out, o.answer(raw, at, o.People)...)
}

// answer is how the officer answers a mail.
func (o *Officer) answer(raw []byte, at time.Time, people []string) []Sent {
	m := o.opener(at).Mail(raw)
	if o.Key != nil && (m.Reading == nil || m.Verdict != string(openpgp.Good) || m.Kind == entity.Unreadable || o.Blind(styleOf(raw))) {
		return o.cannotOpen(raw, at)
	}
	call, ok := readCall(m.Reading)
	if !ok {
		return o.confirm(raw, m, at)
	}
	o.kept = raw
	if o.Silent {
		return nil
	}
	if o.Machine {
		people = []string{""}
	}
	var out []Sent
	at = at.Add(o.After) // that is when they sit down and write
	for _, text := range o.texts(call, m, people) {
		out = append(out, Sent{From: o.Address, Raw: o.write(text, raw, at), After: o.After, Over: "mail"})
	}
	if o.Twice {
		out = append(out, out...)
	}
	for range min(o.Copies, len(out)) {
		again := out[0]
		again.Raw = o.write(o.texts(call, m, people)[0], raw, at)
		out = append(out, again)
	}
	return o.replayed(out, at)
}

// replayed is the first answer over again, under another Message-ID, where that is
// what the officer's mail server does.
func (o *Officer) replayed(out []Sent, at time.Time) []Sent {
	if o.old == nil {
		o.old = out
	}
	if !o.Replay {
		return out
	}
	var again []Sent
	for _, s := range o.old {
		o.calls++
		s.Raw = []byte(strings.Replace(string(s.Raw), header(s.Raw, "Message-ID"), fmt.Sprintf("<%d.%d@%s>", at.UnixNano(), o.calls, domainOf(o.Address)), 1))
		again = append(again, s)
	}
	return again
}

// ReceiveSealed takes a form from the WebSocket channel, and returns what the
// participant's system and its operator submit because of it.
func (o *Officer) ReceiveSealed(message []byte, at time.Time) []Sent {
	m := o.opener(at).Sealed(message)
	call, ok := readCall(m.Reading)
	if !ok || o.Silent {
		return nil
	}
	var out []Sent
	people := o.People
	if o.Machine {
		people = []string{""}
	}
	at = at.Add(o.After)
	for _, text := range o.texts(call, m, people) {
		if o.OverMail {
			out = append(out, Sent{From: o.Address, Raw: o.write(text, nil, at), After: o.After, Over: "mail"})
			continue
		}
		certificate := o.Gateway
		if o.Signing == "sealed-elsewhere" {
			certificate = o.Stranger
		}
		sealed, err := seal(o.page(text), o.signer(), certificate, at.Add(o.Skew))
		if err != nil {
			continue
		}
		for range 1 + o.Copies {
			out = append(out, Sent{Raw: sealed, After: o.After, Over: "websocket"})
		}
	}
	return out
}

// confirm replies to what is no test call: a form of somebody else's that wants a
// person's "OK".
func (o *Officer) confirm(raw []byte, m *gateway.Message, at time.Time) []Sent {
	if m.Form == nil || m.Form.Type() != "TSR" || o.Silent || o.Key == nil {
		return nil
	}
	return []Sent{{From: o.Address, Raw: o.write("OK\n", raw, at), Over: "mail"}}
}

// cannotOpen is what an officer does with a mail that the mail program doesn't
// open: write so, in the clear, or nothing.
func (o *Officer) cannotOpen(raw []byte, at time.Time) []Sent {
	if !o.Complains || o.Silent || styleOf(raw) == "" || header(raw, "Auto-Submitted") != "" {
		return nil
	}
	subject := header(raw, "Subject")
	text := "JCOFORM/1 BEGIN\nA1: [TSR]\nT5: [N]\nT9: [AB]\nT10: [NODECRYPT]\nJCOFORM/1 END\n"
	o.calls++
	h := entity.Draft{From: entity.Address{Addr: o.Address}, To: entity.Address{Addr: o.To}, Subject: "Re: " + subject, Date: at,
		MessageID: fmt.Sprintf("<%d.%d@%s>", at.UnixNano(), o.calls, domainOf(o.Address)), InReplyTo: header(raw, "Message-ID")}
	if o.signer() == nil {
		return []Sent{{From: o.Address, Raw: entity.PlainMail(h, text, nil), Over: "mail"}}
	}
	return []Sent{{From: o.Address, Raw: o.write(text, raw, at), Over: "mail"}}
}

// call is a test call as a person reads it.
type call struct {
	code   string
	skip   *form.Form // the form to fill in
	file   string     // what the attached file says goes into T8
	hashed string     // or what a program says of it
}

var (
	codeIn = regexp.MustCompile(`\b[` + gateway.CodeLetters + `]{5}-[` + gateway.CodeLetters + `]{5}\b`)
	fileIn = regexp.MustCompile(`T8: (Y [0-9a-f]{8})`)

	checkValue = regexp.MustCompile(`(?m)^.*A24: \[.*\]\n`)
)

// readCall finds the test call in what was opened: the code in its lines, the
// form below them, the file.
func readCall(r *entity.Reading) (call, bool) {
	var c call
	if r == nil {
		return c, false
	}
	c.code = codeIn.FindString(r.Text)
	if f, _ := form.ParseText(r.Text); f != nil && f.Type() == "TSR" && strings.Contains(r.Text, "5. ") {
		c.skip = f
	}
	for _, a := range r.Attachments {
		if m := fileIn.FindStringSubmatch(string(a.Content)); m != nil {
			c.file = m[1]
		}
	}
	return c, c.code != "" && c.skip != nil
}

// texts are the officer's answers to a call, one for each person.
func (o *Officer) texts(c call, m *gateway.Message, people []string) []string {
	code := c.code
	if o.Code2 != nil {
		code = o.Code2(code)
	}
	if o.Short {
		return []string{code + "\n"}
	}
	var out []string
	for i, who := range people {
		f := c.skip.Clone()
		f.Set("A24")
		f.Set("T5", "Y")
		if o.Key != nil {
			f.Set("T6", "Y")
			f.Set("T8", "N")
			if c.file != "" {
				f.Set("T8", c.file)
			}
			if !m.Proven() {
				f.Set("T6", "N")
			}
		}
		f.Set("T9", who)
		f.Set("T2", code)
		if who == "" {
			f.Set("T9")
		}
		if o.Fill != nil {
			o.Fill(f, i)
		}
		text := f.Text(form.TextOptions{Lang: "en"})
		if who != "" { // a person fills the boxes in, and computes no check value
			text = checkValue.ReplaceAllString(text, "")
		}
		out = append(out, o.Text(o.quoting(code+"\n\n", text, m.Reading.Text)))
	}
	return out
}

// quoting is an answer with the call that it answers, as the mail program quotes.
func (o *Officer) quoting(first, form, call string) string {
	const says = "On Monday the unit wrote:\n"
	above, _, _ := strings.Cut(call, "JCOFORM/1 BEGIN")
	switch o.Quotes {
	case "above":
		return says + quoted(call) + "\n" + first + form
	case "below":
		return first + form + "\n" + says + quoted(call)
	case "inside":
		return first + says + quoted(above+form)
	}
	return first + form
}

func quoted(text string) string {
	return "> " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n> ") + "\n"
}
