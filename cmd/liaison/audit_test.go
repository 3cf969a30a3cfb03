package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAnExportedLogIsSignedToItsEndAndVerifiesWithTheCertificateAlone(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config, file, certificate := r.path("gw/gateway.yaml"), r.path("log.jsonl"), r.path("gw/keys/gateway.cert.asc")
	if out := r.ok("audit", "verify", "-c", config); !strings.Contains(out, "stands on no signature") {
		t.Errorf("audit verify of a log that was never signed =\n%s\nwant that said", out)
	}
	r.ok("audit", "export", "-c", config, "--out", file)
	verify := func(more ...string) (string, int) {
		return command(t, "", append([]string{"audit", "verify", "-c", r.path("nowhere.yaml"), "--export", file, "--certificate", certificate}, more...)...)
	}
	if out, code := verify(); code != exitDone || !strings.Contains(out, "1 signed head checked") || !strings.Contains(out, "holds. It is signed to its end.") {
		t.Errorf("audit verify --export = exit code %d; want 0 and a log that is signed to its end\n%s", code, out)
	}
	out, _ := verify("--json")
	var report map[string]any
	if err := json.Unmarshal([]byte(out), &report); err != nil || report["ok"] != true || report["size"] != report["signed"] || report["not_integrated"] != 0. {
		t.Errorf("audit verify --json = %s, %v; want ok, and as many entries signed as there are", out, err)
	}

	lines := strings.SplitAfter(r.read("log.jsonl"), "\n")
	r.write("log.jsonl", strings.Join(lines[:len(lines)-3], ""))
	if out, code := verify(); code != exitNo || !strings.Contains(out, "its end is missing") {
		t.Errorf("audit verify of a log that was cut off = exit code %d; want %d\n%s", code, exitNo, out)
	}
	r.write("log.jsonl", strings.Join(lines[1:], ""))
	if out, code := verify(); code != exitDone || !strings.Contains(out, "It isn't signed") {
		t.Errorf("audit verify without a signed head = exit code %d; want 0 and that said\n%s", code, out)
	}
}

func TestSignedWordsSayHowFarSignaturesReach(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	r.ok("audit", "export", "-c", config)
	r.ok("key", "generate", "--name", "X", "--address", "x@lv.example", "--out", r.path("x.asc"))
	r.ok("key", "import", "-c", config, "OP-001", "LV", r.path("x.asc.cert.asc"))
	if out := r.ok("audit", "verify", "-c", config); !strings.Contains(out, "holds. It is signed up to entry ") || !strings.Contains(out, "; the last entry stands on no signature.") {
		t.Errorf("audit verify after one entry more =\n%s\nwant that said", out)
	}
}
