package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

var keyCache sync.Map

// newKey is an invented key, the same for one name within a test run.
func newKey(t testing.TB, name string) *openpgp.SecretKey {
	t.Helper()
	if k, ok := keyCache.Load(name); ok {
		return k.(*openpgp.SecretKey)
	}
	k, err := openpgp.Generate(openpgp.KeyOptions{Name: name, Address: "invented@example.com", Created: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := keyCache.LoadOrStore(name, k)
	return got.(*openpgp.SecretKey)
}

// bench is an agent's folder and a gateway that seals to it.
type bench struct {
	t       testing.TB
	gateway *openpgp.SecretKey
	opt     Options
}

func newBench(t testing.TB) *bench {
	ocu := newKey(t, "OCU")
	return &bench{t: t, gateway: ocu, opt: Options{
		Dir: t.TempDir(), URL: "ws://127.0.0.1:1/v1/channel", Operation: "OP-7K3", Participant: "LV", Prefix: "LV-VID", Program: "agent under test",
		Keys: []*openpgp.SecretKey{newKey(t, "LV")}, Gateways: []*openpgp.Certificate{ocu.Certificate()}, Scan: 5 * time.Millisecond,
		Backoff: websocket.Backoff{First: 10 * time.Millisecond, Most: 20 * time.Millisecond}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}}
}

// open opens the folder as a fresh process would.
func (b *bench) open() *agent {
	b.t.Helper()
	a, err := open(b.opt)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { a.lock.release() })
	return a
}

// reopen is what comes after the process of a died.
func (b *bench) reopen(a *agent) *agent {
	b.t.Helper()
	a.close()
	return b.open()
}

func relayOf(ref string, formJSON []byte) gateway.Relay {
	sum := sha256.Sum256(formJSON)
	return gateway.Relay{Operation: "OP-7K3", Reference: ref, Type: "SEZ", From: "PL", Recipients: []operation.ParticipantCode{"LV", "GE"},
		FormSHA256: hex.EncodeToString(sum[:]), Assurance: gateway.Signed, Signer: "AB"}
}

// parcel is what a gateway sends.
type parcel struct {
	seq       int64
	id        string
	form      string
	relay     gateway.Relay
	signature []byte
	files     []entity.Attachment
	by        *openpgp.SecretKey
}

// form is a seizure of PL's.
func (b *bench) form(seq int64, id, ref string) *parcel {
	text := `{"A1":"SEZ","A4":"` + ref + `"}`
	return &parcel{seq: seq, id: id, form: text, relay: relayOf(ref, []byte(text)), by: b.gateway}
}

func (b *bench) seal(p *parcel) []byte {
	b.t.Helper()
	raw, err := json.Marshal(p.relay)
	if err != nil {
		b.t.Fatal(err)
	}
	parts := []entity.Attachment{{Name: "form.json", Type: form.MediaType, Content: []byte(p.form)}}
	if p.signature != nil {
		parts = append(parts, entity.Attachment{Name: "form.json.asc", Type: "application/pgp-signature", Content: p.signature})
	}
	parts = append(append(parts, entity.Attachment{Name: "relay.json", Type: "application/json", Content: raw}), p.files...)
	inner := entity.Inner("the form as text", parts, "subject")
	cert := b.opt.Keys[0].Certificate()
	sealed, err := openpgp.Seal(inner, p.by, openpgp.SealedFormat(cert), time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	message, err := sealed.For(cert)
	if err != nil {
		b.t.Fatal(err)
	}
	return message
}

func (b *bench) delivery(p *parcel) websocket.Delivery {
	return websocket.Delivery{Seq: p.seq, ID: gateway.DeliveryID(p.id), Reference: p.relay.Reference, Message: b.seal(p)}
}

// take lets a form come, which must be kept.
func (b *bench) take(a *agent, p *parcel) {
	b.t.Helper()
	if err := a.take(b.t.Context(), b.delivery(p)); err != nil {
		b.t.Fatalf("take %s: %v", p.relay.Reference, err)
	}
}

func (b *bench) path(elements ...string) string {
	return filepath.Join(append([]string{b.opt.Dir}, elements...)...)
}

func (b *bench) read(elements ...string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.path(elements...))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// names lists a folder, without what is always there.
func (b *bench) names(elements ...string) []string {
	b.t.Helper()
	list, err := os.ReadDir(b.path(elements...))
	if err != nil {
		b.t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		switch e.Name() {
		case "refused", "status.jsonl", "sent", "failed":
		default:
			names = append(names, e.Name())
		}
	}
	return names
}

func (b *bench) drop(name, content string) {
	b.t.Helper()
	path := b.path("out", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// run runs an agent until stop.
func (b *bench) run() (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- Run(ctx, b.opt) }()
	stop = sync.OnceValue(func() error { cancel(); return <-over })
	b.t.Cleanup(func() { stop() })
	return stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (b *bench) waitFor(elements ...string) {
	b.t.Helper()
	eventually(b.t, "there is "+filepath.Join(elements...), func() bool { return exists(b.path(elements...)) })
}

// dies lets an agent die at a step: the step fails, and so does all that follows.
func (a *agent) dies(at string) (kill func()) {
	var mu sync.Mutex
	dead := false
	a.step = func(s string) error {
		mu.Lock()
		defer mu.Unlock()
		if dead = dead || s == at; dead {
			return errKilled
		}
		return nil
	}
	return func() { mu.Lock(); dead = true; mu.Unlock() }
}

// far is a gateway's end over the real channel.
type far struct {
	b      *bench
	server *websocket.Server

	mu       sync.Mutex          // guards what follows
	messages map[string][][]byte // by submit id
	order    []string            // references, as they were taken
	seen     map[string]string   // content by reference
	verdict  func(m *gateway.Message) gateway.Verdict
	fails    func(m *gateway.Message) error
}

// serve starts a real channel with a gateway behind it that takes everything once.
func (b *bench) serve() *far {
	b.t.Helper()
	f := &far{b: b, messages: map[string][][]byte{}, seen: map[string]string{}}
	f.server = websocket.NewServer(websocket.Options{
		Hosts: []string{"127.0.0.1"}, GatewayCode: "OCU", Key: b.gateway, Keys: keysOf{b.opt.Keys[0].Certificate()}, Sequencer: idle{},
		Answer: f.answer, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = f.server.Receive(ctx, f.offer)
	}()
	h := httptest.NewServer(f.server)
	b.t.Cleanup(func() {
		stop()
		<-over
		h.Close()
	})
	b.opt.URL = "ws" + strings.TrimPrefix(h.URL, "http") + websocket.Path
	return f
}

func (f *far) open(message []byte) *gateway.Message {
	return gateway.Examiner{Keys: []*openpgp.SecretKey{f.b.gateway}, Registry: pinned{f.b.opt.Keys[0].Certificate()}, At: time.Now()}.Sealed(message)
}

func (f *far) offer(_ context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.open(in.Raw)
	if f.fails != nil {
		if err := f.fails(m); err != nil {
			return nil, err
		}
	}
	list := f.messages[in.SubmitID]
	f.messages[in.SubmitID] = append(list, in.Raw)
	r := &gateway.Receipt{Verdict: gateway.Accepted, Reference: m.Form.Get("A4"), Answer: gateway.FormID("ACK " + m.Form.Get("A4"))}
	if f.verdict != nil {
		r.Verdict = f.verdict(m)
	}
	if r.Verdict == gateway.Rejected {
		r.Answer = gateway.FormID("NAK " + m.Form.Get("A4"))
		return r, nil
	}
	if list == nil {
		f.order = append(f.order, r.Reference)
	}
	return r, nil
}

// answer is an ACK or NAK about the form that the receipt names.
func (f *far) answer(_ context.Context, r *gateway.Receipt, _ gateway.Session) ([]byte, error) {
	kind, about, _ := strings.Cut(string(r.Answer), " ")
	text := `{"A1":"` + kind + `","A5":"` + about + `"}`
	p := &parcel{form: text, relay: relayOf("OCU-GW-2026-000001", []byte(text)), by: f.b.gateway}
	p.relay.Type, p.relay.From, p.relay.Answers = kind, "OCU", about
	if kind == "NAK" {
		p.relay.Problems = []form.Problem{form.NewProblem(26, form.Error, "A4", map[string]string{"value": about})}
	}
	return f.b.seal(p), nil
}

// forms opens what was submitted, one for each submit id, and checks that every
// repeat had the same bytes.
func (f *far) forms() []*gateway.Message {
	f.b.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var forms []*gateway.Message
	for _, list := range f.messages {
		for _, m := range list {
			if !bytes.Equal(m, list[0]) {
				f.b.t.Error("a repeat had other bytes")
			}
		}
		forms = append(forms, f.open(list[0]))
	}
	return forms
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
