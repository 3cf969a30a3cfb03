package agent

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
)

func TestOneAgentAtATimeServesAFolder(t *testing.T) {
	b := newBench(t)
	a := b.open()
	if err := Run(t.Context(), b.opt); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "another agent serves this folder") {
		t.Errorf("Run beside another = %v; want ErrInUse", err)
	}
	a.close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := Run(ctx, b.opt); err != nil {
		t.Errorf("Run after it = %v; want nil", err)
	}
}

func TestSubmitAloneIsTheAgentMeanwhile(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	answer, err := Submit(t.Context(), b.opt, strings.NewReader("A1: [MSG] H1: [x]"))
	if err != nil || !answer.Taken || answer.JSON == nil || !strings.Contains(answer.Text, "the form as text") {
		t.Errorf("Submit = %+v, %v; want the answer", answer, err)
	}
	if len(f.forms()) != 1 || len(f.server.Sessions()) != 0 {
		eventually(t, "its session is over", func() bool { return len(f.server.Sessions()) == 0 })
	}
}

func TestSubmitBesideAnAgentLeavesItsSessionAlone(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	b.run()
	eventually(t, "the agent is connected", func() bool { return len(f.server.Sessions()) == 1 })
	session := f.server.Sessions()[0].ID
	answer, err := Submit(t.Context(), b.opt, strings.NewReader(`{"A1":"MSG","H1":"x"}`))
	if err != nil || !answer.Taken {
		t.Errorf("Submit = %+v, %v; want the answer", answer, err)
	}
	if list := f.server.Sessions(); len(list) != 1 || list[0].ID != session {
		t.Errorf("sessions = %v; want the agent's alone, still", list)
	}
}

func TestSubmitWithoutAnAnswerKeepsTheForm(t *testing.T) {
	b := newBench(t) // nobody listens
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if _, err := Submit(ctx, b.opt, strings.NewReader(`{"A1":"MSG","H1":"x"}`)); err == nil || !strings.Contains(err.Error(), "is kept") {
		t.Errorf("Submit = %v; want: it is kept", err)
	}
	f := b.serve()
	b.run()
	eventually(t, "the next agent sends it", func() bool { return len(f.forms()) == 1 })
}

func TestSubmitOfWhatIsNoFormSaysSoWithoutAConnection(t *testing.T) {
	b := newBench(t)
	answer, err := Submit(t.Context(), b.opt, strings.NewReader("hello"))
	if err != nil || answer.Taken || !strings.Contains(answer.Text, "Nothing was sent") {
		t.Errorf("Submit = %+v, %v; want it refused with words", answer, err)
	}
}

// heard keeps what an agent logs.
type heard struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) { h.mu.Lock(); defer h.mu.Unlock(); return h.buf.Write(p) }
func (h *heard) says(words string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.buf.String(), words)
}

func TestReplacedAgentStandsAsideAndComesBackLater(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	var log heard
	b.opt.Log = slog.New(slog.NewTextHandler(&log, nil))
	b.opt.Aside = 300 * time.Millisecond
	b.run()
	eventually(t, "the agent is connected", func() bool { return len(f.server.Sessions()) == 1 })
	other, err := websocket.Dial(t.Context(), websocket.ClientOptions{URL: b.opt.URL, Operation: "OP-7K3", Participant: "LV", Key: b.opt.Keys[0], Gateways: b.opt.Gateways,
		After: func() int64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	replacedAt := time.Now()
	eventually(t, "the agent says that it stands aside", func() bool { return log.says("stands aside") })
	<-other.Done()
	if held := time.Since(replacedAt); held < 250*time.Millisecond || !errors.Is(other.Err(), websocket.ErrReplaced) {
		t.Errorf("the other's session held %s and ended with %v; want the agent back after 300 ms, not at once", held, other.Err())
	}
}

func TestWhyThereIsNoConnectionIsSaidInWords(t *testing.T) {
	b := newBench(t)
	a := b.open()
	for want, err := range map[string]error{
		"Another system of LV took the session over":       websocket.ErrReplaced,
		"Its certificate may not be confirmed there yet":   &websocket.RemoteError{Code: 62, Message: "x"},
		"The gateway ended the connection: too many":       &websocket.RemoteError{Code: 1013, Message: "too many"},
		"shows the key AAAA BBBB":                          &websocket.WrongGateway{Host: "h.example", Shown: strings.Repeat("AAAABBBB", 5)},
		"This agent's own key can't be used":               fmt.Errorf("sign: %w", &openpgp.KeyError{Reason: "expired", Purpose: openpgp.Signing}),
		"is not signed by an authority that this machine":  x509.UnknownAuthorityError{},
		"for other names than the one in agent.yaml":       x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h.example"},
		"has expired, or this machine's clock is wrong":    x509.CertificateInvalidError{Reason: x509.Expired},
		"can't be resolved":                                &net.DNSError{Name: "h.example"},
		"has no form channel at this path":                 errors.New("dial: the server answers 404 Not Found: bad handshake"),
		"takes no connections just now":                    errors.New("dial: the server answers 503 Service Unavailable: bad handshake"),
		"The gateway can't be reached: connection refused": &net.OpError{Op: "dial", Err: errors.New("connection refused")},
		"No connection to the gateway: connect: something": errors.New("something else entirely"),
	} {
		if got := a.explain(fmt.Errorf("connect: %w", err)); !strings.Contains(got, want) {
			t.Errorf("explain(%v) = %q; want %q", err, got, want)
		}
	}
}

func TestKeyThatCannotSignStopsTheAgentWithWords(t *testing.T) {
	b := newBench(t)
	old, err := openpgp.Generate(openpgp.KeyOptions{Name: "LV", Address: "invented@example.com", Created: time.Now().Add(-48 * time.Hour), Expires: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	b.opt.Keys = []*openpgp.SecretKey{old}
	var fault *Fault
	if err := Run(t.Context(), b.opt); !errors.As(err, &fault) || !strings.Contains(err.Error(), "expired") || !strings.Contains(err.Error(), "liaison key generate") {
		t.Errorf("Run with an expired key = %v; want what happened and what to do", err)
	}
}

func TestClocksThatDifferAreTold(t *testing.T) {
	b := newBench(t)
	b.serve()
	var log heard
	b.opt.Log = slog.New(slog.NewTextHandler(&log, nil))
	b.opt.Clock = func() time.Time { return time.Now().Add(30 * time.Minute) }
	b.run()
	eventually(t, "the difference is told", func() bool { return log.says("ahead_by=30m") })
}

func TestGatewayFromABackupSetsThePositionBack(t *testing.T) {
	b := newBench(t)
	a := b.open()
	b.take(a, b.form(40, "d40", pl1))
	if err := a.opened(websocket.Opened{Last: 7}); err != nil || a.state.Position() != 7 {
		t.Errorf("opened = %v, position %d; want 7", err, a.state.Position())
	}
	b.take(a, b.form(8, "d40", pl1))
	if got := b.names("in"); len(got) != 1 || a.state.Position() != 8 {
		t.Errorf("landed = %v, position %d; want no repeat, 8", got, a.state.Position())
	}
}
