package storetest

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

func acceptIsReadBackWhole(t *testing.T, r Record) {
	s := open(t, r)
	f := newForm("LV-VID-2027-000001", gateway.FormAccepted)
	d := to(poland, operation.PGPMail)
	d.Reason = "a reason"
	in := inbound("one")
	receipt, err := s.Accept(ctx(t), in, decision(f, d))
	must(t, "Accept", err)
	want := &gateway.Receipt{Inbound: receipt.Inbound, Verdict: gateway.Accepted, Form: f.ID, Number: 1, Reference: f.Reference}
	if diff := cmp.Diff(want, receipt); diff != "" {
		t.Errorf("Accept: receipt (-want +got)\n%s", diff)
	}
	got, err := s.Form(ctx(t), f.ID)
	must(t, "Form", err)
	if got.Content.Boxes == nil || got.Content.Boxes.Get("C2") != f.Content.Boxes.Get("C2") {
		t.Errorf("Form: boxes were not restored")
	}
	if got.Inbound != receipt.Inbound || got.Hash != f.Hash || !got.Received.Equal(f.Received) || got.Content.Text != f.Content.Text {
		t.Errorf("Form: columns or content differ from what was recorded")
	}
	if len(got.Content.Attachments) != 1 || string(got.Content.Attachments[0].Content) != "pixels" || got.Content.Attachments[0].Name != "photo.jpg" {
		t.Errorf("Form: attachment differs from what was recorded")
	}
	raw, err := s.Inbound(ctx(t), receipt.Inbound)
	must(t, "Inbound", err)
	if string(raw.Raw) != string(in.Raw) || raw.Reason != "as it should be" {
		t.Errorf("Inbound: raw bytes or reason differ")
	}
	for _, reference := range []string{f.Reference, "OP-7K3 000001"} {
		if got, err := s.FormByReference(ctx(t), opCode, "", reference); err != nil || got.ID != f.ID {
			t.Errorf("FormByReference(%s) = %v; want the form", reference, err)
		}
	}
	ds, err := s.DeliveriesOf(ctx(t), f.ID)
	must(t, "DeliveriesOf", err)
	if len(ds) != 1 || ds[0].ID != d.ID || ds[0].Reason != "a reason" || ds[0].State != gateway.Pending || ds[0].Number != 1 {
		t.Errorf("DeliveriesOf = %+v", ds)
	}
	if _, err := s.Form(ctx(t), "nobody's"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("Form(unknown) = %v; want ErrNotFound", err)
	}
}

// anyNames: what strangers write into a Message-ID or a submit's id, and into a
// form's boxes, is never a reason not to answer.
func anyNames(t *testing.T, r Record) {
	s := open(t, r)
	for i, id := range []string{"mid:<a\xe4b@vid.example>", "mid:<a\x00b@vid.example>", "mid:<" + strings.Repeat("\xff", 900) + ">", "ws:OP-7K3/LV/\u0000", "mid:<ä@vid.example>", "ws:" + strings.Repeat("long", 2000)} {
		for _, exclusive := range []bool{false, true} {
			in := inbound(name("%d %v", i, exclusive))
			in.Repeats[0].Name, in.Repeats[0].Exclusive = id, exclusive
			if n, receipt, err := s.Offer(ctx(t), in); n != 0 || receipt != nil || err != nil {
				t.Errorf("Offer of %.30q = %d, %v, %v; want it new", id, n, receipt, err)
			}
			f := newForm(name("R\xe4\x00%d%v", i, exclusive), gateway.FormAccepted)
			first, err := s.Accept(ctx(t), in, decision(f))
			must(t, "Accept", err)
			again, err := s.Accept(ctx(t), in, decision(newForm("never", gateway.FormAccepted)))
			must(t, "Accept again", err)
			if !again.Repeated || again.Inbound != first.Inbound {
				t.Errorf("Accept of %.30q again = %+v; want the receipt of the first", id, again)
			}
		}
	}
}

// anyReferences: a stranger's reference of any bytes is a form's that is there or not.
func anyReferences(t *testing.T, r Record) {
	s := open(t, r)
	accept(t, s, "R1")
	for _, reference := range []string{"R\x001", "R\xe41"} {
		if _, err := s.FormByReference(ctx(t), opCode, "", reference); !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("FormByReference(%q) = %v; want ErrNotFound", reference, err)
		}
		_, err := s.Accept(ctx(t), inbound(reference), func(l gateway.Ledger) (*gateway.Decision, error) {
			f, err := l.Known(opCode, latvia, reference)
			if f != nil {
				t.Errorf("Known(%q) = %+v; want none", reference, f)
			}
			return &gateway.Decision{Verdict: gateway.Noted, Operation: opCode}, err
		})
		must(t, "Accept", err)
	}
}

func acceptTwice(t *testing.T, r Record) {
	s := open(t, r)
	in := inbound("one")
	first, err := s.Accept(ctx(t), in, decision(newForm("R1", gateway.FormAccepted)))
	must(t, "Accept", err)
	// by another way: another UID, the same Message-ID
	again := inbound("one")
	again.Repeats = append([]gateway.Repeat{{Name: "imap:ocu/INBOX/7/99", Digest: again.Repeats[0].Digest}}, again.Repeats...)
	second, err := s.Accept(ctx(t), again, decision(newForm("R2", gateway.FormAccepted)))
	must(t, "Accept again", err)
	if !second.Repeated || second.Inbound != first.Inbound || second.Form != first.Form {
		t.Errorf("Accept again = %+v; want %+v, repeated", second, first)
	}
	if _, err := s.FormByReference(ctx(t), opCode, "", "R2"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("FormByReference(R2) = %v; want ErrNotFound: the second decision's work is dropped", err)
	}
}

func acceptAtOnce(t *testing.T, r Record) {
	s := open(t, r)
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := 0
	for i := range 16 {
		wg.Go(func() {
			receipt, err := s.Accept(ctx(t), inbound("one"), decision(newForm(name("R%d", i), gateway.FormAccepted), to(poland, operation.Mail)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("Accept = %v", err)
			} else if !receipt.Repeated {
				fresh++
			}
		})
	}
	wg.Wait()
	if ds := claim(t, s, dawn); fresh != 1 || len(ds) != 1 {
		t.Errorf("%d fresh receipts, %d deliveries; want 1 of each", fresh, len(ds))
	}
}

func exclusiveNames(t *testing.T, r Record) {
	s := open(t, r)
	exclusive := func(body string) *gateway.Inbound {
		in := inbound(body)
		in.Medium = gateway.ByWebSocket
		in.Repeats[0].Name, in.Repeats[0].Exclusive = "ws:OP-7K3/LV/1", true
		return in
	}
	_, err := s.Accept(ctx(t), exclusive("one"), decision(newForm("R1", gateway.FormAccepted)))
	must(t, "Accept", err)
	if _, err := s.Accept(ctx(t), exclusive("two"), decision(newForm("R2", gateway.FormAccepted))); !errors.Is(err, gateway.ErrOtherBytes) {
		t.Errorf("Accept(other bytes) = %v; want ErrOtherBytes", err)
	}
	if _, _, err := s.Offer(ctx(t), exclusive("two")); !errors.Is(err, gateway.ErrOtherBytes) {
		t.Errorf("Offer(other bytes) = %v; want ErrOtherBytes", err)
	}
	reused := inbound("three") // a UID that the server gave twice is another mail
	reused.Repeats[0].Name = inbound("one").Repeats[0].Name
	if receipt, err := s.Accept(ctx(t), reused, decision(newForm("R3", gateway.FormAccepted))); err != nil || receipt.Repeated {
		t.Errorf("Accept(same name, not exclusive, other bytes) = %+v, %v; want a fresh receipt", receipt, err)
	}
}

func failingDecision(t *testing.T, r Record) {
	s := open(t, r)
	broken := errors.New("broken")
	_, err := s.Accept(ctx(t), inbound("one"), func(l gateway.Ledger) (*gateway.Decision, error) {
		if _, err := l.NextNumber(opCode); err != nil {
			return nil, err
		}
		return nil, broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("Accept = %v; want the decision's error", err)
	}
	// half of what it wants can't be recorded: nothing of it is
	f := newForm("R1", gateway.FormAccepted)
	_, err = s.Accept(ctx(t), inbound("one"), func(gateway.Ledger) (*gateway.Decision, error) {
		return &gateway.Decision{Verdict: gateway.Accepted, Operation: opCode, Subject: f.ID, Forms: []gateway.NewForm{{Form: f}, {Form: newForm("R1", gateway.FormAccepted)}}}, nil
	})
	mustFail(t, "Accept(two forms of one reference)", err)
	receipt, err := s.Accept(ctx(t), inbound("one"), decision(f))
	must(t, "Accept", err)
	if receipt.Repeated || receipt.Number != 1 {
		t.Errorf("Accept after failures = %+v; want the first number and no repeat", receipt)
	}
}

func failingAmongMany(t *testing.T, r Record) {
	s := open(t, r)
	broken := errors.New("broken")
	const many, every = 60, 7
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			_, err := s.Accept(ctx(t), inbound(name("m%d", i)), func(l gateway.Ledger) (*gateway.Decision, error) {
				d, err := decision(newForm(name("R%d", i), gateway.FormAccepted))(l)
				if i%every == 0 {
					return nil, broken
				}
				return d, err
			})
			if fails := i%every == 0; fails != errors.Is(err, broken) || !fails && err != nil {
				t.Errorf("Accept(%d) = %v", i, err)
			}
		})
	}
	wg.Wait()
	last := many - (many+every-1)/every
	for _, n := range []int{1, last} {
		if _, err := s.FormByReference(ctx(t), opCode, "", name("OP-7K3 %06d", n)); err != nil {
			t.Errorf("form number %d of %d: %v; want no number left out", n, last, err)
		}
	}
	if _, err := s.FormByReference(ctx(t), opCode, "", name("OP-7K3 %06d", last+1)); err == nil {
		t.Errorf("there is a form number %d; want %d forms", last+1, last)
	}
}

func occupiedReferences(t *testing.T, r Record) {
	s := open(t, r)
	refused, held := newForm("R1", gateway.FormRefused), newForm("R1", gateway.FormHeld)
	_, err := s.Accept(ctx(t), inbound("one"), decision(refused))
	must(t, "Accept refused", err)
	_, err = s.Accept(ctx(t), inbound("two"), func(l gateway.Ledger) (*gateway.Decision, error) {
		if known, err := l.Known(opCode, latvia, "R1"); known != nil || err != nil {
			t.Errorf("Known(refused) = %v, %v; want none", known, err)
		}
		return decision(held)(l)
	})
	must(t, "Accept held", err)
	_, err = s.Accept(ctx(t), inbound("three"), func(l gateway.Ledger) (*gateway.Decision, error) {
		known, err := l.Known(opCode, latvia, "R1")
		if err != nil || known == nil || known.ID != held.ID {
			t.Errorf("Known = %v, %v; want the held form", known, err)
		}
		similar, err := l.Similar(opCode, latvia, held.Hash, [32]byte{}, dawn)
		if err != nil || similar == nil {
			t.Errorf("Similar = %v, %v; want a form of the same hash", similar, err)
		}
		return &gateway.Decision{Verdict: gateway.Duplicate, Operation: opCode, Repeats: held.ID}, nil
	})
	must(t, "Accept duplicate", err)
	_, err = s.Accept(ctx(t), inbound("four"), decision(newForm("R1", gateway.FormAccepted)))
	mustFail(t, "Accept(occupied reference)", err)
}

func numbersOnce(t *testing.T, r Record) {
	s := open(t, r)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := s.Accept(ctx(t), inbound(name("m%d", i)), func(l gateway.Ledger) (*gateway.Decision, error) {
				reference, err := l.NextReference(opCode, latvia, "LV-VID-2027-")
				if err != nil {
					return nil, err
				}
				return decision(newForm(reference, gateway.FormAccepted))(l)
			})
			if err != nil {
				t.Errorf("Accept = %v", err)
			}
		})
	}
	wg.Wait()
	got, err := s.FormByReference(ctx(t), opCode, latvia, "LV-VID-2027-000020")
	if err != nil {
		t.Fatalf("FormByReference(the twentieth) = %v", err)
	}
	if last, err := s.FormByReference(ctx(t), opCode, "", "OP-7K3 000020"); err != nil || got.Operation != last.Operation {
		t.Errorf("FormByReference(number 20) = %v", err)
	}
}

// refusals: of a form that was refused on receipt the answer is left, and found.
func refusals(t *testing.T, r Record) {
	s := open(t, r)
	for _, reference := range []string{"R1", "R2"} { // in the same millisecond
		nak := newForm("OCU-"+reference, gateway.FormAccepted)
		nak.Role, nak.Type, nak.Sender = gateway.Answer, "NAK", "OCU"
		nak.Content.Boxes = form.New("NAK")
		nak.Content.Boxes.Set("A5", reference)
		nak.Content.JSON = nak.Content.Boxes.JSON()
		e := entry("form refused", reference)
		e.At = nak.Received
		_, err := s.Accept(ctx(t), inbound(reference), func(gateway.Ledger) (*gateway.Decision, error) {
			return &gateway.Decision{Verdict: gateway.Rejected, Operation: opCode, Sender: latvia, Forms: []gateway.NewForm{{Form: nak}}, Answer: nak.ID, Audit: []gateway.AuditEntry{e}}, nil
		})
		must(t, "Accept", err)
	}
	accept(t, s, "R3", to(poland, operation.Mail))
	for reference, want := range map[string]int{"R1": 1, "R2": 1, "R3": 0, "": 0} {
		list, err := s.Refusals(ctx(t), opCode, reference)
		if err != nil || len(list) != want || want == 1 && list[0].Reference != "OCU-"+reference {
			t.Errorf("Refusals(%q) = %v, %v; want %d", reference, list, err, want)
		}
	}
}
