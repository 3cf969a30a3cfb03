package main

import (
	"fmt"
	"strings"
	"testing"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway/store/storetest"
)

// serverRoom is a room whose mail goes over Dovecot and Postfix and whose record
// is on PostgreSQL: LV on the WebSocket, EE with GnuPG, GE with plain mail alone.
type serverRoom struct {
	*room
	gpg     gpg
	dovecot *mailtest.Real
	postfix *mailtest.Real
}

const (
	officer  = "officer@vid.example"
	regional = "duty@regional.example"
	unit     = "ocu@gateway.example"
)

func newServerRoom(t *testing.T) *serverRoom {
	t.Helper()
	g := newGPG(t)
	dovecot := mailtest.Dovecot(t, unit, officer, regional)
	routes := map[string]string{}
	for _, domain := range []string{"gateway.example", "vid.example", "regional.example"} {
		routes[domain] = dovecot.LMTPAddr
	}
	postfix := mailtest.Postfix(t, mailtest.PostfixOptions{Auth: dovecot, LMTP: routes})
	r := &serverRoom{newRoomOn(t, storetest.Postgres(t), "LV"), g, dovecot, postfix}
	g.run("", "--quick-gen-key", "Officer <"+officer+">", "default", "default", "1y")
	r.write("gpg.asc", g.run("", "--armor", "--export", officer))
	g.run(r.read("gw/keys/gateway.cert.asc"), "--import")
	r.write("gw/secrets/mail", dovecot.Password)
	r.write("gw/gateway.yaml", r.read("gw/gateway.yaml")+fmt.Sprintf("mail:\n  authserv_id: mx.gateway.example\n"+
		"  imap: {url: \"imaps://%s\", username: %q, password_file: secrets/mail, ca_file: %q}\n"+
		"  smtp: {url: \"smtp+starttls://%s\", username: %q, password_file: secrets/mail, ca_file: %q}\n",
		dovecot.IMAPSAddr, unit, dovecot.CAFile, postfix.SMTPAddr, unit, postfix.CAFile))
	r.write("gw/operations/operation.yaml", r.read("gw/operations/operation.yaml")+
		"  - {code: EE, country: EE, class: eu-member, authority: Tax and Customs, reference: MTA, languages: [en], duty: {phone: \"+000\"},\n"+
		"     keys: [{file: ../../gpg.asc, role: shared}], addresses: ["+officer+"], channels: [{kind: pgp-mail, address: "+officer+"}]}\n"+
		"  - {code: GE, country: GE, class: third-country, authority: Revenue Service, reference: RS, languages: [en], duty: {phone: \"+000\"},\n"+
		"     addresses: ["+regional+"], channels: [{kind: mail, address: "+regional+"}]}\n")
	r.ok("operation", "apply", "-c", r.path("gw/gateway.yaml"))
	r.ok("key", "confirm", "-c", r.path("gw/gateway.yaml"), "OP-001", "EE", g.fingerprint(officer), "--how", "read back in a test")
	return r
}

// received returns the mails of an account that hold all of the words.
func (r *serverRoom) received(account string, words ...string) []string {
	var found []string
next:
	for _, m := range r.dovecot.Inbox(r.t, account) {
		for _, w := range words {
			if !strings.Contains(m, w) {
				continue next
			}
		}
		found = append(found, m)
	}
	return found
}

// arrives waits for exactly one mail with the words and returns it.
func (r *serverRoom) arrives(account string, words ...string) string {
	r.t.Helper()
	var found []string
	r.until(fmt.Sprintf("a mail to %s with %q", account, words), func() bool {
		found = r.received(account, words...)
		return len(found) > 0
	})
	if len(found) != 1 {
		r.t.Errorf("%d mails to %s with %q; want 1", len(found), account, words)
	}
	return found[0]
}

// number is a form's number in a mail's clear subject, as people quote it.
func number(t *testing.T, raw string) string {
	t.Helper()
	_, after, found := strings.Cut(raw, "Subject: ")
	subject, _, _ := strings.Cut(after, "\r\n")
	if words := strings.Fields(subject); found && len(words) >= 2 {
		return words[0] + " " + words[1]
	}
	t.Fatalf("no number in the subject %q", subject)
	return ""
}

func TestFormsTravelOverDovecotPostfixAndPostgreSQL(t *testing.T) {
	r := newServerRoom(t)
	r.start("serve", "-c", r.path("gw/gateway.yaml"))
	r.start("agent", "-c", r.path("LV/agent.yaml"))

	// EE, with GnuPG, to the agent and to the regional partner.
	text := strings.NewReplacer("LV-JCO", "EE-MTA", "B3: [LV]", "B3: [EE]", "A7: [PL]", "A7: [LV, GE]").Replace(fmt.Sprintf(seizure, 1, 120))
	r.postfix.Submit(t, officer, unit, r.gpg.sealedMail(officer, "<1@vid.example>", text))
	r.until("the form is at LV", func() bool { return len(r.files("LV/in/EE-MTA-2026-900001/form.txt")) == 1 })
	if got := r.read("LV/in/EE-MTA-2026-900001/form.txt"); !strings.Contains(got, "C4: [120]") || !strings.Contains(got, "Signed by EE") {
		t.Errorf("LV reads:\n%s\nwant the quantity and who signed", got)
	}
	plain := r.arrives(regional, "EE-MTA-2026-900001")
	if !strings.Contains(plain, "C4: [120]") || strings.Contains(plain, "Cigarettes") {
		t.Errorf("GE reads:\n%s\nwant the quantity, and the free text withheld", plain)
	}
	answer := r.arrives(officer, "In-Reply-To: <1@vid.example>")
	if strings.Contains(answer, "EE-MTA") {
		t.Errorf("the answer shows content in the clear:\n%s", answer)
	}
	if got := r.gpg.openMail(answer); !strings.Contains(got, "EE-MTA-2026-900001") || !strings.Contains(got, "LV GE") {
		t.Errorf("the answer says:\n%s\nwant the reference and both recipients", got)
	}

	// LV, from its agent, to EE, who opens it with GnuPG and replies "OK".
	r.drop("LV", "form.txt", strings.Replace(fmt.Sprintf(seizure, 2, 7), "A7: [PL]", "A7: [EE, GE]", 1))
	var form string
	r.until("the form is at EE", func() bool {
		for _, m := range r.received(officer, "multipart/encrypted") {
			if strings.Contains(r.gpg.openMail(m), "C4: [7]") {
				form = m
			}
		}
		return form != ""
	})
	if strings.Contains(form, "LV-JCO") || strings.Contains(form, "TOBA") {
		t.Errorf("the mail shows content in the clear:\n%s", form)
	}
	reply := strings.Replace(r.gpg.sealedMail(officer, "<2@vid.example>", "OK"), "Subject: form", "Subject: Re: "+number(t, form), 1)
	r.postfix.Submit(t, officer, unit, reply)

	// GE, in the clear, to both: its mail server's report on DMARC counts.
	open := strings.NewReplacer("LV-JCO", "GE-RS", "B3: [LV]", "B3: [GE]", "A7: [PL]", "A7: [LV, EE]").Replace(fmt.Sprintf(seizure, 3, 9))
	r.postfix.Submit(t, regional, unit, "Authentication-Results: mx.gateway.example; dmarc=pass header.from=regional.example\r\nFrom: "+regional+
		"\r\nTo: "+unit+"\r\nSubject: form\r\nMessage-ID: <3@regional.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+open+"\r\n")
	r.until("the plain form is at LV", func() bool { return len(r.files("LV/in/GE-RS-2026-900003/form.txt")) == 1 })
	if got := r.read("LV/in/GE-RS-2026-900003/form.txt"); strings.Contains(got, "Signed by GE") {
		t.Errorf("LV reads:\n%s\nwant the form marked as not signed", got)
	}
	if got := r.arrives(regional, "In-Reply-To: <3@regional.example>"); strings.Contains(got, "Cigarettes") || strings.Contains(got, "TOBA") {
		t.Errorf("the answer over plain mail repeats what was sent:\n%s", got)
	}

	r.until("each delivery stands where it should", func() bool {
		list := r.ok("forms", "list", "-c", r.path("gw/gateway.yaml"))
		return strings.Count(list, "received by system") == 2 && strings.Count(list, "read by a person") == 1
	})
	if got := r.received(officer, "C4: [9]"); len(got) > 0 {
		t.Errorf("EE got a form in the clear:\n%s", got[0])
	}
	r.until("the audit log is whole", func() bool {
		return strings.Contains(r.ok("audit", "verify", "-c", r.path("gw/gateway.yaml")), " 0 not yet in it")
	})
}
