package main

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

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
