package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
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

func newKey(t *testing.T, name string) *openpgp.SecretKey {
	t.Helper()
	k, err := openpgp.Generate(openpgp.KeyOptions{Name: name, Address: "invented@example.com", Created: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// bench is an agent's folder and a gateway that seals to it.
type bench struct {
	t       *testing.T
	gateway *openpgp.SecretKey
	opt     Options
}

func newBench(t *testing.T) *bench {
	ocu, lv := newKey(t, "OCU"), newKey(t, "LV")
	return &bench{t: t, gateway: ocu, opt: Options{
		Dir: t.TempDir(), URL: "ws://127.0.0.1:1/v1/channel", Operation: "OP-7K3", Participant: "LV", Prefix: "LV-VID",
		Keys: []*openpgp.SecretKey{lv}, Gateway: ocu.Certificate(), Scan: 5 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}}
}

func (b *bench) open() *agent {
	b.t.Helper()
	a, err := open(b.opt)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func relayOf(ref string, formJSON []byte) gateway.Relay {
	sum := sha256.Sum256(formJSON)
	return gateway.Relay{Operation: "OP-7K3", Reference: ref, Type: "SEZ", From: "PL", Recipients: []operation.ParticipantCode{"LV", "GE"},
		FormSHA256: hex.EncodeToString(sum[:]), Assurance: gateway.Signed}
}

func (b *bench) seal(by *openpgp.SecretKey, formJSON []byte, relay gateway.Relay) []byte {
	b.t.Helper()
	raw, err := json.Marshal(relay)
	if err != nil {
		b.t.Fatal(err)
	}
	inner := entity.Inner("the form as text", []entity.Attachment{
		{Name: "form.json", Type: form.MediaType, Content: formJSON},
		{Name: "relay.json", Type: "application/json", Content: raw},
		{Name: "../../escape.pdf", Type: "application/pdf", Content: []byte("pdf")},
	}, "subject")
	cert := b.opt.Keys[0].Certificate()
	sealed, err := openpgp.Seal(inner, by, openpgp.SealedFormat(cert), time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	message, err := sealed.For(cert)
	if err != nil {
		b.t.Fatal(err)
	}
	return message
}

func (b *bench) delivery(seq int64, id, ref string) websocket.Delivery {
	formJSON := []byte(`{"A1":"SEZ","A4":"` + ref + `"}`)
	return websocket.Delivery{Seq: seq, ID: gateway.DeliveryID(id), Reference: ref, Message: b.seal(b.gateway, formJSON, relayOf(ref, formJSON))}
}

func (b *bench) landed() []string {
	b.t.Helper()
	list, err := os.ReadDir(filepath.Join(b.opt.Dir, "in"))
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		if e.Name() != "refused" && e.Name() != "status.jsonl" {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestReceivedFormLandsWhole(t *testing.T) {
	b := newBench(t)
	a := b.open()
	if err := a.take(t.Context(), b.delivery(1, "d1", "PL-KAS-2026-000001")); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(b.opt.Dir, "in", "PL-KAS-2026-000001")
	for _, name := range []string{"form.json", "form.txt", "relay.json", "attachments/escape.pdf"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("missing: %v", err)
		}
	}
	if got := b.open().state.Position(); got != 1 {
		t.Errorf("position after a restart = %d; want 1", got)
	}
}

func TestCrashBetweenAnyTwoStepsLandsOnce(t *testing.T) {
	for _, at := range []string{"written", "landed", "kept"} {
		t.Run(at, func(t *testing.T) {
			b := newBench(t)
			a := b.open()
			a.step = func(s string) error {
				if s == at {
					return errors.New("killed")
				}
				return nil
			}
			d := b.delivery(1, "d1", "PL-KAS-2026-000001")
			if err := a.take(t.Context(), d); err == nil {
				t.Fatal("the crash was not felt")
			}
			again := b.open()
			if again.state.Position() != 0 {
				t.Fatal("the position moved before the form was safe")
			}
			if err := again.take(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if got := b.landed(); len(got) != 1 {
				t.Errorf("landed = %v; want one folder", got)
			}
		})
	}
}

func TestRepeatUnderAnotherNumberIsDropped(t *testing.T) {
	b := newBench(t)
	a := b.open()
	for seq := range int64(2) {
		if err := a.take(t.Context(), b.delivery(seq+1, "d1", "PL-KAS-2026-000001")); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.landed(); len(got) != 1 || a.state.Position() != 2 {
		t.Errorf("landed = %v, position %d; want one folder, 2", got, a.state.Position())
	}
}

func TestWhatIsNotProvenIsNeverAcknowledged(t *testing.T) {
	b := newBench(t)
	formJSON := []byte(`{"A1":"SEZ"}`)
	good := relayOf("PL-KAS-2026-000001", formJSON)
	foreign, notOurs, swapped := good, good, good
	foreign.Operation = "OP-OTHER"
	notOurs.Recipients = []operation.ParticipantCode{"GE"}
	swapped.FormSHA256 = strings.Repeat("0", 64)
	sealed := b.seal(b.gateway, formJSON, good)
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-5] ^= 1
	for name, message := range map[string][]byte{
		"another signer":    b.seal(newKey(t, "stranger"), formJSON, good),
		"another operation": b.seal(b.gateway, formJSON, foreign),
		"other recipients":  b.seal(b.gateway, formJSON, notOurs),
		"another form.json": b.seal(b.gateway, formJSON, swapped),
		"damaged":           damaged,
		"no message":        []byte("hello"),
	} {
		t.Run(name, func(t *testing.T) {
			a := b.open()
			err := a.take(t.Context(), websocket.Delivery{Seq: 1, ID: "d1", Reference: "PL-KAS-2026-000001", Message: message})
			var told *websocket.Refusal
			if !errors.As(err, &told) || a.state.Position() != 0 || len(b.landed()) != 0 {
				t.Errorf("take = %v, position %d, landed %v; want a refusal and nothing else", err, a.state.Position(), b.landed())
			}
		})
	}
}

func TestCorrectionMarksWhatItReplaced(t *testing.T) {
	b := newBench(t)
	a := b.open()
	if err := a.take(t.Context(), b.delivery(1, "d1", "PL-KAS-2026-000001")); err != nil {
		t.Fatal(err)
	}
	formJSON := []byte(`{"A1":"COR"}`)
	relay := relayOf("PL-KAS-2026-000002", formJSON)
	relay.Corrects = "PL-KAS-2026-000001"
	if err := a.take(t.Context(), websocket.Delivery{Seq: 2, ID: "d2", Message: b.seal(b.gateway, formJSON, relay)}); err != nil {
		t.Fatal(err)
	}
	mark, err := os.ReadFile(filepath.Join(b.opt.Dir, "in", "PL-KAS-2026-000001", "superseded"))
	if err != nil || !strings.Contains(string(mark), "PL-KAS-2026-000002") {
		t.Errorf("superseded = %q, %v", mark, err)
	}
}

// far is a gateway's end over the real channel.
type far struct {
	b        *bench
	mu       sync.Mutex
	messages map[string][][]byte // by submit id
}

func (f *far) offer(_ context.Context, in *gateway.Inbound) (*gateway.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.messages[in.SubmitID] = append(f.messages[in.SubmitID], in.Raw)
	return &gateway.Receipt{Verdict: gateway.Accepted, Reference: "LV-VID-2026-000001", Answer: "ack"}, nil
}

func (f *far) answer(context.Context, *gateway.Receipt, gateway.Session) ([]byte, error) {
	formJSON := []byte(`{"A1":"ACK"}`)
	relay := relayOf("OCU-2026-000001", formJSON)
	relay.Type, relay.From = "ACK", "OCU"
	return f.b.seal(f.b.gateway, formJSON, relay), nil
}

func (b *bench) drop(name, content string) {
	b.t.Helper()
	dir := filepath.Join(b.opt.Dir, "out")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func waitFor(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", path)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func TestDroppedFormIsSubmittedOnceWhateverStepDies(t *testing.T) {
	for _, at := range []string{"", "composed", "job written", "answered", "answer written", "moved"} {
		t.Run("killed at "+at, func(t *testing.T) {
			b := newBench(t)
			f := &far{b: b, messages: map[string][][]byte{}}
			b.opt.URL = b.serve(f)
			b.opt.Backoff = websocket.Backoff{First: 10 * time.Millisecond, Most: 20 * time.Millisecond}
			b.drop("seizure.json", `{"A1":"SEZ","B1":"2026-11-20"}`)
			if at != "" {
				a := b.open()
				ctx, kill := context.WithCancel(t.Context())
				a.step = func(s string) error {
					if s == at {
						kill()
						return errors.New("killed")
					}
					return nil
				}
				if err := a.run(ctx); err != nil {
					t.Fatal(err)
				}
				kill()
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			over := make(chan error, 1)
			go func() { over <- Run(ctx, b.opt) }()
			waitFor(t, filepath.Join(b.opt.Dir, "out", "sent", "seizure.json"))
			waitFor(t, filepath.Join(b.opt.Dir, "out", "sent", "seizure.answer.txt"))
			stop()
			if err := <-over; err != nil {
				t.Fatal(err)
			}
			b.oneForm(f)
		})
	}
}

// oneForm checks that one form was submitted, under one id, with the same bytes
// each time, and with a reference.
func (b *bench) oneForm(f *far) {
	b.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.messages) != 1 {
		b.t.Fatalf("submit ids = %d; want 1", len(f.messages))
	}
	for _, list := range f.messages {
		for _, m := range list {
			if !bytes.Equal(m, list[0]) {
				b.t.Error("a repeat had other bytes")
			}
		}
		m := gateway.Examiner{Keys: []*openpgp.SecretKey{b.gateway}, Registry: pinned{b.opt.Keys[0].Certificate()}, At: time.Now()}.Sealed(list[0])
		if !m.Proven() || m.Form == nil || m.Signature == nil || !strings.HasPrefix(m.Form.Get("A4"), "LV-VID-") || m.Form.Get("A3") != "OP-7K3" {
			b.t.Errorf("the gateway reads %+v; want a proven SEZ with A3, A4 and the originator's signature", m)
		}
	}
}

func TestWhatIsNoFormFailsWithWords(t *testing.T) {
	b := newBench(t)
	a := b.open()
	b.drop("broken.json", `{"A1":`)
	id, err := a.adopt("broken.json")
	if err != nil {
		t.Fatal(err)
	}
	a.work(t.Context(), id)
	text, err := os.ReadFile(filepath.Join(b.opt.Dir, "out", "failed", "broken.answer.txt"))
	if err != nil || !strings.Contains(string(text), "Nothing was sent") {
		t.Errorf("reason = %q, %v", text, err)
	}
}

func TestNamesOfAttachmentsCantLeaveTheirFolder(t *testing.T) {
	for name, want := range map[string]string{
		"../../etc/passwd": "passwd", `C:\Windows\x.exe`: "x.exe", ".ssh": "ssh", "": "file_", "..": "file_", "con.txt": "file_con.txt",
		"a\x00b\nc": "a_b_c", "photo\u202egpj.exe": "photo_gpj.exe", "šķūnis.pdf": "šķūnis.pdf",
	} {
		if got := safeName(name); got != want {
			t.Errorf("safeName(%q) = %q; want %q", name, got, want)
		}
	}
	if got := safeName(strings.Repeat("ā", 200) + ".pdf"); len(got) > 100 || !strings.HasSuffix(got, ".pdf") {
		t.Errorf("safeName(long) = %q", got)
	}
}
