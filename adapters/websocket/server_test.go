package websocket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/gowebpki/jcs"

	"liaison/crypto/openpgp"
	"liaison/gateway"
)

// gatewayProven checks welcome as somebody would who has read the protocol page
// alone.
func (r *raw) gatewayProven() {
	r.t.Helper()
	limits, err := json.Marshal(r.greet["limits"])
	if err == nil {
		limits, err = jcs.Transform(limits)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(r.lines))
	lines := strings.Join([]string{"jco-form.v1 gateway", hex.EncodeToString(sum[:]), r.greet["session"].(string), fmt.Sprint(r.greet["last"]), string(limits)}, "\n")
	if strings.HasSuffix(r.lines, "\n") {
		lines += "\n"
	}
	proof, err := base64.StdEncoding.DecodeString(r.greet["proof"].(string))
	if err != nil {
		r.t.Fatal(err)
	}
	if s := signedBy([]byte(lines), proof, []*openpgp.Certificate{key(r.t, "OCU").Certificate()}, time.Now()); s.Verdict != openpgp.Good {
		r.t.Errorf("the gateway's proof over\n%s\nis %s", lines, s.Verdict)
	}
}

func TestFramesHaveTheMembersOfTheProtocolPage(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw()
	nonce, err := base64.StdEncoding.DecodeString(r.nonce["nonce"].(string))
	if err != nil || len(nonce) != 32 {
		t.Errorf("nonce = %d bytes, %v; want 32", len(nonce), err)
	}
	delete(r.nonce, "nonce")
	defer func() { r.nonce["nonce"] = "" }()
	equal(t, "challenge", r.nonce, object{"type": "challenge", "gateway": "OCU", "fingerprint": string(key(t, "OCU").Certificate().Fingerprint())})

	r = l.dialRaw().open(0)
	r.gatewayProven()
	equal(t, "limits", r.greet["limits"], any(object{"frame_bytes": 25165824., "submits_minute": 30000., "submits_burst": 3000., "unacknowledged": 32.,
		"ping_seconds": 25., "silence_seconds": 60., "handshake_seconds": 30., "bytes_second": 32768.}))
	if _, err := uuid.Parse(r.greet["session"].(string)); err != nil || r.greet["last"] != 0. {
		t.Errorf("welcome = %v; want a session and last 0", r.greet)
	}
	r.submit(someID, "form")
	equal(t, "answer", r.read("accepted"), object{"type": "accepted", "id": someID, "reference": "LV-VID-2026-000001",
		"answer": base64.StdEncoding.EncodeToString([]byte("answer ack-1 for LV"))})
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	l.send("d1")
	equal(t, "form", r.read("form"), object{"type": "form", "seq": 1., "reference": "PL-KAS-2026-000001", "delivery": "d1",
		"message": base64.StdEncoding.EncodeToString([]byte("sealed d1"))})
	out := outbound("d2")
	out.Message, out.Status = nil, &gateway.Status{Reference: "LV-VID-2026-000001", Recipient: "PL", State: gateway.Failed, Reason: "mailbox-full", Phone: "+48 1"}
	if ev, err := l.server.Send(t.Context(), out); err != nil || ev.Seq != 2 {
		t.Fatalf("Send = %+v, %v", ev, err)
	}
	equal(t, "status", r.read("status"), object{"type": "status", "seq": 2., "delivery": "d2", "reference": "LV-VID-2026-000001", "recipient": "PL",
		"state": "failed", "reason": "mailbox-full", "phone": "+48 1"})
	r.write(object{"type": "ack", "seq": 2})
	eventually(t, "both are acknowledged", func() bool { return l.seq.ackedBy(lv) == 2 })
}

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
	r := l.dialRaw().open(0)
	r.submit(someID, "form")
	first := r.read("accepted")
	r.submit(someID, "form")
	equal(t, "answer of the repeat", r.read("accepted"), first)
	r.conn.Close()
	r = l.dialRaw().open(0)
	r.submit(strings.ToUpper(someID), "form")
	first["id"] = strings.ToUpper(someID)
	equal(t, "answer of the repeat in another session", r.read("accepted"), first)
	equal(t, "forms", len(l.inbounds), 1)
}

func TestSameIDWithOtherBytesIsRefusedForEver(t *testing.T) {
	l := newLab(t, nil)
	for range 2 {
		r := l.dialRaw().open(0)
		r.submit(someID, "form")
		r.read("accepted")
		r.submit(someID, "another")
		if e := r.read("error"); e["id"] != someID || e["code"] != float64(codeOtherBytes) {
			t.Errorf("error = %v; want code %d for this submit", e, codeOtherBytes)
		}
		r.ends(websocket.ClosePolicyViolation, 0)
	}
	c := l.dial(new(inbox))
	_, err := c.Submit(t.Context(), someID, []byte("another"))
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

func TestAnErrorAboutTheSessionSettlesNoSubmit(t *testing.T) {
	l := newLab(t, nil)
	l.gate = make(chan struct{})
	c := l.dial(new(inbox))
	got := make(chan error, 1)
	go func() {
		_, err := c.Submit(t.Context(), uuid.NewString(), []byte("form"))
		got <- err
	}()
	l.offered(1)
	l.server.End(lv.operation, lv.participant) // its error frame has code 62 and no id
	l.offerErr = errors.New("away")
	close(l.gate)
	err := <-got
	var e *RemoteError
	if err == nil || errors.As(err, &e) && e.Final() {
		t.Errorf("Submit = %v; want an error that says: submit it again", err)
	}
}

func TestWithoutSessionSendIsDeferred(t *testing.T) {
	l := newLab(t, nil)
	if ev := l.send("d1"); ev.Outcome != gateway.Deferred {
		t.Errorf("Send = %+v; want deferred", ev)
	}
}

// eager sends as soon as the record has a session, before its welcome has left.
type eager struct {
	gateway.Sequencer
	send func() // returns when nothing more is to be waited for
}

func (e *eager) OpenSession(ctx context.Context, ses gateway.Session) (last, acked int64, err error) {
	if last, acked, err = e.Sequencer.OpenSession(ctx, ses); err == nil {
		e.send()
	}
	return last, acked, err
}

func TestWhatIsSentWhileASessionOpensWaitsForIt(t *testing.T) {
	for name, before := range map[string]int{"the first": 0, "one that replaces another": 1} {
		t.Run(name, func(t *testing.T) {
			sender := &eager{send: func() {}}
			l := newLab(t, func(o *Options) {
				sender.Sequencer = o.Sequencer
				o.Sequencer, o.Limits.Patience = sender, 10*time.Second
			})
			for range before {
				l.dialRaw().open(0)
				eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
			}
			sent := make(chan gateway.Evidence, 1)
			sender.send = func() {
				soon := make(chan struct{})
				go func() {
					defer close(soon)
					sent <- l.send("d1")
				}()
				select {
				case <-soon: // it didn't wait
				case <-time.After(50 * time.Millisecond):
				}
			}
			l.dialRaw().open(0)
			if ev := <-sent; ev.Outcome != gateway.Sent {
				t.Errorf("Send = %s, %q; want sent", ev.Outcome, ev.Detail)
			}
		})
	}
}

func TestReconnectResendsFromThePositionWithoutGapOrRepeat(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw().open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	for i := range 9 {
		l.send(gateway.DeliveryID(fmt.Sprint("d", i+1)))
	}
	r.write(object{"type": "ack", "seq": 4})
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
	r = l.dialRaw().open(9)
	equal(t, "last", r.greet["last"], any(9.))
	equal(t, "acknowledged", l.seq.ackedBy(lv), int64(9))
}

func TestPositionIsAnAcknowledgement(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw().open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	for i := range 3 {
		l.send(gateway.DeliveryID(fmt.Sprint("d", i+1)))
	}
	r.conn.Close()
	r = l.dialRaw().open(2)
	equal(t, "acknowledged", l.seq.ackedBy(lv), int64(2))
	equal(t, "next", r.read("form")["seq"], any(3.))
}

func TestPositionBeyondTheSequenceIsTold(t *testing.T) {
	l := newLab(t, nil)
	in := &inbox{after: 40}
	opt := l.options(in)
	var told Opened
	opt.Opened = func(o Opened) error { told = o; in.mu.Lock(); in.after = o.Last; in.mu.Unlock(); return nil }
	c, err := Dial(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	equal(t, "last", told.Last, int64(0))
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	l.send("d1")
	eventually(t, "new forms come", func() bool { return len(in.seqs()) == 1 })
}

func TestErasedNumberIsFilled(t *testing.T) {
	l := newLab(t, nil)
	l.seq.row(lv).numbers = []gateway.DeliveryID{"d1", "", "d3", ""}
	in := new(inbox)
	l.dial(in)
	eventually(t, "all numbers came", func() bool { return l.seq.ackedBy(lv) == 4 })
	equal(t, "numbers", in.seqs(), upTo(4))
}

func TestNewerSessionReplacesTheOlderUnderAnyKey(t *testing.T) {
	l := newLab(t, nil)
	l.keys.confirm(lv, key(t, "LV").Certificate(), key(t, "spare").Certificate())
	r := l.dialRaw().open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	newer := l.dialRaw()
	newer.prepare("127.0.0.1", 0)
	newer.sign(key(t, "spare"))
	newer.read("welcome")
	r.ends(4001, 0)
	eventually(t, "the newer session alone lives", func() bool {
		live := l.server.Sessions()
		return len(live) == 1 && live[0].Fingerprint == string(key(t, "spare").Certificate().Fingerprint())
	})
}

func TestSessionOnAnotherNodeReplacesOurs(t *testing.T) {
	for _, by := range []string{"number", "poll"} {
		t.Run(by, func(t *testing.T) {
			l := newLab(t, func(o *Options) {
				if by == "number" {
					o.Limits.Poll = time.Hour
				}
			})
			r := l.dialRaw().open(0)
			eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
			l.seq.openElsewhere(lv)
			if by == "number" {
				if ev := l.send("d1"); ev.Outcome != gateway.Deferred {
					t.Errorf("Send = %+v; want deferred", ev)
				}
			}
			r.ends(4001, 0)
		})
	}
}

func TestBlockingAKeyEndsItsSessionAlone(t *testing.T) {
	for _, by := range []string{"End", "poll"} {
		t.Run(by, func(t *testing.T) {
			l := newLab(t, nil)
			pl := seat{lv.operation, "PL"}
			l.keys.confirm(pl, key(t, "PL").Certificate())
			r, other := l.dialRaw().open(0), l.dialRaw()
			other.prepare("127.0.0.1", 0)
			other.hello["participant"], other.lines = "PL", strings.Replace(other.lines, "\nLV\n", "\nPL\n", 1)
			other.sign(key(t, "PL"))
			other.read("welcome")
			eventually(t, "both sessions live", func() bool { return len(l.server.Sessions()) == 2 })
			l.keys.confirm(lv)
			if by == "End" {
				l.server.End(lv.operation, lv.participant)
			}
			r.ends(websocket.ClosePolicyViolation, codeParticipant)
			again := l.dialRaw()
			again.prepare("127.0.0.1", 0)
			again.sign(key(t, "LV"))
			again.ends(websocket.ClosePolicyViolation, codeParticipant)
			other.submit(someID, "form")
			other.read("accepted")
		})
	}
}

func TestStopFinishesTheOfferThenSaysGoingAway(t *testing.T) {
	l := newLab(t, nil)
	l.gate = make(chan struct{})
	r := l.dialRaw().open(0)
	idle := l.dialRaw()
	r.submit(someID, "form")
	l.offered(1)
	l.stop()
	close(l.gate)
	r.read("accepted")
	r.ends(websocket.CloseGoingAway, 0)
	idle.ends(websocket.CloseGoingAway, 0)
	<-l.over
	if _, _, resp := l.upgrade("Sec-WebSocket-Protocol: jco-form.v1"); resp.StatusCode != 503 {
		t.Errorf("after the end: %s; want 503", resp.Status)
	}
}

func TestStopWaitsForAnOfferNoLongerThanItsGrace(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Grace = 50 * time.Millisecond })
	l.gate = make(chan struct{})
	r := l.dialRaw().open(0)
	r.submit(someID, "form")
	l.offered(1)
	l.stop()
	r.ends(websocket.CloseGoingAway, 0)
	<-l.over
}

func TestStopWaitsForAFrameThatIsStuckNoLongerThanABye(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Unacknowledged = 1000 })
	l.dialRaw().open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	big := outbound("big")
	big.Message = bytes.Repeat([]byte("x"), 4<<20)
	for i := 0; ; i++ { // until the line takes no more
		big.Delivery = gateway.DeliveryID(fmt.Sprint("big", i))
		ev, err := l.server.Send(context.Background(), big)
		if err != nil || i == 50 {
			t.Fatalf("200 MB went to a reader that reads nothing: %v", err)
		}
		if strings.Contains(ev.Detail, "slow") {
			break
		}
	}
	begun := time.Now()
	l.stop()
	<-l.over
	if took := time.Since(begun); took > 2*byeMost {
		t.Errorf("it took %s; want about %s", took, byeMost)
	}
}

func TestSlowReaderIsDeferredNotBuffered(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Unacknowledged = 4; o.Limits.Patience = 10 * time.Millisecond })
	r := l.dialRaw().open(0)
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
	r.write(object{"type": "ack", "seq": 2})
	eventually(t, "an ack makes room", func() bool { return l.send("d9").Outcome == gateway.Sent })
}

func TestReaderThatTakesNothingIsCutOff(t *testing.T) {
	l := newLab(t, func(o *Options) {
		o.Limits.Write, o.Limits.BytesSecond, o.Limits.Unacknowledged = 200*time.Millisecond, 1<<30, 1000
	})
	l.dialRaw().open(0)
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

func TestSlowLineHoldsUpNoOther(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Patience = 50 * time.Millisecond })
	r := l.dialRaw().open(0)
	eventually(t, "the session lives", func() bool { return len(l.server.Sessions()) == 1 })
	big := outbound("big")
	big.Message = bytes.Repeat([]byte("x"), 12<<20)
	ctx, stop := context.WithCancel(t.Context())
	sent := make(chan gateway.Evidence, 1)
	go func() {
		ev, _ := l.server.Send(ctx, big)
		sent <- ev
	}()
	eventually(t, "it has its number", func() bool { return l.seq.given(lv) == 1 })
	stop() // the gateway waits no longer; the frame goes on
	if ev := <-sent; ev.Outcome != gateway.Sent || ev.Seq != 1 {
		t.Errorf("Send = %+v; want sent as 1, still on its way", ev)
	}
	if ev := l.send("next"); ev.Outcome != gateway.Deferred {
		t.Errorf("Send behind it = %+v; want deferred", ev)
	}
	equal(t, "big frame", len(r.read("form")["message"].(string)), 16<<20)
	eventually(t, "the line is free", func() bool { return l.send("next").Outcome == gateway.Sent })
}

func TestLargeFramesWaitForRoomNotInMemory(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Large = 1 })
	pl := seat{lv.operation, "PL"}
	l.keys.confirm(pl, key(t, "LV").Certificate())
	first, second := l.dialRaw().open(0), l.dialRaw()
	second.prepare("127.0.0.1", 0)
	second.hello["participant"], second.lines = "PL", strings.Replace(second.lines, "\nLV\n", "\nPL\n", 1)
	second.sign(key(t, "LV"))
	second.read("welcome")

	head := `{"type":"submit","id":"` + someID + `","message":"`
	large := strings.Repeat("eHh4", 50_000)
	first.send(opText, false, []byte(head+large))
	eventually(t, "the only slot is taken", func() bool { return len(l.server.incoming) == 1 })
	second.text(head + large + `"}`)
	second.send(opPing, true, nil)
	first.send(opContinue, true, []byte(`"}`))
	first.read("accepted")
	if opcode, _, err := second.frame(); err != nil || opcode != opText { // the answer, then the pong
		t.Errorf("after a large submit came opcode %d, %v; want its answer", opcode, err)
	}
	eventually(t, "the slot is free", func() bool { return len(l.server.incoming) == 0 })
	equal(t, "forms", len(l.inbounds), 2)
}

func TestMessageBeyondTheLimitBounces(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.FrameBytes = 10_000 })
	big := outbound("big")
	big.Message = make([]byte, 20_000)
	if ev, err := l.server.Send(t.Context(), big); err != nil || ev.Outcome != gateway.Bounced {
		t.Errorf("Send = %+v, %v; want bounced", ev, err)
	}
}
