package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liaison/gateway"
	"liaison/gateway/form"
)

// brings records what a participant's form came to, as the gateway would have.
func (r *room) brings(text string, verdict gateway.Verdict, reason string) {
	r.t.Helper()
	s, err := configFlag{Config: r.path("gw/gateway.yaml")}.load()
	if err != nil {
		r.t.Fatal(err)
	}
	st, err := s.beside(&app{ctx: r.t.Context()})
	if err != nil {
		r.t.Fatal(err)
	}
	defer st.Close()
	parsed, _ := form.ParseText(text)
	f := gateway.Form{ID: gateway.NewFormID(), Operation: "OP-001", Role: gateway.Original, Type: "SEZ", Reference: parsed.Get("A4"), Sender: "LV", State: gateway.FormHeld,
		Assurance: gateway.Signed, Priority: gateway.Routine, Received: time.Now(), Hash: sha256.Sum256([]byte(text)), Content: gateway.Content{Boxes: parsed, JSON: parsed.JSON()}}
	d := gateway.Decision{Verdict: verdict, Operation: f.Operation, Sender: f.Sender, Reason: reason}
	if verdict == gateway.Held {
		d.Subject, d.Forms = f.ID, []gateway.NewForm{{Form: f}}
	}
	in := &gateway.Inbound{Medium: gateway.ByMail, Account: "test", Raw: []byte(text), Received: f.Received, Repeats: []gateway.Repeat{{Name: "test:" + f.Reference, Digest: f.Hash}}}
	if _, err := st.Accept(r.t.Context(), in, func(gateway.Ledger) (*gateway.Decision, error) { return &d, nil }); err != nil {
		r.t.Fatal(err)
	}
}

func TestCheckFindsAStorageKeyThatIsNotTheRecords(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	r.brings(fmt.Sprintf(seizure, 1, 1), gateway.Held, "a person decides")
	r.ok("check", "-c", config)
	r.write("gw/secrets/storage", strings.Repeat("x", 32))
	if out, code := command(t, "", "check", "-c", config); code != exitUsage || !strings.Contains(out, "error    store: unwrap the data key") || strings.Contains(out, "it opens") {
		t.Errorf("check with another storage key = exit code %d; want %d and the store named\n%s", code, exitUsage, out)
	}
}

func TestCheckFindsChannelsThatTheGatewayDoesNotServe(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	op := r.read("gw/operations/operation.yaml")
	r.write("gw/operations/operation.yaml", strings.Replace(op, "jco@pl.example], channels: [{kind: websocket}]", "jco@pl.example], channels: [{kind: mail, address: jco@pl.example}]", 1))
	check := func(want string) {
		t.Helper()
		if out, code := command(t, "", "check", "--offline", "-c", r.path("gw/gateway.yaml")); code != exitUsage || strings.Count(out, "error    ") != 1 || !strings.Contains(out, want) {
			t.Errorf("check = exit code %d; want %d, and one error: %s\n%s", code, exitUsage, want, out)
		}
	}
	check("OP-001: PL has a mail channel, but gateway.yaml has no mail section")
	gw := r.read("gw/gateway.yaml")
	r.write("gw/gateway.yaml", gw+"mail:\n  lmtp: {listen: \"127.0.0.1:2424\"}\n")
	check("PL has a mail channel, but gateway.yaml has no mail.smtp")
	before, after, _ := strings.Cut(gw, "websocket:")
	_, after, _ = strings.Cut(after, "operations:")
	r.write("gw/gateway.yaml", before+"operations:"+after+"mail:\n  lmtp: {listen: \"127.0.0.1:2424\"}\n  smtp: {url: \"smtp+insecure://127.0.0.1:2525\"}\n")
	check("LV has a websocket channel, but gateway.yaml has no websocket section")
}

func TestCheckChangesNothing(t *testing.T) {
	r := &room{t: t, dir: t.TempDir()}
	r.ok("init", r.path("gw"))
	if err := os.Remove(r.path("gw/data")); err != nil {
		t.Fatal(err)
	}
	before := r.files("gw/*")
	r.ok("check", "-c", r.path("gw/gateway.yaml"))
	if diff := cmp.Diff(before, r.files("gw/*")); diff != "" {
		t.Errorf("check changed the set-up (-before +after):\n%s", diff)
	}
	r.ok("operation", "apply", "-c", r.path("gw/gateway.yaml")) // which makes the store, folder and all
}

func TestHintsWorkWhereTheyAreCopiedFrom(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	if err := os.Rename(r.path("gw"), r.path("the gateway")); err != nil {
		t.Fatal(err)
	}
	config := r.path("the gateway/gateway.yaml")
	option := " -c '" + config + "'"
	for _, c := range []struct {
		want string
		args []string
	}{
		{"Next: liaison key list" + option, []string{"operation", "apply"}},
		{"Next: liaison test run OP-001 --wait" + option, []string{"test", "list"}},
		{"Next: liaison test watch OP-001-T001" + option, []string{"test", "run", "OP-001"}},
		{"Next: liaison test list OP-001" + option, []string{"test", "waive", "OP-001", "PL", "--reason", "by phone", "--key", r.path("LV.asc")}},
		{"--signature " + r.path("w.txt.asc") + option, []string{"test", "waive", "OP-001", "PL", "--reason", "by phone", "--statement", r.path("w.txt")}},
		{"Next: liaison serve" + option, []string{"check"}},
	} {
		if out := r.ok(append(c.args, "-c", config)...); !strings.Contains(out, c.want) {
			t.Errorf("liaison %v =\n%s\nwant %q", c.args, out, c.want)
		}
	}
	t.Chdir(r.path("the gateway"))
	if out := r.ok("check"); !strings.Contains(out, "Next: liaison serve\n") {
		t.Errorf("check without -c =\n%s\nwant a hint without -c", out)
	}
}

func TestTheEndOfARunHintsAtAReportThatABrowserShows(t *testing.T) {
	r := newRoom(t, "LV")
	config := r.path("gw/gateway.yaml")
	if err := (configFlag{Config: config}).withOperation(&app{ctx: t.Context(), streams: streams{out: io.Discard}}, "OP-001", func(b *testBench) error {
		var out bytes.Buffer
		b.out = &out
		if err := newView(b, jsonFlag{}).end(gateway.TestRun{ID: "OP-001-T001"}, nil); err != nil {
			return err
		}
		if want := "Next: liaison test report OP-001-T001 --format html --out readiness.html -c " + config; !strings.Contains(out.String(), want) {
			t.Errorf("the end of a run =\n%s\nwant %q", out.String(), want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAnOperationFileThatIsNotThereIsNotPassedOver(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config, op := r.path("gw/gateway.yaml"), r.read("gw/operations/operation.yaml")
	if out, code := command(t, "", "operation", "apply", r.path("op-001.yml"), "-c", config); code != exitUsage || !strings.Contains(out, "op-001.yml: no such file") {
		t.Errorf("operation apply of a file that isn't there = exit code %d; want %d and the file named\n%s", code, exitUsage, out)
	}
	r.write("op[1].yaml", strings.Replace(strings.ReplaceAll(op, "../../", ""), "OP-001", "OP-002", 1))
	if out := r.ok("operation", "apply", r.path("op[1].yaml"), "-c", config); !strings.Contains(out, "Operation OP-002: 2 participants") {
		t.Errorf("operation apply of op[1].yaml =\n%s\nwant the file of that name applied", out)
	}
	r.write("gw/gateway.yaml", strings.Replace(r.read("gw/gateway.yaml"), "operations/*.yaml", "operations/op-001.yml", 1))
	if out, code := command(t, "", "check", "--offline", "-c", config); code != exitUsage || !strings.Contains(out, "op-001.yml: no such file") {
		t.Errorf("check of a file that isn't there = exit code %d; want %d and the file named\n%s", code, exitUsage, out)
	}
}

func TestAnOperationThatStandsInTwoFilesIsAnError(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config, before := r.path("gw/gateway.yaml"), r.ok("operation", "show", "OP-001", "-c", r.path("gw/gateway.yaml"))
	r.write("gw/operations/backup.yaml", strings.ReplaceAll(r.read("gw/operations/operation.yaml"), "authority: ", "authority: Former "))
	for _, args := range [][]string{{"check", "--offline"}, {"operation", "apply"}} {
		if out, code := command(t, "", append(args, "-c", config)...); code != exitUsage || !strings.Contains(out, "OP-001 stands in "+r.path("gw/operations/backup.yaml")+" already") {
			t.Errorf("liaison %v = exit code %d; want %d and both files named\n%s", args, code, exitUsage, out)
		}
	}
	if after := r.ok("operation", "show", "OP-001", "-c", config); after != before {
		t.Errorf("operation show =\n%s\nwant as before:\n%s", after, before)
	}
}

func TestAnOperationWithoutOneOfItsKeyFilesIsNotApplied(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config, before := r.path("gw/gateway.yaml"), r.ok("operation", "show", "OP-001", "-c", r.path("gw/gateway.yaml"))
	op := strings.ReplaceAll(r.read("gw/operations/operation.yaml"), "authority: ", "authority: New ")
	r.write("gw/operations/operation.yaml", strings.Replace(op, "PL.asc.cert.asc", "PL.cert.asc", 1))
	if out, code := command(t, "", "operation", "apply", "-c", config); code != exitUsage || !strings.Contains(out, "PL.cert.asc") || !strings.Contains(out, "nothing was applied") {
		t.Errorf("operation apply without a key file = exit code %d; want %d and the file named\n%s", code, exitUsage, out)
	}
	if after := r.ok("operation", "show", "OP-001", "-c", config); after != before {
		t.Errorf("operation show =\n%s\nwant as before:\n%s", after, before)
	}
}

func TestCheckJudgesTheKeysThatStandInNoFile(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	r.ok("key", "generate", "--name", "PL", "--address", "jco@pl.example", "--out", r.path("short.asc"), "--expires", "48h")
	r.ok("key", "import", "OP-001", "PL", r.path("short.asc.cert.asc"), "-c", config)
	short, first := string(r.certificate("short.asc.cert.asc").Fingerprint()), string(r.certificate("PL.asc.cert.asc").Fingerprint())
	for _, who := range []string{"one", "another"} {
		r.ok("key", "confirm", "OP-001", "PL", short, "--by", who, "--how", "read back in a test", "-c", config)
	}
	if out := r.ok("check", "--offline", "-c", config); strings.Count(out, "warning  OP-001: PL: certificate") != 2 || !strings.Contains(out, "stops serving for encryption") {
		t.Errorf("check with an imported key that ends in two days, and one that lasts =\n%s\nwant a warning of it for each purpose", out)
	}
	r.ok("key", "block", "OP-001", "PL", first, "--reason", "lost", "-c", config)
	if out, code := command(t, "", "check", "--offline", "-c", config); code != exitUsage || strings.Count(out, "error    OP-001: PL: certificate") != 2 {
		t.Errorf("check with that key alone = exit code %d; want %d, and an error for each purpose\n%s", code, exitUsage, out)
	}
}
