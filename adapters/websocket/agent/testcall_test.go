package agent

import (
	"os"
	"slices"
	"strings"
	"testing"

	"liaison/gateway"
	"liaison/gateway/form"
)

func TestTestCallIsAnsweredOnceByTheMachine(t *testing.T) {
	b := newBench(t)
	f := b.serve()
	a := b.open()
	b.take(a, b.testCall(1, "d1"))
	a.close()
	stop := b.run()
	b.ends("TSR-OCU-GW-2026-000009.json")
	stop()
	forms := f.forms()
	if len(forms) != 1 {
		t.Fatalf("answers = %d; want 1", len(forms))
	}
	got := forms[0].Form.Normal()
	for box, want := range map[string]string{"A1": "TSR", "A5": "OCU-GW-2026-000009", "A6": "LV", "A7": "OCU", "A10": "TEST", "T1": "C1", "T2": "aBcD123", "T3": "WS",
		"T5": "Y", "T6": "Y", "T7": "Řīga Łódź", "T8": "Y ba7816bf", "T9": "", "T12": "agent under test"} {
		if got.Get(box) != want {
			t.Errorf("%s = %q; want %q", box, got.Get(box), want)
		}
	}
	if got.Get("T4") == "" || forms[0].Signature == nil || !forms[0].Proven() {
		t.Errorf("the answer lacks its time or its signature: %s", got.JSON())
	}
	for _, p := range form.Check(got, form.Context{}) {
		if p.Severity == form.Error {
			t.Errorf("the answer isn't valid: %v", p)
		}
	}
	// The same call, however it comes again, has no other answer.
	a = b.open()
	again := b.testCall(2, "d2")
	b.take(a, again)
	if err := os.RemoveAll(b.path("in", "OCU-GW-2026-000009")); err != nil {
		t.Fatal(err)
	}
	again.seq, again.id = 3, "d3"
	b.take(a, again)
	if jobs := b.names("state", "jobs"); len(jobs) != 0 {
		t.Errorf("the repeated call has the answers %v; want none", jobs)
	}
	other := b.testCall(4, "d4") // a later call under the same reference
	other.form = strings.Replace(other.form, "aBcD123", "another", 1)
	other.relay.FormSHA256 = sum(other.form)
	b.take(a, other)
	if jobs := b.names("state", "jobs"); len(jobs) != 1 {
		t.Errorf("another call has the answers %v; want one", jobs)
	}
}

func TestNothingElseIsAnsweredByItself(t *testing.T) {
	for _, typ := range []string{"TSR", "ACK", "NAK", "SEZ", "MSG"} {
		b := newBench(t)
		a := b.open()
		p := b.testCall(1, "d1")
		p.relay.Type = typ
		b.take(a, p)
		if jobs := b.names("state", "jobs"); len(jobs) != 0 {
			t.Errorf("%s is answered by %v", typ, jobs)
		}
	}
	b := newBench(t)
	p := b.testCall(1, "d1")
	p.relay.From = "LV"
	b.take(b.open(), p)
	if jobs := b.names("state", "jobs"); len(jobs) != 0 {
		t.Errorf("our own call is answered by %v", jobs)
	}
}

func TestPersonCompletesTheQuestionAndMovesIt(t *testing.T) {
	b := newBench(t)
	b.opt.Language = "lv"
	f := b.serve()
	a := b.open()
	b.take(a, b.testCall(1, "d1"))
	a.close()
	question := b.read("ask", "OCU-GW-2026-000009.txt")
	for _, want := range []string{"SAKARU PĀRBAUDE OCU-GW-2026-000009", "in/OCU-GW-2026-000009/form.txt", "T2: [aBcD123]", "T7: []", "T8: []", "T9: []", "T11: []"} {
		if !strings.Contains(question, want) {
			t.Errorf("the question lacks %q:\n%s", want, question)
		}
	}
	b.drop("unfinished.txt", question)
	stop := b.run()
	b.waitFor("out", "failed", "unfinished.txt")
	if got := b.read("out", "failed", "unfinished.answer.txt"); !strings.Contains(got, "T9") {
		t.Errorf("answer = %q; want the initials named", got)
	}
	b.drop("OCU-GW-2026-000009.txt", strings.NewReplacer("T7: []", "T7: [Řīga Łódź]", "T8: []", "T8: [Y]", "T9: []", "T9: [AB]").Replace(question))
	b.ends("OCU-GW-2026-000009.txt")
	stop()
	byPerson := slices.DeleteFunc(f.forms(), func(m *gateway.Message) bool { return m.Form.Get("T9") == "" })
	if len(byPerson) != 1 || byPerson[0].Form.Get("T9") != "AB" || byPerson[0].Form.Get("T2") != "aBcD123" || byPerson[0].Form.Get("T7") != "Řīga Łódź" {
		t.Errorf("a person's answers = %v; want one with initials, nonce and sample", byPerson)
	}
	if exists(b.path("ask", "OCU-GW-2026-000009.txt")) {
		t.Error("the question is still asked")
	}
}
