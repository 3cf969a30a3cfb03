package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"liaison/adapters/mail/mailtest"
)

// testRoom is a room whose mail goes over the embedded mail server: EE with
// GnuPG, GE with plain mail, DE whose key was never confirmed.
type testRoom struct {
	*room
	gpg   gpg
	mails *mailtest.Server
}

const stateSecret = "a test's password"

func newTestRoom(t *testing.T) *testRoom {
	t.Helper()
	g := newGPG(t)
	mails, err := mailtest.New(mailtest.Options{AuthServID: "mx.gateway.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mails.Close() })
	for _, a := range []string{unit, officer, regional, "jco@de.example"} {
		if err := mails.Add(a, stateSecret); err != nil {
			t.Fatal(err)
		}
	}
	r := &testRoom{newRoom(t, "LV"), g, mails}
	g.run("", "--quick-gen-key", "Officer <"+officer+">", "default", "default", "2y")
	r.write("gpg.asc", g.run("", "--armor", "--export", officer))
	g.run(r.read("gw/keys/gateway.cert.asc"), "--import")
	r.ok("key", "generate", "--name", "DE", "--address", "jco@de.example", "--out", r.path("DE.asc"))
	r.write("gw/secrets/mail", stateSecret)
	r.write("gw/gateway.yaml", r.read("gw/gateway.yaml")+fmt.Sprintf("mail:\n  authserv_id: mx.gateway.example\n"+
		"  imap: {url: \"imap+insecure://%s\", username: %q, password_file: secrets/mail}\n  smtp: {url: \"smtp+insecure://%s\", username: %q, password_file: secrets/mail}\n",
		mails.IMAPAddr, unit, mails.SMTPAddr, unit))
	people := "contacts: [{name: A. Invented, deputy: B. Invented}, {name: B. Invented}], "
	r.write("gw/operations/operation.yaml", r.read("gw/operations/operation.yaml")+
		"  - {code: EE, country: EE, class: eu-member, authority: Tax and Customs, reference: MTA, languages: [et, en], duty: {phone: \"+372 1\"}, "+people+"\n"+
		"     keys: [{file: ../../gpg.asc, role: shared}], addresses: ["+officer+"], channels: [{kind: pgp-mail, address: "+officer+"}]}\n"+
		"  - {code: GE, country: GE, class: third-country, authority: Revenue Service, reference: RS, languages: [en], duty: {phone: \"+995 1\"},\n"+
		"     addresses: ["+regional+"], channels: [{kind: mail, address: "+regional+"}]}\n"+
		"  - {code: DE, country: DE, class: eu-member, authority: Zoll, reference: GZD, languages: [de], duty: {phone: \"+49 1\"},\n"+
		"     keys: [{file: ../../DE.asc.cert.asc, role: shared}], addresses: [jco@de.example], channels: [{kind: pgp-mail, address: jco@de.example}]}\n")
	r.ok("operation", "apply", "-c", r.path("gw/gateway.yaml"))
	r.ok("key", "confirm", "-c", r.path("gw/gateway.yaml"), "OP-001", "EE", g.fingerprint(officer), "--how", "read back in a test")
	return r
}

// call waits for a test call to an address and returns its Message-ID and text.
func (r *testRoom) call(address string) (id, subject, text string) {
	r.t.Helper()
	r.until("a test call at "+address, func() bool {
		for _, raw := range r.mails.Messages(address, "INBOX") {
			if text = string(raw); strings.Contains(text, "BEGIN PGP MESSAGE") {
				text = r.gpg.openMail(text)
			}
			if text = plainText(text) + attachment(text); strings.Contains(text, "JCOFORM/1 BEGIN") && strings.Contains(text, "TSR") {
				id = field(string(raw), "Message-ID")
				subject = field(string(raw), "Subject")
				return true
			}
		}
		return false
	})
	return id, subject, text
}

// attachment is the text of the attached file.
func attachment(s string) string {
	_, part, _ := strings.Cut(strings.ReplaceAll(s, "\r\n", "\n"), "filename=test.txt")
	_, encoded, _ := strings.Cut(part, "\n\n")
	encoded, _, _ = strings.Cut(encoded, "\n--")
	text, _ := base64.StdEncoding.DecodeString(strings.ReplaceAll(encoded, "\n", "")) // "" where there is none
	return string(text)
}

// plainText is a quoted-printable text as a person reads it.
func plainText(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "=\r\n", ""), "=\n", "")
	return regexp.MustCompile(`=[0-9A-F]{2}`).ReplaceAllStringFunc(s, func(h string) string {
		var b byte
		fmt.Sscanf(h, "=%02X", &b)
		return string([]byte{b})
	})
}

func field(raw, name string) string {
	_, after, _ := strings.Cut("\r\n"+raw, "\r\n"+name+": ")
	value, _, _ := strings.Cut(after, "\r\n")
	return value
}

// filled is the form in a call, filled in by somebody.
func filled(text, initials string) string {
	_, form, _ := strings.Cut(text, "JCOFORM/1 BEGIN")
	form, _, _ = strings.Cut(form, "JCOFORM/1 END")
	for box, value := range map[string]string{"T5": "Y", "T6": "Y", "T9": initials} {
		form = regexp.MustCompile(box+`: \[\]`).ReplaceAllString(form, box+": ["+value+"]")
	}
	if m := regexp.MustCompile(`T8: (Y [0-9a-f]{8})`).FindStringSubmatch(text); m != nil {
		form = regexp.MustCompile(`T8: \[\]`).ReplaceAllString(form, "T8: ["+m[1]+"]")
	}
	return "JCOFORM/1 BEGIN" + form + "JCOFORM/1 END\n"
}

// send submits a mail as its owner's mail program does.
func (r *testRoom) send(from, raw string) {
	r.t.Helper()
	c, err := smtp.Dial(r.mails.SMTPAddr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", from, stateSecret)); err != nil {
		r.t.Fatal(err)
	}
	if err := c.SendMail(from, []string{unit}, strings.NewReader(raw)); err != nil {
		r.t.Fatal(err)
	}
}

// stand reads how a participant stands.
func (r *testRoom) stand(run, participant string) (s struct {
	Verdict  string
	Passes   bool
	Channels []struct{ Level, There, Back, Fails string }
	Findings []struct {
		Code  string
		Stops bool
		Do    string
	}
}) {
	r.t.Helper()
	out, _ := command(r.t, "", "test", "show", run, participant, "--json", "-c", r.path("gw/gateway.yaml"))
	first, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(first), &s); err != nil {
		r.t.Fatalf("test show %s %s: %v\n%s", run, participant, err, out)
	}
	return s
}

func TestOfficerWithGnuPGIsProvenAndThePlainPartnerOnlyByCallBack(t *testing.T) {
	r := newTestRoom(t)
	config := r.path("gw/gateway.yaml")
	r.start("serve", "-c", config)
	r.until("the gateway serves", func() bool {
		_, code := command(t, "", "test", "run", "OP-001", "--plan", "-c", config)
		return code == exitDone
	})
	r.ok("test", "run", "OP-001", "--deadline", "10m", "-c", config)
	const run = "OP-001-T001"

	id, subject, text := r.call(officer)
	if !strings.Contains(text, "1. Communications test of operation OP-001") || !strings.Contains(text, "5. ") {
		t.Errorf("the call reads:\n%s\nwant five lines that say what to do", text)
	}
	code := regexp.MustCompile(`test code ([0-9A-Z]{5}-[0-9A-Z]{5})`).FindStringSubmatch(text)[1]
	reply := func(id2, text string) string {
		raw := r.gpg.sealedMail(officer, id2, text)
		return strings.Replace(raw, "Subject: form", "Subject: Re: "+subject+"\r\nIn-Reply-To: "+id, 1)
	}
	r.send(officer, reply("<1@vid.example>", code+"\n"))
	r.until("the short answer proves up to L5", func() bool { return r.stand(run, "EE").Channels[0].Level == "L5" })
	r.send(officer, reply("<2@vid.example>", code+"\n\n"+filled(text, "AI")))
	r.until("the form proves up to a person in time", func() bool {
		return r.stand(run, "EE").Channels[0].Level >= "L8"
	})
	if s := r.stand(run, "EE"); s.Verdict != "AMBER" {
		t.Errorf("EE is %s; want AMBER: there is one channel", s.Verdict)
	}

	_, subject, text = r.call(regional)
	if strings.Contains(text, "sign and encrypt") {
		t.Errorf("the plain partner reads:\n%s\nwant nothing of signing", text)
	}
	raw := "From: " + regional + "\r\nTo: " + unit + "\r\nSubject: Re: " + subject + "\r\nMessage-ID: <3@regional.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + filled(text, "BX")
	r.send(regional, raw)
	r.until("the plain partner waits for a call back", func() bool {
		s := r.stand(run, "GE")
		return slices.ContainsFunc(s.Findings, func(f struct {
			Code  string
			Stops bool
			Do    string
		}) bool {
			return f.Code == "CALLBACK"
		})
	})
	plainCode := regexp.MustCompile(`test code ([0-9A-Z]{5}-[0-9A-Z]{5})`).FindStringSubmatch(text)[1]
	if out, code := command(t, "", "test", "called", run, "GE", "--spoke-to", "B. Invented", "--number", "+995 1", "--code", "22222-22222", "-c", config); code != exitNo {
		t.Errorf("a call back with a wrong code = exit code %d; want %d\n%s", code, exitNo, out)
	}
	r.ok("test", "called", run, "GE", "--spoke-to", "B. Invented", "--number", "+995 1", "--code", plainCode, "-c", config)
	r.until("the plain partner is ready with limits", func() bool { return r.stand(run, "GE").Verdict == "AMBER" })
	if s := r.stand(run, "DE"); s.Channels[0].Fails != "L1" || s.Findings[0].Code != "UNCONFIRMED" {
		t.Errorf("DE fails at %s with %v; want L1, UNCONFIRMED", s.Channels[0].Fails, s.Findings)
	}
	if s := r.stand(run, "LV"); s.Passes {
		t.Errorf("LV, which never connected, is %s", s.Verdict)
	}
	r.waivesAndReports(run)
}

// waivesAndReports lets the organiser waive DE, elsewhere with GnuPG, and checks
// the report.
func (r *testRoom) waivesAndReports(run string) {
	t, config := r.t, r.path("gw/gateway.yaml")
	t.Helper()
	if out, code := command(t, "", "test", "waive", "OP-001", "DE", "--reason", "phone until Friday", "--key", r.path("DE.asc"), "-c", config); code != exitNo {
		t.Errorf("a waiver signed by somebody else = exit code %d; want %d\n%s", code, exitNo, out)
	}
	r.ok("test", "waive", "OP-001", "DE", "--reason", "phone until Friday", "--statement", r.path("waiver.txt"), "-c", config)
	r.gpg.run(r.read("LV.asc"), "--import")
	r.gpg.run("", "--armor", "--local-user", "jco@lv.example", "--detach-sign", r.path("waiver.txt"))
	r.ok("test", "waive", "OP-001", "DE", "--statement", r.path("waiver.txt"), "--signature", r.path("waiver.txt.asc"), "-c", config)
	if s := r.stand(run, "DE"); !s.Passes {
		t.Errorf("DE doesn't pass after the organiser's waiver")
	}
	if out := r.ok("test", "list", "OP-001", "-c", config); !strings.Contains(out, "not open. Neither ready nor waived: LV") {
		t.Errorf("test list = %s; want the gate to wait for LV alone", out)
	}
	for _, format := range []string{"text", "html", "csv", "json"} {
		file := r.path("report." + format)
		r.ok("test", "report", run, "--format", format, "--out", file, "-c", config)
		r.ok("test", "verify", file, "--certificate", r.path("gw/keys/gateway.cert.asc"))
		r.gpg.run("", "--verify", file+".asc", file)
		if got := r.read("report." + format); !strings.Contains(got, "phone until Friday") && format != "csv" || !strings.Contains(got, "UNCONFIRMED") {
			t.Errorf("the report as %s reads:\n%s\nwant the waiver's reason and DE's finding", format, got)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(r.read("report."+format), "AMBER", "GREEN", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, code := command(t, "", "test", "verify", file, "--certificate", r.path("gw/keys/gateway.cert.asc")); code != exitNo {
			t.Errorf("a changed report as %s verifies with exit code %d; want %d", format, code, exitNo)
		}
	}
	if err := exec.Command("gpg", "--homedir", r.gpg.home, "--verify", r.path("report.html.asc"), r.path("report.html")).Run(); err == nil {
		t.Error("gpg verifies a changed report")
	}
}

func TestRunEndsAtItsDeadlineAndSaysWhoIsNotReady(t *testing.T) {
	r := newTestRoom(t)
	config := r.path("gw/gateway.yaml")
	r.start("serve", "-c", config)
	began := time.Now()
	var out string
	r.until("the run ends", func() bool {
		var code int
		out, code = command(t, "", "test", "run", "OP-001", "--participant", "EE,GE", "--deadline", "4s", "--wait", "--json", "-c", config)
		return code == exitNo && strings.Contains(out, `"ended"`)
	})
	if took := time.Since(began); took > 45*time.Second {
		t.Errorf("a run with a deadline of 4s took %s", took)
	}
	for _, want := range []string{`"participant":"EE"`, `"verdict":"RED"`, "NOANSWER", `"waiting":["EE","GE"]`} {
		if !strings.Contains(out, want) {
			t.Errorf("the run says:\n%s\nwant %s", out, want)
		}
	}
}
