package torment

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// run is a run in which everything went right: LV sends to PL, who has a system,
// to TR, who isn't cleared, and to GE, who is reached in the clear.
func run() *Book {
	b := NewBook(Participant{Code: "LV", Cleared: true}, Participant{Code: "PL", Cleared: true}, Participant{Code: "TR"}, Participant{Code: "GE", Open: true})
	for i, f := range []Form{
		{To: []string{"PL", "TR", "GE"}},                        // 0
		{To: []string{"PL", "TR"}, Nominal: true},               // 1
		{To: []string{"TR", "ALL"}, Marking: "TLP:RED"},         // 2
		{To: []string{"PL"}, Replaces: "LV-0"},                  // 3
		{To: []string{"ALL"}, Fate: Refused},                    // 4
		{To: []string{"ALL"}, Fate: Held},                       // 5
		{To: []string{"ALL"}, Fate: Forged},                     // 6
		{To: []string{"GE", "PL"}, Marking: "TLP:AMBER+STRICT"}, // 7
	} {
		f.Reference, f.Sender = fmt.Sprintf("LV-%d", i), "LV"
		f = b.Next(func(int) Form { return f })
		b.Offered(f, f.Reference)
		b.Numbered(f.Reference, fmt.Sprintf("OP-1 %d", i))
		if f.Fate != Forged {
			b.Answered(Answer{To: "LV", Offer: f.Reference, Identity: "answer to " + f.Reference, Accepted: f.Fate == Relayed, Held: f.Fate == Held})
		}
	}
	arrive(b, "PL", 0, 1, 3, 7)
	arrive(b, "TR", 0, 2)
	arrive(b, "GE", 0)
	b.Received(Received{By: "GE", Identity: "GE LV-7", Number: "OP-1 7", Notice: true, Order: 70})
	for seq, reference := range []string{"LV-0", "LV-1", "LV-3", "LV-7"} {
		b.Framed(Frame{By: "PL", Seq: int64(seq + 1), Delivery: "PL " + reference})
	}
	for _, state := range []string{"pending", "handed over", "confirmed by system"} {
		b.Told(Told{Whom: "LV", Delivery: "LV-0 to PL", State: state})
	}
	return b
}

// arrive lets forms come to a participant, each with its mark where the
// participant can read it.
func arrive(b *Book, code string, numbers ...int) {
	for _, n := range numbers {
		f := b.forms[n]
		b.Received(Received{By: code, Identity: code + " " + f.Reference, Reference: f.Reference, Quantity: f.Quantity(), Order: int64(n * 10)})
		if code != "GE" {
			b.Shown(code, "form", "H1: ["+f.Mark()+"]", false)
		}
	}
}

func TestRunInWhichAllPromisesWereKeptHasNoViolation(t *testing.T) {
	if got := run().Violations(); len(got) > 0 {
		t.Errorf("violations = %v; want none", got)
	}
}

func TestFormThatCameAgainUnderItsIdentityIsNoViolation(t *testing.T) {
	b := run()
	arrive(b, "PL", 0)
	b.Framed(Frame{By: "PL", Seq: 2, Delivery: "PL LV-1"})
	b.Answered(Answer{To: "LV", Offer: "LV-0", Identity: "answer to LV-0", Accepted: true})
	if got := b.Violations(); len(got) > 0 {
		t.Errorf("violations = %v; want none", got)
	}
	if f := b.Figures(); f.Repeats != 1 || f.Deliveries != 8 {
		t.Errorf("figures = %v; want 8 deliveries and 1 repeat", f)
	}
}

func TestOriginalThatItsCorrectionOvertookMayStayAway(t *testing.T) {
	b := run()
	b.received = slices.DeleteFunc(b.received, func(r Received) bool { return r.Reference == "LV-0" })
	if got := b.Violations(); len(got) > 0 {
		t.Errorf("violations = %v; want none", got)
	}
}

// corrected is run, and LV-0 corrected once more after LV-3, with the gateway's number.
func corrected(number string) *Book {
	b := run()
	f := b.Next(func(int) Form { return Form{Reference: "LV-8", Sender: "LV", To: []string{"PL"}, Replaces: "LV-0"} })
	b.Offered(f, f.Reference)
	b.Numbered(f.Reference, number)
	b.Answered(Answer{To: "LV", Offer: f.Reference, Identity: "answer to LV-8", Accepted: true})
	return b
}

func TestCorrectionThatALaterOneOvertookMayStayAway(t *testing.T) {
	b := corrected("OP-1 8")
	arrive(b, "PL", 8)
	b.received = slices.DeleteFunc(b.received, func(r Received) bool { return r.Reference == "LV-3" })
	if got := b.Violations(); len(got) > 0 {
		t.Errorf("violations = %v; want none", got)
	}
}

func TestACorrectionMayBeRefusedOfWhatIsCancelledAndOfNothingElse(t *testing.T) {
	for _, cancels := range []bool{true, false} {
		b := corrected("OP-1 8")
		b.forms[8].Cancels = cancels
		arrive(b, "PL", 8)
		f := b.Next(func(int) Form { return Form{Reference: "LV-9", Sender: "LV", To: []string{"PL"}, Replaces: "LV-0"} })
		b.Offered(f, f.Reference)
		b.Answered(Answer{To: "LV", Offer: f.Reference, Identity: "answer to LV-9"})
		if got := b.Violations(); cancels && len(got) > 0 || !cancels && (len(got) != 1 || got[0].Kind != Misjudged) {
			t.Errorf("a correction is refused, the original cancelled %t: violations = %v", cancels, got)
		}
	}
}

func TestTheLastCorrectionMustCome(t *testing.T) {
	for number, lost := range map[string]string{"OP-1 8": "LV-8", "OP-1 1": "LV-3"} { // after LV-3, and before it
		b := corrected(number)
		if lost == "LV-3" {
			arrive(b, "PL", 8)
			b.received = slices.DeleteFunc(b.received, func(r Received) bool { return r.Reference == "LV-3" })
		}
		if got := b.Awaited(); len(got) != 1 || got[0].Kind != Lost || !strings.HasPrefix(got[0].What, lost) {
			t.Errorf("awaited = %v; want %s", got, lost)
		}
	}
}

func TestOfferThatWasSetAsideNeedsNoAnswerButOneMoreDoes(t *testing.T) {
	b := run()
	b.SetAside("message 1")
	b.Offered(b.forms[0], "the same again")
	if got := b.Violations(); len(got) > 0 {
		t.Errorf("violations = %v; want none", got)
	}
	b.Offered(b.forms[0], "and again")
	if got := b.Violations(); len(got) != 2 {
		t.Errorf("violations = %v; want both offers without an answer", got)
	}
}

func TestEveryPlantedViolationIsFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(*Book)
		want  Kind
	}{
		{"an accepted form isn't at a recipient", func(b *Book) {
			b.received = slices.DeleteFunc(b.received, func(r Received) bool { return r.By == "PL" && r.Reference == "LV-1" })
		}, Lost},
		{"a notice didn't come", func(b *Book) {
			b.received = slices.DeleteFunc(b.received, func(r Received) bool { return r.Notice })
		}, Lost},
		{"a correction isn't at a recipient", func(b *Book) {
			b.received = slices.DeleteFunc(b.received, func(r Received) bool { return r.Reference == "LV-3" })
		}, Lost},
		{"an offer has no answer", func(b *Book) { b.Offered(b.forms[0], "the same again") }, Unanswered},
		{"a refused form has no answer", func(b *Book) {
			b.answers = slices.DeleteFunc(b.answers, func(a Answer) bool { return a.Offer == "LV-4" })
		}, Unanswered},
		{"two answers to one offer", func(b *Book) {
			b.Answered(Answer{To: "LV", Offer: "LV-0", Identity: "another", Accepted: true})
		}, Doubled},
		{"a wrong form is accepted", func(b *Book) { b.answers[4].Accepted = true }, Misjudged},
		{"a held form is accepted", func(b *Book) { b.answers[5].Accepted, b.answers[5].Held = true, false }, Misjudged},
		{"a good form is held", func(b *Book) { b.answers[2].Accepted, b.answers[2].Held = false, true }, Misjudged},
		{"a forged form is answered", func(b *Book) { b.Answered(Answer{To: "LV", Offer: "LV-6", Identity: "x"}) }, Misjudged},
		{"an answer to nothing", func(b *Book) { b.Answered(Answer{To: "PL", Offer: "LV-0", Identity: "x", Accepted: true}) }, Stray},
		{"a form twice under two identities", func(b *Book) {
			b.Received(Received{By: "PL", Identity: "another", Reference: "LV-1", Quantity: "2", Order: 99})
		}, Doubled},
		{"another quantity", func(b *Book) { b.received[0].Quantity = "77" }, Altered},
		{"no quantity", func(b *Book) { b.received[0].Quantity = "" }, Altered},
		{"a form to whom it doesn't name", func(b *Book) { arrive(b, "TR", 7) }, Stray},
		{"a nominal form to who isn't cleared", func(b *Book) { arrive(b, "TR", 1) }, Stray},
		{"TLP:RED to who is named in a group alone", func(b *Book) { arrive(b, "PL", 2) }, Stray},
		{"a refused form goes out", func(b *Book) { arrive(b, "PL", 4) }, Stray},
		{"a held form goes out", func(b *Book) { arrive(b, "PL", 5) }, Stray},
		{"a forged form goes out", func(b *Book) { arrive(b, "PL", 6) }, Stray},
		{"a form comes back to its sender", func(b *Book) { arrive(b, "LV", 0) }, Stray},
		{"a form instead of a notice", func(b *Book) { arrive(b, "GE", 7) }, Stray},
		{"a notice instead of a form", func(b *Book) { b.Received(Received{By: "GE", Identity: "x", Number: "OP-1 0", Notice: true}) }, Stray},
		{"a form that nobody offered", func(b *Book) { b.Received(Received{By: "PL", Identity: "x", Reference: "XX-1"}) }, Stray},
		{"content in the clear", func(b *Book) { b.Shown("PL", "header", "Subject: "+b.forms[0].Mark(), true) }, Leaked},
		{"content of a reduced copy", func(b *Book) { b.Shown("GE", "body", b.forms[0].Mark(), false) }, Leaked},
		{"nominal content in another form", func(b *Book) { b.Shown("TR", "body", b.forms[1].Mark(), false) }, Leaked},
		{"a forged form's content quoted", func(b *Book) { b.Shown("PL", "body", b.forms[6].Mark(), false) }, Leaked},
		{"seq with a gap", func(b *Book) { b.Framed(Frame{By: "PL", Seq: 6, Delivery: "x"}) }, Disordered},
		{"seq goes back", func(b *Book) { b.Framed(Frame{By: "PL", Seq: 0, Delivery: "x"}) }, Disordered},
		{"one number for two deliveries", func(b *Book) { b.Framed(Frame{By: "PL", Seq: 3, Delivery: "x"}) }, Disordered},
		{"one delivery under two numbers", func(b *Book) { b.Framed(Frame{By: "PL", Seq: 5, Delivery: "PL LV-0"}) }, Disordered},
		{"a correction before its original", func(b *Book) {
			for i := range b.received {
				if b.received[i].Reference == "LV-3" {
					b.received[i].Order = -1
				}
			}
		}, Early},
		{"a state falls", func(b *Book) { b.Told(Told{Whom: "LV", Delivery: "LV-0 to PL", State: "handed over"}) }, Fell},
		{"a delivery fails", func(b *Book) { b.Told(Told{Whom: "LV", Delivery: "LV-0 to GE", State: "failed"}) }, GaveUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := run()
			c.plant(b)
			found := b.Violations()
			if !slices.ContainsFunc(found, func(v Violation) bool { return v.Kind == c.want }) {
				t.Errorf("violations = %v; want one of kind %q", found, c.want)
			}
		})
	}
}

func TestMarksAreFoundWhereverTheyStand(t *testing.T) {
	b := run()
	b.Shown("TR", "x", "QMARK00001Q QMARK000001Qand"+b.forms[1].Mark()+"QMARK999999Q", false)
	want := []Violation{
		{Leaked, "content of LV-1 to TR, in the clear false: x"},
		{Leaked, "content of LV-1 to TR, in the clear false: x"},
	}
	if diff := cmp.Diff(want, b.Violations()); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}
