package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the program: a child with LIAISON_MAIN set
// runs the command line, so that kill -9 hits a real process.
func TestMain(m *testing.M) {
	if os.Getenv("LIAISON_MAIN") != "" {
		main()
		return
	}
	if config := os.Getenv("LIAISON_MORTAL"); config != "" {
		fmt.Fprintln(os.Stderr, serveMortal(config, os.Getenv("LIAISON_DIES"), os.Getenv("LIAISON_CLOCK")))
		os.Exit(exitFailed)
	}
	if config := os.Getenv("LIAISON_TORMENT"); config != "" {
		os.Exit(exitCode(serveJumping(config, os.Getenv("LIAISON_CLOCK")), os.Stderr))
	}
	os.Exit(m.Run())
}

// room is a set-up in a folder: a gateway and participants with agents.
type room struct {
	t    *testing.T
	dir  string
	port int
}

// newRoom makes a set-up whose participants are confirmed and have an
// agent.yaml each.
func newRoom(t *testing.T, participants ...string) *room {
	t.Helper()
	return newRoomOn(t, "sqlite:data/liaison.db", participants...)
}

// newRoomOn is newRoom with its record in a store of the caller's.
func newRoomOn(t *testing.T, store string, participants ...string) *room {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t: t, dir: t.TempDir(), port: l.Addr().(*net.TCPAddr).Port}
	l.Close()
	r.ok("init", r.path("gw"))
	config := r.read("gw/gateway.yaml")
	r.write("gw/gateway.yaml", strings.NewReplacer("127.0.0.1:8443", fmt.Sprintf("127.0.0.1:%d", r.port), "sqlite:data/liaison.db", store).Replace(config))
	op, _, _ := strings.Cut(r.read("gw/operations/operation.yaml"), "participants:")
	op = strings.Replace(op, "organiser: LV", "organiser: "+participants[0], 1) + "participants:\n"
	for _, p := range participants {
		r.ok("key", "generate", "--name", p, "--address", "jco@"+strings.ToLower(p)+".example", "--out", r.path(p+".asc"))
		op += fmt.Sprintf("  - {code: %[1]s, country: %[1]s, class: eu-member, authority: Customs of %[1]s, reference: JCO, languages: [en], duty: {phone: \"+000\"},\n"+
			"     keys: [{file: ../../%[1]s.asc.cert.asc, role: shared}], addresses: [jco@%[2]s.example], channels: [{kind: websocket}]}\n", p, strings.ToLower(p))
	}
	r.write("gw/operations/operation.yaml", op)
	r.ok("operation", "apply", "-c", r.path("gw/gateway.yaml"))
	for line := range strings.Lines(r.ok("key", "list", "--json", "-c", r.path("gw/gateway.yaml"))) {
		var k struct{ Participant, Fingerprint string }
		if err := json.Unmarshal([]byte(line), &k); err != nil {
			t.Fatal(err)
		}
		r.ok("key", "confirm", "-c", r.path("gw/gateway.yaml"), "OP-001", k.Participant, k.Fingerprint, "--how", "read back in a test")
	}
	var gateway struct{ Fingerprint string }
	if err := json.Unmarshal([]byte(r.ok("key", "show", "--json", r.path("gw/keys/gateway.cert.asc"))), &gateway); err != nil {
		t.Fatal(err)
	}
	for _, p := range participants {
		r.write(p+"/agent.yaml", fmt.Sprintf("url: ws://127.0.0.1:%d/v1/channel\noperation: OP-001\nparticipant: %[2]s\nreference: %[2]s-JCO\nkey_file: ../%[2]s.asc\n"+
			"gateway_certificate: ../gw/keys/gateway.cert.asc\ngateway_fingerprint: %[3]s\n", r.port, p, gateway.Fingerprint))
	}
	return r
}

func (r *room) path(name string) string { return filepath.Join(r.dir, name) }

func (r *room) read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *room) write(name, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// drop puts a form into an agent's out folder, whole at once.
func (r *room) drop(participant, name, text string) {
	r.t.Helper()
	r.write(participant+"/"+name, text)
	if err := os.MkdirAll(r.path(participant+"/out"), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(r.path(participant+"/"+name), r.path(participant+"/out/"+name)); err != nil {
		r.t.Fatal(err)
	}
}

// ok runs a command line in this process and wants it to succeed.
func (r *room) ok(args ...string) string {
	r.t.Helper()
	out, code := command(r.t, "", args...)
	if code != exitDone {
		r.t.Fatalf("liaison %s = exit code %d; want 0\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// command runs a command line in this process.
func command(t *testing.T, in string, args ...string) (string, int) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, streams{strings.NewReader(in), &out, &errs})
	return out.String() + errs.String(), code
}

// start runs a command line as a process of its own, killed at the end.
func (r *room) start(args ...string) *exec.Cmd {
	r.t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), "LIAISON_MAIN=1")
	log, err := os.CreateTemp(r.dir, args[0]+"-*.log")
	if err != nil {
		r.t.Fatal(err)
	}
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		kill(c)
		log.Close()
		if r.t.Failed() {
			data, _ := os.ReadFile(log.Name())
			r.t.Logf("%s:\n%s", strings.Join(args, " "), data)
		}
	})
	return c
}

func kill(c *exec.Cmd) {
	_ = c.Process.Kill() // SIGKILL; it may have ended by itself
	_ = c.Wait()
}

// until waits for a condition, at most as long as a slow machine may need.
func (r *room) until(what string, condition func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatalf("still not: %s", what)
		}
	}
}

func (r *room) files(pattern string) []string {
	list, err := filepath.Glob(r.path(pattern))
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

const seizure = "A1: [SEZ] A4: [LV-JCO-2026-9%05d] A7: [PL] A10: [EXER] B1: [2026-11-02] B3: [LV] C1: [TOBA] C2: [Cigarettes] C4: [%d] C5: [H87] C14: [SEZ]\nJCOFORM/1 END\n"

func TestFormsSurviveKillsOfTheGateway(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	serve := r.start("serve", "-c", r.path("gw/gateway.yaml"))
	r.start("agent", "-c", r.path("LV/agent.yaml"))
	r.start("agent", "-c", r.path("PL/agent.yaml"))
	const forms = 30
	for i := range forms {
		r.drop("LV", fmt.Sprintf("form%02d.txt", i), fmt.Sprintf(seizure, i, i+1))
	}
	for i := range 4 {
		r.until("some more forms have arrived", func() bool { return len(r.files("PL/in/LV-*/form.json")) > i*4 })
		kill(serve)
		serve = r.start("serve", "-c", r.path("gw/gateway.yaml"))
	}
	r.until("all forms have arrived", func() bool { return len(r.files("PL/in/LV-*/form.json")) == forms })
	r.until("all forms are answered", func() bool { return len(r.files("LV/out/sent/*.answer.json")) == forms })
	if got := len(r.files("PL/in/*")); got > forms+1 { // status.jsonl may stand beside
		t.Errorf("PL has %d entries; want %d forms, none twice", got, forms)
	}
	for i := range forms {
		text := r.read(fmt.Sprintf("PL/in/LV-JCO-2026-9%05d/form.txt", i))
		if want := fmt.Sprintf("C4: [%d]", i+1); !strings.Contains(text, want) {
			t.Errorf("form %d doesn't hold %s", i, want)
		}
	}
	r.until("all deliveries are confirmed", func() bool {
		return strings.Count(r.ok("forms", "list", "-c", r.path("gw/gateway.yaml")), "received by system") == forms
	})
	r.until("the audit log is whole", func() bool {
		return strings.Contains(r.ok("audit", "verify", "-c", r.path("gw/gateway.yaml")), " 0 not yet in it")
	})
}

func TestRefusedFormIsAnsweredWithWhatToDo(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	r.start("serve", "-c", r.path("gw/gateway.yaml"))
	r.until("the gateway listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	out, code := command(t, strings.Replace(fmt.Sprintf(seizure, 1, 1), "C4: [1]", "C4: []", 1), "agent", "--submit", "-c", r.path("LV/agent.yaml"))
	if code != exitNo || !strings.Contains(out, "C4") {
		t.Errorf("submitting a form without quantity = exit code %d; want %d and box C4 named\n%s", code, exitNo, out)
	}
	config := r.path("gw/gateway.yaml")
	if out := r.ok("forms", "show", "LV-JCO-2026-900001", "-c", config); !strings.Contains(out, "was refused on receipt") || !strings.Contains(out, "Next: liaison forms show OCU-GW-") {
		t.Errorf("forms show of a refused form =\n%s\nwant that said, and its answer named", out)
	}
	if out, code := command(t, "", "forms", "show", "LV-JCO-2026-900002", "-c", config); code != exitUsage || !strings.Contains(out, "no form LV-JCO-2026-900002 is recorded") {
		t.Errorf("forms show of a form that never came = exit code %d; want %d\n%s", code, exitUsage, out)
	}
	out, code = command(t, fmt.Sprintf(seizure, 1, 7), "agent", "--submit", "-c", r.path("LV/agent.yaml"))
	if code != exitDone || !strings.Contains(out, "LV-JCO-2026-900001") {
		t.Errorf("the same reference, now right = exit code %d; want 0\n%s", code, out)
	}
	out, code = command(t, fmt.Sprintf(seizure, 1, 8), "agent", "--submit", "-c", r.path("LV/agent.yaml"))
	if code != exitNo || !strings.Contains(out, "26") {
		t.Errorf("the reference again with other content = exit code %d; want %d and code 26\n%s", code, exitNo, out)
	}
}

func TestUsageErrorsAreOneLineAndExitCode2(t *testing.T) {
	for _, args := range [][]string{{"nonsense"}, {"serve", "-c", "/nonexistent.yaml"}, {"form", "new", "QQQ"}, {"key", "confirm"}} {
		if out, code := command(t, "", args...); code != exitUsage || out == "" {
			t.Errorf("liaison %v = exit code %d, %q; want %d", args, code, out, exitUsage)
		}
	}
}

func TestFormCommandsTurnTextIntoJSONAndBack(t *testing.T) {
	text := fmt.Sprintf(seizure, 1, 5)
	json, code := command(t, text, "form", "decode")
	if code != exitDone || !strings.HasPrefix(json, `{"A1":"SEZ"`) {
		t.Fatalf("decode = %d, %s", code, json)
	}
	back, code := command(t, json, "form", "encode", "--lang", "de")
	if code != exitDone || !strings.Contains(back, "C4: [5]") {
		t.Errorf("encode = %d, %s", code, back)
	}
	if out, code := command(t, back, "form", "check"); code != exitDone {
		t.Errorf("check = %d, %s; want valid", code, out)
	}
	if out, code := command(t, "A1: [SEZ]", "form", "check"); code != exitNo || !strings.Contains(out, "(box C4)") {
		t.Errorf("check of an empty form = %d, %s; want 3 and the boxes", code, out)
	}
}

func TestDemoProvesEveryoneAndSendsFormsFromEveryChannelToEveryOther(t *testing.T) {
	if out, code := command(t, "", "demo", "--once", "--dir", t.TempDir()); code != exitDone || !strings.Contains(out, "done: forms went") || !strings.Contains(out, "PL     GREEN         pgp-mail  L9") {
		t.Errorf("liaison demo --once = exit code %d; want 0\n%s", code, out)
	}
}
