package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/form"
)

func TestDroppedFormIsSubmittedOnceWhateverStepFails(t *testing.T) {
	for _, at := range []string{"", "staged", "composed", "job written", "answered", "answer written", "moved"} {
		for _, dies := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s dies %v", at, dies), func(t *testing.T) {
				b := newBench(t)
				f := b.serve()
				b.drop("seizure.json", `{"A1":"SEZ","B1":"2026-11-20"}`)
				a := b.open()
				failed := make(chan struct{})
				ctx, kill := context.WithCancel(t.Context())
				defer kill()
				once := true
				a.step = func(s string) error { // called by one goroutine
					if s != at || !once && !dies {
						return nil
					}
					if once {
						close(failed)
					}
					if once = false; dies {
						kill()
					}
					return errKilled
				}
				over := make(chan error, 1)
				go func() { over <- a.run(ctx) }()
				if at != "" {
					<-failed
				}
				if dies {
					kill()
					if err := <-over; err != nil {
						t.Fatal(err)
					}
					a.close()
					stop := b.run()
					b.ends("seizure.json")
					stop()
				} else {
					b.ends("seizure.json")
					kill()
					<-over
				}
				b.oneForm(f)
			})
		}
	}
}

// given is the nth reference that the agent gives this year.
func given(n int) string { return fmt.Sprintf("LV-VID-%d-%06d", time.Now().UTC().Year(), n) }

// ends waits until a form was taken and its job is over.
func (b *bench) ends(name string) {
	b.t.Helper()
	b.waitFor("out", "sent", name)
	eventually(b.t, "its job is over", func() bool { return len(b.names("state", "jobs")) == 0 })
}

// oneForm checks that one form was submitted, with what the agent fills in, and
// that everything lies where it belongs.
func (b *bench) oneForm(f *far) {
	b.t.Helper()
	forms := f.forms()
	if len(forms) != 1 {
		b.t.Fatalf("submit ids = %d; want 1", len(forms))
	}
	if m := forms[0]; !m.Proven() || m.Form == nil || m.Signature == nil || !strings.HasPrefix(m.Form.Get("A4"), given(0)[:len(given(0))-1]) || m.Form.Get("A3") != "OP-7K3" || m.Form.Get("A6") != "LV" {
		b.t.Errorf("the gateway reads %+v; want a proven SEZ with A3, A4, A6 and the originator's signature", m)
	}
	for where, want := range map[string][]string{"out": {}, "out/sent": {"seizure.answer.json", "seizure.answer.txt", "seizure.json"}, "out/failed": {}, "state/jobs": {}} {
		if got := b.names(where); !slices.Equal(got, want) {
			b.t.Errorf("%s = %v; want %v", where, got, want)
		}
	}
}

func TestUrgentFormsOvertakeAndOthersKeepTheirOrder(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	a := b.open()
	var queue []*job
	for i, form := range []string{`{"A1":"MSG","A4":"LV-A-2026-000001"}`, `{"A1":"MSG","A4":"LV-A-2026-000002"}`, `{"A1":"WRN","A4":"LV-A-2026-000003","A9":"U"}`} {
		name := fmt.Sprint(i, ".json")
		b.drop(name, form)
		queue = append(queue, a.handle(t, name)...)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- a.connect(ctx) }()
	<-a.up
	for len(queue) > 0 {
		queue = a.work(ctx, queue)
	}
	stop()
	<-over
	if want := []string{"LV-A-2026-000003", "LV-A-2026-000001", "LV-A-2026-000002"}; !slices.Equal(f.order, want) {
		t.Errorf("order = %v; want %v", f.order, want)
	}
}

func TestOneFormThatFailsHoldsNoOtherBack(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	f.fails = func(m *gateway.Message) error {
		if m.Form.Get("H1") == "poison" {
			return errors.New("the gateway can't process this one now")
		}
		return nil
	}
	b.drop("1.json", `{"A1":"MSG","A9":"U","H1":"poison"}`)
	b.drop("2.json", `{"A1":"MSG","H1":"fine"}`)
	b.run()
	b.waitFor("out", "sent", "2.json")
	f.mu.Lock()
	f.fails = nil
	f.mu.Unlock()
	b.waitFor("out", "sent", "1.json")
	if got := len(f.forms()); got != 2 {
		t.Errorf("forms = %d; want 2", got)
	}
}

func TestReferenceThatIsTakenIsGivenAnew(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	f.verdict = func(m *gateway.Message) gateway.Verdict { // the state was lost: nine numbers are taken already
		if a4 := m.Form.Get("A4"); strings.HasPrefix(a4, "LV-VID") && a4 < given(10) {
			return gateway.Rejected
		}
		if m.Form.Get("A4") == "LV-OWN-2026-000001" {
			return gateway.Rejected
		}
		return gateway.Accepted
	}
	b.drop("ours.json", `{"A1":"MSG","H1":"x"}`)
	b.drop("own.json", `{"A1":"MSG","A4":"LV-OWN-2026-000001","H1":"x"}`)
	b.run()
	b.waitFor("out", "sent", "ours.json")
	b.waitFor("out", "failed", "own.json") // a reference that a person gave is theirs
	if want := []string{given(15)}; !slices.Equal(f.order, want) {
		t.Errorf("taken = %v; want %v", f.order, want)
	}
}

func TestAnswerAboutAnotherFormIsNotBelieved(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	wrong := true
	f.verdict = func(m *gateway.Message) gateway.Verdict {
		if wrong { // the answer to another submit
			wrong = false
			m.Form.Set("A4", given(99))
		}
		return gateway.Accepted
	}
	b.drop("a.json", `{"A1":"MSG"}`)
	stop := b.run()
	b.waitFor("out", "sent", "a.json")
	stop()
	if list := f.messages; len(list) != 1 {
		t.Errorf("submit ids = %d; want one, asked again", len(list))
	}
}

func TestWhatIsNoFormFailsWithWords(t *testing.T) {
	for file, want := range map[string]string{"broken.json": "Nothing was sent", "empty.json": "Nothing was sent", "words.txt": "there is no form in it"} {
		b := newBench(t)
		a := b.open()
		b.drop(file, map[string]string{"broken.json": `{"A1":`, "empty.json": "[]", "words.txt": "Hello."}[file])
		if left := a.handle(t, file); len(left) != 0 {
			t.Errorf("%s: the job isn't over", file)
		}
		if got := b.read("out", "failed", stemOf(file)+answerEnding); !strings.Contains(got, want) {
			t.Errorf("%s: %q; want %q", file, got, want)
		}
	}
}

func TestAnswersOfFilesThatDifferInTheirEndingDont(t *testing.T) {
	b := newBench(t)
	a := b.open()
	for _, name := range []string{"a.txt", "a.json"} {
		b.drop(name, "no form")
		a.handle(t, name)
	}
	if got := b.names("out", "failed"); !slices.Equal(got, []string{"a.answer.txt", "a.txt", "a~2.answer.txt", "a~2.json"}) {
		t.Errorf("failed = %v; want two answers", got)
	}
}

func TestFormsWithTheLongestNamesAreSettled(t *testing.T) {
	b := newBench(t)
	a := b.open()
	long := strings.Repeat("ж", 125)
	b.drop(long+".json", "no form")
	a.handle(t, long+".json")
	put(t, b.path("out"), long+".docx", "x")
	box := newOutbox(b.path("out"))
	for range looksElse {
		if _, err := a.takeDropped(box); err != nil {
			t.Fatal(err)
		}
	}
	short := strings.Repeat("ж", 97)
	if got := b.names("out", "failed"); !slices.Equal(got, []string{short + ".answer.txt", short + ".docx.answer.txt", short + ".json"}) {
		t.Errorf("failed = %v; want both told, under a name that leaves room for the answer's", got)
	}
}

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

func TestFolderIsAFormWithItsAttachments(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	b.drop("case 7/form.txt", "A1: [MSG] H1: [see the scans] A22: [photo.jpg // list.pdf;N]\n")
	b.drop("case 7/photo.jpg", "photo")
	b.drop("case 7/list.pdf", "list")
	b.drop("case 7/more/scan;1.pdf", "scan")
	b.drop("case 7/more/photo.jpg", "another")
	b.drop("case 7/.DS_Store", "junk")
	b.run()
	b.waitFor("out", "sent", "case 7")
	m := f.forms()[0]
	names := map[string]string{}
	for _, at := range m.Attachments {
		names[at.Name] = string(at.Content)
	}
	if len(names) != 4 || names["photo.jpg"] != "photo" || names["photo~2.jpg"] != "another" || names["scan_1.pdf"] != "scan" || names["list.pdf"] != "list" {
		t.Errorf("attachments = %v; want the four files", names)
	}
	got := m.Form.All("A22")
	slices.Sort(got)
	want := []string{"list.pdf;4;" + sum("list") + ";N", "photo.jpg;5;" + sum("photo"), "photo~2.jpg;7;" + sum("another") + ";N", "scan_1.pdf;4;" + sum("scan") + ";N"}
	if !slices.Equal(got, want) {
		t.Errorf("A22 = %q; want %q", got, want)
	}
	if m.Signature == nil {
		t.Error("the originator's signature over form.json, and with it the hashes, doesn't count")
	}
	if !strings.Contains(b.read("out", "sent", "case 7.answer.txt"), "the form as text") {
		t.Error("the answer isn't beside it")
	}
}

func TestWrongFoldersFailWithWords(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no form":        {map[string]string{"case/scan.pdf": "x"}, "needs one form.json or form.txt"},
		"two forms":      {map[string]string{"case/a.json": "{}", "case/b.txt": "x"}, "needs one form.json or form.txt"},
		"another hash":   {map[string]string{"case/form.json": `{"A1":"MSG","A22":["scan.pdf;1;` + sum("y") + `"]}`, "case/scan.pdf": "x"}, "A22 names scan.pdf with another content"},
		"too much":       {map[string]string{"case/form.json": `{"A1":"MSG"}`, "case/scan.pdf": strings.Repeat("x", sourceLimit+1)}, "scan.pdf has 16777217 bytes"},
		"too much alone": {map[string]string{"form.json": strings.Repeat("x", sourceLimit+1)}, "form.json has 16777217 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := b.open()
			dropped := ""
			for file, content := range c.files {
				b.drop(file, content)
				dropped, _, _ = strings.Cut(file, "/")
			}
			a.handle(t, dropped)
			if got := b.read("out", "failed", stemOf(dropped)+answerEnding); !strings.Contains(got, c.want) {
				t.Errorf("answer = %q; want %q", got, c.want)
			}
		})
	}
}

func TestFormIsSealedAsTheDropperWroteIt(t *testing.T) {
	b := newBench(t)
	a := b.open()
	whole := `{"A1": "MSG", "A3":"OP-7K3","A4":"LV-OWN-2026-000001","A6":"LV",  "H1":"as it is"}`
	b.drop("a.json", whole)
	j := a.handle(t, "a.json")[0]
	f := &far{b: b}
	m := f.open([]byte(b.read("state", "jobs", j.id, "message.pgp")))
	if string(m.AsSent) != whole {
		t.Errorf("form.json = %s; want the very bytes", m.AsSent)
	}
	if _, problems := form.ParseText(m.Reading.Text); len(problems) > 0 {
		t.Errorf("the text beside it has problems: %v", problems)
	}
}
