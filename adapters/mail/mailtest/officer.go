package mailtest

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// officerPatience bounds what an officer does at a mail server.
const officerPatience = 30 * time.Second

// Inbox returns all mails of an account's INBOX, oldest first, as an officer's
// mail program reads them.
func (r *Real) Inbox(t T, account string) []string {
	t.Helper()
	conn := r.dial(t, r.IMAPSAddr)
	c := imapclient.New(conn, nil)
	defer c.Close()
	if err := c.Login(account, r.Password).Wait(); err != nil {
		t.Fatalf("log in to IMAP as %s: %v", account, err)
	}
	box, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatalf("open the INBOX of %s: %v", account, err)
	}
	if box.NumMessages == 0 {
		return nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	found, err := c.Fetch(imap.SeqSet{{Start: 1, Stop: box.NumMessages}}, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		t.Fatalf("read the INBOX of %s: %v", account, err)
	}
	mails := make([]string, len(found))
	for i, m := range found {
		mails[i] = string(m.FindBodySection(section))
	}
	return mails
}

// Submit sends a mail as an officer's mail program does: STARTTLS, log-in where
// the server has accounts, one recipient.
func (r *Real) Submit(t T, from, to, raw string) {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: officerPatience}).Dial("tcp", r.SMTPAddr)
	if err != nil {
		t.Fatalf("reach the mail server: %v", err)
	}
	_ = conn.SetDeadline(time.Now().Add(officerPatience)) // a loopback connection takes deadlines
	c, err := smtp.NewClientStartTLS(conn, named(r.TLS))
	if err != nil {
		conn.Close()
		t.Fatalf("STARTTLS: %v", err)
	}
	defer c.Close()
	if r.Password != "" {
		if err := c.Auth(sasl.NewPlainClient("", from, r.Password)); err != nil {
			t.Fatalf("log in to SMTP as %s: %v", from, err)
		}
	}
	if err := c.SendMail(from, []string{to}, strings.NewReader(raw)); err != nil {
		t.Fatalf("submit a mail: %v", err)
	}
	_ = c.Quit() // the mail is taken
}

func (r *Real) dial(t T, address string) net.Conn {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), officerPatience)
	defer stop()
	conn, err := (&tls.Dialer{Config: named(r.TLS)}).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatalf("reach the mail server: %v", err)
	}
	_ = conn.SetDeadline(time.Now().Add(officerPatience))
	return conn
}

func named(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.ServerName = "127.0.0.1"
	return c
}
