package agent

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// replacement is a form that corrected or cancelled another. Those of one form lie
// in state/superseded, in the order in which they came, because the form itself
// may come later than they do.
type replacement struct {
	Name    string `json:"name"` // in the folder in
	Cancels bool   `json:"cancels,omitempty"`
}

// supersede notes what a correction or cancellation replaces, and marks that where
// it lies: the form that it names and every earlier correction of it. A form that
// was replaced before it came is marked in dir, where it is about to land. Only a
// form's own sender replaces it.
func (a *agent) supersede(got *received, name, dir string) error {
	if err := a.replacedBefore(got, dir); err != nil {
		return err
	}
	old := got.relay.Corrects + got.relay.Cancels // one of them, if any
	if old == "" {
		return nil
	}
	from := got.relay.From
	earlier, err := a.replacements(from, old)
	if err != nil {
		return err
	}
	by := replacement{name, got.relay.Cancels != ""}
	earlier = slices.DeleteFunc(earlier, func(e replacement) bool { return e == by })
	raw, err := json.Marshal(append(slices.Clone(earlier), by))
	if err != nil {
		return err
	}
	if err := writeWhole(a.replacementsOf(from, old), raw); err != nil {
		return err
	}
	if err := a.markAll(safeName(old), from, by); err != nil {
		return err
	}
	for _, e := range earlier {
		if err := a.mark(a.path("in", e.Name), by); err != nil {
			return err
		}
	}
	return nil
}

// replacementsOf is the file that lists what replaced a form.
func (a *agent) replacementsOf(from operation.ParticipantCode, reference string) string {
	return a.path("state", "superseded", safeName(string(from)+" "+reference))
}

func (a *agent) replacements(from operation.ParticipantCode, reference string) (list []replacement, err error) {
	path := a.replacementsOf(from, reference)
	raw, err := readIfThere(path)
	if err != nil || raw == nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return list, nil
}

// replacedBefore marks a form that is landing, where its replacement came first.
func (a *agent) replacedBefore(got *received, dir string) error {
	if got.relay.Reference == "" {
		return nil
	}
	list, err := a.replacements(got.relay.From, got.relay.Reference)
	if err != nil || len(list) == 0 {
		return err
	}
	return a.mark(dir, list[len(list)-1])
}

// markAll marks the folders of one reference that are from one sender.
func (a *agent) markAll(name string, from operation.ParticipantCode, by replacement) error {
	for n := 1; exists(a.path("in", variant(name, n))); n++ {
		dir := a.path("in", variant(name, n))
		raw, err := readIfThere(filepath.Join(dir, "relay.json"))
		if err != nil {
			return err
		}
		var relay gateway.Relay
		if json.Unmarshal(raw, &relay) != nil || relay.From != from {
			continue
		}
		if err := a.mark(dir, by); err != nil {
			return err
		}
	}
	return nil
}

// mark writes superseded.txt into a folder; one that was moved on gets none.
func (a *agent) mark(dir string, by replacement) error {
	if !exists(dir) {
		return nil
	}
	key := "superseded"
	if by.Cancels {
		key = "cancelled"
	}
	words := []string{say(a.opt.Language, key, "by", by.Name)}
	if english := say("en", key, "by", by.Name); english != words[0] {
		words = append(words, english)
	}
	return writeWhole(filepath.Join(dir, "superseded.txt"), []byte(strings.Join(words, "\n")+"\n"))
}
