package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// sink is an SMTP server that keeps what it takes.
type sink struct {
	mu    sync.Mutex // guards mails
	mails []string
}

func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) { return &sinkSession{s: s}, nil }

type sinkSession struct {
	s  *sink
	to string
}

func (k *sinkSession) Reset()                                    {}
func (k *sinkSession) Logout() error                             { return nil }
func (k *sinkSession) Mail(string, *smtp.MailOptions) error      { return nil }
func (k *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error { k.to = to; return nil }
func (k *sinkSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err // cut off half way: no mail
	}
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	k.s.mails = append(k.s.mails, "To-Envelope: "+k.to+"\r\n"+string(data))
	return nil
}

func (s *sink) find(parts ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for _, m := range s.mails {
		for _, p := range parts {
			if !strings.Contains(m, p) {
				continue next
			}
		}
		return m
	}
	return ""
}

// copies counts the mails by their Message-ID.
func (s *sink) copies() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for _, m := range s.mails {
		_, after, _ := strings.Cut(m, "\r\nMessage-ID: ")
		id, _, _ := strings.Cut(after, "\r\n")
		n[id]++
	}
	return n
}

// startSink serves SMTP on a free loopback port.
func startSink(t *testing.T) (*sink, string) {
	t.Helper()
	s := &sink{}
	server := smtp.NewServer(s)
	server.Domain = "sink.example"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return s, l.Addr().String()
}

// gpg runs the real GnuPG in a home of its own.
type gpg struct {
	t    *testing.T
	home string
}

func newGPG(t *testing.T) gpg {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("gpg is missing: apt-get install gnupg")
		}
		t.Skip("gpg is missing: apt-get install gnupg")
	}
	home, err := os.MkdirTemp("", "gpg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	g := gpg{t, home}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() // it may not run
		os.RemoveAll(home)
	})
	return g
}

func (g gpg) run(in string, args ...string) string {
	g.t.Helper()
	c := exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--quiet", "--trust-model", "always", "--passphrase", ""}, args...)...)
	c.Stdin = strings.NewReader(in)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		g.t.Fatalf("gpg %v: %v\n%s", args, err, errs.String())
	}
	return out.String()
}

// sealedMail is a form's text as GnuPG and an ordinary mail program send it.
func (g gpg) sealedMail(from, id, text string) string {
	inner := "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n"
	sealed := g.run(inner, "--armor", "--sign", "--encrypt", "-r", "ocu@gateway.example", "-u", from)
	return "From: Officer <" + from + ">\r\nTo: ocu@gateway.example\r\nSubject: form\r\nMessage-ID: " + id + "\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"frontier\"\r\n\r\n--frontier\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n" +
		"--frontier\r\nContent-Type: application/octet-stream\r\n\r\n" + strings.ReplaceAll(sealed, "\n", "\r\n") + "\r\n--frontier--\r\n"
}

// openMail decrypts the armor of a mail as the officer's GnuPG does.
func (g gpg) openMail(raw string) string {
	_, armor, found := strings.Cut(raw, "-----BEGIN PGP MESSAGE-----")
	if !found {
		return ""
	}
	return g.run("-----BEGIN PGP MESSAGE-----"+strings.ReplaceAll(armor, "\r\n", "\n"), "--decrypt")
}

// fingerprint is that of the first key of an address.
func (g gpg) fingerprint(address string) string {
	for line := range strings.Lines(g.run("", "--with-colons", "--list-keys", address)) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			return f[9]
		}
	}
	g.t.Fatalf("gpg has no key of %s", address)
	return ""
}

// lmtp hands a mail over as a mail server would.
func lmtp(t *testing.T, address, from, raw string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	if err := c.Hello("mx.example"); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail(from, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt("ocu@gateway.example", nil); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, raw); err != nil {
		t.Fatal(err)
	}
	if _, err := w.CloseWithLMTPResponse(); err != nil {
		t.Fatalf("LMTP: %v; want 250", err)
	}
}

func TestFormOfAnOrdinaryMailProgramReachesAnAgentAndIsAnswered(t *testing.T) {
	g := newGPG(t)
	r := newRoom(t, "LV", "PL")
	g.run("", "--quick-gen-key", "Officer <officer@vid.example>", "default", "default", "1y")
	r.write("gpg.asc", g.run("", "--armor", "--export", "officer@vid.example"))
	g.run(r.read("gw/keys/gateway.cert.asc"), "--import")

	mails, smtpAddress := startSink(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lmtpAddress := l.Addr().String()
	l.Close()
	r.write("gw/gateway.yaml", r.read("gw/gateway.yaml")+fmt.Sprintf("mail:\n  smtp: {url: \"smtp+insecure://%s\"}\n  lmtp: {listen: %q}\n", smtpAddress, lmtpAddress))
	op := r.read("gw/operations/operation.yaml")
	op += "  - {code: EE, country: EE, class: eu-member, authority: Tax and Customs, reference: MTA, languages: [en], duty: {phone: \"+000\"},\n" +
		"     keys: [{file: ../../gpg.asc, role: shared}], addresses: [officer@vid.example], channels: [{kind: pgp-mail, address: officer@vid.example}, {kind: websocket}]}\n"
	r.write("gw/operations/operation.yaml", op)
	r.ok("operation", "apply", "-c", r.path("gw/gateway.yaml"))
	fingerprint := g.fingerprint("officer@vid.example")
	r.ok("key", "confirm", "-c", r.path("gw/gateway.yaml"), "OP-001", "EE", fingerprint, "--how", "read back in a test")
	r.start("serve", "-c", r.path("gw/gateway.yaml"))
	r.start("agent", "-c", r.path("PL/agent.yaml"))
	r.until("the gateway listens for mail", func() bool {
		c, err := net.Dial("tcp", lmtpAddress)
		if err == nil {
			c.Close()
		}
		return err == nil
	})

	text := strings.NewReplacer("LV-JCO", "EE-MTA", "B3: [LV]", "B3: [EE]").Replace(fmt.Sprintf(seizure, 1, 120))
	raw := g.sealedMail("officer@vid.example", "<1@vid.example>", text)
	lmtp(t, lmtpAddress, "officer@vid.example", raw)
	lmtp(t, lmtpAddress, "officer@vid.example", raw) // a mail server may hand over twice

	r.until("the form is at PL", func() bool { return len(r.files("PL/in/EE-MTA-2026-900001/form.txt")) == 1 })
	if got := r.read("PL/in/EE-MTA-2026-900001/form.txt"); !strings.Contains(got, "C4: [120]") || !strings.Contains(got, "Signed by EE") {
		t.Errorf("PL reads:\n%s\nwant the quantity and who signed", got)
	}
	r.until("EE is answered", func() bool {
		return mails.find("To-Envelope: officer@vid.example", "In-Reply-To: <1@vid.example>") != ""
	})
	answer := mails.find("In-Reply-To: <1@vid.example>")
	if strings.Contains(answer, "EE-MTA") || strings.Contains(answer, "TOBA") {
		t.Errorf("the answer shows content in the clear:\n%s", answer)
	}
	opened := g.openMail(answer)
	if !strings.Contains(opened, "EE-MTA-2026-900001") || !strings.Contains(opened, "PL") {
		t.Errorf("the answer says:\n%s\nwant the reference and the recipient", opened)
	}
	if got := len(r.files(filepath.Join("PL", "in", "EE-*"))); got != 1 {
		t.Errorf("PL has %d forms; want 1", got)
	}

	// The same form again, by the other way: one form.
	r.write("EE.asc", g.run("", "--armor", "--export-secret-keys", "officer@vid.example"))
	r.write("EE/agent.yaml", strings.NewReplacer("participant: PL", "participant: EE", "PL-JCO", "EE-MTA", "../PL.asc", "../EE.asc").Replace(r.read("PL/agent.yaml")))
	out, code := command(t, text, "agent", "--submit", "-c", r.path("EE/agent.yaml"))
	if code != exitDone || !strings.Contains(out, "already") {
		t.Errorf("the same form over the WebSocket = exit code %d; want 0 and to hear that it is there already\n%s", code, out)
	}
	if list := r.ok("forms", "list", "-c", r.path("gw/gateway.yaml")); strings.Count(list, "EE-MTA-2026-900001") != 1 {
		t.Errorf("the form offered twice is listed as\n%s\nwant it once", list)
	}

	spoof := strings.Replace(raw, "officer@vid.example>\r\nTo", "jco@lv.example>\r\nTo", 1)
	lmtp(t, lmtpAddress, "jco@lv.example", strings.Replace(spoof, "<1@vid", "<2@vid", 1))
	r.until("the spoofed mail is held", func() bool {
		return strings.Contains(r.ok("forms", "list", "--held", "-c", r.path("gw/gateway.yaml")), "not-sender")
	})
}
