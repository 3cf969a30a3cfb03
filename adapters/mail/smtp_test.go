package mail

import (
	"bytes"
	"context"
	"fmt"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liaison/adapters/mail/mailtest"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

// submitted sends and returns what the server got.
func submitted(t *testing.T, l *lab, out *gateway.Outbound) (mailtest.Transaction, *mail.Message) {
	t.Helper()
	e, err := l.make().Send(t.Context(), out)
	if err != nil || e.Outcome != gateway.Sent {
		t.Fatalf("Send = %+v, %v; want sent", e, err)
	}
	all := l.server.Submitted()
	last := all[len(all)-1]
	m, err := mail.ReadMessage(bytes.NewReader(last.Raw))
	if err != nil {
		t.Fatalf("what was sent is no mail: %v", err)
	}
	return last, m
}

func TestMailCarriesItsDeliveryAndNothingElseInTheClear(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	now := time.Date(2027, 1, 12, 9, 30, 0, 0, time.UTC)
	l.opt.Clock = func() time.Time { return now }
	out := outbound()
	out.Urgent, out.Exercise, out.Automated, out.InReplyTo = true, true, true, "<asked@vid.example>"
	tx, m := submitted(t, l, out)
	tag := "ocu+d-" + string(out.Delivery) + "@gateway.example"
	want := map[string]string{"From": "<" + unit + ">", "To": "<" + peerLV + ">", "Reply-To": "<" + tag + ">", "Subject": "OP-7K3 000123 URGENT EXERCISE",
		"Date": "Tue, 12 Jan 2027 09:30:00 +0000", "Message-Id": "<" + string(out.Delivery) + "@gateway.example>", "In-Reply-To": out.InReplyTo, "References": out.InReplyTo,
		"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All", "Importance": "high"}
	for name, value := range want {
		if got := m.Header.Get(name); got != value {
			t.Errorf("%s = %q; want %q", name, got, value)
		}
	}
	if bytes.Contains(tx.Raw, []byte(out.Reference)) {
		t.Error("the reference stands in the clear")
	}
	wantTx := mailtest.Transaction{User: unit, From: tag, To: []string{peerLV}, EnvelopeID: string(out.Delivery), Return: "HDRS", Notify: []string{"SUCCESS", "FAILURE", "DELAY"}, Raw: tx.Raw}
	if diff := cmp.Diff(wantTx, tx); diff != "" {
		t.Errorf("transaction (-want +got):\n%s", diff)
	}
}

func TestRoutineMailSaysOnlyItsNumber(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	_, m := submitted(t, l, outbound())
	if got := m.Header.Get("Subject"); got != "OP-7K3 000123" {
		t.Errorf("Subject = %q", got)
	}
	for _, name := range []string{"Importance", "Auto-Submitted", "X-Auto-Response-Suppress", "In-Reply-To"} {
		if got := m.Header.Get(name); got != "" {
			t.Errorf("%s = %q; want none", name, got)
		}
	}
}

// opener reads back what was only said to be sealed.
type opener struct{ got [][]byte }

func (o *opener) Open(message []byte, _ int64) (entity.Opened, error) {
	if binary, err := openpgp.Dearmor(message); err == nil {
		message = binary
	}
	o.got = append(o.got, message)
	return entity.Opened{Plaintext: []byte("text"), Encrypted: true, Text: true}, nil
}

func (o *opener) Verify([]byte, []byte) entity.Signature { return entity.Signature{} }

func TestEveryStyleCarriesTheSealedMessage(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	for _, style := range []string{"", "pgp-mime", "inline", "attachment"} {
		out := outbound()
		out.Channel.Style = style
		if style == "inline" {
			out.Files = []gateway.Attachment{{Name: "form.json.pgp", Type: "application/octet-stream", Content: []byte{0x85, 1, 2, 3}}}
		}
		tx, _ := submitted(t, l, out)
		o := &opener{}
		entity.Read(tx.Raw, o, entity.Limits{})
		if len(o.got) == 0 || !bytes.Equal(o.got[0], out.Message) {
			t.Errorf("style %q: read back %q; want %q", style, o.got, out.Message)
		}
	}
}

func TestPlainMailIsForPlainChannelsAlone(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	out := outbound()
	out.Channel.Kind, out.Message, out.Plain = operation.Mail, nil, "A form waits for you.\n"
	if tx, _ := submitted(t, l, out); !bytes.Contains(tx.Raw, []byte("A form waits for you.")) {
		t.Error("the text isn't in the mail")
	}
	out.Channel.Kind = operation.PGPMail
	if e, err := l.make().Send(t.Context(), out); err == nil {
		t.Errorf("Send of a plain text over pgp-mail = %+v, nil; want an error", e)
	}
	if n := len(l.server.Submitted()); n != 1 {
		t.Errorf("%d mails left; want 1", n)
	}
}

func TestAnswersOfTheServerBecomeOutcomes(t *testing.T) {
	for _, c := range []struct {
		code     int
		enhanced [3]int
		at       string
		want     gateway.Outcome
		detail   string
	}{
		{450, [3]int{4, 2, 0}, peerLV, gateway.Deferred, "RCPT: 450 4.2.0 said"},
		{550, [3]int{5, 1, 1}, peerLV, gateway.Bounced, "RCPT: 550 5.1.1 said"},
		{421, [3]int{4, 3, 2}, peerLV, gateway.Deferred, "RCPT: 421 4.3.2 said"},
		{530, [3]int{5, 7, 0}, peerLV, gateway.Deferred, "RCPT: 530 5.7.0 said"},
		{451, [3]int{4, 3, 0}, "*", gateway.Deferred, "DATA: 451 4.3.0 said"},
		{554, [3]int{5, 7, 1}, "*", gateway.Bounced, "DATA: 554 5.7.1 said"},
	} {
		l := newLab(t, mailtest.Options{})
		l.server.Refuse(c.at, c.code, c.enhanced, "said")
		e, err := l.make().Send(t.Context(), outbound())
		if err != nil || e.Outcome != c.want || e.Detail != c.detail || e.By != "127.0.0.1" {
			t.Errorf("Send against %d at %s = %+v, %v; want %s %q", c.code, c.at, e, err, c.want, c.detail)
		}
		l.server.Refuse(c.at, 0, [3]int{}, "")
		if e, err := l.make().Send(t.Context(), outbound()); err != nil || e.Outcome != gateway.Sent {
			t.Errorf("the next mail after %d = %+v, %v; want sent", c.code, e, err)
		}
	}
}

func TestLostReplyIsDeferredAndTheRepeatHasTheSameID(t *testing.T) {
	for _, fault := range []mailtest.Fault{mailtest.LoseMail, mailtest.LoseReply} {
		l := newLab(t, mailtest.Options{})
		l.server.Inject(fault, 1)
		out := outbound()
		e, err := l.make().Send(t.Context(), out)
		if err != nil || e.Outcome != gateway.Deferred || !strings.Contains(e.Detail, "connection lost") {
			t.Errorf("Send = %+v, %v; want deferred", e, err)
		}
		submitted(t, l, out)
		want := 1
		if fault == mailtest.LoseReply {
			want = 2
		}
		got := l.server.Submitted()
		if len(got) != want {
			t.Fatalf("%d mails came; want %d", len(got), want)
		}
		if transport(got[0].Raw).Name != transport(got[len(got)-1].Raw).Name {
			t.Error("the repeat has another Message-ID")
		}
	}
}

func TestServerThatIsAwayDefers(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.server.Close()
	if e, err := l.make().Send(t.Context(), outbound()); err != nil || e.Outcome != gateway.Deferred || !strings.HasPrefix(e.Detail, "connect: ") {
		t.Errorf("Send = %+v, %v; want deferred", e, err)
	}
}

func TestWrongPasswordDefers(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.SMTP.Password = func() ([]byte, error) { return []byte("wrong"), nil }
	if e, err := l.make().Send(t.Context(), outbound()); err != nil || e.Outcome != gateway.Deferred || strings.Contains(e.Detail, "wrong") {
		t.Errorf("Send = %+v, %v; want deferred, without the password", e, err)
	}
}

func TestConnectionIsUsedAgainAndThenEnded(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.Limits.Reuse = 3
	a := l.make()
	var first *line
	for i := range 4 {
		submitted(t, l, outbound())
		a.pool.mu.Lock()
		idle := append([]*line(nil), a.pool.idle...)
		a.pool.mu.Unlock()
		switch {
		case i == 0:
			first = idle[0]
		case i == 1 && (len(idle) != 1 || idle[0] != first):
			t.Error("the second mail took another connection")
		case i == 2 && len(idle) != 0:
			t.Error("the connection outlived its last mail")
		case i == 3 && idle[0] == first:
			t.Error("the fourth mail took the old connection")
		}
	}
	if len(a.pool.slots) != 0 {
		t.Errorf("%d slots are still taken", len(a.pool.slots))
	}
}

func TestIdleConnectionIsClosed(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.Limits.Idle = 20 * time.Millisecond
	a := l.make()
	submitted(t, l, outbound())
	eventually(t, "no connection is idle", func() bool { a.pool.mu.Lock(); defer a.pool.mu.Unlock(); return len(a.pool.idle) == 0 })
}

func TestConnectionThatEndedMeanwhileCostsNothing(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.server.Inject(mailtest.EndBetween, 1)
	a := l.make()
	submitted(t, l, outbound())
	eventually(t, "the server has ended the connection", func() bool { // without reading from it
		a.pool.mu.Lock()
		defer a.pool.mu.Unlock()
		one := make([]byte, 1)
		conn := a.pool.idle[0].conn
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		defer conn.SetReadDeadline(time.Time{})
		_, err := conn.Read(one)
		return err != nil && !strings.Contains(err.Error(), "timeout")
	})
	submitted(t, l, outbound())
}

func TestMailOverALaterChannelSaysWhich(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	out := outbound()
	out.ChannelAt = 2
	tx, m := submitted(t, l, out)
	if tag := "ocu+d-" + string(out.Delivery) + ".2@gateway.example"; tx.From != tag || m.Header.Get("Reply-To") != "<"+tag+">" {
		t.Errorf("MAIL FROM %s, Reply-To %s; want %s", tx.From, m.Header.Get("Reply-To"), tag)
	}
	if id := "<" + string(out.Delivery) + "@gateway.example>"; m.Header.Get("Message-Id") != id {
		t.Errorf("Message-ID %s; want %s, whatever the channel", m.Header.Get("Message-Id"), id)
	}
}

func TestTooLargeMailBouncesBeforeItIsSent(t *testing.T) {
	l := newLab(t, mailtest.Options{MaxSize: 10 << 10})
	out := outbound()
	out.Message = bytes.Repeat([]byte("sealed"), 5000)
	e, err := l.make().Send(t.Context(), out)
	if err != nil || e.Outcome != gateway.Bounced || !strings.HasPrefix(e.Detail, "5.3.4 ") {
		t.Errorf("Send = %+v, %v; want bounced 5.3.4", e, err)
	}
}

func TestAddressesThatCannotBeWrittenBounce(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	for _, address := range []string{"", "nobody", "a@b>\r\nRCPT TO:<x@y.example", "\"a b\"@vid.example", "x@-.example-"} {
		out := outbound()
		out.Channel.Address = address
		if e, err := l.make().Send(t.Context(), out); err != nil || e.Outcome != gateway.Bounced {
			t.Errorf("Send to %q = %+v, %v; want bounced", address, e, err)
		}
	}
}

func TestLongAddressGoesWithoutTag(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.Address = "a-coordination-unit-with-a-long-name@gateway.example"
	tx, _ := submitted(t, l, outbound())
	if tx.From != l.opt.Address {
		t.Errorf("envelope sender = %q; want %q", tx.From, l.opt.Address)
	}
}

func TestWithoutDSNTheEvidenceSaysSo(t *testing.T) {
	l := newLab(t, mailtest.Options{Extensions: mailtest.Extensions{NoDSN: true}})
	e, err := l.make().Send(t.Context(), outbound())
	if err != nil || !strings.Contains(e.Detail, "no delivery reports") {
		t.Errorf("Send = %+v, %v; want a word on reports", e, err)
	}
}

func TestManySendsAtOnceArriveOnceEach(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	a := l.make()
	const n = 200
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if e, err := a.Send(t.Context(), outbound()); err != nil || e.Outcome != gateway.Sent {
				t.Errorf("Send = %+v, %v; want sent", e, err)
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, tx := range l.server.Submitted() {
		seen[transport(tx.Raw).Name] = true
	}
	if len(seen) != n || len(l.server.Submitted()) != n {
		t.Errorf("%d different mails of %d arrived; want %d", len(seen), len(l.server.Submitted()), n)
	}
}

func TestSendEndsWithItsContextAtEveryWait(t *testing.T) {
	for _, scheme := range []string{"smtp+insecure", "smtp+starttls", "smtps"} {
		server, err := ParseServer(scheme+"://"+blackHole(t), unit, func() ([]byte, error) { return []byte(secret), nil })
		if err != nil {
			t.Fatal(err)
		}
		a, err := New(Options{Address: unit, SMTP: server})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		e, err := a.Send(ctx, outbound())
		cancel()
		if err == nil || e.Outcome != gateway.Deferred || time.Since(began) > 5*time.Second {
			t.Errorf("%s: Send = %+v, %v after %s; want an error at once", scheme, e, err, time.Since(began))
		}
	}
}

func TestServersTextIsOneLineInTheEvidence(t *testing.T) {
	if got, want := oneLine("two\r\nlines\x1b[31m"), "two lines [31m"; got != want {
		t.Errorf("oneLine = %q; want %q", got, want)
	}
	if got := oneLine(strings.Repeat("ä", 600)); len([]rune(got)) != 501 {
		t.Errorf("%d signs; want 501", len([]rune(got)))
	}
}

func benchmarkSend(b *testing.B, reuse, size int) {
	l := newLab(b, mailtest.Options{})
	l.opt.Limits.Reuse, l.opt.Log = reuse, nil
	a := l.make()
	body := bytes.Repeat([]byte{7}, size)
	b.SetBytes(int64(size))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			out := outbound()
			out.Message = body
			if e, err := a.Send(b.Context(), out); err != nil || e.Outcome != gateway.Sent {
				b.Errorf("Send = %+v, %v", e, err)
			}
		}
	})
}

func BenchmarkSend(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("reused/%dKiB", size>>10), func(b *testing.B) { benchmarkSend(b, 100, size) })
	}
	b.Run("dialled/4KiB", func(b *testing.B) { benchmarkSend(b, 1, 4<<10) })
}

func TestMailArrivesAsItIsWhateverItsLines(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	p := l.make().pool
	for name, c := range map[string]struct{ raw, want string }{
		"dots":            {"A: b\r\n\r\n.\r\n..\r\n.x\r\ny.\r\n", ""},
		"dot first":       {".A: b\r\n\r\nx\r\n", ""},
		"dot last":        {"A: b\r\n\r\nx\r\n.\r\n", ""},
		"no line":         {"\r\n", ""},
		"an empty end":    {"A: b\r\n\r\nx\r\n\r\n\r\n", ""},
		"bare line feeds": {"A: b\n\n.x\ny\n", "A: b\r\n\r\n.x\r\ny\r\n"},
		"no end":          {"A: b\r\n\r\nx", "A: b\r\n\r\nx\r\n"},
		"large":           {"A: b\r\n\r\n" + strings.Repeat(".234567890\r\n", 1<<16), ""},
	} {
		if c.want == "" {
			c.want = c.raw
		}
		for _, way := range []string{"whole", "by the library"} {
			on, err := p.get(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if way != "whole" {
				on.below = nil // as under STARTTLS
			}
			if _, err := on.send(t.Context(), &letter{from: unit, to: peerLV, raw: []byte(c.raw)}, l.opt.Limits); err != nil {
				t.Fatalf("%s, %s: %v", name, way, err)
			}
			p.drop(on)
			all := l.server.Submitted()
			if got := string(all[len(all)-1].Raw); got != c.want {
				t.Errorf("%s, %s: the server has %.80q; want %.80q", name, way, got, c.want)
			}
		}
	}
}
