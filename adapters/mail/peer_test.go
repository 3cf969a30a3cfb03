package mail

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway"
)

// realLab is an adapter against real servers: no server of ours in it.
func realLab(t *testing.T) *lab {
	limits := quick
	limits.Command, limits.Transfer = 30*time.Second, 30*time.Second // they are programs on a busy machine
	return &lab{t: t, flow: newFlow(), positions: newMemory(), stop: func() {}, opt: Options{Address: unit, Limits: limits}}
}

func (l *lab) real(scheme, address string, r *mailtest.Real) *Server {
	l.t.Helper()
	s, err := ParseServer(scheme+"://"+address, unit, func() ([]byte, error) { return []byte(r.Password), nil })
	if err != nil {
		l.t.Fatal(err)
	}
	s.TLS = r.TLS
	return s
}

// mailsIn counts what a Dovecot mailbox holds.
func mailsIn(t *testing.T, s *Server, name string) int {
	t.Helper()
	b, err := openBox(t.Context(), s, name, quick.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	set, err := b.search(t.Context(), from(1))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for uids := range chunks(set, 1, 100) {
		n += len(uids)
	}
	return n
}

func TestDovecotAndPostfixCarryMailBothWays(t *testing.T) {
	t.Parallel()
	dovecot := mailtest.Dovecot(t, unit, peerLV)
	l := realLab(t)
	l.opt.Positions = l.positions
	l.opt.IMAP = l.real("imaps", dovecot.IMAPSAddr, dovecot)
	postfix := mailtest.Postfix(t, mailtest.PostfixOptions{Auth: dovecot, LMTP: map[string]string{"gateway.example": dovecot.LMTPAddr, "vid.example": dovecot.LMTPAddr}})
	l.opt.SMTP = l.real("smtp+starttls", postfix.SMTPAddr, postfix)
	if err := l.make().Check(t.Context()); err != nil {
		t.Fatalf("Check = %v; want nil", err)
	}
	l.start()
	const n = 20
	for range n { // to ourselves: out through Postfix, in through Dovecot
		out := outbound()
		out.Channel.Address = unit
		e, err := l.adapter.Send(t.Context(), out)
		if err != nil || e.Outcome != gateway.Sent || !strings.Contains(e.Detail, "queued as") {
			t.Fatalf("Send = %+v, %v; want sent", e, err)
		}
	}
	l.flow.wait(t, 2*n) // each with its report of success
	eventually(t, "all are settled", func() bool { return l.positions.get().uid == 2*n+1 })
	if got := mailsIn(t, l.opt.IMAP, "Done"); got != 2*n {
		t.Errorf("%d mails in Done; want %d", got, 2*n)
	}
	if got := mailsIn(t, l.opt.IMAP, "INBOX"); got != 0 {
		t.Errorf("%d mails left in INBOX; want 0", got)
	}
	l.stop()
	if offers, accepted := l.flow.counts(); offers != accepted {
		t.Errorf("%d offers of %d mails; want one each", offers, accepted)
	}
}

func TestPostfixHandsOverToTheAdapterAndTriesAgain(t *testing.T) {
	t.Parallel()
	l := realLab(t)
	listening := freeAddress(t)
	l.opt.LMTP = listening
	postfix := mailtest.Postfix(t, mailtest.PostfixOptions{LMTP: map[string]string{"gateway.example": listening}})
	l.opt.SMTP = l.real("smtp+insecure", postfix.SMTPAddr, postfix)
	l.opt.SMTP.User = ""
	failed := false
	l.flow.judge(func(in *gateway.Inbound) (gateway.Verdict, error) {
		if !failed {
			failed = true
			return "", errors.New("the store is away")
		}
		return gateway.Accepted, nil
	})
	l.start()
	out := outbound()
	out.Channel.Address = unit
	if e, err := l.adapter.Send(t.Context(), out); err != nil || e.Outcome != gateway.Sent {
		t.Fatalf("Send = %+v, %v; want sent", e, err)
	}
	l.flow.wait(t, 1)
	in := l.flow.list()[0]
	if !strings.Contains(in.Envelope.From, "+d-"+string(out.Delivery)) || in.Envelope.To[0] != unit {
		t.Errorf("envelope = %+v; want the tagged sender", in.Envelope)
	}
	if offers, _ := l.flow.counts(); offers != 2 {
		t.Errorf("offers = %d; want 2: refused once with 451", offers)
	}
}

func TestBounceOfPostfixComesBackToItsDelivery(t *testing.T) {
	t.Parallel()
	dovecot := mailtest.Dovecot(t, peerLV)
	l := realLab(t)
	l.opt.LMTP = freeAddress(t)
	postfix := mailtest.Postfix(t, mailtest.PostfixOptions{LMTP: map[string]string{"gateway.example": l.opt.LMTP, "vid.example": dovecot.LMTPAddr}})
	l.opt.SMTP = l.real("smtp+insecure", postfix.SMTPAddr, postfix)
	l.opt.SMTP.User = ""
	l.start()
	good, bad := outbound(), outbound()
	bad.Channel.Address, bad.ChannelAt = "nobody@vid.example", 1
	for _, out := range []*gateway.Outbound{good, bad} {
		if e, err := l.adapter.Send(t.Context(), out); err != nil || e.Outcome != gateway.Sent {
			t.Fatalf("Send = %+v, %v; want sent", e, err)
		}
	}
	l.flow.wait(t, 2) // the report that it was relayed, and the bounce
	reports := 0
	for _, in := range l.flow.list() {
		if in.Envelope.From != "" {
			t.Errorf("report from %q; want the null sender", in.Envelope.From)
		}
		for out, action := range map[*gateway.Outbound]string{good: "relayed", bad: "failed"} {
			id, tag := string(out.Delivery), map[int]string{0: "@", 1: ".1@"}[out.ChannelAt]
			if strings.Contains(in.Envelope.To[0], "+d-"+id+tag) && bytes.Contains(in.Raw, []byte("Original-Envelope-Id: "+id)) && bytes.Contains(in.Raw, []byte("Action: "+action)) {
				reports++
			}
		}
	}
	if reports != 2 {
		t.Errorf("%d reports tie to their deliveries; want 2", reports)
	}
}

func TestDovecotsMailboxSurvivesARestartOfTheReader(t *testing.T) {
	t.Parallel()
	dovecot := mailtest.Dovecot(t, unit)
	l := realLab(t)
	l.opt.Positions = l.positions
	l.opt.IMAP = l.real("imap+starttls", dovecot.IMAPAddr, dovecot)
	l.start()
	hand := func(id string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := mailtest.LMTP(ctx, dovecot.LMTPAddr, peerLV, unit, message5322(id)); err != nil {
			t.Fatal(err)
		}
	}
	hand("one")
	l.flow.wait(t, 1)
	l.stop()
	hand("two")
	l.restart()
	l.flow.wait(t, 2)
	hand("three")
	l.flow.wait(t, 3)
	if offers, _ := l.flow.counts(); offers != 3 {
		t.Errorf("offers = %d; want 3", offers)
	}
}
