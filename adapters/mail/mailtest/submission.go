package mailtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func (s *Server) newSMTP(starttls *tls.Config) *smtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &submission{s: s, conn: c}, nil }))
	server.Domain = "mail.example"
	server.TLSConfig = starttls
	server.AllowInsecureAuth = s.opt.Security == Clear
	server.MaxMessageBytes, server.MaxRecipients = s.opt.MaxSize, mostRecipients
	server.ReadTimeout, server.WriteTimeout = 5*time.Minute, time.Minute
	server.EnableDSN = !s.opt.Extensions.NoDSN
	server.EnableSMTPUTF8 = true
	server.ErrorLog = s.opt.Log
	return server
}

// forwardPatience bounds handing one mail on.
const forwardPatience = 2 * time.Minute

// submission is one SMTP session. It takes mail for the server's own accounts,
// from anybody: it is their submission server and their mail exchanger in one.
type submission struct {
	s    *Server
	conn *smtp.Conn
	user string // who logged in
	mail Transaction
}

var _ smtp.AuthSession = (*submission)(nil)

func (x *submission) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *submission) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(identity, user, password string) error {
		if identity != "" && identity != user || x.s.login(user, password) == nil {
			return smtp.ErrAuthFailed
		}
		x.user = strings.ToLower(user)
		return nil
	}), nil
}

func (x *submission) Reset()        { x.mail = Transaction{} }
func (x *submission) Logout() error { return nil }

func (x *submission) Mail(from string, opt *smtp.MailOptions) error {
	x.mail = Transaction{User: x.user, From: from}
	if opt != nil {
		x.mail.EnvelopeID, x.mail.Return = opt.EnvelopeID, string(opt.Return)
	}
	return nil
}

func (x *submission) Rcpt(to string, opt *smtp.RcptOptions) error {
	if err := x.s.faults.refusal(to); err != nil {
		return err
	}
	if x.s.account(to) == nil {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "There is no such mailbox here"}
	}
	x.mail.To = append(x.mail.To, to)
	if opt != nil {
		for _, n := range opt.Notify {
			x.mail.Notify = append(x.mail.Notify, string(n))
		}
	}
	return nil
}

func (x *submission) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	x.mail.Raw = raw
	switch {
	case x.s.faults.take(LoseMail):
		x.conn.Conn().Close()
		return errors.New("lost")
	case x.s.faults.take(SilentSMTP):
		_, _ = io.Copy(io.Discard, x.conn.Conn()) // until the client gives up
		return errors.New("gone")
	}
	if err := x.s.faults.refusal("*"); err != nil {
		return err
	}
	if err := x.s.accept(x.mail, x.conn.Hostname()); err != nil {
		return err
	}
	if x.s.faults.take(LoseReply) {
		x.conn.Conn().Close()
	}
	if x.s.faults.take(EndBetween) {
		time.AfterFunc(20*time.Millisecond, func() { x.conn.Conn().Close() }) // after the 250 has left
	}
	return nil
}

// accept delivers to every recipient, or says that it didn't.
func (s *Server) accept(t Transaction, helo string) error {
	raw := s.stamp(t, helo)
	for _, to := range t.To {
		a := s.account(to)
		s.mu.Lock()
		lmtp := s.forward[a.address]
		s.mu.Unlock()
		var err error
		if lmtp != "" {
			ctx, cancel := context.WithTimeout(context.Background(), forwardPatience)
			err = LMTP(ctx, lmtp, t.From, to, raw)
			cancel()
		} else {
			head := fmt.Sprintf("Return-Path: <%s>\r\nDelivered-To: %s\r\n", t.From, to)
			err = a.add(inbox, append([]byte(head), raw...), nil, s.opt.Clock())
		}
		var answer *smtp.SMTPError
		if errors.As(err, &answer) {
			return answer
		}
		if err != nil {
			s.opt.Log.Printf("deliver to %s: %v", to, err)
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not kept, try again later"}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, t)
	return nil
}

// stamp adds what a mail server adds: who brought the mail, and what is known of
// its sender.
func (s *Server) stamp(t Transaction, helo string) []byte {
	raw := t.Raw
	head := fmt.Sprintf("Received: from %s by mail.example with ESMTP; %s\r\n", helo, s.opt.Clock().Format(time.RFC1123Z))
	if id := s.opt.AuthServID; id != "" {
		raw = without(raw, id)
		domain, result := s.aligned(t)
		head = fmt.Sprintf("Authentication-Results: %s; dmarc=%s header.from=%s\r\n", id, result, domain) + head
	}
	return append([]byte(head), raw...)
}

// aligned says whether the sender logged in as the one that From names.
func (s *Server) aligned(t Transaction) (domain, result string) {
	m, err := mail.ReadMessage(bytes.NewReader(t.Raw))
	if err != nil {
		return "invalid", "none"
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 {
		return "invalid", "none"
	}
	_, domain, _ = strings.Cut(strings.ToLower(from[0].Address), "@")
	if a := s.account(from[0].Address); a != nil && a.address == t.User {
		return domain, "pass"
	}
	return domain, "none"
}

// without strips Authentication-Results that claim to be ours (RFC 8601,
// section 5).
func without(raw []byte, id string) []byte {
	header, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	var kept []string
	drop := false
	for line := range strings.SplitSeq(string(header), "\r\n") {
		if line == "" || line[0] != ' ' && line[0] != '\t' {
			name, value, _ := strings.Cut(line, ":")
			value, _, _ = strings.Cut(strings.TrimSpace(value), ";")
			drop = strings.EqualFold(strings.TrimSpace(name), "Authentication-Results") && (value == "" || strings.EqualFold(strings.TrimSpace(value), id))
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	out := []byte(strings.Join(kept, "\r\n"))
	if found {
		out = append(append(out, "\r\n\r\n"...), body...)
	}
	return out
}

// LMTP hands a mail to an LMTP server, host:port or a socket's path. A refusal
// is an *smtp.SMTPError.
func LMTP(ctx context.Context, address, from, to string, raw []byte) error {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := smtp.NewClientLMTP(conn)
	if err := c.Hello("mail.example"); err != nil {
		return err
	}
	if err := c.Mail(from, nil); err != nil {
		return err
	}
	if err := c.Rcpt(to, nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if _, err = w.CloseWithLMTPResponse(); err != nil {
		var each smtp.LMTPDataError
		if errors.As(err, &each) {
			for _, answer := range each {
				return answer
			}
		}
		return err
	}
	_ = c.Quit() // the mail is over there already
	return nil
}
