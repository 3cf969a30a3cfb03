package commtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// newCode is a fresh code of n of the letters.
func newCode(n int, letters string) string {
	b := make([]byte, 0, n)
	var r [1]byte
	for len(b) < n {
		_, _ = rand.Read(r[:]) // never fails (crypto/rand since Go 1.24)
		if i := int(r[0]); i < 256-256%len(letters) {
			b = append(b, letters[i%len(letters)])
		}
	}
	return string(b)
}

// The codes: the nonce, 47 bits, and what the attached file shows. Box T8 has room
// for eight hexadecimal digits; these are the ones that are no letter of another.
const (
	codeLength  = 10
	fileLength  = 8
	fileLetters = "23456789bcdf"
)

// shown is a test code as people read it: "K7QF2-MXD9R".
func shown(code string) string { return code[:codeLength/2] + "-" + code[codeLength/2:] }

// channels are box T3's words.
var channels = map[operation.ChannelKind]string{operation.WebSocket: "WS", operation.PGPMail: "PGPMAIL", operation.Mail: "MAIL", operation.Phone: "PHONE"}

// call makes the form of one test call and the probe that it is.
type call struct {
	op     *operation.Operation
	self   Self
	order  Order
	party  *gateway.TestParty
	plan   Plan
	cell   Cell
	style  string
	again  bool // another style, after the configured one didn't pass
	now    time.Time
	number int64
	ref    string
}

func (c call) make() (gateway.NewForm, gateway.Probe) {
	p := gateway.Probe{Delivery: gateway.NewDeliveryID(), Form: gateway.NewFormID(), Reference: c.ref, Number: c.number, Run: c.party.Run, Operation: c.op.Code, Participant: c.party.Participant,
		ChannelAt: c.cell.At, Kind: c.cell.Kind, Style: c.style, Code: newCode(codeLength, gateway.CodeLetters), Sent: c.now}
	f := c.boxes(p)
	content := gateway.Content{Facts: map[string]string{gateway.FactStyle: c.style}}
	if c.cell.Kind != operation.Mail && !c.plan.Silent {
		p.FileCode = newCode(fileLength, fileLetters)
		file := []byte(say(c.plan.Lang, "file-text", map[string]string{"code": p.FileCode}) + "\r\n")
		sum := sha256.Sum256(file)
		p.FileSum = hex.EncodeToString(sum[:])
		content.Attachments = []gateway.Attachment{{Name: "test.txt", Type: "text/plain", Content: file}}
		f.Set("A22", strings.Join([]string{"test.txt", strconv.Itoa(len(file)), p.FileSum}, ";"))
	}
	content.Facts[gateway.FactLines] = c.lines(p)
	content.Boxes, content.JSON = f, f.JSON()
	record := gateway.Form{ID: p.Form, Operation: c.op.Code, Role: gateway.Original, Number: c.number, Type: "TST", Reference: c.ref, Sender: c.self.Code, State: gateway.FormAccepted,
		Assurance: gateway.Signed, Priority: c.order.Priority, Mode: c.order.Mode, Received: c.now, Hash: f.ContentHash(), Content: content}
	return gateway.NewForm{Form: record, Deliveries: []gateway.NewDelivery{{ID: p.Delivery, Participant: p.Participant, Channel: c.cell.Kind, ChannelAt: c.cell.At,
		Priority: c.order.Priority, State: gateway.Pending, NotBefore: c.now}}}, p
}

// boxes are those of the TST form.
func (c call) boxes(p gateway.Probe) *form.Form {
	f := header(c.op, c.self, "TST", c.order.Mode, c.ref, string(c.party.Participant), c.now)
	if c.order.Priority != gateway.Routine {
		f.Set("A9", string(c.order.Priority))
	}
	f.Set("A23", c.plan.until().UTC().Format(time.RFC3339))
	f.Set("T1", string(c.party.Run))
	f.Set("T2", shown(p.Code))
	f.Set("T3", channels[c.cell.Kind])
	if c.plan.Silent {
		f.Set("H3", "NONE") // no action asked: systems answer, people are left alone
		f.Set("T7", Sample)
		return f
	}
	canary(f)
	if c.carries() {
		f.Set("T13", string(c.plan.Partner))
	}
	return f
}

// carries reports whether the answer to this call travels on to the partner: that
// of the first channel does.
func (c call) carries() bool { return c.plan.Partner != "" && c.cell.At == c.plan.Cells[0].At }

// header is what every form of the unit's own begins with.
func header(op *operation.Operation, self Self, typ, mode, ref, to string, now time.Time) *form.Form {
	f := form.New(typ)
	f.Set("A2", form.Version)
	f.Set("A3", string(op.Code))
	f.Set("A4", ref)
	f.Set("A6", string(self.Code))
	f.Set("A7", to)
	f.Set("A8", now.UTC().Format(time.RFC3339))
	f.Set("A10", mode)
	f.Set("A13", "TLP:GREEN")
	f.Set("A16", "N")
	return f
}

// lines are what the reader sees: what to do, in five lines, and the form to
// fill in.
func (c call) lines(p gateway.Probe) string {
	args := map[string]string{"operation": string(c.op.Code), "code": shown(p.Code), "phone": orDash(c.self.Phone), "until": c.until()}
	tell := func(key string) string { return say(c.plan.Lang, key, args) }
	if c.plan.Silent {
		return tell("call-silent") + "\n"
	}
	suffix := map[operation.ChannelKind]string{operation.Mail: "-plain", operation.WebSocket: "-system"}[c.cell.Kind]
	until := tell("call-until")
	if c.plan.Second {
		until += " " + tell("call-second")
	}
	help := tell("call-help")
	if c.again {
		help = tell("call-again") + " " + help
	}
	text := []string{"1. " + tell("call-what"), "2. " + tell("call-reply"+suffix), "3. " + tell("call-form"+suffix), "4. " + until, "5. " + help}
	return strings.Join(text, "\n") + "\n\n" + c.answer(p)
}

func (c call) until() string {
	p := c.op.Participant(c.party.Participant)
	zone := time.UTC
	if p != nil {
		zone = p.Calendar().Zone()
	}
	return c.plan.until().In(zone).Format("2006-01-02 15:04 MST")
}

// answer is the form that the reader fills in and sends back: what is known
// stands in it already.
func (c call) answer(p gateway.Probe) string {
	f := form.New("TSR")
	f.Set("A3", string(c.op.Code))
	f.Set("A5", c.ref)
	f.Set("A6", string(c.party.Participant))
	to := []string{string(c.self.Code)}
	if c.carries() {
		to = append(to, string(c.plan.Partner))
	}
	f.Set("A7", to...)
	f.Set("A10", c.order.Mode)
	f.Set("T1", string(c.party.Run))
	f.Set("T2", shown(p.Code))
	f.Set("T3", channels[c.cell.Kind])
	f.Set("T7", Sample)
	blank := []string{"T5", "T9", "T10", "T11"}
	if c.cell.Kind != operation.Mail {
		canary(f)
		blank = append(blank, "T6", "T8")
	}
	return f.Text(form.TextOptions{Lang: c.plan.Lang, Blank: true, Profile: &form.Profile{Require: map[string][]string{"TSR": blank}}})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// notice is a message of the unit's to one address or over one channel, with
// nothing in it that may not be read by everyone.
func notice(op *operation.Operation, self Self, to operation.ParticipantCode, ch operation.ChannelKind, at int, address, mode, lines, ref string, number int64, now time.Time) gateway.NewForm {
	f := header(op, self, "MSG", mode, ref, string(to), now)
	facts := map[string]string{gateway.FactLines: lines, "say": "test"}
	if address != "" {
		facts[gateway.FactAddress] = address
	}
	record := gateway.Form{ID: gateway.NewFormID(), Operation: op.Code, Role: gateway.Notice, Number: number, Type: "MSG", Reference: ref, Sender: self.Code, State: gateway.FormAccepted,
		Assurance: gateway.Signed, Priority: gateway.Routine, Mode: mode, Received: now, Hash: f.ContentHash(), Content: gateway.Content{Boxes: f, JSON: f.JSON(), Facts: facts}}
	return gateway.NewForm{Form: record, Deliveries: []gateway.NewDelivery{{ID: gateway.NewDeliveryID(), Participant: to, Channel: ch, ChannelAt: at,
		Priority: gateway.Routine, State: gateway.Pending, NotBefore: now}}}
}

// ownReference is the prefix of the unit's references for tests.
func ownReference(self Self, now time.Time) string {
	return fmt.Sprintf("%s-TST-%d-", self.Code, now.UTC().Year())
}
