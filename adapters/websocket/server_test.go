package websocket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"liaison/gateway"
)

func TestFormsGoBothWaysAndAreAcknowledged(t *testing.T) {
	l := newLab(t, nil)
	in := new(inbox)
	c := l.dial(in)
	a, err := c.Submit(t.Context(), uuid.NewString(), []byte("form"))
	if err != nil {
		t.Fatalf("Submit = %v", err)
	}
	equal(t, "answer", a, &Answer{Verdict: gateway.Accepted, Reference: "LV-VID-2026-000001", Sealed: []byte("answer ack-1 for LV")})
	for i := range 5 {
		ev := l.send(gateway.DeliveryID(fmt.Sprint("d", i+1)))
		if ev.Outcome != gateway.Sent || ev.Seq != int64(i+1) {
			t.Errorf("Send = %+v; want sent as %d", ev, i+1)
		}
	}
	eventually(t, "all are acknowledged", func() bool { return l.seq.ackedBy(lv) == 5 })
	equal(t, "numbers", in.seqs(), upTo(5))
	equal(t, "inbound", l.inbounds[0].Repeats[0].Name[:9], "ws:OP-7K3")
	equal(t, "session", l.inbounds[0].Session.Participant, lv.participant)
	eventually(t, "the settled are told", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.settled) == 5 })
}

func TestVerdictsHaveTheirFrames(t *testing.T) {
	l := newLab(t, nil)
	c := l.dial(new(inbox))
	for message, want := range map[string]gateway.Verdict{"hold it": gateway.Held, "bad one": gateway.Rejected, "good": gateway.Accepted} {
		a, err := c.Submit(t.Context(), uuid.NewString(), []byte(message))
		if err != nil || a.Verdict != want {
			t.Errorf("Submit(%s) = %v, %v; want %s", message, a, err, want)
		}
	}
}

func TestRepeatedSubmitGetsTheSameAnswerAndIsOneForm(t *testing.T) {
	l := newLab(t, nil)
	id := uuid.NewString()
	first, err := l.dial(new(inbox)).Submit(t.Context(), id, []byte("form"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.dial(new(inbox)).Submit(t.Context(), strings.ToUpper(id), []byte("form"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "answer of the repeat", second, first)
	equal(t, "forms", len(l.inbounds), 1)
}

func TestSameIDWithOtherBytesIsRefusedForEver(t *testing.T) {
	l := newLab(t, nil)
	id := uuid.NewString()
	c := l.dial(new(inbox))
	if _, err := c.Submit(t.Context(), id, []byte("form")); err != nil {
		t.Fatal(err)
	}
	_, err := c.Submit(t.Context(), id, []byte("another"))
	var e *RemoteError
	if !errors.As(err, &e) || !e.Final() || e.Code != codeOtherBytes {
		t.Errorf("Submit = %v; want a final error of code %d", err, codeOtherBytes)
	}
}

func TestNothingRecordedMeansTryAgain(t *testing.T) {
	l := newLab(t, nil)
	l.offerErr = errors.New("the disk is full of secrets")
	_, err := l.dial(new(inbox)).Submit(t.Context(), uuid.NewString(), []byte("form"))
	var e *RemoteError
	if !errors.As(err, &e) || e.Final() || strings.Contains(e.Message, "secrets") {
		t.Errorf("Submit = %v; want an error that invites another try and tells nothing", err)
	}
}

func TestStatusFramesTakeNumbersToo(t *testing.T) {
	l := newLab(t, nil)
	in := new(inbox)
	l.dial(in)
	out := outbound("n1")
	out.Message, out.Status = nil, &gateway.Status{Reference: "LV-VID-2026-000001", Recipient: "PL", State: gateway.Failed, Reason: "mailbox full", Phone: "+48 1"}
	if ev, err := l.server.Send(t.Context(), out); err != nil || ev.Seq != 1 {
		t.Fatalf("Send = %+v, %v", ev, err)
	}
	eventually(t, "it is kept", func() bool { return len(in.seqs()) == 1 })
	equal(t, "status", in.got[0].Status, out.Status)
}

func TestWithoutSessionSendIsDeferred(t *testing.T) {
	l := newLab(t, nil)
	if ev := l.send("d1"); ev.Outcome != gateway.Deferred {
		t.Errorf("Send = %+v; want deferred", ev)
	}
}

func TestReconnectResendsFromThePositionWithoutGapOrRepeat(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw()
	r.open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	for i := range 9 {
		l.send(gateway.DeliveryID(fmt.Sprint("d", i+1)))
	}
	r.write(ack{"ack", 4})
	eventually(t, "the ack is recorded", func() bool { return l.seq.ackedBy(lv) == 4 })
	r.conn.Close()
	l.withheld["d7"] = true
	in := &inbox{after: 5} // 5 was kept, its ack was lost
	l.dial(in)
	eventually(t, "the rest came", func() bool { return l.seq.ackedBy(lv) == 9 })
	equal(t, "numbers", in.seqs(), []int64{6, 7, 8, 9})
	if s := in.got[1].Status; s == nil || s.State != gateway.Withheld {
		t.Errorf("number 7 = %+v; want a status: it may not go any more", in.got[1])
	}
	lower := &inbox{after: 2}
	l.dial(lower)
	eventually(t, "a lower position gets all again", func() bool { return len(lower.seqs()) == 7 })
}

func TestErasedNumberIsFilled(t *testing.T) {
	l := newLab(t, nil)
	l.seq.row(lv).numbers = []gateway.DeliveryID{"d1", "", "d3", ""}
	in := new(inbox)
	l.dial(in)
	eventually(t, "all numbers came", func() bool { return l.seq.ackedBy(lv) == 4 })
	equal(t, "numbers", in.seqs(), upTo(4))
}

func TestNumberWhoseFrameNeverLeftGoesFirst(t *testing.T) {
	l := newLab(t, nil)
	in := new(inbox)
	l.dial(in)
	l.seq.mu.Lock()
	l.seq.fail, l.seq.late = errors.New("answer lost"), true
	l.seq.mu.Unlock()
	if ev := l.send("d1"); ev.Outcome != gateway.Deferred {
		t.Errorf("Send(d1) = %+v; want deferred", ev)
	}
	if ev := l.send("d2"); ev.Outcome != gateway.Deferred || ev.Seq != 2 {
		t.Errorf("Send(d2) = %+v; want deferred behind 1", ev)
	}
	eventually(t, "both came in order", func() bool { return l.seq.ackedBy(lv) == 2 })
	equal(t, "numbers", in.seqs(), upTo(2))
	if ev := l.send("d1"); ev.Outcome != gateway.Sent || ev.Seq != 1 {
		t.Errorf("Send(d1) again = %+v; want sent as 1", ev)
	}
	equal(t, "no repeat", in.seqs(), upTo(2))
}

func TestNewerSessionReplacesTheOlder(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw()
	r.open(0)
	l.dial(new(inbox))
	if status, _ := r.closed(); status != CloseReplaced {
		t.Errorf("the older session closed with %d; want %d", status, CloseReplaced)
	}
	equal(t, "sessions", len(l.server.Sessions()), 1)
}

func TestSessionOnAnotherNodeReplacesOurs(t *testing.T) {
	for _, by := range []string{"number", "poll"} {
		t.Run(by, func(t *testing.T) {
			l := newLab(t, func(o *Options) {
				if by == "number" {
					o.Limits.Poll = time.Hour
				}
			})
			r := l.dialRaw()
			r.open(0)
			eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
			l.seq.openElsewhere(lv)
			if by == "number" {
				if ev := l.send("d1"); ev.Outcome != gateway.Deferred {
					t.Errorf("Send = %+v; want deferred", ev)
				}
			}
			if status, _ := r.closed(); status != CloseReplaced {
				t.Errorf("closed with %d; want %d", status, CloseReplaced)
			}
		})
	}
}

func TestBlockingAKeyEndsItsSession(t *testing.T) {
	for _, by := range []string{"End", "poll"} {
		t.Run(by, func(t *testing.T) {
			l := newLab(t, nil)
			r := l.dialRaw()
			r.open(0)
			eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
			l.keys.block(lv)
			if by == "End" {
				l.server.End(lv.operation, lv.participant)
			}
			if status, code := r.closed(); status != websocket.ClosePolicyViolation || code != codeParticipant {
				t.Errorf("closed with %d, code %d; want %d, %d", status, code, websocket.ClosePolicyViolation, codeParticipant)
			}
			again := l.dialRaw()
			c := again.claim(0)
			again.hello(c, key(t, "LV"), c.lines())
			if _, code := again.closed(); code != codeParticipant {
				t.Errorf("a blocked key opened another session (code %d)", code)
			}
		})
	}
}

func TestStopFinishesTheOfferThenSaysGoingAway(t *testing.T) {
	l := newLab(t, nil)
	l.gate = make(chan struct{})
	r := l.dialRaw()
	r.open(0)
	r.write(submit{"submit", uuid.NewString(), []byte("form")})
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	l.stop()
	close(l.gate)
	var a answer
	_, data, err := r.conn.ReadMessage()
	if err == nil {
		if err := decode(data, &a); err != nil || a.Type != "accepted" {
			t.Errorf("frame = %s; want accepted", data)
		}
		status, _ := r.closed()
		equal(t, "close status", status, websocket.CloseGoingAway)
	} else if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("read = %v; want an answer or 1001", err)
	}
	<-l.over
}

func TestSlowReaderIsDeferredNotBuffered(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Unacknowledged = 4; o.Limits.Patience = 10 * time.Millisecond })
	r := l.dialRaw()
	r.open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	sent := 0
	for i := range 10 {
		if ev := l.send(gateway.DeliveryID(fmt.Sprint("d", i))); ev.Outcome == gateway.Sent {
			sent++
		} else if ev.Outcome != gateway.Deferred || ev.Seq != 0 {
			t.Errorf("Send = %+v; want deferred without a number", ev)
		}
	}
	equal(t, "frames on the way", sent, 4)
	r.write(ack{"ack", 2})
	eventually(t, "an ack makes room", func() bool { return l.send("d9").Outcome == gateway.Sent })
}

func TestReaderThatTakesNothingIsCutOff(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Write = 200 * time.Millisecond; o.Limits.Unacknowledged = 1000 })
	r := l.dialRaw()
	r.open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	big := outbound("big")
	big.Message = bytes.Repeat([]byte("x"), 4<<20)
	for i := range 50 {
		big.Delivery = gateway.DeliveryID(fmt.Sprint("big", i))
		ev, err := l.server.Send(context.Background(), big)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Outcome == gateway.Deferred {
			eventually(t, "the session is over", func() bool { return len(l.server.Sessions()) == 0 })
			return
		}
	}
	t.Error("200 MB went to a reader that reads nothing")
}

func TestMessageBeyondTheLimitBounces(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.FrameBytes = 10_000 })
	big := outbound("big")
	big.Message = make([]byte, 20_000)
	if ev, err := l.server.Send(t.Context(), big); err != nil || ev.Outcome != gateway.Bounced {
		t.Errorf("Send = %+v, %v; want bounced", ev, err)
	}
}
