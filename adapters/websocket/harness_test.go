package websocket

import (
	"context"
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
	changes   int
	away      error
}

func (k *keys) Confirmed(_ context.Context, op operation.Code, p operation.ParticipantCode) ([]*openpgp.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.confirmed[seat{op, p}], nil
}

func (k *keys) Version(context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Sprint(k.changes), k.away
}

func (k *keys) confirm(s seat, certs ...*openpgp.Certificate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.confirmed[s] = certs
	k.changes++
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
	offers   int           // begun
	fault    *fault        // of offer, answer and render
	settled  []gateway.DeliveryID
	withheld map[gateway.DeliveryID]bool
}

func newLab(t testing.TB, change func(*Options)) *lab {
	t.Helper()
	l := newStoppedLab(t, change)
	l.receive()
	return l
}

// receive lets the server take connections until the test ends.
func (l *lab) receive() {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	go func() {
		defer close(l.over)
		_ = l.server.Receive(ctx, l.offer)
	}()
	l.t.Cleanup(func() {
		cancel()
		<-l.over
	})
	eventually(l.t, "the server receives", func() bool { return l.server.offering() != nil })
}

// newStoppedLab is a lab whose server takes no connections yet.
func newStoppedLab(t testing.TB, change func(*Options)) *lab {
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
	l.http = httptest.NewServer(l.server)
	t.Cleanup(l.http.Close)
	return l
}

func (l *lab) url() string { return "ws" + strings.TrimPrefix(l.http.URL, "http") + Path }

func (l *lab) render(_ context.Context, id gateway.DeliveryID) (*gateway.Outbound, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.withheld[id] {
		return nil, gateway.Errorf(gateway.Refused, "", "policy says no")
	}
	return outbound(id), l.fault.around("Render", func() error { return nil })
}

func (l *lab) answer(_ context.Context, r *gateway.Receipt, s gateway.Session) ([]byte, error) {
	return []byte("answer " + string(r.Answer) + " for " + string(s.Participant)), l.fault.around("Answer", func() error { return nil })
}

func (l *lab) offer(ctx context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
	l.mu.Lock()
	l.offers++
	gate := l.gate
	l.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var receipt *gateway.Receipt
	err := l.fault.around("Offer", func() (err error) {
		receipt, err = l.accept(in)
		return err
	})
	return receipt, err
}

// offered waits until n offers have begun.
func (l *lab) offered(n int) {
	l.t.Helper()
	eventually(l.t, "an offer has begun", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.offers >= n })
}

// accept records an inbound, or finds that it was.
func (l *lab) accept(in *gateway.Inbound) (*gateway.Receipt, error) {
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

// deliveries is how many different ones came.
func (i *inbox) deliveries() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	ids := map[gateway.DeliveryID]bool{}
	for _, d := range i.got {
		ids[d.ID] = true
	}
	return len(ids)
}

func (l *lab) options(i *inbox) ClientOptions {
	return ClientOptions{URL: l.url(), Operation: lv.operation, Participant: lv.participant, Key: key(l.t, "LV"),
		Gateways: []*openpgp.Certificate{key(l.t, "OCU").Certificate()}, After: i.position, Handle: i.keep, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
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
