package main

import (
	"fmt"
	"strings"
	"testing"

	"liaison/gateway"
)

func TestHeldFormsSayWhyAndEmptyListsWhatTheyMean(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	forms := func(command string, more ...string) string {
		return r.ok(append([]string{"forms", command, "-c", config}, more...)...)
	}
	if out := forms("list"); out != "Nothing has come in yet.\n" {
		t.Errorf("forms list of an empty record = %q", out)
	}
	r.brings(fmt.Sprintf(seizure, 1, 1), gateway.Held, "the signature is of an unknown key")
	next := "Next: liaison forms show LV-JCO-2026-900001 --operation OP-001 -c " + config
	if out := forms("list", "--held"); !strings.Contains(out, "\n    held: the signature is of an unknown key\n") || !strings.Contains(out, next) {
		t.Errorf("forms list --held =\n%s\nwant why, and %s", out, next)
	}
	next = "Next: liaison forms release LV-JCO-2026-900001 --operation OP-001 -c " + config
	if out := forms("show", "LV-JCO-2026-900001"); !strings.Contains(out, "\nheld: the signature is of an unknown key\n") || !strings.Contains(out, next) {
		t.Errorf("forms show of a held form =\n%s\nwant why, and %s", out, next)
	}
	if out := forms("list", "--held", "--json"); !strings.Contains(out, `"reason":"the signature is of an unknown key"`) {
		t.Errorf("forms list --held --json = %s; want the reason", out)
	}

	forms("refuse", "LV-JCO-2026-900001", "--reason", "not theirs")
	if out := forms("list", "--held"); out != "Nothing waits for a person.\n" {
		t.Errorf("forms list --held with none held = %q", out)
	}
	if out := forms("show", "LV-JCO-2026-900001"); !strings.Contains(out, "\ndecided by ") || strings.Contains(out, "Next:") {
		t.Errorf("forms show of a refused form =\n%s\nwant who decided, and nothing to do", out)
	}
	if out, code := command(t, "", "forms", "list", "-c", config, "--operation", "OP-XX"); code != exitUsage || !strings.Contains(out, "no operation OP-XX is in force") {
		t.Errorf("forms list of an unknown operation = exit code %d; want %d\n%s", code, exitUsage, out)
	}
}
