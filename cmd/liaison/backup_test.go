package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A copy that is made while forms travel is a gateway again: whoever was told
// "accepted" before it is in it, agents go back to where it stood and drop what
// they have, and new forms travel.
func TestABackupOfARunningGatewayServesAgain(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	gateway := r.start("serve", "-c", config)
	r.start("agent", "-c", r.path("LV/agent.yaml"))
	r.start("agent", "-c", r.path("PL/agent.yaml"))
	const before, later = 40, 5
	drop := func(from, to int) {
		for i := from; i < to; i++ {
			r.drop("LV", fmt.Sprintf("form%02d.txt", i), fmt.Sprintf(seizure, i, i+1))
		}
	}
	drop(0, before)
	r.until("some forms have arrived", func() bool { return len(r.files("PL/in/LV-*/form.json")) > 5 })
	told := r.files("LV/out/sent/*.answer.json")
	r.ok("store", "copy", "-c", config, "sqlite:"+r.path("backup/liaison.db"))
	r.until("all forms have arrived and are answered", func() bool {
		return len(r.files("PL/in/LV-*/form.json")) == before && len(r.files("LV/out/sent/*.answer.json")) == before
	})
	kill(gateway)

	for _, file := range r.files("gw/data/*") {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	r.ok("store", "copy", "-c", config, "--from", "sqlite:"+r.path("backup/liaison.db"), "sqlite:"+r.path("gw/data/liaison.db"))
	known := r.ok("forms", "list", "-c", config)
	for _, file := range told {
		form, _, _ := strings.Cut(filepath.Base(file), ".") // form07
		var n int
		if _, err := fmt.Sscanf(form, "form%d", &n); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if reference := fmt.Sprintf("LV-JCO-2026-9%05d", n); !strings.Contains(known, reference) {
			t.Errorf("%s was accepted before the backup and isn't in it", reference)
		}
	}
	r.start("serve", "-c", config)
	drop(before, before+later)
	r.until("new forms arrive", func() bool { return len(r.files("PL/in/LV-*/form.json")) == before+later })
	r.until("the audit log is whole", func() bool { return strings.Contains(r.ok("audit", "verify", "-c", config), " 0 not yet in it") })
	if got := len(r.files("PL/in/*")); got > before+later+1 { // status.jsonl may stand beside
		t.Errorf("PL has %d entries; want %d forms, none twice", got, before+later)
	}
}
