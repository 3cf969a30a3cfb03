package agent

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// serve starts a real server in front of f and returns its address.
func (b *bench) serve(f *far) string {
	b.t.Helper()
	s := websocket.NewServer(websocket.Options{
		Hosts: []string{"127.0.0.1"}, GatewayCode: "OCU", Key: b.gateway, Keys: keysOf{b.opt.Keys[0].Certificate()}, Sequencer: idle{},
		Answer: f.answer, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.Receive(ctx, f.offer)
	}()
	h := httptest.NewServer(s)
	b.t.Cleanup(func() {
		stop()
		<-over
		h.Close()
	})
	return "ws" + strings.TrimPrefix(h.URL, "http") + websocket.Path
}

type keysOf struct{ cert *openpgp.Certificate }

func (k keysOf) Confirmed(context.Context, operation.Code, operation.ParticipantCode) ([]*openpgp.Certificate, error) {
	return []*openpgp.Certificate{k.cert}, nil
}

func (k keysOf) Version(context.Context) (string, error) { return "", nil }

// idle is a sequence in which nothing is sent.
type idle struct{}

func (idle) OpenSession(context.Context, gateway.Session) (last, acked int64, err error) {
	return 0, 0, nil
}
func (idle) CloseSession(context.Context, string) error { return nil }
func (idle) LiveSessions(_ context.Context, ids []string) (map[string]bool, error) {
	live := map[string]bool{}
	for _, id := range ids {
		live[id] = true
	}
	return live, nil
}
func (idle) Number(context.Context, string, gateway.DeliveryID) (int64, error) { return 0, nil }
func (idle) Numbered(context.Context, operation.Code, operation.ParticipantCode, int64, int) ([]gateway.Numbered, error) {
	return nil, nil
}
func (idle) Acknowledge(context.Context, operation.Code, operation.ParticipantCode, int64, string) ([]gateway.DeliveryID, error) {
	return nil, nil
}
