package websocket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"liaison/adapters/mail/mailtest"
	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// idle is how many agents TestIdleAgentsAreLean connects; "liaison bench idle"
// measures a whole gateway.
//
//	go test ./adapters/websocket -run Idle -v -idle 10000
var idle = flag.Int("idle", 500, "agents that connect over TLS and do nothing")

// crowd tells a child process whom it plays.
type crowd struct {
	URL     string
	CA      []byte // PEM
	Key     []byte // armored secret key of all of them
	Gateway []byte
	Number  int
}

// TestMain lets the test binary be a crowd of idle agents in a process of its
// own, so that the server's memory is the server's alone.
func TestMain(m *testing.M) {
	if path := os.Getenv("LIAISON_TEST_CROWD"); path != "" {
		if err := playCrowd(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func soul(n int) operation.ParticipantCode {
	return operation.ParticipantCode(fmt.Sprintf("P%05d", n))
}

// playCrowd connects everyone, says so, and holds on until its input closes.
func playCrowd(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var c crowd
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	keys, err := openpgp.ParseSecretKeys(c.Key, nil)
	if err != nil {
		return err
	}
	certs, err := openpgp.ParseCertificates(c.Gateway)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.CA)
	for i := range c.Number {
		_, err := Dial(context.Background(), ClientOptions{URL: c.URL, Operation: lv.operation, Participant: soul(i), Key: keys[0], Gateways: certs,
			After: func() int64 { return 0 }, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return fmt.Errorf("agent %d: %w", i, err)
		}
	}
	fmt.Println("all connected")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// everyone has the same key.
type everyone struct{ cert *openpgp.Certificate }

func (e everyone) Confirmed(context.Context, operation.Code, operation.ParticipantCode) ([]*openpgp.Certificate, error) {
	return []*openpgp.Certificate{e.cert}, nil
}

func (everyone) Version(context.Context) (string, error) { return "", nil }

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func TestIdleAgentsAreLean(t *testing.T) {
	n := *idle
	certPEM, keyPEM, err := mailtest.Certificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, func(o *Options) {
		o.Keys, o.Limits = everyone{key(t, "LV").Certificate()}, Limits{PerAddress: n + 1, Connections: n + 1}
	})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: l.server, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go server.Serve(listener)
	defer server.Close()
	before := inUse()

	secret, err := key(t, "LV").Armored(nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(crowd{URL: "wss://" + listener.Addr().String() + Path, CA: certPEM, Key: secret, Gateway: key(t, "OCU").Certificate().Armored(), Number: n})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "crowd")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "LIAISON_TEST_CROWD="+file)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); child.Wait() }()
	for end := time.Now().Add(10 * time.Minute); len(l.server.Sessions()) < n; {
		if time.Now().After(end) {
			t.Fatalf("%d sessions; want %d", len(l.server.Sessions()), n)
		}
		<-time.After(10 * time.Millisecond)
	}
	took := time.Since(began)
	each := (inUse() - before) / uint64(n)
	t.Logf("%d idle agents over TLS, connected in %s: %d bytes each on the server", n, took.Round(time.Millisecond), each)
	if each > 20<<10 { // 14 KB, where nothing else runs
		t.Errorf("an idle agent takes %d bytes on the server; want at most 20 KiB", each)
	}
}
