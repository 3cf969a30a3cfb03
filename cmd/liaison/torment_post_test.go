package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"liaison/adapters/mail/mailtest"
)

// carrier is the mail servers of a torment.
type carrier interface {
	// servers are the addresses of IMAP and SMTP.
	servers() (imap, smtp string)
	// config is the mail section of gateway.yaml, where these are reached over wires.
	config(imap, smtp string) string
	// submit sends an officer's mail to the gateway's mailbox.
	submit(from, raw string) error
	// inbox returns the mails of an account from the nth on, each with its place in
	// the order in which the gateway handed them over.
	inbox(account string, from int) ([]arrived, error)
	// faults are what can go wrong inside the servers.
	faults() []fault
}

// arrived is a mail in a mailbox.
type arrived struct {
	raw   []byte
	order int64
}

const mailPassword = "an invented password"

// ownServer is the mail server that comes with the program.
type ownServer struct{ server *mailtest.Server }

func newOwnServer(t *testing.T, accounts ...string) carrier {
	t.Helper()
	server, err := mailtest.New(mailtest.Options{AuthServID: "mx.gateway.example"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, a := range accounts {
		if err := server.Add(a, mailPassword); err != nil {
			t.Fatal(err)
		}
	}
	return &ownServer{server}
}

func (e *ownServer) servers() (imap, smtp string) { return e.server.IMAPAddr, e.server.SMTPAddr }

func (e *ownServer) config(imap, smtp string) string {
	return fmt.Sprintf("mail:\n  authserv_id: mx.gateway.example\n  imap: {url: \"imap+insecure://%s\", username: %q, password_file: secrets/mail}\n"+
		"  smtp: {url: \"smtp+insecure://%s\", username: %q, password_file: secrets/mail}\n", imap, unit, smtp, unit)
}

func (e *ownServer) submit(from, raw string) error {
	return submitTo(e.server.SMTPAddr, nil, from, mailPassword, raw)
}

func (e *ownServer) inbox(account string, from int) ([]arrived, error) {
	var out []arrived
	for i, raw := range e.server.Messages(account, "INBOX") {
		if i >= from {
			out = append(out, arrived{raw, int64(i)})
		}
	}
	return out, nil
}

// faults are those that pass; what loses a mail for good is none of the gateway's.
func (e *ownServer) faults() []fault {
	out := []fault{
		{"mailbox renumbered", func(context.Context, *strike) error { return e.server.Renumber(unit, "INBOX") }},
		{"mail server full", func(ctx context.Context, s *strike) error {
			e.server.Refuse("*", 452, [3]int{4, 3, 1}, "Insufficient system storage")
			defer e.server.Refuse("*", 0, [3]int{}, "")
			rest(ctx, s.while)
			return nil
		}},
	}
	for name, f := range map[string]mailtest.Fault{"IMAP cut in a mail": mailtest.CutLiteral, "IMAP slow": mailtest.SlowIMAP, "IMAP silent": mailtest.SilentIMAP, "IDLE dead": mailtest.DeadIdle,
		"MOVE refused": mailtest.RefuseCopy, "mail lost before 250": mailtest.LoseMail, "250 lost": mailtest.LoseReply, "SMTP ends after 250": mailtest.EndBetween, "SMTP silent": mailtest.SilentSMTP} {
		out = append(out, fault{name, func(ctx context.Context, s *strike) error {
			e.server.Inject(f, 1+s.rng.IntN(3))
			rest(ctx, s.while)
			e.server.Inject(f, 0)
			return nil
		}})
	}
	return out
}

// submitTo sends a mail as an officer's mail program does; trust is nil where the
// server has no TLS.
func submitTo(address string, trust *tls.Config, from, password, raw string) error {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a loopback connection takes deadlines
	var c *smtp.Client
	if trust == nil {
		c = smtp.NewClient(conn)
	} else if c, err = smtp.NewClientStartTLS(conn, trust); err != nil {
		conn.Close()
		return err
	}
	defer c.Close()
	c.CommandTimeout, c.SubmissionTimeout = 10*time.Second, 20*time.Second // its own are minutes: a silent server would hold the officer
	if err := c.Auth(sasl.NewPlainClient("", from, password)); err != nil {
		return err
	}
	return c.SendMail(from, []string{unit}, strings.NewReader(raw))
}
