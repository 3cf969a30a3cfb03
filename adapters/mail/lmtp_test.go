package mail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/emersion/go-smtp"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway"
)

// lmtpLab is a lab whose adapter listens on a socket and reads no mailbox.
func lmtpLab(t *testing.T) (*lab, func() net.Conn) {
	t.Helper()
	l := newLab(t, mailtest.Options{})
	l.opt.IMAP, l.opt.LMTP = nil, filepath.Join(t.TempDir(), "lmtp")
	l.start()
	return l, func() (conn net.Conn) {
		eventually(t, "the socket listens", func() bool {
			c, err := net.Dial("unix", l.opt.LMTP)
			conn = c
			return err == nil
		})
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

func TestLMTPShowsTheEnvelopeAndOffersOnceForAllRecipients(t *testing.T) {
	l, dial := lmtpLab(t)
	tagged := "ocu+d-0198@gateway.example"
	if err := handLMTP(dial(), "", []string{unit, tagged}, message5322("bounce")); err != nil {
		t.Fatal(err)
	}
	l.flow.wait(t, 1)
	in := l.flow.list()[0]
	if e := in.Envelope; !e.Seen || e.From != "" || len(e.To) != 2 || e.To[1] != tagged {
		t.Errorf("envelope = %+v; want the null sender and both recipients", e)
	}
	if !bytes.Equal(in.Raw, message5322("bounce")) {
		t.Errorf("raw = %q; want the mail as it is", in.Raw)
	}
	if offers, _ := l.flow.counts(); offers != 1 {
		t.Errorf("offers = %d; want 1", offers)
	}
}

func TestLMTPAnswers451WithoutAReceiptAndTellsNothing(t *testing.T) {
	l, dial := lmtpLab(t)
	for _, kind := range []gateway.Kind{gateway.Internal, gateway.Transient, gateway.Malformed} {
		l.flow.judge(func(*gateway.Inbound) (gateway.Verdict, error) {
			return "", gateway.Errorf(kind, "", "a secret about the inside")
		})
		err := handLMTP(dial(), peerLV, []string{unit}, message5322(kind.String()))
		var answers smtp.LMTPDataError
		if !errors.As(err, &answers) || answers[unit].Code != 451 || strings.Contains(answers[unit].Message, "secret") {
			t.Errorf("%s: answer = %v; want 451 and no reason", kind, err)
		}
	}
	l.flow.judge(func(*gateway.Inbound) (gateway.Verdict, error) { return gateway.Rejected, nil })
	if err := handLMTP(dial(), peerLV, []string{unit}, message5322("rejected")); err != nil {
		t.Errorf("answer to what was rejected with a receipt = %v; want 250", err)
	}
}

func TestLMTPTakesLinesOfAnyLength(t *testing.T) {
	l, dial := lmtpLab(t)
	raw := append(message5322("one line"), bytes.Repeat([]byte("x"), 100<<10)...)
	if err := handLMTP(dial(), peerLV, []string{unit}, append(raw, "\r\n"...)); err != nil {
		t.Errorf("answer = %v; want 250", err)
	}
	if offers, _ := l.flow.counts(); offers != 1 {
		t.Errorf("offers = %d; want 1", offers)
	}
}

func TestLMTPRefusesWhatIsTooLarge(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.IMAP, l.opt.LMTP, l.opt.MaxSize = nil, filepath.Join(t.TempDir(), "lmtp"), 10<<10
	l.start()
	eventually(t, "the socket listens", func() bool { _, err := os.Stat(l.opt.LMTP); return err == nil })
	conn, err := net.Dial("unix", l.opt.LMTP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = handLMTP(conn, peerLV, []string{unit}, large("big", 20<<10))
	var answers smtp.LMTPDataError
	if !errors.As(err, &answers) || answers[unit].Code != 552 {
		t.Errorf("answer = %v; want 552", err)
	}
	if offers, _ := l.flow.counts(); offers != 0 {
		t.Errorf("offers = %d; want none", offers)
	}
}

func TestMailThatIsCutIsNotOffered(t *testing.T) {
	l, dial := lmtpLab(t)
	conn := dial()
	c := smtp.NewClientLMTP(conn)
	if err := errors.Join(c.Mail(peerLV, nil), c.Rcpt(unit, nil)); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "From: x@y.example\r\n\r\nhalf")
	conn.Close()
	if err := handLMTP(dial(), peerLV, []string{unit}, message5322("whole")); err != nil {
		t.Fatal(err)
	}
	if offers, _ := l.flow.counts(); offers != 1 {
		t.Errorf("offers = %d; want the whole one alone", offers)
	}
}

func TestMailOfWhichTheLastChunkIsCutIsNotOffered(t *testing.T) {
	l, dial := lmtpLab(t)
	for _, missing := range []int{1, 0} {
		conn := dial()
		c := smtp.NewClientLMTP(conn)
		if err := errors.Join(c.Mail(peerLV, nil), c.Rcpt(unit, nil)); err != nil {
			t.Fatal(err)
		}
		raw := message5322("chunk")
		fmt.Fprintf(conn, "BDAT %d LAST\r\n%s", len(raw), raw[:len(raw)-missing]) // RFC 3030
		if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, conn) // until it has answered, or given up
		if offers, _ := l.flow.counts(); offers != 1-missing {
			t.Errorf("offers with %d bytes missing = %d; want %d", missing, offers, 1-missing)
		}
	}
}

func TestMailThatIsTooSlowMayComeAgain(t *testing.T) {
	d := &delivery{a: newLab(t, mailtest.Options{}).make(), offers: new(sync.WaitGroup)}
	for cause, want := range map[error]int{os.ErrDeadlineExceeded: 451, io.ErrUnexpectedEOF: 451, smtp.ErrDataTooLarge: 552, smtp.ErrTooLongLine: 552} {
		var refusal *smtp.SMTPError
		if err := d.Data(iotest.ErrReader(cause)); !errors.As(err, &refusal) || refusal.Code != want {
			t.Errorf("answer to a mail that ended with %q = %v; want %d", cause, err, want)
		}
	}
}

func TestPeersThatHoldTheLineDoNotHoldUpTheEnd(t *testing.T) {
	l, dial := lmtpLab(t)
	for range quick.withDefaults().Peers + 3 {
		dial()
	}
	l.stop()
}

func TestPlaceOfAPeerThatLeftIsFreeAgain(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.IMAP, l.opt.LMTP, l.opt.Limits.Peers = nil, filepath.Join(t.TempDir(), "lmtp"), 2
	l.start()
	eventually(t, "the socket listens", func() bool { _, err := os.Stat(l.opt.LMTP); return err == nil })
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			conn, err := net.Dial("unix", l.opt.LMTP)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if err := handLMTP(conn, peerLV, []string{unit}, message5322(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, accepted := l.flow.counts(); accepted != 20 {
		t.Errorf("accepted = %d; want 20", accepted)
	}
}

func TestBothWaysTogetherBringAMailOnce(t *testing.T) {
	l := newLab(t, mailtest.Options{})
	l.opt.LMTP = filepath.Join(t.TempDir(), "lmtp")
	l.start()
	raw := message5322("both")
	conn, err := net.Dial("unix", l.opt.LMTP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := handLMTP(conn, peerLV, []string{unit}, raw); err != nil {
		t.Fatal(err)
	}
	way := append([]byte("Return-Path: <"+peerLV+">\r\nReceived: from somewhere\r\n"), raw...)
	if err := l.server.Deliver(peerLV, unit, append(way, "\r\n"...)); err != nil {
		t.Fatal(err)
	}
	l.held("Done", 1)
	if offers, accepted := l.flow.counts(); offers != 2 || accepted != 1 {
		t.Errorf("%d offers, %d accepted; want 2 and 1", offers, accepted)
	}
}

func TestSocketThatADeadProcessLeftIsTakenOver(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lmtp")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listen(Options{LMTP: name}); err == nil {
		t.Error("a live socket was taken over")
	}
	old.SetUnlinkOnClose(false)
	old.Close()
	l, err := listen(Options{LMTP: name})
	if err != nil {
		t.Fatal(err)
	}
	l.end()
}

func TestWhatIsNoSocketIsNotTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "liaison.db")
	if err := os.WriteFile(path, []byte("all the forms"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := listen(Options{LMTP: path}); err == nil {
		l.end()
		t.Error("listen on a file = nil; want an error")
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "all the forms" {
		t.Errorf("the file holds %q, %v; want it as it was", content, err)
	}
}

func TestNamesOfATransport(t *testing.T) {
	a := transport([]byte("Message-ID: <one@x.example>\r\nSubject: a\r\n\r\nbody\r\n"))
	for name, raw := range map[string]string{
		"folded":       "Received: x\r\nMessage-Id:\r\n <one@x.example>\r\n\r\nbody\r\n",
		"LF":           "message-id: <one@x.example>\n\nbody\n",
		"without end":  "Message-ID: <one@x.example>\r\n\r\nbody",
		"second is no": "Message-ID: <one@x.example>\r\nMessage-ID: <two@x.example>\r\n\r\nbody",
	} {
		if b := transport([]byte(raw)); a != b {
			t.Errorf("%s: transport = %v; want %v", name, b, a)
		}
	}
	for name, raw := range map[string]string{
		"other body":     "Message-ID: <one@x.example>\r\n\r\nother\r\n",
		"in the body":    "Subject: a\r\n\r\nMessage-ID: <one@x.example>\r\n\r\nbody\r\n",
		"none":           "Subject: a\r\n\r\nbody\r\n",
		"empty":          "",
		"endless":        "Message-ID: <" + strings.Repeat("x", 2000) + ">\r\n\r\nbody\r\n",
		"other id, body": "Message-ID: <two@x.example>\r\n\r\nbody\r\n",
	} {
		if b := transport([]byte(raw)); a == b || b.Name == "" {
			t.Errorf("%s: transport = %v; want another than %v", name, b, a)
		}
	}
}
