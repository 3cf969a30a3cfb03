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
	"time"

	"liaison/adapters/websocket"
	"liaison/gateway"
)

func itoa(n int) string { return strconv.Itoa(n) }

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

// note appends a status. After a crash it may stand there twice, under the same
// delivery; it is only for reading.
func (a *agent) note(d websocket.Delivery) error {
	line, err := json.Marshal(struct {
		Seq      int64              `json:"seq"`
		Delivery gateway.DeliveryID `json:"delivery,omitempty"`
		Got      time.Time          `json:"got"`
		gateway.Status
	}{d.Seq, d.ID, a.opt.Clock().UTC(), *d.Status})
	if err != nil {
		return err
	}
	return appendLine(filepath.Join(a.opt.Dir, "in", "status.jsonl"), append(line, '\n'))
}

// land verifies a form and puts its folder in place.
func (a *agent) land(d websocket.Delivery) error {
	got, err := a.verify(d.Message)
	if err != nil {
		a.refuse(d, err)
		var known *websocket.Refusal
		if errors.As(err, &known) {
			return known
		}
		return err
	}
	in := filepath.Join(a.opt.Dir, "in")
	temp := filepath.Join(a.opt.Dir, "state", "landing")
	if err := os.RemoveAll(temp); err != nil { // of a crash
		return err
	}
	if err := got.write(temp, string(d.ID)); err != nil {
		return err
	}
	if err := a.step("written"); err != nil {
		return err
	}
	name := safeName(d.Reference)
	if got.relay.Reference != "" {
		name = safeName(got.relay.Reference)
	}
	if a.already(filepath.Join(in, name), string(d.ID), got.formJSON) {
		return os.RemoveAll(temp)
	}
	name = free(in, name)
	if err := a.todo(name); err != nil {
		return err
	}
	if _, err := moveInto(temp, in, name); err != nil {
		return err
	}
	a.wake()
	if got.relay.Corrects != "" || got.relay.Cancels != "" {
		return a.supersede(got, name)
	}
	return nil
}

// already reports whether a folder holds this delivery, or the very same form
// (sent again, or over another channel).
func (a *agent) already(dir, delivery string, formJSON []byte) bool {
	if id, err := os.ReadFile(filepath.Join(dir, "delivery")); err == nil && string(bytes.TrimSpace(id)) == delivery {
		return true
	}
	kept, err := os.ReadFile(filepath.Join(dir, "form.json"))
	return err == nil && bytes.Equal(kept, formJSON)
}

// write makes the folder of a form, synced down to the last file.
func (r *received) write(dir, delivery string) error {
	attachments := filepath.Join(dir, "attachments")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files := map[string][]byte{"form.json": r.formJSON, "form.txt": []byte(r.text), "relay.json": r.relayJSON, "delivery": []byte(delivery + "\n")}
	if r.signature != nil {
		files["form.json.asc"] = r.signature
	}
	for name, data := range files {
		if err := writeSynced(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	if len(r.attachments) > 0 {
		if err := os.MkdirAll(attachments, 0o700); err != nil {
			return err
		}
	}
	for _, f := range r.attachments {
		if err := writeSynced(filepath.Join(attachments, free(attachments, safeName(f.Name))), f.Content); err != nil {
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

// supersede marks what a correction or cancellation replaced: a file
// "superseded" in its folder names the newer form. The sender must be the same.
func (a *agent) supersede(by *received, newer string) error {
	old := by.relay.Corrects
	if old == "" {
		old = by.relay.Cancels
	}
	dir := filepath.Join(a.opt.Dir, "in", safeName(old))
	raw, err := os.ReadFile(filepath.Join(dir, "relay.json"))
	if err != nil {
		return nil // we never had it
	}
	var relay gateway.Relay
	if json.Unmarshal(raw, &relay) != nil || relay.From != by.relay.From {
		a.opt.Log.Warn("a correction names a form of somebody else; nothing was marked", "correction", newer, "form", old)
		return nil
	}
	return writeWhole(filepath.Join(dir, "superseded"), []byte("superseded by "+newer+"\n"))
}

// refuse keeps what could not be verified where an expert can look at it.
func (a *agent) refuse(d websocket.Delivery, why error) {
	stem := filepath.Join(a.opt.Dir, "in", "refused", strconv.FormatInt(d.Seq, 10)+"-"+safeName(string(d.ID)))
	reason := strings.Join([]string{"This was NOT acknowledged; the gateway sends it again. Call the coordination unit.", why.Error(), ""}, "\n")
	if err := errors.Join(writeWhole(stem+".pgp", d.Message), writeWhole(stem+".txt", []byte(reason))); err != nil {
		a.opt.Log.Warn("refused frame can't be kept", "error", err)
	}
}
