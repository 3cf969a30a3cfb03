package openpgp

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// js is a running OpenPGP.js, which reads and writes all of RFC 9580:
// testdata/openpgpjs/peer.js says what it can be asked. The library itself is
// fetched by .ci/peers into the user's cache folder.
type js struct {
	in  *json.Encoder
	out *json.Decoder
}

// jsKey is a key that it made.
type jsKey struct {
	Secret, Certificate, Revocation string
	Fingerprint                     Fingerprint
}

// jsVerdict is what it says of one signature.
type jsVerdict struct {
	Good    bool
	Version int
	Why     string
}

func startJS(t *testing.T) *js {
	t.Helper()
	node := find(t, "node", "run .ci/peers")
	tools, err := filepath.Abs("testdata/openpgpjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node.path, filepath.Join(tools, "peer.js"), installedJS(t, tools))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &js{in: json.NewEncoder(in), out: json.NewDecoder(out)}
}

// installedJS is the folder of the library in the version that our lock names.
func installedJS(t *testing.T, tools string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		missing(t, "OpenPGP.js", err.Error())
	}
	dir := filepath.Join(cache, "liaison-peers", "openpgpjs")
	want, err := os.ReadFile(filepath.Join(tools, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if have, err := os.ReadFile(filepath.Join(dir, "package-lock.json")); err != nil || !bytes.Equal(have, want) {
		missing(t, "OpenPGP.js (as in crypto/openpgp/testdata/openpgpjs/package-lock.json)", "run .ci/peers")
	}
	return dir
}

// asking is a request; "do" names the action.
type asking map[string]any

// try asks and returns what it says is wrong; "" where the answer is in into.
func (p *js) try(t *testing.T, request asking, into any) string {
	t.Helper()
	if err := p.in.Encode(request); err != nil {
		t.Fatalf("ask OpenPGP.js to %s: %v", request["do"], err)
	}
	var raw json.RawMessage
	if err := p.out.Decode(&raw); err != nil {
		t.Fatalf("OpenPGP.js was asked to %s: %v", request["do"], err)
	}
	var failed struct{ Error string }
	if err := json.Unmarshal(raw, &failed); err != nil {
		t.Fatal(err)
	}
	if failed.Error == "" && into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	return failed.Error
}

// ask is try where nothing may go wrong.
func (p *js) ask(t *testing.T, request asking, into any) {
	t.Helper()
	if failed := p.try(t, request, into); failed != "" {
		t.Fatalf("OpenPGP.js was asked to %s: %s", request["do"], failed)
	}
}

// message asks for something whose answer is a message.
func (p *js) message(t *testing.T, request asking) []byte {
	t.Helper()
	var a struct{ Message []byte }
	p.ask(t, request, &a)
	return a.Message
}

// generate makes a key.
func (p *js) generate(t *testing.T, request asking) jsKey {
	t.Helper()
	request["do"] = "generate"
	var k jsKey
	p.ask(t, request, &k)
	return k
}

// open has it open a message of ours; it must, and see one signature.
func (p *js) open(t *testing.T, message []byte, armored bool, key jsKey, signer *Certificate) ([]byte, jsVerdict) {
	t.Helper()
	var a struct {
		Plaintext  []byte
		Signatures []jsVerdict
	}
	p.ask(t, asking{"do": "open", "message": message, "armored": armored, "secret": key.Secret, "signers": []string{string(signer.Armored())}}, &a)
	if len(a.Signatures) != 1 {
		t.Fatalf("OpenPGP.js sees %d signatures; want 1", len(a.Signatures))
	}
	return a.Plaintext, a.Signatures[0]
}
