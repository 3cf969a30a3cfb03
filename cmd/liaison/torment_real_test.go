package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway/store/storetest"
)

// ordinaryServers are Dovecot and Postfix.
type ordinaryServers struct{ dovecot, postfix *mailtest.Real }

func newOrdinaryServers(t *testing.T, accounts ...string) carrier {
	t.Helper()
	dovecot := mailtest.Dovecot(t, accounts...)
	routes := map[string]string{}
	for _, a := range accounts {
		_, domain, _ := strings.Cut(a, "@")
		routes[domain] = dovecot.LMTPAddr
	}
	return &ordinaryServers{dovecot, mailtest.Postfix(t, mailtest.PostfixOptions{Auth: dovecot, LMTP: routes})}
}

func (r *ordinaryServers) servers() (imap, smtp string) {
	return r.dovecot.IMAPSAddr, r.postfix.SMTPAddr
}

func (r *ordinaryServers) config(imap, smtp string) string {
	return fmt.Sprintf("mail:\n  authserv_id: mx.gateway.example\n"+
		"  imap: {url: \"imaps://%s\", username: %q, password_file: secrets/mail, ca_file: %q}\n"+
		"  smtp: {url: \"smtp+starttls://%s\", username: %q, password_file: secrets/mail, ca_file: %q}\n",
		imap, unit, r.dovecot.CAFile, smtp, unit, r.postfix.CAFile)
}

// submit vouches for a mail in the clear as the gateway's own mail server would.
func (r *ordinaryServers) submit(from, raw string) error {
	if !strings.Contains(raw, "multipart/encrypted") {
		_, domain, _ := strings.Cut(from, "@")
		raw = "Authentication-Results: mx.gateway.example; dmarc=pass header.from=" + domain + "\r\n" + raw
	}
	return submitTo(r.postfix.SMTPAddr, trusted(r.postfix.TLS), from, r.dovecot.Password, raw)
}

func trusted(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.ServerName = "127.0.0.1"
	return c
}

// inbox reads over IMAP what came after the first so many.
func (r *ordinaryServers) inbox(account string, from int) ([]arrived, error) {
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: trusted(r.dovecot.TLS)}).Dial("tcp", r.dovecot.IMAPSAddr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // a loopback connection takes deadlines
	c := imapclient.New(conn, nil)
	defer c.Close()
	if err := c.Login(account, r.dovecot.Password).Wait(); err != nil {
		return nil, err
	}
	box, err := c.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil || int(box.NumMessages) <= from {
		return nil, err
	}
	section := &imap.FetchItemBodySection{Peek: true}
	found, err := c.Fetch(imap.SeqSet{{Start: uint32(from + 1), Stop: box.NumMessages}}, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		return nil, err
	}
	var out []arrived
	for _, m := range found {
		raw := m.FindBodySection(section)
		at, err := handedOver(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, arrived{raw, at})
	}
	return out, nil
}

var byPostfix = regexp.MustCompile(`by mail\.example \(Postfix\)[^;]*;\s*([^\r\n]+)`)

// handedOver is when Postfix took a mail from the gateway, to the second: behind
// it, it may have waited.
func handedOver(raw []byte) (int64, error) {
	m, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		return 0, err
	}
	for _, line := range m.Header["Received"] {
		if found := byPostfix.FindStringSubmatch(line); found != nil {
			at, err := mail.ParseDate(found[1])
			return at.Unix(), err
		}
	}
	return 0, errors.New("a mail that Postfix didn't take")
}

func (r *ordinaryServers) faults() []fault {
	return []fault{crashing("Dovecot", &oneAtATime{server: r.dovecot}), crashing("Postfix", &oneAtATime{server: r.postfix})}
}

// server is a server that can be killed.
type server interface {
	Crash() error
	Start() error
}

// crashing is kill -9 of a server, which is off for a while.
func crashing(name string, s server) fault {
	return fault{"kill -9 of " + name, func(ctx context.Context, x *strike) error {
		if err := s.Crash(); err != nil {
			return err
		}
		rest(ctx, x.while)
		return s.Start()
	}}
}

func startAgain(s server) (err error) {
	for range 10 { // what was killed may still be there
		if err = s.Start(); err == nil {
			return nil
		}
	}
	return err
}

// oneAtATime is a server that several faults strike.
type oneAtATime struct {
	server
	mu sync.Mutex // held from Crash to Start
}

func (o *oneAtATime) Crash() error {
	o.mu.Lock()
	err := o.server.Crash()
	if err != nil {
		o.mu.Unlock()
	}
	return err
}

func (o *oneAtATime) Start() error {
	defer o.mu.Unlock()
	return startAgain(o.server)
}

// revive starts a PostgreSQL that ended because its disk was full.
func (o *oneAtATime) revive(c *storetest.Cluster) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.Exec("SELECT 1") == nil {
		return nil
	}
	_ = c.Crash() // what is left of it
	return startAgain(c)
}
