package main

import (
	"bytes"
	"io"
	"strings"
	"syscall"
	"testing"
)

// failing is where nothing can be written any more.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestAnAnswerThatCanNotBeWrittenFails(t *testing.T) {
	text, code := command(t, "", "form", "new", "SEZ")
	if code != exitDone {
		t.Fatalf("form new = exit code %d\n%s", code, text)
	}
	for _, c := range []struct {
		name string
		out  io.Writer
		want int
	}{{"a full disk", failing{syscall.ENOSPC}, exitFailed}, {"nobody who reads any more", failing{syscall.EPIPE}, exitDone}} {
		for _, args := range [][]string{{"form", "decode"}, {"form", "schema"}, {"version"}} {
			var errs bytes.Buffer
			if code := run(t.Context(), args, streams{strings.NewReader(text), c.out, &errs}); code != c.want {
				t.Errorf("liaison %v to %s = exit code %d; want %d\n%s", args, c.name, code, c.want, errs.String())
			}
		}
	}
}

func TestWhatIsMistypedIsWrongUsage(t *testing.T) {
	r := newRoom(t, "LV")
	config, fp := r.path("gw/gateway.yaml"), string(r.certificate("LV.asc.cert.asc").Fingerprint())
	other := strings.Repeat("0", 40)
	for _, args := range [][]string{
		{"key", "confirm", "OP-001", "LV", fp[:16], "--how", "by phone"},
		{"key", "confirm", "OP-001", "LV", other, "--how", "by phone"},
		{"key", "confirm", "OP-001", "LT", fp, "--how", "by phone"},
		{"key", "confirm", "OP-001", "LV", fp, "--how", " "},
		{"key", "block", "OP-001", "LV", other, "--reason", "lost"},
		{"key", "block", "OP-010", "LV", fp, "--reason", "lost"},
		{"key", "block", "OP-001", "LV", fp, "--reason", " "},
		{"test", "run", "OP-001", "--deadline=-20m"},
	} {
		if out, code := command(t, "", append(args, "-c", config)...); code != exitUsage {
			t.Errorf("liaison %v = exit code %d; want %d\n%s", args, code, exitUsage, out)
		}
	}
	r.write("gw/secrets/folder/storage", "")
	r.write("gw/gateway.yaml", strings.Replace(r.read("gw/gateway.yaml"), "secrets/storage", "secrets/folder", 1))
	if out, code := command(t, "", "key", "list", "-c", config); code != exitUsage || !strings.Contains(out, "read the storage key") {
		t.Errorf("with a storage key that can't be read: exit code %d; want %d and that said\n%s", code, exitUsage, out)
	}
}

func TestAnOperationsCodeMayLookLikeARuns(t *testing.T) {
	r := newRoom(t, "LV")
	config := r.path("gw/gateway.yaml")
	r.write("gw/operations/operation.yaml", strings.Replace(r.read("gw/operations/operation.yaml"), "OP-001", "JCO-TOBACCO", 1))
	r.ok("operation", "apply", "-c", config)
	r.ok("test", "run", "JCO-TOBACCO", "-c", config)
	for _, args := range [][]string{{"test", "report", "JCO-TOBACCO"}, {"test", "report", "JCO-TOBACCO-T001", "--format", "html"}} {
		if out, code := command(t, "", append(args, "-c", config)...); code != exitDone || !strings.Contains(out, "JCO-TOBACCO-T001") || strings.Contains(out, ">TOBACCO-T001") {
			t.Errorf("liaison %v = exit code %d; want the report of JCO-TOBACCO-T001\n%s", args, code, out)
		}
	}
	for _, blank := range [][]string{{"--spoke-to", " ", "--number", "+371 1"}, {"--spoke-to", "B. Invented", "--number", " "}} {
		if out, code := command(t, "", append([]string{"test", "called", "JCO-TOBACCO-T001", "LV", "-c", config}, blank...)...); code != exitUsage {
			t.Errorf("test called %q = exit code %d; want %d\n%s", blank, code, exitUsage, out)
		}
	}
}

func TestAFileThatIsThereIsNotOverwrittenAndThatIsSaid(t *testing.T) {
	r := newRoom(t, "LV")
	r.write("half/keys/gateway.asc", "of an init that was interrupted")
	for _, args := range [][]string{
		{"init", r.path("half")},
		{"key", "generate", "--name", "LV", "--address", "jco@lv.example", "--out", r.path("LV.asc")},
		{"audit", "export", "--out", r.path("LV.asc"), "-c", r.path("gw/gateway.yaml")},
	} {
		before := r.read("LV.asc")
		if out, code := command(t, "", args...); code != exitUsage || !strings.Contains(out, "already, and it isn't overwritten; ") || r.read("LV.asc") != before {
			t.Errorf("liaison %v over a file that is there = exit code %d; want %d, the file as it was, and what to do\n%s", args, code, exitUsage, out)
		}
	}
}
