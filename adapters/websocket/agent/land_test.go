package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"liaison/adapters/websocket"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

var errKilled = errors.New("killed")

const pl1 = "PL-KAS-2026-000001"

func TestReceivedFormLandsWhole(t *testing.T) {
	b := newBench(t)
	a := b.open()
	p := b.form(1, "d1", pl1)
	p.signature = []byte("not checked here")
	p.files = []entity.Attachment{{Name: "../../escape.pdf", Content: []byte("pdf")}, {Name: "escape.pdf", Content: []byte("another")}}
	b.take(a, p)
	for _, name := range []string{"form.json", "form.txt", "form.json.asc", "relay.json", "origin.json", "delivery", "attachments/escape.pdf", "attachments/escape~2.pdf"} {
		if !exists(b.path("in", pl1, name)) {
			t.Errorf("%s is missing", name)
		}
	}
	if got := b.read("in", pl1, "form.json"); got != p.form {
		t.Errorf("form.json = %q; want the bytes as they came", got)
	}
	if got := b.reopen(a).state.Position(); got != 1 {
		t.Errorf("position after a restart = %d; want 1", got)
	}
}

// testCall is a form that sets everything off that a landing may.
func (b *bench) testCall(seq int64, id string) *parcel {
	text := `{"A1":"TST","A4":"OCU-GW-2026-000009","A10":"TEST","T1":"C1","T2":"aBcD123","T7":"Řīga Łódź"}`
	p := &parcel{seq: seq, id: id, form: text, relay: relayOf("OCU-GW-2026-000009", []byte(text)), by: b.gateway,
		files: []entity.Attachment{{Name: "sample.bin", Content: []byte("abc")}}}
	p.relay.Type, p.relay.From, p.relay.Corrects = "TST", "OCU", "OCU-GW-2026-000001" // as no real one does
	return p
}

// TestFailureAtAnyStepLandsOnce lets each step of a landing fail: the process dies
// there and another goes on, or it lives and tries again.
func TestFailureAtAnyStepLandsOnce(t *testing.T) {
	for _, at := range []string{"asked", "written", "landed", "kept"} {
		for _, dies := range []bool{true, false} {
			t.Run(at+map[bool]string{true: " dies", false: " fails"}[dies], func(t *testing.T) {
				b := newBench(t)
				b.opt.Exec = []string{"true"}
				a := b.open()
				a.dies(at)
				d := b.delivery(b.testCall(1, "d1"))
				if err := a.take(t.Context(), d); !errors.Is(err, errKilled) || a.state.Position() != 0 {
					t.Fatalf("take = %v, position %d; want the failure felt and nothing acknowledged", err, a.state.Position())
				}
				a.step = func(string) error { return nil }
				if dies {
					a = b.reopen(a)
				}
				if at == "landed" { // the operator was quick
					if err := os.Rename(b.path("in", "OCU-GW-2026-000009"), b.path("archived")); err != nil {
						t.Fatal(err)
					}
				}
				if err := a.take(t.Context(), d); err != nil || a.state.Position() != 1 {
					t.Fatalf("take again = %v, position %d; want it kept", err, a.state.Position())
				}
				want := []string{"OCU-GW-2026-000009"}
				if at == "landed" {
					want = []string{}
				}
				if got := b.names("in"); !slices.Equal(got, want) {
					t.Errorf("landed = %v; want %v", got, want)
				}
				if got := b.names("state", "jobs"); len(got) != 1 {
					t.Errorf("answers to the test call = %v; want one", got)
				}
				if got := b.names("ask"); len(got) != 1 {
					t.Errorf("questions = %v; want one", got)
				}
				if got := b.names("state", "todo"); len(got) != 1 {
					t.Errorf("folders that wait for the command = %v; want one", got)
				}
			})
		}
	}
}

func TestLandingThatFailsAgainWhileItIsClearedLandsOnce(t *testing.T) {
	b := newBench(t)
	d := b.delivery(b.form(1, "d1", pl1))
	for _, at := range []string{"written", "cleared"} { // the second clears what the first left
		a := b.open()
		a.dies(at)
		if err := a.take(t.Context(), d); !errors.Is(err, errKilled) {
			t.Fatalf("take that dies at %q = %v; want the failure felt", at, err)
		}
		a.close()
	}
	a := b.open()
	if err := a.take(t.Context(), d); err != nil || !slices.Equal(b.names("in"), []string{pl1}) {
		t.Errorf("take after both = %v, landed %v, position %d; want %s", err, b.names("in"), a.state.Position(), pl1)
	}
}

func TestRepeatIsDroppedHoweverItComes(t *testing.T) {
	b := newBench(t)
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	b.take(a, b.form(2, "d1", pl1)) // the same delivery under another number
	b.take(a, b.form(3, "d2", pl1)) // the same form, sent again
	if got := b.names("in"); len(got) != 1 || a.state.Position() != 3 {
		t.Errorf("landed = %v, position %d; want one folder, 3", got, a.state.Position())
	}
	other := b.form(4, "d3", pl1) // the same reference of somebody else
	other.form = `{"A1":"MSG","A4":"` + pl1 + `"}`
	other.relay = relayOf(pl1, []byte(other.form))
	other.relay.From = "EE"
	b.take(a, other)
	other.id, other.seq = "d4", 5
	b.take(a, other)
	if got := b.names("in"); !slices.Equal(got, []string{pl1, pl1 + "~2"}) {
		t.Errorf("landed = %v; want both forms, each once", got)
	}
}

func TestWhatIsNotProvenIsNeverAcknowledged(t *testing.T) {
	b := newBench(t)
	damaged := b.seal(b.form(1, "d1", pl1))
	damaged[len(damaged)-5] ^= 1
	change := func(c func(p *parcel)) []byte {
		p := b.form(1, "d1", pl1)
		c(p)
		return b.seal(p)
	}
	for name, message := range map[string][]byte{
		"another signer":    change(func(p *parcel) { p.by = newKey(t, "stranger") }),
		"our own signature": change(func(p *parcel) { p.by = b.opt.Keys[0] }),
		"another operation": change(func(p *parcel) { p.relay.Operation = "OP-OTHER" }),
		"other recipients":  change(func(p *parcel) { p.relay.Recipients = []operation.ParticipantCode{"GE"} }),
		"another form.json": change(func(p *parcel) { p.relay.FormSHA256 = strings.Repeat("0", 64) }),
		"no form":           change(func(p *parcel) { p.form = "{"; p.relay = relayOf(pl1, []byte("{")) }),
		"damaged":           damaged,
		"no message":        []byte("hello"),
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			a := b.open()
			defer a.close()
			err := a.take(t.Context(), websocket.Delivery{Seq: 1, ID: "d1", Reference: pl1, Message: message})
			var told *websocket.Refusal
			if !errors.As(err, &told) || a.state.Position() != 0 || len(b.names("in")) != 0 {
				t.Errorf("take = %v, position %d, landed %v; want a refusal and nothing else", err, a.state.Position(), b.names("in"))
			}
			if !strings.Contains(b.read("in", "refused", "1-d1.txt"), told.Message) {
				t.Error("the reason isn't kept")
			}
		})
	}
}

func TestNewGatewayKeyCountsBesideTheOldOne(t *testing.T) {
	b := newBench(t)
	b.opt.Gateways = append(b.opt.Gateways, newKey(t, "OCU next").Certificate())
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	p := b.form(2, "d2", "PL-KAS-2026-000002")
	p.by = newKey(t, "OCU next")
	b.take(a, p)
	if got := b.names("in"); len(got) != 2 {
		t.Errorf("landed = %v; want both", got)
	}
}

// correction is a form that corrects or cancels PL's first.
func (b *bench) correction(seq int64, ref string, cancels bool) *parcel {
	p := b.form(seq, "d-"+ref, ref)
	if cancels {
		p.relay.Cancels = pl1
	} else {
		p.relay.Corrects = pl1
	}
	return p
}

func TestCorrectionMarksWhatItReplaced(t *testing.T) {
	const second, third, fourth = "PL-KAS-2026-000002", "PL-KAS-2026-000003", "PL-KAS-2026-000004"
	marked := func(b *bench, name string) string {
		if !exists(b.path("in", name, "superseded.txt")) {
			return ""
		}
		return b.read("in", name, "superseded.txt")
	}
	t.Run("in order", func(t *testing.T) {
		b := newBench(t)
		a := b.open()
		b.take(a, b.form(1, "d1", pl1))
		b.take(a, b.correction(2, second, false))
		if got := marked(b, pl1); !strings.Contains(got, second) || marked(b, second) != "" {
			t.Errorf("the original's mark = %q, the correction's %q; want the correction named, and none", got, marked(b, second))
		}
		b.take(a, b.correction(3, third, false))
		b.take(a, b.correction(4, fourth, true))
		for _, name := range []string{pl1, second, third} {
			if got := marked(b, name); !strings.Contains(got, "CANCELLED by "+fourth) {
				t.Errorf("mark of %s = %q; want the cancellation", name, got)
			}
		}
	})
	t.Run("the original comes last", func(t *testing.T) {
		b := newBench(t)
		b.opt.Language = "lv"
		a := b.open()
		b.take(a, b.correction(1, second, false))
		b.take(a, b.form(2, "d1", pl1))
		if got := marked(b, pl1); !strings.Contains(got, "LABOTS ar "+second) || !strings.Contains(got, "CORRECTED by "+second) {
			t.Errorf("mark = %q; want the correction named in Latvian and English", got)
		}
	})
	t.Run("somebody else's", func(t *testing.T) {
		b := newBench(t)
		a := b.open()
		b.take(a, b.form(1, "d1", pl1))
		p := b.correction(2, second, false)
		p.relay.From = "EE"
		b.take(a, p)
		if got := marked(b, pl1); got != "" {
			t.Errorf("mark by EE = %q; want none on a form of PL", got)
		}
	})
}

func TestStatusIsKeptOnceForProgramsAndForPeople(t *testing.T) {
	b := newBench(t)
	a := b.open()
	if err := a.noteSent(&job{about: about{Reference: "LV-VID-2026-000007"}}, "seizure"); err != nil {
		t.Fatal(err)
	}
	d := websocket.Delivery{Seq: 1, ID: "s1", Status: &gateway.Status{Reference: "LV-VID-2026-000007", Recipient: "PL", State: gateway.Failed, Reason: "mailbox-full", Phone: "+48 1"}}
	for _, at := range []string{"noted", "landed", "none"} {
		a.dies(at)
		err := a.take(t.Context(), d)
		if at != "none" && err == nil {
			t.Fatal("the failure was not felt")
		}
		a.step = func(string) error { return nil }
	}
	if got := strings.Count(b.read("in", "status.jsonl"), "\n"); got != 1 {
		t.Errorf("lines = %d; want 1", got)
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(b.read("in", "status.jsonl")), &line); err != nil || line["recipient"] != "PL" || line["state"] != "failed" {
		t.Errorf("line = %v, %v", line, err)
	}
	words := b.read("out", "sent", "seizure.status.txt")
	if strings.Count(words, "\n") != 1 || !strings.Contains(words, "PL: NOT DELIVERED") || !strings.Contains(words, "Call +48 1.") {
		t.Errorf("words = %q; want one line that says who, what and whom to call", words)
	}
}

func TestFullDiskLosesNothing(t *testing.T) {
	b := newBench(t)
	if err := syscall.Mount("tmpfs", b.opt.Dir, "tmpfs", 0, "size=300k"); err != nil {
		t.Skipf("a small disk can't be made here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(b.opt.Dir, 0) })
	a := b.open()
	t.Cleanup(a.close)
	var kept []string
	for i := range int64(20) {
		ref := "PL-KAS-2026-0000" + string(rune('a'+i))
		p := b.form(i+1, "d"+ref, ref)
		p.files = []entity.Attachment{{Name: "scan.pdf", Content: bytes.Repeat([]byte("x"), 50_000)}}
		err := a.take(t.Context(), b.delivery(p))
		if err == nil {
			kept = append(kept, ref)
			continue
		}
		if !errors.Is(err, syscall.ENOSPC) || a.state.Position() != i || !slices.Equal(b.names("in"), kept) {
			t.Fatalf("take on a full disk = %v, position %d, landed %v; want ENOSPC, %d and %v", err, a.state.Position(), b.names("in"), i, kept)
		}
		if err := os.Remove(filepath.Join(b.opt.Dir, "in", kept[0], "attachments", "scan.pdf")); err != nil {
			t.Fatal(err)
		}
		b.take(a, p)
		if got := b.names("in"); !slices.Equal(got, append(kept, ref)) {
			t.Errorf("landed once there was room = %v; want %v", got, append(kept, ref))
		}
		return
	}
	t.Error("20 attachments of 50 kB fit on a disk of 300 kB")
}

func TestFolderThatCannotBeLookedIntoIsAnErrorNotASearchWithoutEnd(t *testing.T) {
	for _, folder := range []string{"in", "out/failed"} {
		t.Run(folder, func(t *testing.T) {
			b := newBench(t)
			a := b.open()
			b.drop("x.json", "no form")
			if err := os.RemoveAll(b.path(folder)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(b.path(folder), nil, 0o600); err != nil { // as a share that went away, nothing can be asked of it
				t.Fatal(err)
			}
			if folder == "in" {
				if err := a.take(t.Context(), b.delivery(b.form(1, "d1", pl1))); !errors.Is(err, syscall.ENOTDIR) {
					t.Errorf("take = %v; want what is wrong with the folder", err)
				}
			} else if left := a.handle(t, "x.json"); len(left) != 1 || left[0].tries != 1 {
				t.Errorf("jobs = %v; want one that is tried again", left)
			}
		})
	}
}

func TestNamesOfAttachmentsCantLeaveTheirFolder(t *testing.T) {
	for name, want := range map[string]string{
		"../../etc/passwd": "passwd", `C:\Windows\x.exe`: "x.exe", ".ssh": "ssh", "": "file_", "..": "file_", "con.txt": "file_con.txt",
		"COM2.txt": "file_COM2.txt", "lpt9": "file_lpt9", "nul .pdf": "file_nul .pdf", "conin$": "file_conin$", "COM²": "file_COM²", "com10.txt": "com10.txt",
		"a\x00b\nc": "a_b_c", "photo\u202egpj.exe": "photo_gpj.exe", "šķūnis.pdf": "šķūnis.pdf", "a;b": "a_b", "\xff.txt": "_.txt",
	} {
		if got := safeName(name); got != want {
			t.Errorf("safeName(%q) = %q; want %q", name, got, want)
		}
	}
	if got := safeName(strings.Repeat("ā", 200) + ".pdf"); len(got) > 100 || !strings.HasSuffix(got, ".pdf") {
		t.Errorf("safeName(long) = %q", got)
	}
}

func TestDamagedStateStopsWithWords(t *testing.T) {
	b := newBench(t)
	b.open().close()
	if err := os.WriteFile(b.path("state", "agent.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(b.opt); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("open = %v; want what to do", err)
	}
}
