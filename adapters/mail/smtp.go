package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-smtp"

	"liaison/gateway"
)

// errStale is a reused connection that the server had ended meanwhile: nothing
// of the mail was taken, another connection may do.
var errStale = errors.New("the server ended the connection between two mails")

// Send hands one mail to the submission server. Sent is its 250: the server has
// the mail, the recipient hasn't yet. 5xx to the sender, the recipient or the
// mail is Bounced, an address that can't be written to too; everything else is
// Deferred, also a lost answer to the last dot, since a repeat carries the same
// Message-ID. The error is for an outbound that is no mail, and for ctx.
func (a *Adapter) Send(ctx context.Context, out *gateway.Outbound) (gateway.Evidence, error) {
	e := gateway.Evidence{Delivery: out.Delivery, Channel: out.Channel.Kind, Outcome: gateway.Deferred}
	if a.pool == nil {
		e.Outcome, e.At, e.Detail = gateway.Bounced, a.opt.Clock(), "no submission server is set up"
		return e, nil
	}
	e.By = a.pool.server.Host
	l, err := a.frame(out)
	var never *errNever
	if errors.As(err, &never) {
		e.Outcome, e.At, e.Detail = gateway.Bounced, a.opt.Clock(), never.why
		return e, nil
	}
	if err != nil {
		return e, gateway.Errorf(gateway.Internal, "", "frame mail: %w", err)
	}
	e.Outcome, e.Detail = a.submit(ctx, l)
	e.At = a.opt.Clock()
	if e.Outcome != gateway.Sent && ctx.Err() != nil {
		return e, ctx.Err()
	}
	return e, nil
}

// submit tries an idle connection after the other, and a new one at last.
func (a *Adapter) submit(ctx context.Context, l *letter) (gateway.Outcome, string) {
	for {
		c, err := a.pool.get(ctx)
		if err != nil {
			return gateway.Deferred, err.Error() // ours, not the recipient's: it mends
		}
		detail, err := c.send(ctx, l, a.opt.Limits)
		var refused *smtp.SMTPError
		var never *errNever
		switch {
		case err == nil:
			a.pool.put(c)
			return gateway.Sent, detail
		case errors.As(err, &never):
			a.pool.put(c)
		case errors.Is(err, errStale):
			a.pool.drop(c)
			continue
		case errors.As(err, &refused) && refused.Code != 421 && a.pool.reset(ctx, c) == nil:
			a.pool.put(c)
		default:
			a.pool.drop(c)
		}
		return outcome(err), err.Error()
	}
}

// outcome judges an error by who says it. 530 and 535 speak of our log-in, not
// of the mail.
func outcome(err error) gateway.Outcome {
	var refused *smtp.SMTPError
	var never *errNever
	switch {
	case errors.As(err, &never):
		return gateway.Bounced
	case errors.As(err, &refused) && refused.Code/100 == 5 && refused.Code != 530 && refused.Code != 535:
		return gateway.Bounced
	}
	return gateway.Deferred
}

// errNever is a mail that this server can't take, known before it was asked.
type errNever struct{ why string }

func (e *errNever) Error() string { return e.why }

func never(format string, args ...any) error { return &errNever{fmt.Sprintf(format, args...)} }

// send takes one mail through MAIL, RCPT and DATA.
func (c *line) send(ctx context.Context, l *letter, limits Limits) (detail string, err error) {
	reused := c.mails > 0
	c.mails++
	if err := c.fits(l); err != nil {
		return "", err
	}
	command := func(f func() error) error { return guard(ctx, c.conn, limits.Command, f) }
	err = command(func() error {
		return c.client.Mail(l.from, &smtp.MailOptions{Size: int64(len(l.raw)), UTF8: l.utf8, Return: smtp.DSNReturnHeaders, EnvelopeID: string(l.id)})
	})
	var refused *smtp.SMTPError
	if said := errors.As(err, &refused); err != nil && reused && ctx.Err() == nil && (!said || refused.Code == 421) {
		return "", errStale
	}
	if err != nil {
		return "", said("MAIL", err)
	}
	if err := command(func() error { return c.client.Rcpt(l.to, c.notify(l)) }); err != nil {
		return "", said("RCPT", err)
	}
	var answer *smtp.DataResponse
	err = guard(ctx, c.conn, limits.Transfer, func() error {
		w, err := c.client.Data()
		if err != nil {
			return err
		}
		if err := c.hand(w, l.raw); err != nil {
			return err
		}
		answer, err = w.CloseWithResponse()
		return err
	})
	if err != nil {
		return "", said("DATA", err)
	}
	detail = "250 " + oneLine(answer.StatusText)
	if dsn, _ := c.client.Extension("DSN"); !dsn {
		detail += "; the server offers no delivery reports"
	}
	return detail, nil
}

// hand writes a mail after the server's go-ahead, all but the last dot. The
// library's writer looks at each byte, which costs more than sealing a file does:
// where the connection below it is known, the mail goes there whole, with the
// dots that begin a line doubled (RFC 5321, section 4.5.2). The library ends the
// last line, and mends a mail whose lines don't all end as they should.
func (c *line) hand(w io.Writer, raw []byte) error {
	text, ended := bytes.CutSuffix(raw, []byte("\r\n"))
	if c.below == nil || !ended || bytes.HasPrefix(text, []byte(".")) || bytes.Count(text, []byte("\n")) != bytes.Count(text, []byte("\r\n")) {
		_, err := w.Write(raw)
		return err
	}
	if bytes.Contains(text, []byte("\r\n.")) {
		text = bytes.ReplaceAll(text, []byte("\r\n."), []byte("\r\n.."))
	}
	_, err := c.below.Write(text)
	return err
}

// fits compares the mail with what the server says it takes.
func (c *line) fits(l *letter) error {
	if most, ok := c.client.MaxMessageSize(); ok && most > 0 && len(l.raw) > most {
		return never("5.3.4 the mail has %d bytes, the server takes %d", len(l.raw), most)
	}
	if utf8, _ := c.client.Extension("SMTPUTF8"); l.utf8 && !utf8 {
		return never("5.6.7 the server takes no address such as %s (SMTPUTF8)", l.to)
	}
	return nil
}

// notify asks for reports (RFC 3461); the client leaves it out where the server
// offers none.
func (c *line) notify(l *letter) *smtp.RcptOptions {
	kind := smtp.DSNAddressTypeRFC822
	if l.utf8 {
		kind = smtp.DSNAddressTypeUTF8
	}
	return &smtp.RcptOptions{Notify: []smtp.DSNNotify{smtp.DSNNotifySuccess, smtp.DSNNotifyFailure, smtp.DSNNotifyDelayed},
		OriginalRecipientType: kind, OriginalRecipient: l.to}
}

// said is what the server answered at a step, or that it didn't.
func said(step string, err error) error {
	var refused *smtp.SMTPError
	if errors.As(err, &refused) {
		return &errReply{step + ": " + reply(refused), refused}
	}
	return fmt.Errorf("%s: connection lost: %w", step, err)
}

// errReply is a server's refusal in one line.
type errReply struct {
	text    string
	refused *smtp.SMTPError
}

func (e *errReply) Error() string { return e.text }
func (e *errReply) Unwrap() error { return e.refused }

func reply(e *smtp.SMTPError) string {
	code := fmt.Sprint(e.Code)
	if e.EnhancedCode != smtp.EnhancedCodeNotSet && e.EnhancedCode != smtp.NoEnhancedCode {
		code += fmt.Sprintf(" %d.%d.%d", e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2])
	}
	return strings.TrimSpace(code + " " + oneLine(e.Message))
}

// oneLine keeps a reply fit for a record: a server's text is not ours to trust.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if runes := []rune(s); len(runes) > 500 {
		s = string(runes[:500]) + "…"
	}
	return s
}
