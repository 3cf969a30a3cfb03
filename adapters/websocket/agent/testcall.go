package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"liaison/gateway/form"
)

// answerTest answers a test call (TST) with the machine's part, as a job like any
// other, and asks a person for theirs. The answer's submit id is made of the call,
// so that the same call is answered once, whatever dies in between and however
// often it comes: its job, or the mark that the job leaves, is there from then on.
func (a *agent) answerTest(got *received) error {
	if got.relay.Type != "TST" || got.relay.From == a.opt.Participant || got.relay.Reference == "" {
		return nil
	}
	call := got.form.Normal()
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte("TSR "+string(a.opt.Operation)+" "+string(a.opt.Participant)+" "+got.relay.Reference+" "+call.Get("T2"))).String()
	if exists(a.jobPath(id)) || exists(a.path("state", "answered", id)) {
		return nil
	}
	if err := a.ask(got, call); err != nil {
		return err
	}
	if err := a.step("asked"); err != nil {
		return err
	}
	reply := a.reply(got, call)
	for box, value := range map[string]string{"T7": sample(call), "T8": opened(got)} {
		if value != "" {
			reply.Set(box, value)
		}
	}
	note, err := json.Marshal(about{Answers: got.relay.Reference})
	if err != nil {
		return err
	}
	return a.stage(id, func(source string) error {
		return errors.Join(writeSynced(filepath.Join(source, "TSR-"+safeName(got.relay.Reference)+".json"), reply.Normal().JSON()),
			writeSynced(filepath.Join(filepath.Dir(source), "about.json"), note))
	})
}

// answered marks a test call whose answer is at its end.
func (a *agent) answered(j *job) error {
	if j.about.Answers == "" {
		return nil
	}
	return writeWhole(a.path("state", "answered", j.id), []byte(j.about.Answers+"\n"))
}

// reply is what both parts of the answer have: which call, over what, received
// when, and that it was opened under the gateway's good signature.
func (a *agent) reply(got *received, call *form.Form) *form.Form {
	f := form.New("TSR")
	for _, box := range []string{"A9", "A10", "T1", "T2"} {
		if value := call.Get(box); value != "" {
			f.Set(box, value)
		}
	}
	f.Set("A5", got.relay.Reference)
	f.Set("A7", string(got.relay.From))
	f.Set("T3", "WS")
	f.Set("T4", a.opt.Clock().UTC().Format(time.RFC3339))
	f.Set("T5", "Y")
	f.Set("T6", "Y")
	f.Set("T12", a.opt.Program)
	return f
}

// sample is the sample text as this program read it.
func sample(call *form.Form) string {
	text := call.Get("T7")
	if text == "" {
		text = call.Get("H1")
	}
	runes := []rune(text)
	return string(runes[:min(len(runes), 300)])
}

// opened says of the first attachment that it is there, and the beginning of its
// hash; "" where there is none.
func opened(got *received) string {
	if len(got.attachments) == 0 {
		return ""
	}
	sum := sha256.Sum256(got.attachments[0].Content)
	return "Y " + hex.EncodeToString(sum[:4])
}

func (a *agent) askPath(reference string) string { return a.path("ask", safeName(reference)+".txt") }

// ask puts the person's part of the answer into the folder ask: a form with what
// is known filled in, under a reference of its own, so that it counts once however
// often it is sent.
func (a *agent) ask(got *received, call *form.Form) error {
	path := a.askPath(got.relay.Reference)
	if exists(path) {
		return nil
	}
	reference, err := a.reference(1)
	if err != nil {
		return err
	}
	f := a.reply(got, call)
	f.Set("A4", reference)
	f.Set("A3", string(a.opt.Operation))
	f.Set("A6", string(a.opt.Participant))
	if on := call.All("T13"); len(on) > 0 { // the answer is to travel on to them as well
		f.Set("A7", append([]string{string(got.relay.From)}, on...)...)
	}
	blank := &form.Profile{Require: map[string][]string{"TSR": {"T7", "T8", "T9", "T11"}}}
	text := say(a.opt.Language, "ask", "reference", got.relay.Reference) + "\n" + f.Text(form.TextOptions{Lang: a.opt.Language, Blank: true, Profile: blank})
	return writeWhole(path, []byte(text))
}
