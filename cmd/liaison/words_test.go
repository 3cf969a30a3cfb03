package main

import (
	"strings"
	"testing"
)

func TestOneIsNotSeveral(t *testing.T) {
	r := newRoom(t, "LV")
	config := r.path("gw/gateway.yaml")
	for _, c := range []struct {
		want string
		code int
		args []string
	}{
		{"Operation OP-001: 1 participant, from", exitDone, []string{"operation", "apply"}},
		{"1 participant     Example operation", exitDone, []string{"operation", "list"}},
		{"Run OP-001-T001: 1 participant is asked.", exitDone, []string{"test", "run", "OP-001"}},
	} {
		if out, code := command(t, "", append(c.args, "-c", config)...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("liaison %v = exit code %d; want %d and %q\n%s", c.args, code, c.code, c.want, out)
		}
	}
	r.write("gw/operations/operation.yaml", strings.Replace(r.read("gw/operations/operation.yaml"), "LV.asc.cert.asc", "gone.asc", 1))
	if out, code := command(t, "", "check", "-c", config); code != exitUsage || !strings.Contains(out, "liaison: 1 error; see above") {
		t.Errorf("check with one error = exit code %d; want %d and that counted\n%s", code, exitUsage, out)
	}
}

func TestWhatDoesNotExistIsSaidSo(t *testing.T) {
	r := &room{t: t, dir: t.TempDir()}
	for _, args := range [][]string{{"--code", "ocu"}, {"--address", "nonsense"}, {"--code", ""}} {
		if out, code := command(t, "", append([]string{"init", r.path("gw")}, args...)...); code != exitUsage || len(r.files("*")) > 0 {
			t.Errorf("init %v = exit code %d; want %d, and nothing made\n%s", args, code, exitUsage, out)
		}
	}
	r.ok("init", r.path("gw"))
	config := r.path("gw/gateway.yaml")
	fails := func(want string, args ...string) {
		t.Helper()
		if out, code := command(t, "", append(args, "-c", config)...); code != exitUsage || !strings.Contains(out, want) {
			t.Errorf("liaison %v = exit code %d; want %d and %q\n%s", args, code, exitUsage, want, out)
		}
	}
	fails("no operation is in force", "key", "check")
	fails("no operation OP-XX is in force", "key", "export", "OP-XX")
	fails("no operation OP-XX is in force", "key", "list", "OP-XX")
	fails("names no store", "store", "copy", "backup/x.db")
	fails("names no store", "store", "copy", "--from", "backup/x.db", "sqlite:"+r.path("x.db"))
	r.ok("operation", "apply", "-c", config)
	if out := r.ok("key", "export", "OP-001", "-c", config); !strings.Contains(out, "No certificate is confirmed in OP-001.") {
		t.Errorf("key export with none confirmed = %q; want that said", out)
	}
}
