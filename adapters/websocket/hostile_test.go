package websocket

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
)

func TestProofOpensASessionOnlyForWhatItCovers(t *testing.T) {
	l := newLab(t, nil)
	earlier := l.dialRaw()
	replay := earlier.claim(0)
	cases := map[string]func(r *raw){
		"another host":            func(r *raw) { c := r.claim(0); c.host = "evil.example"; r.hello(c, key(t, "LV"), c.lines()) },
		"another connection":      func(r *raw) { r.hello(replay, key(t, "LV"), replay.lines()) },
		"another nonce":           func(r *raw) { c := r.claim(0); s := c; s.nonce = newNonce(); r.hello(c, key(t, "LV"), s.lines()) },
		"another client nonce":    func(r *raw) { c := r.claim(0); s := c; s.clientNonce = newNonce(); r.hello(c, key(t, "LV"), s.lines()) },
		"another position":        func(r *raw) { c := r.claim(0); s := c; s.after = 7; r.hello(c, key(t, "LV"), s.lines()) },
		"another gateway":         func(r *raw) { c := r.claim(0); s := c; s.fingerprint = "AB"; r.hello(c, key(t, "LV"), s.lines()) },
		"another participant":     func(r *raw) { c := r.claim(0); s := c; s.participant = "PL"; r.hello(c, key(t, "LV"), s.lines()) },
		"an unconfirmed key":      func(r *raw) { c := r.claim(0); r.hello(c, key(t, "stranger"), c.lines()) },
		"the gateway's own key":   func(r *raw) { c := r.claim(0); r.hello(c, key(t, "OCU"), c.lines()) },
		"an unknown participant":  func(r *raw) { c := r.claim(0); c.participant = "XX"; r.hello(c, key(t, "LV"), c.lines()) },
		"an unknown operation":    func(r *raw) { c := r.claim(0); c.operation = "OP-0"; r.hello(c, key(t, "LV"), c.lines()) },
		"no proof":                func(r *raw) { c := r.claim(0); r.write(hello{"hello", "OP-7K3", "LV", 0, c.clientNonce, nil}) },
		"a proof that is no such": func(r *raw) { c := r.claim(0); r.write(hello{"hello", "OP-7K3", "LV", 0, c.clientNonce, []byte("x")}) },
	}
	for name, try := range cases {
		t.Run(name, func(t *testing.T) {
			r := l.dialRaw()
			r.t = t
			try(r)
			status, code := r.closed()
			if status != websocket.ClosePolicyViolation || code != codeParticipant {
				t.Errorf("closed with %d, code %d; want %d, %d", status, code, websocket.ClosePolicyViolation, codeParticipant)
			}
		})
	}
	equal(t, "sessions", len(l.server.Sessions()), 0)
}

func TestProofMayEndItsLastLine(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw()
	c := r.claim(0)
	lines := append(c.lines(), '\n')
	r.hello(c, key(t, "LV"), lines)
	var w welcome
	r.read(&w)
	if w.Type != "welcome" {
		t.Errorf("after hello came %q; want welcome", w.Type)
	}
}

func TestHostileFramesEndInAnErrorAndAStatus(t *testing.T) {
	cases := map[string]struct {
		binary       bool
		frame        string
		status, code int
	}{
		"binary":          {binary: true, frame: "{}", status: websocket.CloseUnsupportedData, code: codeUnreadable},
		"no JSON":         {frame: "hello?", status: websocket.CloseProtocolError, code: codeUnreadable},
		"an array":        {frame: "[]", status: websocket.CloseProtocolError, code: codeUnreadable},
		"no type":         {frame: "{}", status: websocket.CloseProtocolError, code: codeUnreadable},
		"unknown type":    {frame: `{"type":"form"}`, status: websocket.CloseProtocolError, code: codeUnreadable},
		"not UTF-8":       {frame: "{\"type\":\"\xff\"}", status: websocket.CloseInvalidFramePayloadData, code: codeUnreadable},
		"ack from beyond": {frame: `{"type":"ack","seq":99}`, status: websocket.ClosePolicyViolation, code: codeUnreadable},
		"ack of a word":   {frame: `{"type":"ack","seq":"1"}`, status: websocket.CloseProtocolError, code: codeUnreadable},
		"no base64":       {frame: `{"type":"submit","id":"` + uuid.NewString() + `","message":"%%"}`, status: websocket.CloseProtocolError, code: codeUnreadable},
		"no UUID":         {frame: `{"type":"submit","id":"1","message":"eA=="}`, status: websocket.CloseProtocolError, code: codeUnreadable},
		"no message":      {frame: `{"type":"submit","id":"` + uuid.NewString() + `"}`, status: websocket.CloseProtocolError, code: codeUnreadable},
		"too large":       {frame: `{"type":"` + strings.Repeat("x", 60_000) + `"}`, status: websocket.CloseMessageTooBig, code: codeTooLarge},
		"deep nesting":    {frame: strings.Repeat(`{"type":`, 6000), status: websocket.CloseProtocolError, code: codeUnreadable},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.Limits.FrameBytes = 50_000 })
			r := l.dialRaw()
			r.open(0)
			kind := websocket.TextMessage
			if c.binary {
				kind = websocket.BinaryMessage
			}
			if err := r.conn.WriteMessage(kind, []byte(c.frame)); err != nil {
				t.Fatal(err)
			}
			if status, code := r.closed(); status != c.status || code != c.code {
				t.Errorf("closed with %d, code %d; want %d, %d", status, code, c.status, c.code)
			}
			equal(t, "offers", len(l.inbounds), 0)
		})
	}
}

func TestBeforeHelloNothingElseIsTaken(t *testing.T) {
	l := newLab(t, nil)
	for frame, want := range map[string]int{
		`{"type":"submit","id":"` + uuid.NewString() + `","message":"eA=="}`: websocket.ClosePolicyViolation,
		`{"type":"hello","operation":"A\nB"}`:                                websocket.CloseProtocolError,
		`{"type":"hello","after":-1}`:                                        websocket.CloseProtocolError,
		`{"type":"` + strings.Repeat("x", 10_000) + `"}`:                     websocket.CloseMessageTooBig,
	} {
		r := l.dialRaw()
		if err := r.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
			t.Fatal(err)
		}
		if status, _ := r.closed(); status != want {
			t.Errorf("%.40s… closed with %d; want %d", frame, status, want)
		}
	}
}

func TestSubmitsBeyondTheRateAreRefusedOverAnySession(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.SubmitsMinute = 2 })
	c := l.dial(new(inbox))
	for i := range 2 {
		if _, err := c.Submit(t.Context(), uuid.NewString(), []byte("form")); err != nil {
			t.Fatalf("submit %d: %v", i, err)
		}
	}
	for range 2 {
		_, err := c.Submit(t.Context(), uuid.NewString(), []byte("form"))
		var e *RemoteError
		if !errors.As(err, &e) || e.Code != codeTooFast || e.Final() {
			t.Errorf("Submit = %v; want a refusal of code %d that passes", err, codeTooFast)
		}
		c = l.dial(new(inbox))
	}
	equal(t, "forms", len(l.inbounds), 2)
}

func TestConnectionCaps(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.PerAddress = 2 })
	first := l.dialRaw()
	l.dialRaw()
	d := websocket.Dialer{Subprotocols: []string{Subprotocol}}
	_, resp, err := d.Dial(l.url(), nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("third connection = %v, %v; want 429", resp, err)
	}
	first.conn.Close()
	eventually(t, "a place is free again", func() bool {
		conn, _, err := d.Dial(l.url(), nil)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func TestForeignPagesAndForeignProtocolsAreRefused(t *testing.T) {
	l := newLab(t, nil)
	for name, c := range map[string]struct {
		d      websocket.Dialer
		header http.Header
		want   int
	}{
		"a foreign page":  {websocket.Dialer{Subprotocols: []string{Subprotocol}}, http.Header{"Origin": {"https://evil.example"}}, 403},
		"a null origin":   {websocket.Dialer{Subprotocols: []string{Subprotocol}}, http.Header{"Origin": {"null"}}, 403},
		"no subprotocol":  {websocket.Dialer{}, nil, 400},
		"another version": {websocket.Dialer{Subprotocols: []string{"jco-form.v9"}}, nil, 400},
	} {
		_, resp, err := c.d.Dial(l.url(), c.header)
		if err == nil || resp == nil || resp.StatusCode != c.want {
			t.Errorf("%s: %v, %v; want %d", name, resp, err, c.want)
		}
	}
}

func TestClientSpeaksOnlyToThePinnedGateway(t *testing.T) {
	l := newLab(t, nil)
	opt := l.options(new(inbox))
	opt.Gateway = key(t, "stranger").Certificate()
	if c, err := Dial(t.Context(), opt); err == nil {
		c.Close()
		t.Error("Dial accepted another key than the pinned one")
	}
	opt = l.options(new(inbox))
	opt.URL = "ws://channel.gateway.example/v1/channel"
	if _, err := Dial(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "wss://") {
		t.Errorf("Dial over an open line = %v; want a refusal", err)
	}
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

func TestErrorThatKeepsAFrameBringsItAgain(t *testing.T) {
	l := newLab(t, nil)
	in := &inbox{fail: func(d Delivery) error {
		if d.Seq == 2 {
			return fmt.Errorf("disk full")
		}
		return nil
	}}
	c := l.dial(in)
	l.send("d1")
	l.send("d2")
	<-c.Done()
	if errors.Is(c.Err(), io.EOF) || !strings.Contains(c.Err().Error(), "disk full") {
		t.Errorf("Err = %v; want the handler's error", c.Err())
	}
	in.fail = nil
	l.dial(in)
	eventually(t, "it came again", func() bool { return l.seq.ackedBy(lv) == 2 })
	equal(t, "numbers", in.seqs(), upTo(2))
}
