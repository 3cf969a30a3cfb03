package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ws "github.com/gorilla/websocket"
	"github.com/gowebpki/jcs"

	"liaison/adapters/mail/mailtest"
)

// outsider is a national system as somebody else would write it from the protocol
// page: JSON without our types, GnuPG for all cryptography.
type outsider struct {
	t    *testing.T
	gpg  gpg
	conn *ws.Conn
}

const national = "system@lv.example"

// dial opens a session over TLS, and checks the gateway's proof with GnuPG.
func (r *room) dial(g gpg, after int) *outsider {
	r.t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(r.read("gw/tls.crt")))
	d := ws.Dialer{Subprotocols: []string{"jco-form.v1"}, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	var o *outsider
	r.until("the gateway takes connections", func() bool {
		conn, _, err := d.Dial(fmt.Sprintf("wss://127.0.0.1:%d/v1/channel", r.port), nil)
		o = &outsider{r.t, g, conn}
		return err == nil
	})
	r.t.Cleanup(func() { o.conn.Close() })
	_ = o.conn.SetReadDeadline(time.Now().Add(time.Minute))
	challenge := o.read("challenge")
	nonce := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(after)}, 32))
	lines := strings.Join([]string{"jco-form.v1 client", "127.0.0.1", challenge["fingerprint"].(string), challenge["nonce"].(string), nonce, "OP-001", "LV", fmt.Sprint(after)}, "\n")
	o.write(map[string]any{"type": "hello", "operation": "OP-001", "participant": "LV", "after": after, "client_nonce": nonce,
		"proof": base64.StdEncoding.EncodeToString([]byte(g.run(lines, "--detach-sign", "-u", national)))})
	w := o.read("welcome")
	limits, err := json.Marshal(w["limits"])
	if err == nil {
		limits, err = jcs.Transform(limits)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(lines))
	proof := filepath.Join(r.t.TempDir(), "proof.sig")
	if err := os.WriteFile(proof, o.bytes(w["proof"]), 0o600); err != nil {
		r.t.Fatal(err)
	}
	g.run(strings.Join([]string{"jco-form.v1 gateway", hex.EncodeToString(sum[:]), w["session"].(string), fmt.Sprint(w["last"]), string(limits)}, "\n"), "--verify", proof, "-")
	return o
}

func (o *outsider) bytes(text any) []byte {
	o.t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text.(string))
	if err != nil {
		o.t.Fatal(err)
	}
	return raw
}

func (o *outsider) write(frame map[string]any) {
	o.t.Helper()
	if err := o.conn.WriteJSON(frame); err != nil {
		o.t.Fatal(err)
	}
}

func (o *outsider) read(kind string) map[string]any {
	o.t.Helper()
	var frame map[string]any
	if err := o.conn.ReadJSON(&frame); err != nil || frame["type"] != kind {
		o.t.Fatalf("frame = %v, %v; want %s", frame, err, kind)
	}
	return frame
}

// seal makes a message for the gateway.
func (o *outsider) seal(form string) string {
	return base64.StdEncoding.EncodeToString([]byte(o.gpg.run("Content-Type: text/plain; charset=utf-8\r\n\r\n"+form+"\r\n", "--sign", "--encrypt", "-r", "ocu@gateway.example", "-u", national)))
}

// open reads a message of the gateway.
func (o *outsider) open(message any) string {
	o.t.Helper()
	return o.gpg.run(string(o.bytes(message)), "--decrypt")
}

func TestNationalSystemWithGnuPGSpeaksTheProtocol(t *testing.T) {
	g := newGPG(t)
	g.run("", "--quick-gen-key", "System <"+national+">", "default", "default", "1y")
	r := newRoom(t, "LV", "PL")
	g.run(r.read("gw/keys/gateway.cert.asc"), "--import")
	r.write("national.asc", g.run("", "--armor", "--export", national))
	r.write("gw/operations/operation.yaml", strings.Replace(r.read("gw/operations/operation.yaml"), "../../LV.asc.cert.asc", "../../national.asc", 1))
	r.tls()
	r.ok("operation", "apply", "-c", r.path("gw/gateway.yaml"))
	for _, by := range []string{"first", "second"} { // it replaces the key that the room confirmed
		r.ok("key", "confirm", "-c", r.path("gw/gateway.yaml"), "OP-001", "LV", g.fingerprint(national), "--how", "read back", "--by", by)
	}
	r.serve()
	r.write("PL/agent.yaml", strings.Replace(r.read("PL/agent.yaml"), "ws://", "wss://", 1)+"ca_file: ../gw/tls.crt\n")
	agent := r.start("agent", "-c", r.path("PL/agent.yaml"))

	o := r.dial(g, 0)
	submit := map[string]any{"type": "submit", "id": "5f0c8f0e-3f0c-4d5e-9a52-8e9f1f6f7a10", "message": o.seal(fmt.Sprintf(seizure, 1, 120))}
	o.write(submit)
	accepted := o.read("accepted")
	if text := o.open(accepted["answer"]); accepted["reference"] != "LV-JCO-2026-900001" || !strings.Contains(text, "It goes to: PL") {
		t.Errorf("answer = %v: %s; want the reference and the recipient", accepted, text)
	}
	r.until("the form is at PL", func() bool { return len(r.files("PL/in/LV-JCO-2026-900001/form.txt")) == 1 })
	o.write(submit)
	if again := o.read("accepted"); again["reference"] != accepted["reference"] || again["id"] != submit["id"] {
		t.Errorf("answer to the repeat = %v; want the same", again)
	}

	// A renewed TLS certificate serves without a restart.
	before := r.read("gw/tls.crt")
	kill(agent)
	r.renew()
	r.start("agent", "-c", r.path("PL/agent.yaml"))
	if before == r.read("gw/tls.crt") {
		t.Fatal("the certificate is the same")
	}
	r.drop("PL", "reply.json", `{"A1":"MSG","A4":"PL-JCO-2026-000001","A7":["LV"],"A10":"EXER","H1":"Ačiū"}`)
	form := o.read("form")
	if text := o.open(form["message"]); form["seq"] != 1. || form["reference"] != "PL-JCO-2026-000001" || !strings.Contains(text, "relay.json") {
		t.Errorf("form = %v\n%s\nwant the first, with relay.json", form, text)
	}

	newer := r.dial(g, 0) // nothing was acknowledged: it comes again
	if _, _, err := o.conn.ReadMessage(); !ws.IsCloseError(err, 4001) {
		t.Errorf("the older session ended with %v; want 4001", err)
	}
	if again := newer.read("form"); again["seq"] != 1. || again["delivery"] != form["delivery"] {
		t.Errorf("form = %v; want the same delivery again", again)
	}
	newer.write(map[string]any{"type": "ack", "seq": 1})
	r.until("the delivery is confirmed", func() bool {
		return strings.Count(r.ok("forms", "list", "-c", r.path("gw/gateway.yaml")), "received by system") == 2
	})
	if forms := len(r.files("PL/in/*/form.json")); forms != 1 {
		t.Errorf("PL has %d forms; want 1", forms)
	}

	r.ok("key", "block", "-c", r.path("gw/gateway.yaml"), "OP-001", "LV", g.fingerprint(national), "--reason", "laptop stolen")
	if e := newer.read("error"); e["code"] != 62. {
		t.Errorf("error after the key was blocked = %v; want code 62", e)
	}
	if _, _, err := newer.conn.ReadMessage(); !ws.IsCloseError(err, 1008) {
		t.Errorf("the session of a blocked key ended with %v; want 1008", err)
	}
}

// tls lets the room's channel use TLS.
func (r *room) tls() {
	r.t.Helper()
	r.renew()
	config := r.read("gw/gateway.yaml")
	at := strings.Index(config, "websocket:\n") + len("websocket:\n")
	r.write("gw/gateway.yaml", config[:at]+"  tls_cert_file: tls.crt\n  tls_key_file: tls.key\n"+config[at:])
}

// renew makes a new TLS certificate.
func (r *room) renew() {
	r.t.Helper()
	cert, key, err := mailtest.Certificate(time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("gw/tls.key", string(key))
	r.write("gw/tls.crt", string(cert))
}

func TestBenchIdleMeasuresAGatewayInItsOwnProcess(t *testing.T) {
	t.Setenv("LIAISON_MAIN", "1") // for the gateway, which is this very program
	out, code := command(t, "", "bench", "idle", "--agents", "70", "--hold", "10ms", "--json", "--dir", t.TempDir())
	var r idleResult
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); code != exitDone || err != nil || r.Agents != 70 || r.MemoryMB <= 0 || r.ConnectedIn <= 0 {
		t.Errorf("bench idle = exit code %d, %v\n%s", code, err, out)
	}
}

func TestBenchLatencyTimesEveryForm(t *testing.T) {
	t.Setenv("LIAISON_MAIN", "1") // for the gateway, which is this very program
	out, code := command(t, "", "bench", "latency", "--agents", "3", "--rate", "50", "--for", "200ms", "--json", "--dir", t.TempDir())
	var r latencyResult
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); code != exitDone || err != nil || r.Forms != 10 || r.Median <= 0 || r.Most < r.Median {
		t.Errorf("bench latency = exit code %d, %v\n%s", code, err, out)
	}
}
