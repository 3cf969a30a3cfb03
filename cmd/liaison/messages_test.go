package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"liaison/gateway/simulator"
)

// held returns the ids of the messages that wait for a person.
func (r *room) held() []string {
	r.t.Helper()
	var ids []string
	for line := range strings.Lines(r.ok("forms", "list", "--held", "--json", "-c", r.path("gw/gateway.yaml"))) {
		var m struct{ Inbound string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			r.t.Fatal(err)
		}
		if m.Inbound != "" {
			ids = append(ids, m.Inbound)
		}
	}
	return ids
}

func TestHeldMessageIsShownSafelyAndDecidedOnce(t *testing.T) {
	h := newHall(t)
	h.start("serve", "-c", h.path("gw/gateway.yaml"))
	h.start("agent", "-c", h.path("LV/agent.yaml"))
	config := []string{"-c", h.path("gw/gateway.yaml")}
	run := func(want int, args ...string) string {
		t.Helper()
		out, code := command(t, "", append(args, config...)...)
		if code != want {
			t.Fatalf("liaison %s = exit code %d; want %d\n%s", strings.Join(args, " "), code, want, out)
		}
		return out
	}

	spoof := simulator.Participant{Code: "FI", Address: eeAddress, To: unit, Key: h.key("FI"), Gateway: h.ee.Gateway} // FI's signature under EE's name
	raw, err := spoof.Write(strings.Replace(fmt.Sprintf(seizure, 1, 120), "A7: [PL]", "A7: [LV]", 1)+"\x1b[2J\u202e\n", "1@ee.example", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h.send(raw)
	ids := h.held()
	if len(ids) != 1 {
		t.Fatalf("held messages = %v; want one", ids)
	}
	if out := run(exitDone, "forms", "show", ids[0]); !strings.Contains(out, "not-sender") || strings.Contains(out, "Cigarettes") {
		t.Errorf("forms show without a reason:\n%s\nwant the verdict and nothing of the text", out)
	}
	out := run(exitDone, "forms", "show", ids[0], "--reason", "to call EE")
	if !strings.Contains(out, "Cigarettes") || strings.ContainsAny(out, "\x1b\u202e") {
		t.Errorf("forms show with a reason:\n%q\nwant the text, and nothing that moves a terminal", out)
	}
	run(exitUsage, "forms", "release", ids[0], "--reason", "called")
	run(exitFailed, "forms", "release", ids[0], "--for", "QQ", "--reason", "called")
	run(exitDone, "forms", "release", ids[0], "--for", "EE", "--reason", "called EE, it is theirs")
	run(exitFailed, "forms", "refuse", ids[0], "--reason", "too late")
	h.until("LV has the form", func() bool { return len(h.files("LV/in/*/form.txt")) == 1 })
	if text := h.read(strings.TrimPrefix(h.files("LV/in/*/form.txt")[0], h.dir+"/")); !strings.Contains(text, "NOT PROVEN") {
		t.Errorf("LV reads:\n%s\nwant it marked as not proven", text)
	}
	if log := run(exitDone, "audit", "show"); !strings.Contains(log, "held message settled") || !strings.Contains(log, "called EE, it is theirs") || !strings.Contains(log, "message shown") {
		t.Errorf("audit show:\n%s\nwant who decided what and why, and who looked", log)
	}
}
