package agent

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"time"

	"liaison/adapters/websocket"
	"liaison/gateway"
)

// noted is a line of in/status.jsonl.
type noted struct {
	Seq      int64              `json:"seq"`
	Delivery gateway.DeliveryID `json:"delivery,omitempty"`
	Got      time.Time          `json:"got"`
	gateway.Status
}

// note keeps what became of a form of ours: a line for programs and, beside the
// form in out/sent, words for people.
func (a *agent) note(d websocket.Delivery) error {
	n := noted{d.Seq, d.ID, a.opt.Clock().UTC().Truncate(time.Second), *d.Status}
	line, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := appendOnce(a.path("in", "status.jsonl"), line, `"delivery":"`+string(d.ID)+`"`); err != nil {
		return err
	}
	if err := a.step("noted"); err != nil {
		return err
	}
	stem, err := readIfThere(a.path("state", "sent", safeName(n.Reference)))
	if err != nil || stem == nil {
		return err // not sent from here, or a number that stands for nothing
	}
	words := a.statusWords(n)
	return appendOnce(a.path("out", "sent", strings.TrimSpace(string(stem))+".status.txt"), []byte(words), words)
}

// statusWords say it to people: who, what, why, whom to call.
func (a *agent) statusWords(n noted) string {
	lang := a.opt.Language
	parts := []string{say(lang, "status", "at", n.Got.Format("2006-01-02 15:04 UTC"), "recipient", string(n.Recipient),
		"state", say(lang, "state-"+strings.ReplaceAll(string(n.State), " ", "-")))}
	if n.Reason != "" {
		parts = append(parts, say(lang, "status-reason", "reason", n.Reason))
	}
	if n.Phone != "" {
		parts = append(parts, say(lang, "status-call", "phone", n.Phone))
	}
	return strings.Join(parts, "; ")
}

// appendOnce appends a line, unless the file's end holds its mark: a crash came
// between the line and what says that it was written.
func appendOnce(path string, line []byte, mark string) error {
	tail, err := tailOf(path, int64(len(line))+4096)
	if err != nil || bytes.Contains(tail, []byte(mark)) {
		return err
	}
	return appendLine(path, line)
}

// tailOf reads the last bytes of a file; none where it isn't there.
func tailOf(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tail := make([]byte, min(most, info.Size()))
	_, err = f.ReadAt(tail, info.Size()-int64(len(tail)))
	return tail, err
}
