package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"liaison/crypto/openpgp"
)

func TestAWaiverThatEndedIsNotTaken(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	waive := func(more ...string) (string, int) {
		return command(t, "", append([]string{"test", "waive", "OP-001", "PL", "-c", config}, more...)...)
	}
	here := []string{"--reason", "by phone", "--key", r.path("LV.asc")}
	if out, code := waive(here...); code != exitDone || strings.Contains(out, "Note:") {
		t.Fatalf("waive = exit code %d; want 0, and nothing to remark\n%s", code, out)
	}

	past := day(-2)
	if out, code := waive(append(here, "--until", past)...); code != exitUsage || !strings.Contains(out, "--until "+past+" is past; nothing was recorded") {
		t.Errorf("waive --until %s = exit code %d; want %d and that said\n%s", past, code, exitUsage, out)
	}
	if out, code := waive("--reason", "by phone", "--statement", r.path("waiver.txt"), "--until", past); code != exitUsage || len(r.files("waiver.txt")) > 0 {
		t.Errorf("a statement until %s = exit code %d; want %d and none written\n%s", past, code, exitUsage, out)
	}
	waive("--reason", "by phone", "--statement", r.path("waiver.txt"))
	statement := regexp.MustCompile(`until: \S+`).ReplaceAllString(r.read("waiver.txt"), "until: "+past)
	signature, err := openpgp.SignArmored([]byte(statement), r.key("LV"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r.write("waiver.txt", statement)
	r.write("waiver.txt.asc", string(signature))
	if out, code := waive("--statement", r.path("waiver.txt"), "--signature", r.path("waiver.txt.asc")); code != exitUsage || !strings.Contains(out, past+" is past; nothing was recorded") {
		t.Errorf("a waiver signed elsewhere until %s = exit code %d; want %d and that said\n%s", past, code, exitUsage, out)
	}
	if out := r.ok("test", "list", "OP-001", "-c", config); !strings.Contains(out, "Neither ready nor waived: LV.") {
		t.Errorf("test list =\n%s\nwant the first waiver to hold", out)
	}

	if out, code := waive(append(here, "--until", day(400))...); code != exitDone || !strings.Contains(out, "Note: the waiver lasts until "+day(400)) {
		t.Errorf("a waiver beyond the operation = exit code %d; want 0, and that remarked\n%s", code, out)
	}
}

func TestAWaiverThatDoesNotCoverWhatIsKnownIsNotTaken(t *testing.T) {
	r := newRoom(t, "LV", "PL")
	config := r.path("gw/gateway.yaml")
	elsewhere := []string{"test", "waive", "OP-001", "PL", "-c", config, "--statement", r.path("waiver.txt")}
	r.ok(append(elsewhere, "--reason", "by phone")...)
	signature, err := openpgp.SignArmored([]byte(r.read("waiver.txt")), r.key("LV"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	r.write("waiver.txt.asc", string(signature))
	r.serve()
	r.until("a test without PL's system", func() bool {
		out, code := command(t, "", "test", "run", "OP-001", "--participant", "PL", "--deadline", "1s", "--wait", "-c", config)
		return code == exitNo && strings.Contains(out, "WSDOWN")
	})
	r.ok("test", "waive", "OP-001", "PL", "-c", config, "--reason", "by phone, known to be down", "--key", r.path("LV.asc"))
	if out, code := command(t, "", append(elsewhere, "--signature", r.path("waiver.txt.asc"))...); code != exitNo || !strings.Contains(out, "signed before this was found: WSDOWN; nothing was recorded") {
		t.Errorf("a waiver of before the test = exit code %d; want %d and that said\n%s", code, exitNo, out)
	}
	if out := r.ok("test", "list", "OP-001", "-c", config); !strings.Contains(out, "Neither ready nor waived: LV.") {
		t.Errorf("test list =\n%s\nwant the waiver of after the test to hold", out)
	}
}
