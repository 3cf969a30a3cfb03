package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// serve starts the room's gateway.
func (r *room) serve() {
	r.t.Helper()
	r.start("serve", "-c", r.path("gw/gateway.yaml"))
}

// certificates gives the agents of participants those of all.
func (r *room) certificates(participants ...string) {
	r.t.Helper()
	r.write("participants.asc", r.ok("key", "export", "-c", r.path("gw/gateway.yaml"), "OP-001"))
	for _, p := range participants {
		r.write(p+"/agent.yaml", r.read(p+"/agent.yaml")+"participants_file: ../participants.asc\n")
	}
}

// origin is what an agent could prove of a form.
func (r *room) origin(folder string) (o struct{ Proof, Proven_by string }) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.read(folder+"/origin.json")), &o); err != nil {
		r.t.Fatal(err)
	}
	return o
}

func TestTestCallIsAnsweredByTheAgentAndByItsPerson(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	r.certificates("LV", "PL")
	r.serve()
	r.start("agent", "-c", r.path("LV/agent.yaml"))
	r.start("agent", "-c", r.path("PL/agent.yaml"))
	r.drop("LV", "call.txt", "A1: [TST] A4: [LV-JCO-2026-000500] A7: [PL] A10: [TEST] T1: [C-1] T2: [kEeP mY cAsE] T7: [Řīga Łódź Ελλάδα България] T13: [FI]\nJCOFORM/1 END\n")
	r.until("the machine's answer is back", func() bool { return len(r.files("LV/in/PL-JCO-*/form.json")) == 1 })
	machine := r.read(strings.TrimPrefix(r.files("LV/in/PL-JCO-*/form.json")[0], r.dir))
	for _, want := range []string{`"A1":"TSR"`, `"A5":["LV-JCO-2026-000500"]`, `"T2":"kEeP mY cAsE"`, `"T3":"WS"`, `"T5":"Y"`, `"T6":"Y"`, `"T7":"Řīga Łódź Ελλάδα България"`, `"T12":"liaison agent `} {
		if !strings.Contains(machine, want) {
			t.Errorf("the machine's answer lacks %s: %s", want, machine)
		}
	}
	if got := r.origin("PL/in/LV-JCO-2026-000500"); got.Proof != "proven" || got.Proven_by != "LV" {
		t.Errorf("origin of the call = %+v; want proven by LV", got)
	}
	question := r.read("PL/ask/LV-JCO-2026-000500.txt")
	if !strings.Contains(question, "A7: [LV, FI]") {
		t.Errorf("the question reads:\n%s\nwant the answer to travel on to FI, as the call says", question)
	}
	question = strings.Replace(question, "A7: [LV, FI]", "A7: [LV]", 1)
	r.drop("PL", "LV-JCO-2026-000500.txt", strings.NewReplacer("T7: []", "T7: [Řīga Łódź]", "T9: []", "T9: [AB]").Replace(question))
	r.until("the person's answer is back", func() bool { return len(r.files("LV/in/PL-JCO-*/form.json")) == 2 })
	r.until("the question is settled", func() bool { return len(r.files("PL/ask/*")) == 0 })
	if got := len(r.files("PL/in/*/form.json")); got != 1 {
		t.Errorf("PL has %d forms; want the call alone: answers are not answered", got)
	}
}

func TestFormWithAttachmentsIsProvenEndToEnd(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	r.certificates("PL")
	r.serve()
	r.start("agent", "-c", r.path("LV/agent.yaml"))
	r.start("agent", "-c", r.path("PL/agent.yaml"), "--exec", "touch")
	r.write("LV/case/form.txt", "A22: [foto ķīmija.jpg]\n"+fmt.Sprintf(seizure, 1, 120))
	r.write("LV/case/foto ķīmija.jpg", strings.Repeat("x", 300_000))
	if err := os.MkdirAll(r.path("LV/out"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.path("LV/case"), r.path("LV/out/konteiners nr. 7")); err != nil {
		t.Fatal(err)
	}
	r.until("the form is at PL", func() bool { return len(r.files("PL/in/LV-JCO-2026-900001/form.txt")) == 1 })
	text := r.read("PL/in/LV-JCO-2026-900001/form.txt")
	for _, want := range []string{"PROVEN: LV signed this form itself", "Attachment foto ķīmija.jpg: named in the form with this very content", "C4: [120]"} {
		if !strings.Contains(text, want) {
			t.Errorf("form.txt lacks %q:\n%s", want, text)
		}
	}
	if got := r.read("PL/in/LV-JCO-2026-900001/attachments/foto ķīmija.jpg"); len(got) != 300_000 {
		t.Errorf("the attachment has %d bytes", len(got))
	}
	r.until("its answer lies beside it", func() bool { return len(r.files("LV/out/sent/konteiners nr*.answer.txt")) == 1 })
	r.until("the command ran", func() bool { return len(r.files("PL/state/todo/*")) == 0 })
}

// TestFormsSurviveKillsOfTheAgents kills both agents again and again while forms
// travel both ways.
func TestFormsSurviveKillsOfTheAgents(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	r.serve()
	const forms = 24
	for i := range forms {
		r.drop("LV", fmt.Sprintf("form%02d.json", i), fmt.Sprintf(`{"A1":"MSG","A7":["PL"],"A10":"EXER","H1":"from LV %d"}`, i))
		r.drop("PL", fmt.Sprintf("form%02d.json", i), fmt.Sprintf(`{"A1":"MSG","A7":["LV"],"A10":"EXER","H1":"from PL %d"}`, i))
	}
	arrived := func() int { return len(r.files("LV/in/PL-*/form.json")) + len(r.files("PL/in/LV-*/form.json")) }
	for lives := 0; arrived() < 2*forms || lives < 4; lives++ {
		lv, pl := r.start("agent", "-c", r.path("LV/agent.yaml")), r.start("agent", "-c", r.path("PL/agent.yaml"))
		before := arrived()
		r.until("some more forms have arrived", func() bool { return arrived() > before || before == 2*forms })
		kill(lv)
		kill(pl)
	}
	r.start("agent", "-c", r.path("LV/agent.yaml"))
	r.start("agent", "-c", r.path("PL/agent.yaml"))
	r.until("all are answered", func() bool { return len(r.files("*/out/sent/form*.answer.json")) == 2*forms })
	for _, way := range [][2]string{{"LV", "PL"}, {"PL", "LV"}} {
		said := map[string]int{}
		for _, file := range r.files(way[1] + "/in/" + way[0] + "-*/form.json") {
			var f struct{ H1 string }
			if err := json.Unmarshal([]byte(r.read(strings.TrimPrefix(file, r.dir))), &f); err != nil {
				t.Fatal(err)
			}
			said[f.H1]++
		}
		for i := range forms {
			if what := fmt.Sprintf("from %s %d", way[0], i); said[what] != 1 {
				t.Errorf("%q landed %d times; want once", what, said[what])
			}
		}
		if left := r.files(way[0] + "/state/jobs/*"); len(left) != 0 {
			t.Errorf("%s has unfinished jobs: %v", way[0], left)
		}
	}
	r.until("the gateway has every receipt", func() bool {
		return strings.Count(r.ok("forms", "list", "-c", r.path("gw/gateway.yaml"), "--limit", "1000"), "received by system") == 2*forms
	})
}

func TestWrongAgentSetUpsAreExplained(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	r.write("LV/broken.asc", "no certificate")
	other := r.read("PL.asc.cert.asc")
	r.write("LV/other.asc", other)
	whole := r.read("LV/agent.yaml")
	for name, c := range map[string]struct{ config, want string }{
		"participants": {whole + "participants_file: broken.asc\n", "participants_file:"},
		"next gateway": {whole + "next_gateway_certificate: other.asc\nnext_gateway_fingerprint: " + strings.Repeat("0000 ", 10) + "\n", "next_gateway_certificate other.asc is not the one with fingerprint"},
		"gateway":      {strings.Replace(whole, "../gw/keys/gateway.cert.asc", "other.asc", 1), "gateway_certificate other.asc is not the one"},
		"key":          {strings.Replace(whole, "key_file: ../LV.asc", "key_file: other.asc", 1), "is a certificate without its secret key"},
	} {
		r.write("LV/agent.yaml", c.config)
		if out, code := command(t, "", "agent", "-c", r.path("LV/agent.yaml")); code != exitUsage || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, %q; want 2 and %q", name, code, out, c.want)
		}
	}
	r.write("LV/agent.yaml", whole)
	r.serve()
	r.start("agent", "-c", r.path("LV/agent.yaml"))
	r.until("the agent runs", func() bool { return len(r.files("LV/state/lock")) == 1 && r.read("LV/state/lock") != "" })
	if out, code := command(t, "", "agent", "-c", r.path("LV/agent.yaml")); code != exitUsage || !strings.Contains(out, "another agent serves this folder") {
		t.Errorf("a second agent: exit code %d, %q; want 2 and why", code, out)
	}
	out, code := command(t, "A1: [MSG] A7: [PL] A10: [EXER] H1: [beside the agent]", "agent", "-c", r.path("LV/agent.yaml"), "--submit", "--json")
	if code != exitDone || !strings.Contains(out, `"taken":true`) {
		t.Errorf("--submit beside it: exit code %d, %s; want 0 and the answer", code, out)
	}
	if got := filepath.Base(r.files("LV/out/sent/submit-*.txt")[0]); got == "" {
		t.Error("the form isn't kept")
	}
}
