package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway"
)

func TestReceivedMailIsOfferedOnceAndMoved(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.start()
	raw := l.deliver("one")
	l.flow.wait(t, 1)
	l.held("Done", 1)
	l.held("INBOX", 0)
	in := l.flow.list()[0]
	if !bytes.Equal(in.Raw, raw) || in.Medium != gateway.ByMail || in.Backlog || in.Envelope.Seen {
		t.Errorf("inbound = %+v; want the mail as it is", in)
	}
	if want := "imap:" + l.opt.IMAP.account() + "/INBOX"; in.Account != want {
		t.Errorf("account = %q; want %q", in.Account, want)
	}
	eventually(t, "position after the mail", func() bool { return l.positions.get().uid == 2 })
}

func TestRejectedMailGoesToQuarantine(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.flow.judge(func(*gateway.Inbound) (gateway.Verdict, error) { return gateway.Rejected, nil })
	l.start()
	l.deliver("bad")
	l.held("Quarantine", 1)
}

func TestManyMailsComeInTheirOrder(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.start()
	for i := range 170 {
		l.deliver(fmt.Sprintf("m%03d", i))
	}
	l.flow.wait(t, 170)
	for i, in := range l.flow.list() {
		if !bytes.Contains(in.Raw, fmt.Appendf(nil, "<m%03d@", i)) {
			t.Fatalf("mail %d came out of order", i)
		}
	}
	l.held("Done", 170)
}

func TestAFloodFromOneSenderDelaysNobodyElse(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.Sender = func(_ context.Context, from []byte) string { return string(from) }
	gate := make(chan struct{}) // an offer waits for it
	l.flow.before(func(ctx context.Context) {
		select {
		case <-gate:
		case <-ctx.Done():
		}
	})
	l.start()
	const many = 300
	for i := range many {
		l.deliver(fmt.Sprintf("flood-%03d", i))
	}
	release := func(n int) {
		for range n {
			gate <- struct{}{}
		}
	}
	release(10)
	for i := range 3 {
		raw := bytes.Replace(message5322(fmt.Sprintf("other-%d", i)), []byte(peerLV), []byte("desk@other.example"), 1)
		if err := l.server.Deliver("desk@other.example", unit, raw); err != nil {
			t.Fatal(err)
		}
	}
	release(chunk + 10) // what was under way, then a turn for each
	l.flow.until(t, "the others' mail is through", func() bool {
		n := 0
		for _, in := range l.flow.accepted {
			if bytes.Contains(in.Raw, []byte("<other-")) {
				n++
			}
		}
		return n == 3
	})
	if offers, _ := l.flow.counts(); offers > chunk+30 {
		t.Errorf("the others' mail was offered among the first %d; want among the first %d of %d", offers, chunk+30, many)
	}
	l.flow.before(nil)
	close(gate)
	l.flow.wait(t, many+3)
	behind, last := 0, ""
	for _, in := range l.flow.list() {
		if in.Waited > 0 {
			behind++
		}
		id := messageID(in.Raw)
		if strings.HasPrefix(id, "<other-") && in.Waited > 0 {
			t.Errorf("%s is said to have waited behind its own sender's mail", id)
		}
		if strings.HasPrefix(id, "<flood-") {
			if id <= last {
				t.Errorf("%s came after %s: one sender's mail lost its order", id, last)
			}
			last = id
		}
	}
	if behind < many/2 {
		t.Errorf("%d of %d mails of the flood are said to have waited; want most", behind, many)
	}
	l.held("INBOX", 0)
	eventually(t, "position after all", func() bool { return l.positions.get().uid == many+4 })
}

func TestWhatWaitsWhenTheConnectionBreaksIsOfferedOnTheNext(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	n := 0
	l.flow.judge(func(*gateway.Inbound) (gateway.Verdict, error) {
		if n++; n%40 == 0 {
			l.server.Inject(mailtest.CutLiteral, 1)
		}
		return gateway.Accepted, nil
	})
	l.start()
	for i := range 170 {
		l.deliver(fmt.Sprintf("m%03d", i))
	}
	l.flow.wait(t, 170)
	eventually(t, "position after all", func() bool { return l.positions.get().uid == 171 })
}

// A mailbox may never be read to its end before the connection breaks again.
func TestConnectionsThatBreakWhileMuchWaitsDelayAndReorderNothing(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	const many = 60
	n := 0
	l.flow.judge(func(*gateway.Inbound) (gateway.Verdict, error) {
		if n++; n%4 == 0 && n < many {
			l.server.Inject(mailtest.CutLiteral, 1)
		}
		return gateway.Accepted, nil
	})
	l.opt.SetUp = time.Now().Add(-time.Hour)
	for i := range many {
		l.deliver(fmt.Sprintf("m%03d", i))
	}
	l.start()
	l.flow.wait(t, many)
	l.inOrder(many)
}

func TestMailKeepsItsPlaceWhileNothingCanBeRecorded(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	n := 0
	l.flow.judge(func(*gateway.Inbound) (gateway.Verdict, error) {
		if n++; n < triesMost {
			return "", gateway.Errorf(gateway.Transient, "", "the record is away")
		}
		return gateway.Accepted, nil
	})
	l.opt.SetUp = time.Now().Add(-time.Hour)
	for i := range 3 {
		l.deliver(fmt.Sprintf("m%03d", i))
	}
	l.start()
	l.flow.wait(t, 3)
	l.inOrder(3)
}

func TestMailOverWhichConnectionsEndHoldsNothingUpForLong(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.flow.judge(func(in *gateway.Inbound) (gateway.Verdict, error) {
		if bytes.Contains(in.Raw, []byte("<bad@")) {
			return "", gateway.Errorf(gateway.Transient, "", "for ever")
		}
		return gateway.Accepted, nil
	})
	l.start()
	l.deliver("bad")
	l.deliver("good")
	l.held("Done", 1)
}

// inOrder checks that the mails m000, m001, … were accepted in their order.
func (l *lab) inOrder(n int) {
	l.t.Helper()
	for i, in := range l.flow.list() {
		if !bytes.Contains(in.Raw, fmt.Appendf(nil, "<m%03d@", i)) || i >= n {
			l.t.Fatalf("mail %d of %d was accepted out of its order", i, n)
		}
	}
}

func TestMailThatFailsStaysWhileOthersGoOn(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	broken := true
	l.flow.judge(func(in *gateway.Inbound) (gateway.Verdict, error) {
		if broken && bytes.Contains(in.Raw, []byte("<bad@")) {
			return "", errors.New("internal")
		}
		return gateway.Accepted, nil
	})
	l.start()
	l.deliver("bad")
	l.deliver("good")
	l.held("Done", 1)
	l.held("INBOX", 1)
	l.flow.until(t, "the bad one is offered three times", func() bool { return len(l.flow.offers) >= 4 })
	if p := l.positions.get(); p.uid != 1 {
		t.Errorf("position = %d; want 1, the lowest unsettled", p.uid)
	}
	l.flow.mu.Lock()
	broken = false
	l.flow.mu.Unlock()
	l.held("Done", 2)
	eventually(t, "position after both", func() bool { return l.positions.get().uid == 3 })
}

func TestFailedMailThatIsDeletedDoesNotHoldThePosition(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.flow.judge(func(in *gateway.Inbound) (gateway.Verdict, error) { return "", errors.New("internal") })
	l.start()
	l.deliver("bad")
	l.flow.until(t, "offered", func() bool { return len(l.flow.offers) >= 1 })
	l.flow.judge(nil)
	l.server.Inject(mailtest.Vanish, 1)
	l.deliver("good")
	l.flow.until(t, "one of both is gone, the other accepted", func() bool { return len(l.flow.accepted) == 1 })
	eventually(t, "position after both", func() bool { return l.positions.get().uid == 3 })
}

func TestOldMailIsNeitherFetchedNorOffered(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	n := 100_000
	if testing.Short() {
		n = 2_000
	}
	raw := message5322("old")
	for range n {
		if err := l.server.DeliverAt(peerLV, unit, raw, time.Now().AddDate(0, -1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	l.start()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("start over %d old mails took %s", n, took)
	}
	if p := l.positions.get(); p.uid != uint32(n+1) {
		t.Errorf("position = %d; want %d", p.uid, n+1)
	}
	l.deliver("new")
	l.flow.wait(t, 1)
	if offers, _ := l.flow.counts(); offers != 1 {
		t.Errorf("offers = %d; want 1", offers)
	}
}

func TestMailBetweenSetUpAndFirstStartIsNewAndOlderIsBacklog(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.SetUp = time.Now().Add(-time.Hour)
	for id, age := range map[string]time.Duration{"older": 2 * time.Hour} {
		if err := l.server.DeliverAt(peerLV, unit, message5322(id), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.server.DeliverAt(peerLV, unit, message5322("since"), time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := l.server.DeliverAt(peerLV, unit, message5322("imported"), time.Now().Add(-3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	l.start()
	l.flow.wait(t, 2)
	for _, in := range l.flow.list() {
		if want := bytes.Contains(in.Raw, []byte("<imported@")); in.Backlog != want {
			t.Errorf("backlog = %v of %s", in.Backlog, in.Raw)
		}
		if bytes.Contains(in.Raw, []byte("<older@")) {
			t.Error("mail from before the set-up was offered")
		}
	}
}

func TestMailboxWithoutUIDVALIDITYIsReadAfterARestartToo(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	a := l.make()
	if err := l.positions.SetMailPosition(t.Context(), "account", a.opt.Mailbox, 0, 5, time.Now()); err != nil {
		t.Fatal(err)
	}
	r := &reader{a: a, account: "account"}
	if err := r.locate(t.Context(), &box{validity: 0}); err != nil {
		t.Fatal(err)
	}
	if r.settle(5); r.position != 5 || !r.settled[5] {
		t.Errorf("position = %d, settled = %v; want it to go on at 5", r.position, r.settled)
	}
}

func TestMailOfAServerWhoseClockIsBehindIsNewAfterARestartToo(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.start()
	for n, id := range []string{"before", "after"} {
		if id == "after" {
			l.restart()
		}
		if err := l.server.DeliverAt(peerLV, unit, message5322(id), time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		l.flow.wait(t, n+1)
		if l.flow.list()[n].Backlog {
			t.Errorf("mail that came %s a restart counts as older than the set-up", id)
		}
	}
}

func TestRestartGoesOnWhereItWas(t *testing.T) {
	l := newLab(t, mailtest.Options{Extensions: mailtest.Extensions{NoMove: true, NoUIDPlus: true}})
	l.start()
	l.deliver("one")
	l.flow.wait(t, 1)
	eventually(t, "position kept", func() bool { return l.positions.get().uid == 2 })
	l.stop()
	l.deliver("two")
	l.restart()
	l.flow.wait(t, 2)
	if offers, _ := l.flow.counts(); offers != 2 {
		t.Errorf("offers = %d; want 2: nothing twice", offers)
	}
	if n := len(l.server.Messages(unit, "INBOX")); n != 2 {
		t.Errorf("without MOVE and UIDPLUS %d mails are left; want 2", n)
	}
}

func TestWithoutMoveTheCopyComesFirst(t *testing.T) {
	l := newLab(t, mailtest.Options{Extensions: mailtest.Extensions{NoMove: true}})
	l.start()
	l.deliver("one")
	l.held("Done", 1)
	l.held("INBOX", 0)
}

func TestFullFolderLosesNothing(t *testing.T) {
	for _, ext := range []mailtest.Extensions{{}, {NoMove: true}} {
		l := newLab(t, mailtest.Options{Extensions: ext})
		l.server.Inject(mailtest.RefuseCopy, 1)
		l.start()
		l.deliver("one")
		eventually(t, "position after the mail", func() bool { return l.positions.get().uid == 2 })
		if n := len(l.server.Messages(unit, "INBOX")); n != 1 {
			t.Errorf("%+v: %d mails left in INBOX; want 1", ext, n)
		}
		l.stop()
	}
}

func TestRenumberedMailboxIsOfferedAgainAndKnown(t *testing.T) {
	l := newLab(t, mailtest.Options{Extensions: mailtest.Extensions{NoMove: true, NoUIDPlus: true}})
	if err := l.server.DeliverAt(peerLV, unit, message5322("old"), time.Now().Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	l.start()
	l.deliver("one")
	if err := l.server.Deliver(peerLV, unit, []byte("From: x@y.example\r\n\r\nwithout Message-ID\r\n")); err != nil {
		t.Fatal(err)
	}
	l.flow.wait(t, 2)
	before := l.positions.get()
	if err := l.server.Renumber(unit, "INBOX"); err != nil {
		t.Fatal(err)
	}
	l.deliver("two")
	l.flow.wait(t, 3)
	if offers, accepted := l.flow.counts(); accepted != 3 || offers != 5 {
		t.Errorf("%d offers, %d accepted; want 5 and 3: the two known ones again, the old one never", offers, accepted)
	}
	if after := l.positions.get(); after.validity == before.validity || !after.setUp.Equal(before.setUp) {
		t.Errorf("position = %+v after %+v; want another UIDVALIDITY and the same set-up", after, before)
	}
}

func TestFaultsOfTheServerLoseAndDoubleNothing(t *testing.T) {
	for name, fault := range map[string]mailtest.Fault{"silent": mailtest.SilentIMAP, "slow": mailtest.SlowIMAP, "dead idle": mailtest.DeadIdle,
		"cut": mailtest.CutLiteral, "huge": mailtest.HugeLiteral} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, mailtest.Options{})
			l.opt.Limits.Command = 300 * time.Millisecond
			l.server.Inject(fault, 1)
			l.start()
			raw := large("one", 20<<10)
			if err := l.server.Deliver(peerLV, unit, raw); err != nil {
				t.Fatal(err)
			}
			l.deliver("two")
			l.flow.wait(t, 2)
			l.held("Done", 2)
			if left := l.server.Left(fault); left != 0 {
				t.Errorf("the fault struck %d times too few", left)
			}
			if _, accepted := l.flow.counts(); accepted != 2 {
				t.Errorf("accepted = %d; want 2", accepted)
			}
			eventually(t, "position after both", func() bool { return l.positions.get().uid == 3 })
		})
	}
}

func TestVanishedMailIsNoError(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.server.Inject(mailtest.Vanish, 1)
	l.start()
	l.deliver("gone")
	l.deliver("there")
	l.flow.until(t, "the other one comes", func() bool { return len(l.flow.accepted) == 1 })
	eventually(t, "position after both", func() bool { return l.positions.get().uid == 3 })
}

func TestTooLargeMailIsOfferedWithItsHeaderAlone(t *testing.T) {
	for name, lie := range map[string]int{"told": 0, "not told": 1} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, mailtest.Options{})
			l.opt.MaxSize = 10 << 10
			l.server.Inject(mailtest.LieAboutSize, lie)
			l.start()
			if err := l.server.Deliver(peerLV, unit, large("big", 30<<10)); err != nil {
				t.Fatal(err)
			}
			l.deliver("small")
			l.flow.wait(t, 2)
			for _, in := range l.flow.list() {
				if bytes.Contains(in.Raw, []byte("<big@")) && (len(in.Raw) > 1000 || !bytes.Contains(in.Raw, []byte("From:"))) {
					t.Errorf("%d bytes offered; want the header", len(in.Raw))
				}
			}
			l.held("Done", 2)
		})
	}
}

func TestTooLargeMailWithATooLargeHeaderIsOfferedAsFarAsThatGoes(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.MaxSize = 10 << 10
	l.start()
	field := "X-Invented: " + strings.Repeat("invented ", 100) + "\r\n"
	if err := l.server.Deliver(peerLV, unit, append([]byte(strings.Repeat(field, 400)), large("big", 1000)...)); err != nil {
		t.Fatal(err)
	}
	l.flow.wait(t, 1)
	if raw := l.flow.list()[0].Raw; len(raw) != headerMost {
		t.Errorf("%d bytes offered; want the first %d", len(raw), headerMost)
	}
	l.held("Done", 1)
}

func TestOnlyTheHolderOfTheLeaseReads(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	a := l.make()
	name := "imap:" + l.opt.IMAP.account() + "/INBOX"
	l.positions.leases[name] = true
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); _ = a.Receive(ctx, l.flow.offer) }()
	take := func(elsewhere bool) {
		l.positions.mu.Lock()
		defer l.positions.mu.Unlock()
		l.positions.leases[name] = elsewhere
	}
	take(false)
	eventually(t, "it reads", func() bool { return l.positions.get().validity != 0 })
	take(true)
	eventually(t, "it gives up", func() bool {
		l.positions.mu.Lock()
		defer l.positions.mu.Unlock()
		return !l.positions.held[name]
	})
	l.deliver("one")
	take(false)
	l.flow.wait(t, 1)
	cancel()
	<-over
}

func TestReceiveEndsAtOnceWhateverTheServerDoes(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	server, err := ParseServer("imap+insecure://"+blackHole(t), unit, l.opt.IMAP.Password)
	if err != nil {
		t.Fatal(err)
	}
	l.opt.IMAP, l.opt.Limits.Command = server, time.Hour
	a := l.make()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() { defer close(over); _ = a.Receive(ctx, l.flow.offer) }()
	cancel()
	select {
	case <-over:
	case <-time.After(5 * time.Second):
		t.Fatal("Receive didn't end with its context")
	}
}

func TestTLSIsUsedAndCheckSaysWhatIsWrong(t *testing.T) {
	for _, security := range []mailtest.Security{mailtest.TLS, mailtest.StartTLS} {
		l := newLab(t, mailtest.Options{Security: security})
		if security == mailtest.StartTLS {
			l.opt.IMAP.security, l.opt.SMTP.security = startTLS, startTLS
		}
		if err := l.make().Check(t.Context()); err != nil {
			t.Fatalf("Check = %v; want nil", err)
		}
		l.start()
		l.deliver("one")
		l.flow.wait(t, 1)
		if e, err := l.make().Send(t.Context(), outbound()); err != nil || e.Outcome != gateway.Sent {
			t.Errorf("Send = %+v, %v; want sent", e, err)
		}
		l.stop()
		l.opt.IMAP.TLS, l.opt.SMTP.TLS, l.adapter = nil, nil, nil
		if err := l.make().Check(t.Context()); err == nil {
			t.Error("Check accepted a certificate that nobody vouches for")
		}
	}
}

func TestCheckNamesTheServerAndTheFault(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.IMAP.Password = func() ([]byte, error) { return []byte("wrong"), nil }
	l.opt.SMTP.Password = l.opt.IMAP.Password
	err := l.make().Check(t.Context())
	for _, want := range []string{"mailbox " + unit, l.server.IMAPAddr, "refuses the log-in", "sending as", l.server.SMTPAddr} {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("Check = %v; want %q in it", err, want)
		}
	}
	if bytes.Contains([]byte(err.Error()), []byte("wrong")) {
		t.Error("the error holds the password")
	}
}

func TestInsecureServersAreLoopbackAlone(t *testing.T) {
	for _, raw := range []string{"imap+insecure://imap.gateway.example", "smtp+insecure://192.0.2.1:25", "imap://127.0.0.1", "pop3s://mail.example", "imaps://", "::"} {
		if s, err := ParseServer(raw, unit, nil); err == nil {
			t.Errorf("ParseServer(%q) = %+v; want an error", raw, s)
		}
	}
	for _, address := range []string{":24", "0.0.0.0:24", "192.0.2.1:24", "gateway.example:24"} {
		if _, err := New(Options{Address: unit, LMTP: address}); err == nil {
			t.Errorf("New listens for LMTP on %s", address)
		}
	}
	if _, err := net.ResolveTCPAddr("tcp", "127.0.0.1:24"); err != nil {
		t.Fatal(err)
	}
}
