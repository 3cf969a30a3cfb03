package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

var lv = seat{"OP-7K3", "LV"}

var keyCache sync.Map

// key returns an invented key, the same for one name within a test run.
func key(t testing.TB, name string) *openpgp.SecretKey {
	t.Helper()
	if k, ok := keyCache.Load(name); ok {
		return k.(*openpgp.SecretKey)
	}
	k := generate(t, name)
	got, _ := keyCache.LoadOrStore(name, k)
	return got.(*openpgp.SecretKey)
}

// keys is a key ring without a record.
type keys struct {
	mu        sync.Mutex
	confirmed map[seat][]*openpgp.Certificate
}

func (k *keys) Confirmed(_ context.Context, op operation.Code, p operation.ParticipantCode) ([]*openpgp.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.confirmed[seat{op, p}], nil
}

func (k *keys) block(s seat) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.confirmed, s)
}

// lab is a gateway's end with everything behind it invented.
type lab struct {
	t      testing.TB
	server *Server
	seq    *memory
	keys   *keys
	http   *httptest.Server
	stop   context.CancelFunc
	over   chan struct{}

	mu       sync.Mutex // guards what follows
	inbounds []*gateway.Inbound
	seen     map[string][32]byte
	receipts map[string]*gateway.Receipt
	offerErr error
	gate     chan struct{} // offers wait for it, where set
	settled  []gateway.DeliveryID
	withheld map[gateway.DeliveryID]bool
}

func newLab(t testing.TB, change func(*Options)) *lab {
	t.Helper()
	l := &lab{t: t, seq: newMemory(), over: make(chan struct{}), seen: make(map[string][32]byte),
		receipts: make(map[string]*gateway.Receipt), withheld: make(map[gateway.DeliveryID]bool),
		keys: &keys{confirmed: map[seat][]*openpgp.Certificate{lv: {key(t, "LV").Certificate()}}}}
	opt := Options{
		Hosts: []string{"channel.gateway.example", "127.0.0.1"}, GatewayCode: "OCU", Key: key(t, "OCU"), Keys: l.keys, Sequencer: l.seq,
		Render: l.render, Answer: l.answer, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Acknowledged: func(_ context.Context, ids []gateway.DeliveryID) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.settled = append(l.settled, ids...)
		},
		Limits: Limits{Poll: 20 * time.Millisecond, Patience: 200 * time.Millisecond},
	}
	if change != nil {
		change(&opt)
	}
	l.server = NewServer(opt)
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() {
		defer close(l.over)
		_ = l.server.Receive(ctx, l.offer)
	}()
	eventually(t, "the server receives", func() bool { l.server.mu.Lock(); defer l.server.mu.Unlock(); return l.server.offer != nil })
	l.http = httptest.NewServer(l.server)
	t.Cleanup(func() {
		cancel()
		<-l.over
		l.http.Close()
	})
	return l
}

func (l *lab) url() string { return "ws" + strings.TrimPrefix(l.http.URL, "http") + Path }

func (l *lab) render(_ context.Context, id gateway.DeliveryID) (*gateway.Outbound, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.withheld[id] {
		return nil, gateway.Errorf(gateway.Refused, "", "policy says no")
	}
	return outbound(id), nil
}

func (l *lab) answer(_ context.Context, r *gateway.Receipt, s gateway.Session) ([]byte, error) {
	return []byte("answer " + string(r.Answer) + " for " + string(s.Participant)), nil
}

func (l *lab) offer(_ context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
	l.mu.Lock()
	gate := l.gate
	l.mu.Unlock()
	if gate != nil {
		<-gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.offerErr != nil {
		return nil, l.offerErr
	}
	r := in.Repeats[0]
	if sum, ok := l.seen[r.Name]; ok {
		if sum != r.Digest {
			return nil, fmt.Errorf("offer: %w", gateway.ErrOtherBytes)
		}
		again := *l.receipts[r.Name]
		again.Repeated = true
		return &again, nil
	}
	l.seen[r.Name] = r.Digest
	l.inbounds = append(l.inbounds, in)
	n := len(l.inbounds)
	receipt := &gateway.Receipt{Verdict: gateway.Accepted, Reference: fmt.Sprintf("LV-VID-2026-%06d", n), Answer: gateway.FormID(fmt.Sprintf("ack-%d", n))}
	switch {
	case strings.HasPrefix(string(in.Raw), "hold"):
		receipt.Verdict = gateway.Held
	case strings.HasPrefix(string(in.Raw), "bad"):
		receipt.Verdict = gateway.Rejected
	}
	l.receipts[r.Name] = receipt
	return receipt, nil
}

func outbound(id gateway.DeliveryID) *gateway.Outbound {
	return &gateway.Outbound{Delivery: id, Operation: lv.operation, Participant: lv.participant, Reference: "PL-KAS-2026-000001",
		Message: []byte("sealed " + string(id))}
}

func (l *lab) send(id gateway.DeliveryID) gateway.Evidence {
	l.t.Helper()
	ev, err := l.server.Send(context.Background(), outbound(id))
	if err != nil {
		l.t.Fatalf("Send(%s) = %v", id, err)
	}
	return ev
}

// eventually waits for a state that another goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// raw is a participant's end that follows the protocol only as far as told.
type raw struct {
	t       testing.TB
	conn    *websocket.Conn
	nonce   challenge
	welcome welcome
}

func (l *lab) dialRaw() *raw {
	l.t.Helper()
	d := websocket.Dialer{Subprotocols: []string{Subprotocol}}
	conn, _, err := d.Dial(l.url(), nil)
	if err != nil {
		l.t.Fatalf("dial: %v", err)
	}
	l.t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	r := &raw{t: l.t, conn: conn}
	r.read(&r.nonce)
	return r
}

func (r *raw) read(into any) {
	r.t.Helper()
	_, data, err := r.conn.ReadMessage()
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	if err := decode(data, into); err != nil {
		r.t.Fatalf("decode %s: %v", data, err)
	}
}

func (r *raw) write(frame any) {
	r.t.Helper()
	if err := r.conn.WriteMessage(websocket.TextMessage, encode(frame)); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

// claim is what an honest LV signs on this connection.
func (r *raw) claim(after int64) claim {
	return claim{host: "127.0.0.1", fingerprint: r.nonce.Fingerprint, nonce: r.nonce.Nonce, clientNonce: newNonce(),
		operation: lv.operation, participant: lv.participant, after: after}
}

func (r *raw) hello(c claim, by *openpgp.SecretKey, lines []byte) {
	r.t.Helper()
	proof, err := openpgp.SignDetached(lines, by, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(hello{"hello", string(c.operation), string(c.participant), c.after, c.clientNonce, proof})
}

// open proves LV and reads welcome.
func (r *raw) open(after int64) {
	r.t.Helper()
	c := r.claim(after)
	r.hello(c, key(r.t, "LV"), c.lines())
	r.read(&r.welcome)
	if r.welcome.Type != "welcome" {
		r.t.Fatalf("after hello came %q; want welcome", r.welcome.Type)
	}
}

// closed reads until the close frame and returns its status and the code of the
// error frame before it.
func (r *raw) closed() (status, code int) {
	r.t.Helper()
	for {
		_, data, err := r.conn.ReadMessage()
		var e *websocket.CloseError
		if errors.As(err, &e) {
			return e.Code, code
		}
		if err != nil {
			r.t.Fatalf("read: %v; want a close frame", err)
		}
		var f errorFrame
		if decode(data, &f) == nil && f.Type == "error" {
			code = f.Code
		}
	}
}

// inbox is a participant that keeps what comes.
type inbox struct {
	mu    sync.Mutex
	after int64
	got   []Delivery
	fail  func(d Delivery) error
}

func (i *inbox) position() int64 { i.mu.Lock(); defer i.mu.Unlock(); return i.after }

func (i *inbox) keep(_ context.Context, d Delivery) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail != nil {
		if err := i.fail(d); err != nil {
			return err
		}
	}
	i.after = d.Seq
	i.got = append(i.got, d)
	return nil
}

func (i *inbox) seqs() []int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := []int64{}
	for _, d := range i.got {
		list = append(list, d.Seq)
	}
	return list
}

func (l *lab) options(i *inbox) ClientOptions {
	return ClientOptions{URL: l.url(), Operation: lv.operation, Participant: lv.participant, Key: key(l.t, "LV"),
		Gateway: key(l.t, "OCU").Certificate(), After: i.position, Handle: i.keep, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func (l *lab) dial(i *inbox) *Client {
	l.t.Helper()
	c, err := Dial(context.Background(), l.options(i))
	if err != nil {
		l.t.Fatalf("Dial = %v", err)
	}
	l.t.Cleanup(func() { c.Close() })
	eventually(l.t, "the session lives", func() bool {
		for _, s := range l.server.Sessions() {
			if s.ID == c.Session().Session {
				return true
			}
		}
		return false
	})
	return c
}

func upTo(n int64) []int64 {
	list := []int64{}
	for i := int64(1); i <= n; i++ {
		list = append(list, i)
	}
	return list
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var _ http.Handler = (*Server)(nil)
