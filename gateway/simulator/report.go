package simulator

import (
	"fmt"
	"strings"
	"time"
)

// Report is a mail server's report about a mail that it took.
type Report struct {
	Action string // failed · delayed · delivered · relayed
	Status string // RFC 3463
	Text   string
	After  time.Duration
	Kind   string // "" a delivery status; read-receipt · feedback · exim · qmail
	For    string // the address that it names, where it isn't the participant's
}

// Mail is the report as it is sent to the mail's envelope sender.
func (r Report) Mail(about []byte, recipient, envelope string, at time.Time) []byte {
	id := header(about, "Message-ID")
	if r.For != "" {
		recipient = r.For
	}
	head := fmt.Sprintf("From: MAILER-DAEMON@%s\r\nTo: %s\r\nSubject: Delivery report\r\nDate: %s\r\nMessage-ID: <%d.report@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
		domainOf(recipient), envelope, at.Add(r.After).Format(time.RFC1123Z), at.UnixNano(), domainOf(recipient))
	kind, body := "delivery-status", fmt.Sprintf("Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.%s\r\n\r\nFinal-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: %s\r\nDiagnostic-Code: smtp; %s\r\n",
		domainOf(recipient), recipient, r.Action, r.Status, r.Text)
	original := fmt.Sprintf("Message-ID: %s\r\nSubject: %s\r\n", id, header(about, "Subject"))
	switch r.Kind {
	case "exim": // no report in parts, the status always 5.0.0 where there is one
		return fmt.Appendf(nil, "%sX-Failed-Recipients: %s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis message was created automatically by mail delivery software.\r\n\r\n"+
			"A message that you sent could not be delivered to one or more of its\r\nrecipients. This is a permanent error. The following address(es) failed:\r\n\r\n  %[2]s\r\n    host mx.%s [192.0.2.25]\r\n    SMTP error from remote mail server after RCPT TO:<%[2]s>:\r\n    %[4]s\r\n\r\n"+
			"------ This is a copy of the message, including all the headers. ------\r\n\r\n%[5]s", head, recipient, domainOf(recipient), r.Text, original)
	case "qmail":
		return fmt.Appendf(nil, "%s\r\nHi. This is the qmail-send program at mx.%s.\r\nI'm afraid I wasn't able to deliver your message to the following addresses.\r\nThis is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n<%s>:\r\n%s\r\n\r\n"+
			"--- Below this line is a copy of the message.\r\n\r\n%s", strings.Replace(head, "Auto-Submitted: auto-replied\r\n", "", 1), domainOf(recipient), recipient, r.Text, original)
	case "read-receipt":
		kind, body = "disposition-notification", fmt.Sprintf("Content-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; %s\r\nOriginal-Message-ID: %s\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n", recipient, id)
	case "feedback":
		kind, body = "feedback-report", fmt.Sprintf("Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: filter/1.0\r\nVersion: 1\r\nOriginal-Rcpt-To: %s\r\n", recipient)
	}
	return fmt.Appendf(nil, "%sContent-Type: multipart/report; report-type=%s; boundary=\"report\"\r\n\r\n--report\r\nContent-Type: text/plain\r\n\r\nThis is a report about your message.\r\n"+
		"--report\r\n%s\r\n--report\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: %s\r\nSubject: %s\r\n--report--\r\n", head, kind, body, id, header(about, "Subject"))
}

// Vacation is an out-of-office reply, with the marks that RFC 3834 asks for.
func Vacation(o *Officer, raw []byte, at time.Time) []byte {
	if styleOf(raw) == "" {
		return nil
	}
	return PlainVacation(o, raw, at)
}

// PlainVacation is Vacation where mail isn't sealed.
func PlainVacation(o *Officer, raw []byte, at time.Time) []byte {
	if header(raw, "Auto-Submitted") != "" {
		return nil
	}
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: Automatic reply: %s\r\nDate: %s\r\nMessage-ID: <%d.away@%s>\r\nIn-Reply-To: %s\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nI am out of the office until Monday.\r\n",
		o.Address, o.To, header(raw, "Subject"), at.Format(time.RFC1123Z), at.UnixNano(), domainOf(o.Address), header(raw, "Message-ID"))
}

// EchoAll is a gateway that opens the mail and answers by itself, quoting all of
// it.
func EchoAll(o *Officer, raw []byte, at time.Time) []byte {
	if header(raw, "Auto-Submitted") != "" {
		return nil
	}
	m := o.opener(at).Mail(raw)
	if m.Reading == nil {
		return nil
	}
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: Re: %s\r\nDate: %s\r\nMessage-ID: <%d.echo@%s>\r\nIn-Reply-To: %s\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nWe have received your message:\r\n\r\n%s\r\n",
		o.Address, o.To, header(raw, "Subject"), at.Format(time.RFC1123Z), at.UnixNano(), domainOf(o.Address), header(raw, "Message-ID"), m.Reading.Text)
}

// Personal is an out-of-office reply by a rule that marks nothing: it looks like
// a person's.
func Personal(o *Officer, raw []byte, at time.Time) []byte {
	if auto := Vacation(o, raw, at); auto != nil {
		return []byte(strings.Replace(string(auto), "Auto-Submitted: auto-replied\r\n", "", 1))
	}
	return nil
}

// Challenge is a filter that asks whoever writes first to prove that it is a
// person, and holds the mail back until then.
func Challenge(o *Officer, raw []byte, at time.Time) []byte {
	if styleOf(raw) == "" {
		return nil
	}
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: Please confirm your message\r\nDate: %s\r\nMessage-ID: <%d.challenge@%s>\r\nIn-Reply-To: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+
		"Your message is being held. Reply to this mail to have it delivered.\r\n", o.Address, o.To, at.Format(time.RFC1123Z), at.UnixNano(), domainOf(o.Address), header(raw, "Message-ID"))
}

// Ticket is a system that confirms that a mail has come, and quotes nothing.
func Ticket(o *Officer, raw []byte, at time.Time) []byte {
	if header(raw, "Auto-Submitted") != "" || styleOf(raw) == "" {
		return nil
	}
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: [Ticket 4711] %s\r\nDate: %s\r\nMessage-ID: <%d.ticket@%s>\r\nIn-Reply-To: %s\r\nAuto-Submitted: auto-generated\r\nPrecedence: bulk\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+
		"We have received your request and will answer soon.\r\n", o.Address, o.To, header(raw, "Subject"), at.Format(time.RFC1123Z), at.UnixNano(), domainOf(o.Address), header(raw, "Message-ID"))
}

// Signed is a gateway that opens the mail and answers by itself, signed with the
// registered key, quoting all of it.
func Signed(o *Officer, raw []byte, at time.Time) []byte {
	m := o.opener(at).Mail(raw)
	if header(raw, "Auto-Submitted") != "" || m.Reading == nil || o.Key == nil {
		return nil
	}
	return withField(o.write("We have received your message:\n\n"+quoted(m.Reading.Text), raw, at), "Auto-Submitted", "auto-replied")
}

// Redirect sends the mail back to where it came from, as it is.
func Redirect(_ *Officer, raw []byte, _ time.Time) []byte { return raw }
