package mangle

import "strings"

// why is why a server didn't take a mail, as RFC 3463 and people say it.
type why struct{ cause, reply, status, words string }

var reasons = []why{
	{"mailbox-unknown", "550", "5.1.1", "no such user here"},
	{"mailbox-full", "552", "5.2.2", "mailbox is full"},
	{"host-unknown", "550", "5.1.2", "domain does not exist"},
	{"too-large", "552", "5.3.4", "message is too big for the system"},
	{"spam", "554", "5.7.1", "message looks like spam"},
	{"policy", "550", "5.7.1", "sender is not authorized by local policy"},
	{"tls", "550", "5.7.10", "encryption needed"},
	{"content", "554", "5.6.1", "media not supported"},
	{"refused", "554", "5.3.2", "system not accepting network messages"},
	{"expired", "451", "4.4.7", "delivery time expired"},
}

func (w why) line() string { return w.reply + " " + w.status + " " + w.words }

// fate is the truth about one recipient.
func fate(recipient, action, status, cause string, final bool) map[string]any {
	return map[string]any{"recipient": recipient, "action": action, "status": status, "cause": cause, "final": final}
}

func reported(kind string, fates ...map[string]any) map[string]any {
	var list any
	if len(fates) > 0 {
		list = fates
	}
	return map[string]any{"kind": kind, "encrypted": false, "participant": "", "form": nil, "bounce": list,
		"signature": map[string]any{"verdict": "none", "covers": ""}, "problems": []any{}}
}

const (
	null     = "Return-Path: <>\n"
	daemon   = "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.vid.example>\nTo: " + us + "\n"
	returned = "Received: from gateway.example\nFrom: " + us + "\nTo: " + them + "\nSubject: OP-7K3 000123\nMessage-ID: " + callID + "\n"
)

// status is a report as RFC 3464 has it.
func status(words string, fields ...string) string {
	return multipart("report; report-type=delivery-status", "rep", part("text/plain", words),
		"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.vid.example\n\n"+strings.Join(fields, "\n"), "Content-Type: text/rfc822-headers\n\n"+returned)
}

func fields(recipient, action, status, diagnostic string) string {
	s := "Final-Recipient: rfc822; " + recipient + "\nAction: " + action + "\nStatus: " + status + "\n"
	if diagnostic != "" {
		s += "Diagnostic-Code: smtp; " + diagnostic + "\n"
	}
	return s
}

// Notices are what servers, programs and phones send by themselves, with the fate
// of each recipient: made up after the layouts that servers are known by.
func Notices() []Told {
	out := append(failures(), otherFates()...)
	return append(out, automatic()...)
}

// failures are failures for every reason, as every kind of server tells them.
func failures() []Told {
	var out []Told
	bounce := func(name, mail string, fates ...map[string]any) {
		out = append(out, told("bounce "+name, mail, reported("bounce", fates...)))
	}
	for _, w := range reasons {
		truth := fate(them, "failed", w.status, w.cause, true)
		bounce("postfix "+w.cause, null+daemon+"Subject: Undelivered Mail\nAuto-Submitted: auto-replied\n"+head+
			status("The mail system could not deliver your message.\n", fields(them, "failed", w.status, w.line())), truth)
		bounce("exim dsn "+w.cause, null+daemon+"Subject: Mail failed\nX-Failed-Recipients: "+them+"\nAuto-Submitted: auto-replied\n"+head+
			status("An address failed:\n\n  "+them+"\n", fields(them, "failed", "5.0.0", w.line())), truth)
		bounce("sendmail "+w.cause, null+daemon+"Subject: Returned mail: see transcript\nAuto-Submitted: auto-generated (failure)\n"+head+
			status("   ----- The following addresses had permanent fatal errors -----\n<"+them+">\n    (reason: "+w.line()+")\n\n   ----- Transcript of session follows -----\n... while talking to mx.vid.example.:\n>>> DATA\n<<< "+w.line()+"\n",
				fields(them, "failed", w.status, w.line())), truth)
		bounce("qmail "+w.cause, null+daemon+"Subject: failure notice\n"+head+"\nHi. This is the qmail-send program at mx.vid.example.\nI could not deliver your message to the following addresses.\n\n<"+them+
			">:\nRemote host said: "+w.line()+"\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <"+us+">\n"+returned+"\nwords\n", truth)
	}
	for _, w := range reasons[:5] {
		truth := fate(them, "failed", w.status, w.cause, true)
		bounce("exim "+w.cause, null+daemon+"Subject: Mail delivery failed\nX-Failed-Recipients: "+them+"\nAuto-Submitted: auto-replied\n"+head+plainly+
			"A message that you sent could not be delivered.\n\n  "+them+"\n    host mx.vid.example [192.0.2.7]\n    SMTP error from remote mail server after RCPT TO:<"+them+">:\n    "+w.line()+"\n\n------ This is a copy of the message, including all the headers. ------\n\n"+returned+"\nwords\n", truth)
		bounce("exchange "+w.cause, null+"From: Microsoft Outlook <postmaster@vid.example>\nTo: "+us+"\nSubject: Undeliverable: OP-7K3\n"+head+
			multipart("report; report-type=delivery-status", "rep", part("text/html", "<p>Delivery has failed to these recipients or groups:</p><p>"+them+"</p><p>See the details.</p>"),
				"Content-Type: message/delivery-status\n\nReporting-MTA: dns;mx.vid.example\n\nFinal-Recipient: rfc822;"+them+"\nAction: failed\nStatus: "+w.status+"\nDiagnostic-Code: smtp;"+w.line()+"\n",
				"Content-Type: message/rfc822\n\n"+returned+"\nwords"), truth)
		bounce("courier "+w.cause, null+daemon+"Subject: NOTICE: mail delivery status.\n"+head+
			status("UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<"+them+">:\n    mx.vid.example [192.0.2.7]:\n>>> RCPT TO:<"+them+">\n<<< "+w.line()+"\n",
				"Final-Recipient: rfc822; "+them+"\nAction: failed\nStatus: "+w.status+"\nDiagnostic-Code: smtp; "+w.line()+"\n"), truth)
		bounce("domino "+w.cause, null+"From: Postmaster@vid.example\nTo: "+us+"\nSubject: DELIVERY FAILURE: "+w.words+"\n"+head+
			status("Your message\n  Subject: OP-7K3 000123\nwas not delivered to:\n  "+them+"\nbecause:\n  "+w.line()+"\n", fields(them, "failed", "5.0.0", "")), truth)
		bounce("groupwise "+w.cause, null+"From: Mailer-Daemon@vid.example\nTo: "+us+"\nSubject: Message status - undeliverable\n"+head+plainly+
			"The message that you sent was undeliverable to the following:\n\t"+them+" ("+w.line()+")\n", truth)
		bounce("sendmail old "+w.cause, null+daemon+"Subject: Returned mail\n"+head+plainly+
			"   ----- Transcript of session follows -----\n... while talking to mx.vid.example.:\n>>> RCPT To:<"+them+">\n<<< "+w.line()+"\n550 <"+them+">... not delivered\n\n   ----- Unsent message follows -----\n"+returned+"\nwords\n", truth)
		bounce("provider "+w.cause, null+"From: Mail Delivery System <mailer-daemon@provider.example>\nTo: "+us+"\nSubject: Delivery incomplete\nX-Failed-Recipients: "+them+"\n"+head+plainly+
			"** Message not delivered **\n\nYour message wasn't delivered to "+them+".\n\nThe response from the remote server was:\n\n"+w.line()+"\n", truth)
	}
	return out
}

// otherFates are delays, deliveries and reports on several recipients.
func otherFates() []Told {
	report := func(name, kind, fields string, fates ...map[string]any) Told {
		return told(name, null+daemon+"Subject: status\nAuto-Submitted: auto-generated\n"+head+status("This is a report.\n", fields), reported(kind, fates...))
	}
	second := "second@vid.example"
	return []Told{
		report("delay postfix", "delay", fields(them, "delayed", "4.4.1", "451 4.4.1 connection timed out"), fate(them, "delayed", "4.4.1", "expired", false)),
		report("delay full", "delay", fields(them, "delayed", "4.2.2", "452 4.2.2 mailbox is full"), fate(them, "delayed", "4.2.2", "mailbox-full", false)),
		told("delay exim", null+daemon+"Subject: Warning: message delayed 24 hours\nAuto-Submitted: auto-replied\n"+head+
			status("Not yet delivered.\n", fields(them, "delayed", "4.0.0", "451 4.4.1 host is not reachable")), reported("delay", fate(them, "delayed", "4.4.1", "expired", false))),
		told("delay sendmail", null+daemon+"Subject: Warning: could not send message for past 4 hours\n"+head+
			status("    ** THIS IS A WARNING MESSAGE ONLY **\n", fields(them, "delayed", "4.4.1", "451 4.4.1 connection timed out")), reported("delay", fate(them, "delayed", "4.4.1", "expired", false))),
		report("delivered", "delivered", fields(them, "delivered", "2.1.5", "250 2.1.5 taken"), fate(them, "delivered", "2.1.5", "", false)),
		report("relayed", "delivered", fields(them, "relayed", "2.0.0", "250 2.0.0 taken"), fate(them, "relayed", "2.0.0", "", false)),
		report("expanded", "delivered", fields(them, "expanded", "2.0.0", ""), fate(them, "expanded", "2.0.0", "", false)),
		report("bounce of one of two", "bounce", fields(them, "failed", "5.1.1", "550 5.1.1 no such user here")+"\n"+fields(second, "delivered", "2.0.0", ""),
			fate(them, "failed", "5.1.1", "mailbox-unknown", true), fate(second, "delivered", "2.0.0", "", false)),
		report("bounce of two for two reasons", "bounce", fields(them, "failed", "5.1.1", "550 5.1.1 no such user here")+"\n"+fields(second, "failed", "5.2.2", "552 5.2.2 mailbox is full"),
			fate(them, "failed", "5.1.1", "mailbox-unknown", true), fate(second, "failed", "5.2.2", "mailbox-full", true)),
		report("bounce beside a delay", "bounce", fields(them, "failed", "5.7.1", "554 5.7.1 message looks like spam")+"\n"+fields(second, "delayed", "4.4.1", "451 4.4.1 timed out"),
			fate(them, "failed", "5.7.1", "spam", true), fate(second, "delayed", "4.4.1", "expired", false)),
	}
}

// automatic is what programs and phones answer and distribute, and what people
// write that sounds like it.
func automatic() []Told {
	answer := func(name, kind, mail string) Told { return told(name, mail, reported(kind)) }
	person := func(name, text string) Told { return told("person: "+name, ofThem+plainly+text, said(text)) }
	from := "From: Invented Officer <" + them + ">\nTo: " + us + "\n"
	return []Told{
		answer("read receipt", "read-receipt", from+"Subject: Read: OP-7K3\n"+head+multipart("report; report-type=disposition-notification", "r", part("text/plain", "Your message was displayed."),
			"Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; "+them+"\nOriginal-Message-ID: "+callID+"\nDisposition: manual-action/MDN-sent-manually; displayed")),
		answer("read receipt, deleted by a person unread", "read-receipt", from+"Subject: Not read: OP-7K3\n"+head+multipart("report; report-type=disposition-notification", "r", part("text/plain", "Your message was deleted."),
			"Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; "+them+"\nOriginal-Message-ID: "+callID+"\nDisposition: manual-action/MDN-sent-manually; deleted")),
		answer("feedback report", "feedback", null+"From: complaints@provider.example\nTo: "+us+"\nSubject: complaint\n"+head+multipart("report; report-type=feedback-report", "r", part("text/plain", "A complaint."),
			"Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: invented/1\nVersion: 1", "Content-Type: message/rfc822\n\n"+returned+"\nwords")),
		answer("away, by Auto-Submitted", "auto-reply", from+"Subject: Out of office\nAuto-Submitted: auto-replied\n"+head+plainly+"I am on holiday until Monday."),
		answer("away, by the null path", "auto-reply", null+from+"Subject: Out of office\n"+head+plainly+"I am on holiday until Monday."),
		answer("away, by X-Autoreply", "auto-reply", from+"Subject: Away\nX-Autoreply: yes\n"+head+plainly+"I am on holiday until Monday."),
		answer("away, by X-Autorespond", "auto-reply", from+"Subject: Away\nX-Autorespond: away\n"+head+plainly+"I am on holiday until Monday."),
		answer("away, by Precedence", "auto-reply", from+"Subject: Away\nPrecedence: bulk\n"+head+plainly+"I am on holiday until Monday."),
		answer("generated", "auto-reply", from+"Subject: Ticket 7\nAuto-Submitted: auto-generated\n"+head+plainly+"Your ticket has the number 7."),
		answer("list", "auto-reply", from+"Subject: [list] news\nList-Id: <list.lists.example>\nList-Post: <mailto:list@lists.example>\n"+head+plainly+"News of the list."),
		person("delayed container", "Delayed container: delivery failed at the border, undeliverable until Monday."),
		person("access denied", "The driver says: access denied, mailbox full of cigarettes."),
		person("holiday", "The officer is on holiday until Monday; I stand in."),
		person("550", "550 cartons, 5.1.1 tonnes, user unknown."),
		told("person: Auto-Submitted no", from+"Subject: Re: OP-7K3\nAuto-Submitted: no\n"+head+plainly+"Received.", said("Received.")),
		told("person: through Exchange", from+"Subject: Re: OP-7K3\nX-Auto-Response-Suppress: DR, OOF, AutoReply\n"+head+plainly+"Received.", said("Received.")),
	}
}
