package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway/simulator"
)

// judged wants that nothing of what matters was judged wrongly.
func judged(t *testing.T, marks []simulator.Marks, want int) {
	t.Helper()
	if len(marks) != want {
		t.Fatalf("%d exams were graded; want %d", len(marks), want)
	}
	causes := 0
	for _, m := range marks {
		l := m.Exam.Label()
		if m.FalseGreen || m.FalseRed || !m.Step {
			t.Errorf("%s: %s: found %v at step %d, ready %v; want %v at %v, ready %v", verdictWord(m), m.Exam.Name(), m.Found.Codes, m.Found.Step, m.Found.Ready, l.Codes, l.Steps, l.Ready)
		}
		if m.Cause {
			causes++
		} else {
			t.Logf("%s: %s: found %v; want one of %v %v", verdictWord(m), m.Exam.Name(), m.Found.Codes, l.Codes, l.Told)
		}
	}
	if causes*100 < 95*want {
		t.Errorf("the cause is right for %d of %d; want 95 %%", causes, want)
	}
}

func TestLaboratoryFindsEveryFaultOverTheEmbeddedServers(t *testing.T) {
	t.Parallel()
	exams := simulator.Alone()
	if !testing.Short() {
		exams = append(exams, simulator.Spread(simulator.Pairs(), 120)...)
	}
	marks, err := testRehearseCmd{Dir: t.TempDir()}.rehearse(&app{t.Context(), streams{strings.NewReader(""), io.Discard, os.Stderr}}, exams)
	if err != nil {
		t.Fatal(err)
	}
	judged(t, marks, len(exams))
}

func TestOneFaultHidesTheOtherOnlyAsFarAsItMust(t *testing.T) {
	t.Parallel()
	var exams []simulator.Exam
	for _, with := range [][2]string{
		{"its owner complains", "a list sends"},
		{"complains unsigned", "a virus scanner wraps"},
		{"a machine quotes what it opened, and signs", "a virus scanner wraps"},
		{"a machine quotes what it opened, and signs", "the answer is cut off"},
		{"a machine quotes what it opened, and signs", "encrypted to somebody else"},
		{"a machine quotes what it opened, and signs", "a file of a word processor"},
		{"a second one that lasts is in use", "the clock is a day behind"},
		{"a colleague's who is away", "complain"},
		{"the second person never answers", "a ticket system"},
		{"a colleague's who is away", "an automatic reply quotes"},
	} {
		before := len(exams)
		for _, e := range simulator.Pairs() {
			if strings.Contains(e.Name(), with[0]) && strings.Contains(e.Name(), with[1]) {
				exams = append(exams, e)
			}
		}
		if len(exams) == before {
			t.Fatalf("no pair is %q with %q", with[0], with[1])
		}
	}
	marks, err := testRehearseCmd{Dir: t.TempDir()}.rehearse(&app{t.Context(), streams{strings.NewReader(""), io.Discard, os.Stderr}}, exams)
	if err != nil {
		t.Fatal(err)
	}
	judged(t, marks, len(exams))
	for _, m := range marks {
		if !m.Cause {
			t.Errorf("%s: found %v; want one of %v", m.Exam.Name(), m.Found.Codes, m.Exam.Label().Codes)
		}
	}
}

// realServers are Dovecot and Postfix between the gateway and the participants.
type realServers struct {
	t       *testing.T
	dir     string
	dovecot *mailtest.Real
	postfix *mailtest.Real
}

func (r *realServers) Config(participants string) (string, error) {
	r.dovecot = mailtest.Dovecot(r.t, demoGateway)
	r.postfix = mailtest.Postfix(r.t, mailtest.PostfixOptions{LMTP: map[string]string{"gateway.example": r.dovecot.LMTPAddr, "lab.example": participants}})
	if err := os.WriteFile(filepath.Join(r.dir, "secrets/mail"), []byte(r.dovecot.Password), 0o600); err != nil {
		return "", err
	}
	return fmt.Sprintf("  imap: {url: \"imaps://%s\", username: %s, password_file: secrets/mail, ca_file: %q}\n  smtp: {url: \"smtp+starttls://%s\", ca_file: %q}",
		r.dovecot.IMAPSAddr, demoGateway, r.dovecot.CAFile, r.postfix.SMTPAddr, r.postfix.CAFile), nil
}

// Held are the mails in Postfix's queue and in Dovecot's INBOX; Postfix tries
// again by itself what was refused for now.
func (r *realServers) Held(refused int) (int, error) {
	queued, err := r.postfix.Held()
	if err != nil {
		return 0, err
	}
	read, err := r.dovecot.Held()
	return refused + queued + read, err
}

func (r *realServers) Submit(from, to string, raw []byte) error {
	conn, err := net.DialTimeout("tcp", r.postfix.SMTPAddr, 10*time.Second)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // a loopback connection takes deadlines
	config := r.postfix.TLS.Clone()
	config.ServerName = "127.0.0.1"
	c, err := smtp.NewClientStartTLS(conn, config)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SendMail(from, []string{to}, strings.NewReader(string(raw))); err != nil {
		return err
	}
	_ = c.Quit() // the mail is taken
	return nil
}

// LAB_PAIRS=1 holds every pair, LAB_PAIRS=9 every ninth; without it, every 500th.
func TestLaboratoryFindsEveryFaultOverDovecotAndPostfix(t *testing.T) {
	t.Parallel()
	every := 500
	if text := os.Getenv("LAB_PAIRS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("LAB_PAIRS=%s: want a number from 1 on", text)
		}
		every = n
	}
	exams := simulator.Alone()
	if !testing.Short() {
		exams = append(exams, simulator.Spread(simulator.Pairs(), every)...)
	}
	for seated := range slices.Chunk(exams, labSeats) {
		t.Run(fmt.Sprintf("from %s", seated[0].Name()), func(t *testing.T) {
			dir := t.TempDir()
			l := newLab(&app{t.Context(), streams{strings.NewReader(""), io.Discard, os.Stderr}}, dir, &realServers{t: t, dir: dir}, seated)
			marks, err := l.run()
			if err != nil {
				t.Fatal(err)
			}
			judged(t, marks, len(seated))
		})
	}
}
