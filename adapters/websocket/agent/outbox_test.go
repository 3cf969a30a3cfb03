package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// looks lets an outbox look so often and returns what it found finished.
func looks(t *testing.T, o *outbox, n int) (forms, others []string) {
	t.Helper()
	for range n {
		f, x, err := o.look()
		if err != nil {
			t.Fatal(err)
		}
		forms, others = append(forms, f...), append(others, x...)
	}
	return slices.Compact(forms), others
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyWhatIsFinishedIsTaken(t *testing.T) {
	const never = 0
	for name, c := range map[string]struct {
		file, content string
		after         int // looks
	}{
		"whole JSON":             {"a.json", `{"A1":"MSG"}`, looksWhole},
		"whole JSON with a BOM":  {"a.JSON", "\ufeff{}", looksWhole},
		"JSON that breaks off":   {"a.json", `{"A1":"MS`, looksElse},
		"text with its end":      {"a.txt", "JCOFORM/1 BEGIN\nA1: [MSG]\njcoform/1 end\n", looksWhole},
		"text without":           {"a.TXT", "A1: [MSG]", looksElse},
		"text that breaks off":   {"a.txt", "JCOFORM/1 BEGIN\nA1: [M", looksElse},
		"handed over":            {"submit-1.txt", "A1: [MSG]", 1},
		"a folder":               {"case/form.json", "{}", looksElse},
		"empty":                  {"a.json", "", never},
		"a folder without bytes": {"case/form.json", "", never},
		"hidden":                 {".a.json", "{}", never},
		"a lock file":            {"~$a.txt", "x", never},
		"a backup":               {"a.json~", "{}", never},
		"an upload":              {"a.json.filepart", "{}", never},
		"an answer of ours":      {"sent/a.json", "{}", never},
		"in Greek":               {"κατάσχεση 7.json", "{}", looksWhole},
		"in Bulgarian":           {"задържане.txt", "x", looksElse},
		"with a line break":      {"a\nb.json", "{}", looksWhole},
		"not UTF-8":              {"\xe1\xe2.json", "{}", looksWhole},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, c.file, c.content)
			o := newOutbox(dir)
			if c.after == never {
				if forms, others := looks(t, o, 2*looksElse); len(forms)+len(others) > 0 {
					t.Errorf("found %q, %q; want nothing", forms, others)
				}
				return
			}
			if forms, _ := looks(t, o, c.after-1); len(forms) > 0 {
				t.Errorf("taken before look %d", c.after)
			}
			want, _, _ := strings.Cut(c.file, "/")
			if forms, _ := looks(t, o, 1); !slices.Equal(forms, []string{want}) {
				t.Errorf("look %d = %q; want %q", c.after, forms, want)
			}
		})
	}
}

func TestWhatGrowsIsNotTaken(t *testing.T) {
	dir := t.TempDir()
	o := newOutbox(dir)
	text := "JCOFORM/1 BEGIN\n"
	for range 3 * looksElse { // a slow copy
		text += "  Summary H1: [x]\n"
		put(t, dir, "slow.txt", text)
		put(t, dir, "case/scan.pdf", text)
		if forms, _ := looks(t, o, 1); len(forms) > 0 {
			t.Fatalf("%q was taken while it grew", forms)
		}
	}
	put(t, dir, "slow.txt", text+"JCOFORM/1 END\n")
	if forms, _ := looks(t, o, looksWhole); !slices.Equal(forms, []string{"slow.txt"}) {
		t.Errorf("forms = %q; want the text once it has its end", forms)
	}
}

func TestWhatIsNoFormIsLeftAndToldOnce(t *testing.T) {
	b := newBench(t)
	a := b.open()
	b.drop("report.docx", "x")
	box := newOutbox(b.path("out"))
	for range 3 * looksElse {
		if _, err := a.takeDropped(box); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.read("out", "failed", "report.docx.answer.txt"); !strings.Contains(got, "report.docx was left in out") || !exists(b.path("out", "report.docx")) {
		t.Errorf("note = %q; want the file left, and why", got)
	}
}

func TestWhatCannotBeReadFailsWithWords(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"a link":            func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a queue":           func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to nothing": func(path string) error { return os.Symlink("nowhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := b.open()
			if err := prepare(b.path("out", "x.json")); err != nil {
				t.Fatal(err)
			}
			a.handle(t, "x.json")
			if got := b.read("out", "failed", "x.answer.txt"); !strings.Contains(got, "Nothing was sent") || !strings.Contains(got, "x.json is a link or a device") {
				t.Errorf("answer = %q; want why", got)
			}
		})
	}
	t.Run("no permission", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("root may read everything")
		}
		b := newBench(t)
		a := b.open()
		put(t, b.path("out"), "x.json", "{}")
		if err := os.Chmod(b.path("out", "x.json"), 0); err != nil {
			t.Fatal(err)
		}
		a.handle(t, "x.json")
		if got := b.read("out", "failed", "x.answer.txt"); !strings.Contains(got, "may not read x.json") {
			t.Errorf("answer = %q; want why", got)
		}
	})
}

func TestFormWhoseMoveCannotBeSyncedIsNotLost(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	b := newBench(t)
	a := b.open()
	b.drop("x.json", `{"A1":"SEZ"}`)
	a.step = func(string) error { return os.Chmod(b.path("out"), 0o300) } // the move goes, the folder can't be opened to sync it
	if _, err := a.adopt("x.json"); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("adopt = %v; want the folder's error", err)
	}
	if err := os.Chmod(b.path("out"), 0o700); err != nil {
		t.Fatal(err)
	}
	jobs := a.newJobs(nil)
	if len(jobs) != 1 {
		t.Fatalf("jobs = %v; want the one that the form moved into", jobs)
	}
	if source, err := a.source(jobs[0]); err != nil || filepath.Base(source) != "x.json" {
		t.Errorf("source = %q, %v; want x.json", source, err)
	}
}

// handle takes one thing out of out and works on it as far as it goes without a
// connection.
func (a *agent) handle(t *testing.T, name string) []*job {
	t.Helper()
	j, err := a.adopt(name)
	if err != nil {
		t.Fatal(err)
	}
	return a.work(t.Context(), []*job{j})
}
