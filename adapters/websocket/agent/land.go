package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"liaison/adapters/websocket"
	"liaison/gateway"
)

// take keeps one frame: on disk first, then the position, then (by the client)
// the ack. Each step is harmless to repeat.
func (a *agent) take(_ context.Context, d websocket.Delivery) error {
	if err := a.keep(d); err != nil {
		a.opt.Log.Error("a frame can't be kept and waits at the gateway", "seq", d.Seq, "delivery", d.ID, "error", err)
		return err
	}
	if err := a.step("kept"); err != nil {
		return err
	}
	return a.state.setPosition(d.Seq)
}

func (a *agent) keep(d websocket.Delivery) error {
	if d.ID != "" && a.state.knows(string(d.ID)) {
		return nil
	}
	if d.Status != nil {
		if err := a.note(d); err != nil {
			return err
		}
	} else if err := a.land(d); err != nil {
		return err
	}
	if err := a.step("landed"); err != nil || d.ID == "" {
		return err
	}
	return a.state.remember(string(d.ID))
}

// A landing goes through state/landing, a folder that is made whole there and
// then renamed into in, and state/landing.json, which says under which name. When
// the note is there and the folder isn't, it was renamed.
type landing struct {
	Delivery gateway.DeliveryID `json:"delivery"`
	Name     string             `json:"name"` // in the folder in
}

// land verifies a form and puts its folder in place.
func (a *agent) land(d websocket.Delivery) error {
	if landed, err := a.landedBefore(d.ID); err != nil || landed {
		return err
	}
	got, err := a.verify(d.Message)
	if err != nil {
		a.refuse(d, err)
		return err
	}
	reference := got.relay.Reference
	if reference == "" {
		reference = d.Reference
	}
	name, known, err := a.place(safeName(reference), string(d.ID), got.formJSON)
	if err != nil || known {
		return err
	}
	if err := a.prepare(got, d, name); err != nil {
		return err
	}
	if err := a.step("written"); err != nil {
		return err
	}
	if err := move(a.path("state", "landing"), a.path("in", name)); err != nil {
		return err
	}
	a.wake()
	return nil
}

// landedBefore reports whether a crash came after this delivery's folder was
// renamed into place: it may have been moved on since then.
func (a *agent) landedBefore(id gateway.DeliveryID) (bool, error) {
	l, err := a.landingNow()
	return id != "" && l.Delivery == id && !exists(a.path("state", "landing")), err
}

// prepare makes everything that must be there when the folder is: what the form
// replaces is marked, a test call is being answered, the command is told.
func (a *agent) prepare(got *received, d websocket.Delivery, name string) error {
	temp := a.path("state", "landing")
	if err := empty(temp); err != nil { // of a crash, whose note may name this very delivery: without the folder it would count as landed
		return err
	}
	if err := a.step("cleared"); err != nil {
		return err
	}
	if err := a.write(got, temp, string(d.ID)); err != nil {
		return err
	}
	if err := a.supersede(got, name, temp); err != nil {
		return err
	}
	if err := a.answerTest(got); err != nil {
		return err
	}
	note, err := json.Marshal(landing{d.ID, name})
	if err != nil {
		return err
	}
	if err := writeWhole(a.path("state", "landing.json"), note); err != nil {
		return err
	}
	return a.todo(name, d.Seq)
}

// landingNow is the note of the last landing; the zero one where there was none.
func (a *agent) landingNow() (l landing, err error) {
	raw, err := readIfThere(a.path("state", "landing.json"))
	if err != nil || raw == nil {
		return l, err
	}
	return l, json.Unmarshal(raw, &l)
}

// place finds the name under which a form lands: the first that is free, unless
// one on the way holds this delivery or the very same form (sent again, or over
// another channel).
func (a *agent) place(name, delivery string, formJSON []byte) (free string, known bool, err error) {
	for n := 1; ; n++ {
		try := variant(name, n)
		dir := a.path("in", try)
		if there, err := taken(dir); err != nil || !there {
			return try, false, err
		}
		if id, err := os.ReadFile(filepath.Join(dir, "delivery")); err == nil && string(bytes.TrimSpace(id)) == delivery {
			return try, true, nil
		}
		if kept, err := os.ReadFile(filepath.Join(dir, "form.json")); err == nil && bytes.Equal(kept, formJSON) {
			return try, true, nil
		}
	}
}

// write makes the folder of a form, synced down to the last file.
func (a *agent) write(r *received, dir, delivery string) error {
	attachments := filepath.Join(dir, "attachments")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	origin := a.origin(r)
	if len(r.attachments) > 0 {
		if err := os.MkdirAll(attachments, 0o700); err != nil {
			return err
		}
	}
	for i, f := range r.attachments {
		name, err := free(attachments, safeName(f.Name))
		if err != nil {
			return err
		}
		if err := writeSynced(filepath.Join(attachments, name), f.Content); err != nil {
			return err
		}
		origin.Attachments[i].Name = name
	}
	verdict, err := origin.json()
	if err != nil {
		return err
	}
	files := map[string][]byte{"form.json": r.formJSON, "form.txt": []byte(origin.words(a.opt.Language) + r.text), "origin.json": verdict,
		"relay.json": r.relayJSON, "delivery": []byte(delivery + "\n")}
	if r.signature != nil {
		files["form.json.asc"] = r.signature
	}
	for name, data := range files {
		if err := writeSynced(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	if len(r.attachments) > 0 {
		if err := syncDir(attachments); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// refuse keeps what could not be verified where an expert can look at it. It is
// written anew at each try: what matters is the last.
func (a *agent) refuse(d websocket.Delivery, why error) {
	stem := a.path("in", "refused", strconv.FormatInt(d.Seq, 10)+"-"+safeName(string(d.ID)))
	reason := strings.Join([]string{"This was NOT acknowledged; the gateway sends it again, and what comes after it waits. Call the coordination unit.", why.Error(), ""}, "\n")
	if err := errors.Join(writeWhole(stem+".pgp", d.Message), writeWhole(stem+".txt", []byte(reason))); err != nil {
		a.opt.Log.Warn("refused frame can't be kept", "error", err)
	}
}
