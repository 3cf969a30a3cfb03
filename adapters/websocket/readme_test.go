package websocket

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"

	"liaison/crypto/openpgp"
)

var update = flag.Bool("update", false, "make the worked example of README.md anew")

// The moment of the worked example.
var exampleDay = time.Date(2027, 1, 11, 8, 0, 0, 0, time.UTC)

var exampleOf = regexp.MustCompile(`(?s)(<!-- example -->\n).*(<!-- end of example -->)`)

// TestWorkedExampleHolds checks the example of the protocol page as a reader would:
// from its frames and certificates alone.
func TestWorkedExampleHolds(t *testing.T) {
	if *update {
		writeExample(t)
	}
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```[a-z]*\n(.*?)\n```").FindAllSubmatch(exampleOf.Find(page), -1)
	if len(blocks) != 5 {
		t.Fatalf("the example has %d blocks; want challenge, client's lines, hello, gateway's lines, welcome", len(blocks))
	}
	var ch, h, w object
	for i, into := range map[int]*object{0: &ch, 2: &h, 4: &w} {
		if err := json.Unmarshal(blocks[i][1], into); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Join([]string{"jco-form.v1 client", "channel.gateway.example", ch["fingerprint"].(string), ch["nonce"].(string), h["client_nonce"].(string),
		h["operation"].(string), h["participant"].(string), fmt.Sprint(h["after"])}, "\n")
	equal(t, "client's lines", string(blocks[1][1]), lines)
	verified(t, "client", lines, h["proof"], "lv")

	limits, err := json.Marshal(w["limits"])
	if err == nil {
		limits, err = jcs.Transform(limits)
	}
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "limits", string(limits), string(Limits{}.withDefaults().canonical()))
	sum := sha256.Sum256([]byte(lines))
	answer := strings.Join([]string{"jco-form.v1 gateway", hex.EncodeToString(sum[:]), w["session"].(string), fmt.Sprint(w["last"]), string(limits)}, "\n")
	equal(t, "gateway's lines", string(blocks[3][1]), answer)
	verified(t, "gateway", answer, w["proof"], "ocu")
	for name, value := range stated(Limits{}.withDefaults()) {
		if !bytes.Contains(page, []byte(fmt.Sprintf("| `%s` | %.0f |", name, value))) {
			t.Errorf("the page's table of limits lacks %s with %.0f", name, value)
		}
	}
}

func stated(l Limits) (members map[string]float64) {
	_ = json.Unmarshal(l.canonical(), &members) // it is an object of integers
	return members
}

func verified(t *testing.T, whose, lines string, proof any, name string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(proof.(string))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := os.ReadFile("testdata/example-" + name + ".asc")
	if err != nil {
		t.Fatal(err)
	}
	certs, err := openpgp.ParseCertificates(cert)
	if err != nil {
		t.Fatal(err)
	}
	if s := signedBy([]byte(lines), raw, certs, exampleDay); s.Verdict != openpgp.Good {
		t.Errorf("the %s's proof is %s (%s)", whose, s.Verdict, s.Detail)
	}
}

// writeExample makes the example with fresh keys.
func writeExample(t *testing.T) {
	t.Helper()
	keys := map[string]*openpgp.SecretKey{}
	for _, name := range []string{"lv", "ocu"} {
		k, err := openpgp.Generate(openpgp.KeyOptions{Name: "Example " + strings.ToUpper(name), Address: name + "@gateway.example", Created: exampleDay.AddDate(0, -2, 0)})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/example-"+name+".asc", k.Certificate().Armored(), 0o644); err != nil {
			t.Fatal(err)
		}
		keys[name] = k
	}
	sign := func(lines []byte, by string) []byte {
		proof, err := openpgp.SignDetached(lines, keys[by], exampleDay)
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	c := claim{host: "channel.gateway.example", fingerprint: string(keys["ocu"].Certificate().Fingerprint()), nonce: newNonce(),
		clientNonce: base64.StdEncoding.EncodeToString(newNonce()), operation: "OP-7K3", participant: "LV", after: 41}
	const session, last = "01a20fc2-eccf-7a70-a075-5250bbb39f33", 57
	limits := Limits{}.withDefaults().canonical()
	answer := greeting(c.lines(), session, last, limits)
	var b strings.Builder
	for _, part := range []struct {
		words, kind string
		text        []byte
	}{
		{"The gateway's challenge:", "json", encode(challenge{"challenge", c.nonce, "OCU", c.fingerprint})},
		{"The lines that the participant signs (no LF at the end):", "", c.lines()},
		{"Its hello:", "json", encode(hello{"hello", "OP-7K3", "LV", c.after, c.clientNonce, sign(c.lines(), "lv")})},
		{"The lines that the gateway signs:", "", answer},
		{"Its welcome:", "json", encode(welcome{"welcome", session, last, limits, sign(answer, "ocu")})},
	} {
		fmt.Fprintf(&b, "%s\n\n```%s\n%s\n```\n\n", part.words, part.kind, part.text)
	}
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	made := exampleOf.ReplaceAllString(string(page), "${1}"+strings.ReplaceAll(b.String(), "$", "$$")+"${2}")
	if err := os.WriteFile("README.md", []byte(made), 0o644); err != nil {
		t.Fatal(err)
	}
}
