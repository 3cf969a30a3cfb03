package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway/simulator"
)

// listen starts the mail server of all participants: LMTP, with each one's faults.
func (l *lab) listen(group *errgroup.Group) error {
	server := smtp.NewServer(labServer{l})
	server.LMTP, server.Domain, server.MaxMessageBytes = true, "mx.lab.example", 25<<20
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l.participants = listener.Addr().String()
	group.Go(func() error { _ = server.Serve(listener); return nil }) // it ends with Close
	group.Go(func() error { <-l.ctx.Done(); return server.Close() })
	return nil
}

type labServer struct{ l *lab }

func (s labServer) NewSession(*smtp.Conn) (smtp.Session, error) { return &labSession{l: s.l}, nil }

// labSession takes mail for one participant after the other.
type labSession struct {
	l    *lab
	from string
	to   []string
}

func (s *labSession) Reset()                                      { s.from, s.to = "", nil }
func (s *labSession) Logout() error                               { return nil }
func (s *labSession) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *labSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	o := s.l.officerAt(to)
	if o == nil {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "There is no such mailbox here"}
	}
	if err := o.refuses(); err != nil { // a server that tries again for ever doesn't keep the laboratory from its rest
		return err
	}
	s.to = append(s.to, to)
	return nil
}

// refuses is the server's refusal, nil where it takes the mail.
func (o *labOfficer) refuses() error {
	o.Lock()
	defer o.Unlock()
	r := o.Refuse
	if r == nil || r.Times > 0 && o.refused >= r.Times {
		o.taken = true
		return nil
	}
	o.refused++
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: smtp.EnhancedCode(r.Enhanced), Message: r.Text}
}

// refusedForNow counts the participants whose server will take at the next try
// what it refused.
func (l *lab) refusedForNow() (n int) {
	l.mu.Lock()
	officers := slices.Collect(maps.Values(l.officers))
	l.mu.Unlock()
	for _, o := range officers {
		o.Lock()
		count(&n, o.refused > 0 && o.Refuse.Times > 0 && !o.taken)
		o.Unlock()
	}
	return n
}

func (s *labSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		from, o := s.from, s.l.officerAt(to)
		s.l.queue(func() {
			o.Lock()
			out := o.Receive(raw, from, s.l.clock.Now())
			o.Unlock()
			s.l.leave(o, out)
		})
	}
	return nil
}

// LMTPData answers for each recipient.
func (s *labSession) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	err := s.Data(r)
	for _, to := range s.to {
		status.SetStatus(to, err)
	}
	return nil
}

// officerAt finds whose an address is; contacts and deputies are at the same desk.
func (l *lab) officerAt(to string) *labOfficer {
	to = strings.ToLower(to)
	to = strings.TrimPrefix(strings.TrimPrefix(to, "contact-"), "deputy-")
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.officers[to]
}

// leave sends what an labOfficer and its server send.
func (l *lab) leave(o *labOfficer, out []simulator.Sent) {
	for _, s := range out {
		if s.Raw == nil || s.Over != "mail" {
			continue
		}
		to := demoGateway
		if s.From == "" { // a report goes to the envelope's sender, where To says so
			to = reportTo(s.Raw)
		}
		raw := s.Raw
		if o.plain && s.From != "" && o.Address2 == "" {
			raw = append([]byte("Authentication-Results: mx.gateway.example; dmarc=pass header.from=lab.example\r\n"), raw...)
		}
		l.schedule(s.After, func() {
			if err := l.post.Submit(s.From, to, raw); err != nil && l.ctx.Err() == nil {
				fmt.Fprintf(l.err, "laboratory: %s can't send: %v\n", o.code, err)
			}
		})
	}
}

func reportTo(raw []byte) string {
	_, after, _ := strings.Cut(string(raw), "\r\nTo: ")
	to, _, _ := strings.Cut(after, "\r\n")
	return to
}

// embedded are the mail servers that need nothing installed.
type embedded struct {
	dir    string
	server *mailtest.Server
	all    []string // participants' accounts
}

// newEmbeddedLab makes a laboratory over mail servers of its own; ends closes them.
func newEmbeddedLab(a *app, dir string, exams []simulator.Exam) (l *lab, ends func(), err error) {
	server, err := mailtest.New(mailtest.Options{})
	if err != nil {
		return nil, nil, err
	}
	e := &embedded{dir: dir, server: server, all: []string{"officer@private.example", "duty@private.example"}}
	l = newLab(a, dir, e, exams)
	for _, x := range l.exams {
		at := address(x.Code)
		e.all = append(e.all, at, "plain-"+at, "contact-"+at, "deputy-"+at)
	}
	return l, func() { server.Close() }, nil
}

func (e *embedded) Config(participants string) (string, error) {
	if err := e.server.Add(demoGateway, "lab"); err != nil {
		return "", err
	}
	for _, a := range e.all {
		if err := e.server.Add(a, "lab"); err != nil {
			return "", err
		}
		e.server.Forward(a, participants)
	}
	if err := os.WriteFile(filepath.Join(e.dir, "secrets/mail"), []byte("lab\n"), 0o600); err != nil {
		return "", err
	}
	return fmt.Sprintf("  imap: {url: \"imap+insecure://%s\", username: %s, password_file: secrets/mail}\n  smtp: {url: \"smtp+insecure://%s\", username: %s, password_file: secrets/mail}",
		e.server.IMAPAddr, demoGateway, e.server.SMTPAddr, demoGateway), nil
}

// Held are the mails before the gateway's eyes: what goes to a participant is
// handed on at once, or refused.
func (e *embedded) Held(int) (int, error) {
	return len(e.server.Messages(demoGateway, "INBOX")), nil
}

func (e *embedded) Submit(from, to string, raw []byte) error {
	ctx, stop := context.WithTimeout(context.Background(), demoTimeout)
	defer stop()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.server.SMTPAddr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := smtp.NewClient(conn)
	if from != "" {
		if err := c.Auth(sasl.NewPlainClient("", from, "lab")); err != nil {
			return err
		}
	}
	if err := c.SendMail(from, []string{to}, strings.NewReader(string(raw))); err != nil {
		return err
	}
	_ = c.Quit() // the mail is taken
	return nil
}
