package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// hanging is a mail server that never answers for one participant, and says for
// whom it took a mail.
type hanging struct {
	whom  operation.ParticipantCode
	taken chan operation.ParticipantCode
}

func (h hanging) Send(ctx context.Context, out *gateway.Outbound) (gateway.Evidence, error) {
	if out.Participant == h.whom {
		<-ctx.Done()
		return gateway.Evidence{}, ctx.Err()
	}
	h.taken <- out.Participant
	return gateway.Evidence{Outcome: gateway.Sent}, nil
}

func TestLaneThatHangsDelaysNobody(t *testing.T) {
	f := newFlow(t)
	h := hanging{"PL", make(chan operation.ParticipantCode, 1000)}
	f.setMail(h)
	for i := range 100 {
		f.submit("LV", seizure("PL", fmt.Sprintf("C4: [%d]", i+1)), gateway.Accepted)
	}
	f.submit("LV", seizure("EE", "C4: [7777]"), gateway.Accepted)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- f.g.Run(ctx, f.store.Wake()) }()
	defer func() { stop(); <-ended }()
	for {
		select {
		case got := <-h.taken:
			if got == "EE" {
				return
			}
		case <-ctx.Done():
			t.Fatal("EE's form waits behind PL's, whose server hangs")
		}
	}
}

func TestUrgentFormOvertakesOnItsLane(t *testing.T) {
	f := newFlow(t)
	for i := range 3 {
		f.submit("LV", seizure("FI", fmt.Sprintf("C4: [%d]", i+1)), gateway.Accepted)
	}
	f.submit("LV", seizure("FI", "C4: [999]", "A9: [U]"), gateway.Accepted)
	if _, _, err := f.store.OpenSession(t.Context(), gateway.Session{ID: "s1", Operation: "OP-001", Participant: "FI"}); err != nil {
		t.Fatal(err)
	}
	f.pass(0)
	got := f.got("FI")
	if len(got) != 4 || !strings.Contains(got[0], "C4: [999]") {
		t.Errorf("FI got %d forms, first\n%s\nwant the urgent one first", len(got), got[0])
	}
	for i, text := range got[1:] {
		if want := fmt.Sprintf("C4: [%d]", i+1); !strings.Contains(text, want) {
			t.Errorf("form %d of FI doesn't hold %s: the order of one lane is kept", i+2, want)
		}
	}
}

// dead is a mail server that never answers, whoever the mail is for; it says that it
// was asked.
type dead struct{ asked chan struct{} }

func (d dead) Send(ctx context.Context, _ *gateway.Outbound) (gateway.Evidence, error) {
	d.asked <- struct{}{}
	<-ctx.Done()
	return gateway.Evidence{}, ctx.Err()
}

func TestAMailServerThatHangsForManyDelaysNoSystem(t *testing.T) {
	const many = 40 // whose mail takes more places than there are in all
	yaml, to := operationYAML, make([]string, many)
	for i := range to {
		to[i] = fmt.Sprintf("M%02d", i)
		yaml += fmt.Sprintf("  - {code: %s, class: eu-body, authority: Body, languages: [en], duty: {phone: \"+1\"}, channels: [{kind: mail, address: %[1]s@body.example}]}\n", to[i])
	}
	f := newFlowOf(t, yaml)
	mail, system := dead{make(chan struct{}, 1000)}, hanging{"", make(chan operation.ParticipantCode, 1000)}
	f.opt.Socket, f.opt.Limits.Workers = system, 16
	f.setMail(mail)
	for i := range 2 {
		f.submit("LV", seizure(strings.Join(to, ", "), fmt.Sprintf("C4: [%d]", i+1)), gateway.Accepted)
	}
	if _, _, err := f.store.OpenSession(t.Context(), gateway.Session{ID: "s1", Operation: "OP-001", Participant: "FI"}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- f.g.Run(ctx, f.store.Wake()) }()
	defer func() { stop(); <-ended }()
	for range f.opt.Limits.Workers {
		<-mail.asked
	}
	f.submit("LV", seizure("FI", "C4: [7777]"), gateway.Accepted)
	select {
	case <-system.taken:
	case <-ctx.Done():
		t.Error("FI's system waits behind mail, whose server hangs")
	}
}
