package simulator

import (
	"fmt"
	"time"
)

// Report is a mail server's report about a mail that it took.
type Report struct {
	Action string // failed · delayed · delivered · relayed
	Status string // RFC 3463
	Text   string
	After  time.Duration
	Kind   string // "" a delivery status; read-receipt · feedback
}

// Mail is the report as it is sent to the mail's envelope sender.
func (r Report) Mail(about []byte, recipient, envelope string, at time.Time) []byte {
	id := header(about, "Message-ID")
	head := fmt.Sprintf("From: MAILER-DAEMON@%s\r\nTo: %s\r\nSubject: Delivery report\r\nDate: %s\r\nMessage-ID: <%d.report@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
		domainOf(recipient), envelope, at.Add(r.After).Format(time.RFC1123Z), at.UnixNano(), domainOf(recipient))
	kind, body := "delivery-status", fmt.Sprintf("Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.%s\r\n\r\nFinal-Recipient: rfc822; %s\r\nAction: %s\r\nStatus: %s\r\nDiagnostic-Code: smtp; %s\r\n",
		domainOf(recipient), recipient, r.Action, r.Status, r.Text)
	switch r.Kind {
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
	if header(raw, "Auto-Submitted") != "" || styleOf(raw) == "" {
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
	m := o.reader().Read(raw, at)
	if m.Reading == nil {
		return nil
	}
	return fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: Re: %s\r\nDate: %s\r\nMessage-ID: <%d.echo@%s>\r\nIn-Reply-To: %s\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nWe have received your message:\r\n\r\n%s\r\n",
		o.Address, o.To, header(raw, "Subject"), at.Format(time.RFC1123Z), at.UnixNano(), domainOf(o.Address), header(raw, "Message-ID"), m.Reading.Text)
}
