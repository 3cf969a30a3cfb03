package websocket

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"liaison/crypto/openpgp"
)

func TestProofOpensASessionOnlyForWhatItCovers(t *testing.T) {
	l := newLab(t, nil)
	earlier := l.dialRaw()
	earlier.prepare("127.0.0.1", 0)
	swap := func(old, new string) func(*raw) {
		return func(r *raw) { r.lines = strings.Replace(r.lines, old, new, 1) }
	}
	say := func(name string, value any) func(*raw) { return func(r *raw) { r.hello[name] = value } }
	cases := map[string]struct {
		change func(r *raw)
		by     string
	}{
		"another host":          {swap("127.0.0.1", "evil.example"), "LV"},
		"another name of ours":  {swap("127.0.0.1", "other.gateway.example"), "LV"},
		"another connection":    {func(r *raw) { r.lines = earlier.lines }, "LV"},
		"another client nonce":  {say("client_nonce", base64.StdEncoding.EncodeToString(make([]byte, 32))), "LV"},
		"another position":      {say("after", 7), "LV"},
		"another gateway":       {func(r *raw) { r.lines = strings.Replace(r.lines, r.nonce["fingerprint"].(string), "AB", 1) }, "LV"},
		"another participant":   {say("participant", "PL"), "LV"},
		"another operation":     {say("operation", "OP-0"), "LV"},
		"another direction":     {swap("client", "gateway"), "LV"},
		"an unconfirmed key":    {func(*raw) {}, "stranger"},
		"the gateway's own key": {func(*raw) {}, "OCU"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := l.dialRaw()
			r.t = t
			r.prepare("127.0.0.1", 0)
			c.change(r)
			r.sign(key(t, c.by))
			r.ends(websocket.ClosePolicyViolation, codeParticipant)
		})
	}
	t.Run("no OpenPGP", func(t *testing.T) {
		r := l.dialRaw()
		r.prepare("127.0.0.1", 0)
		r.hello["proof"] = "AAAA"
		r.write(r.hello)
		r.ends(websocket.ClosePolicyViolation, codeParticipant)
	})
	equal(t, "sessions", len(l.server.Sessions()), 0)
}

func TestHostDialledMayBeWrittenAsPeopleDo(t *testing.T) {
	l := newLab(t, nil)
	for _, host := range []string{"127.0.0.1", "channel.gateway.example", l.http.Listener.Addr().String()} {
		r := l.dialRaw()
		r.prepare(host, 0)
		r.sign(key(t, "LV"))
		r.read("welcome")
	}
	for header, want := range map[string][]string{
		"":                             {"channel.gateway.example"},
		"Channel.Gateway.Example:8443": {"Channel.Gateway.Example", "Channel.Gateway.Example:8443", "channel.gateway.example", "channel.gateway.example:8443"},
		"evil.example":                 {"channel.gateway.example"},
		"channel.gateway.example\nx":   {"channel.gateway.example"},
	} {
		equal(t, header, dialled([]string{"channel.gateway.example"}, header), want)
	}
}

func TestProofMayEndItsLastLine(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw()
	r.prepare("127.0.0.1", 0)
	r.lines += "\n"
	r.sign(key(t, "LV"))
	r.greet = r.read("welcome")
	r.gatewayProven()
}

// someID is a submit id for frames that are refused anyway.
const someID = "0190b0a8-5c1e-7000-8000-000000000001"

func TestHostileFramesEndInAnErrorAndAStatus(t *testing.T) {
	cases := map[string]struct {
		send         func(r *raw)
		status, code int
	}{
		"binary":            {func(r *raw) { r.send(opBinary, true, []byte("{}")) }, websocket.CloseUnsupportedData, codeUnreadable},
		"not masked":        {func(r *raw) { r.conn.Write([]byte{0x81, 2, '{', '}'}) }, websocket.CloseProtocolError, 0},
		"compressed":        {func(r *raw) { r.send(opText|0x40, true, []byte("{}")) }, websocket.CloseProtocolError, 0},
		"unknown opcode":    {func(r *raw) { r.send(0x3, true, []byte("{}")) }, websocket.CloseProtocolError, 0},
		"lone continuation": {func(r *raw) { r.send(opContinue, true, []byte("{}")) }, websocket.CloseProtocolError, 0},
		"broken ping":       {func(r *raw) { r.send(opPing, false, []byte("x")) }, websocket.CloseProtocolError, 0},
		"bad close code":    {func(r *raw) { r.send(opClose, true, []byte{3, 0xED}) }, websocket.CloseProtocolError, 0},
		"no JSON":           {say("hello?"), websocket.CloseProtocolError, codeUnreadable},
		"an array":          {say("[]"), websocket.CloseProtocolError, codeUnreadable},
		"null":              {say("null"), websocket.CloseProtocolError, codeUnreadable},
		"two objects":       {say(`{"type":"ack","seq":0}{"type":"ack","seq":0}`), websocket.CloseProtocolError, codeUnreadable},
		"empty":             {say(""), websocket.CloseProtocolError, codeUnreadable},
		"no type":           {say("{}"), websocket.CloseProtocolError, codeUnreadable},
		"type of a number":  {say(`{"type":1}`), websocket.CloseProtocolError, codeUnreadable},
		"other case":        {say(`{"Type":"ack","seq":0}`), websocket.CloseProtocolError, codeUnreadable},
		"unknown type":      {say(`{"type":"form"}`), websocket.CloseProtocolError, codeUnreadable},
		"second hello":      {func(r *raw) { r.write(r.hello) }, websocket.CloseProtocolError, codeUnreadable},
		"not UTF-8":         {say("{\"type\":\"\xff\"}"), websocket.CloseInvalidFramePayloadData, codeUnreadable},
		"ack from beyond":   {say(`{"type":"ack","seq":99}`), websocket.ClosePolicyViolation, codeNotAllowed},
		"ack below zero":    {say(`{"type":"ack","seq":-1}`), websocket.ClosePolicyViolation, codeNotAllowed},
		"ack of nothing":    {say(`{"type":"ack"}`), websocket.CloseProtocolError, codeUnreadable},
		"ack of null":       {say(`{"type":"ack","seq":null}`), websocket.CloseProtocolError, codeUnreadable},
		"ack of a word":     {say(`{"type":"ack","seq":"1"}`), websocket.CloseProtocolError, codeUnreadable},
		"ack of a fraction": {say(`{"type":"ack","seq":0.5}`), websocket.CloseProtocolError, codeUnreadable},
		"ack beside itself": {say(`{"type":"ack","seq":0,"SEQ":0}`), websocket.CloseProtocolError, codeUnreadable},
		"no base64":         {say(`{"type":"submit","id":"` + someID + `","message":"%%"}`), websocket.CloseProtocolError, codeUnreadable},
		"base64url":         {say(`{"type":"submit","id":"` + someID + `","message":"-_-_"}`), websocket.CloseProtocolError, codeUnreadable},
		"no UUID":           {say(`{"type":"submit","id":"1","message":"eA=="}`), websocket.CloseProtocolError, codeUnreadable},
		"no id":             {say(`{"type":"submit","message":"eA=="}`), websocket.CloseProtocolError, codeUnreadable},
		"no message":        {say(`{"type":"submit","id":"` + someID + `"}`), websocket.CloseProtocolError, codeUnreadable},
		"empty message":     {say(`{"type":"submit","id":"` + someID + `","message":""}`), websocket.CloseProtocolError, codeUnreadable},
		"too large":         {say(`{"type":"` + strings.Repeat("x", 110_000) + `"}`), websocket.CloseMessageTooBig, codeTooLarge},
		"large in parts": {func(r *raw) {
			r.send(opText, false, []byte(strings.Repeat(" ", 60_000)))
			r.send(opContinue, true, []byte(strings.Repeat(" ", 60_000)))
		}, websocket.CloseMessageTooBig, codeTooLarge},
		"deep nesting": {say(strings.Repeat(`{"type":`, 6000)), websocket.CloseProtocolError, codeUnreadable},
		"many members": {say(`{"type":"ack","seq":0` + strings.Repeat(`,"x":0`, 12_000) + `}`), websocket.CloseProtocolError, codeUnreadable},
		"an error":     {say(`{"type":"error","code":64,"message":"no key"}`), websocket.CloseNormalClosure, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.Limits.FrameBytes = 100_000 })
			r := l.dialRaw().open(0)
			c.send(r)
			r.ends(c.status, c.code)
			equal(t, "offers", len(l.inbounds), 0)
		})
	}
}

func say(text string) func(*raw) { return func(r *raw) { r.text(text) } }

func TestWhatIsUnusualAndAllowedIsTaken(t *testing.T) {
	l := newLab(t, nil)
	r := l.dialRaw().open(0)
	r.text(`{"seq":0,"type":"ack","later":{"version":[2]}}`) // type last, a member that we don't know
	r.send(opPing, true, []byte("there?"))
	if opcode, payload, err := r.frame(); opcode != opPong || string(payload) != "there?" || err != nil {
		t.Errorf("after a ping came opcode %d, %q, %v; want its pong", opcode, payload, err)
	}
	half := `{"type":"submit","id":"` + someID + `","message":"`
	r.send(opText, false, []byte(half))
	r.send(opPing, true, nil)
	r.send(opContinue, false, []byte("eA=="))
	r.send(opContinue, true, []byte(`"}`))
	if opcode, _, err := r.frame(); opcode != opPong || err != nil {
		t.Errorf("a ping between two parts is answered by opcode %d, %v; want a pong", opcode, err)
	}
	r.read("accepted")
	r.submit(uuid.NewString(), string(openpgp.Armor(openpgp.ArmorMessage, []byte("form"))))
	r.read("accepted")
	equal(t, "an armored message", l.inbounds[1].Raw, []byte("form"))
}

func TestBeforeHelloNothingElseIsTaken(t *testing.T) {
	hello := func(change string) string {
		whole := object{"type": "hello", "operation": "OP-7K3", "participant": "LV", "after": 0, "client_nonce": strings.Repeat("A", 44), "proof": "AAAA"}
		delete(whole, change)
		return string(encode(whole))
	}
	l := newLab(t, nil)
	for frame, want := range map[string]int{
		`{"type":"submit","id":"` + someID + `","message":"eA=="}`: websocket.ClosePolicyViolation,
		`{"type":"ack","seq":0}`:                                   websocket.ClosePolicyViolation,
		hello("operation"):                                         websocket.CloseProtocolError,
		hello("participant"):                                       websocket.CloseProtocolError,
		hello("after"):                                             websocket.CloseProtocolError,
		hello("client_nonce"):                                      websocket.CloseProtocolError,
		hello("proof"):                                             websocket.CloseProtocolError,
		strings.Replace(hello(""), `"after":0`, `"after":-1`, 1):                       websocket.CloseProtocolError,
		strings.Replace(hello(""), `OP-7K3`, `OP\n7K3`, 1):                             websocket.CloseProtocolError,
		strings.Replace(hello(""), strings.Repeat("A", 44), strings.Repeat("A", 8), 1): websocket.CloseProtocolError,
		strings.Replace(hello(""), `AAAA"`, `%"`, 1):                                   websocket.CloseProtocolError,
		`{"type":"` + strings.Repeat("x", 10_000) + `"}`:                               websocket.CloseMessageTooBig,
	} {
		r := l.dialRaw()
		r.text(frame)
		if status, code := r.closed(); status != want || code == 0 {
			t.Errorf("%.80s… closed with %d, code %d; want %d and a code", frame, status, code, want)
		}
	}
}

func TestNonceLivesForItsTimeAlone(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.HandshakeSecond = 1 })
	r := l.dialRaw()
	r.ends(websocket.ClosePolicyViolation, codeParticipant)
}

func TestSubmitsBeyondTheRateAreSlowedAndToldSo(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.SubmitsMinute, o.Limits.SubmitsBurst = 600, 2 })
	r := l.dialRaw().open(0)
	var waited float64
	for range 4 {
		r.submit(uuid.NewString(), "form")
		if ms, ok := r.read("accepted")["waited_ms"].(float64); ok {
			waited += ms
		}
	}
	if waited < 150 || waited > 200 {
		t.Errorf("four submits at ten a second after two at once waited %.0f ms in all; want 200", waited)
	}
	equal(t, "forms", len(l.inbounds), 4)
}

func TestConnectionsWithoutAProofAreCapped(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.PerAddress = 2 })
	first := l.dialRaw()
	l.dialRaw().open(0) // proven: it doesn't count
	l.dialRaw()
	_, _, resp := l.upgrade("Sec-WebSocket-Protocol: jco-form.v1")
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("third connection without a proof = %s; want 429 and when to try again", resp.Status)
	}
	first.conn.Close()
	eventually(t, "a place is free again", func() bool {
		conn, _, resp := l.upgrade("Sec-WebSocket-Protocol: jco-form.v1")
		conn.Close()
		return resp.StatusCode == http.StatusSwitchingProtocols
	})
}

func TestWhoTakesAllPlacesWithoutAProofGivesWayToOthers(t *testing.T) {
	a := newAdmission(Limits{Unproven: 4, PerAddress: 3}.withDefaults())
	var yielded []string
	enter := func(name, address string) (*ticket, bool) {
		return a.enter(address, func() { yielded = append(yielded, name) })
	}
	for _, name := range []string{"first", "second", "third"} {
		enter(name, "192.0.2.1")
	}
	if _, ok := enter("fourth", "192.0.2.1"); ok {
		t.Error("a fourth of one address was admitted; want three")
	}
	enter("other", "192.0.2.2")
	third, ok := enter("late", "192.0.2.3")
	if !ok {
		t.Error("an address that has nothing yet was refused because another has most places")
	}
	equal(t, "yielded", yielded, []string{"first"})
	if _, ok := enter("again", "192.0.2.1"); ok {
		t.Error("the address with most places got another one when all were taken")
	}
	third.proven()
	third.all()
	if rooms := a.rooms(); rooms[1].Count != 3 {
		t.Errorf("%d without a proof; want 3", rooms[1].Count)
	}
	if _, ok := enter("again", "192.0.2.1"); !ok {
		t.Error("a place was free, and nobody got it")
	}
}

func TestAConnectionWithoutAProofIsClosedForOneOfAnotherAddress(t *testing.T) {
	l := newLab(t, func(o *Options) { o.Limits.Unproven = 2 })
	oldest, second := l.dialRaw(), l.dialRaw()
	_, _, resp := l.upgradeFrom("127.0.0.2", "Sec-WebSocket-Protocol: jco-form.v1")
	equal(t, "answer to another address", resp.StatusCode, http.StatusSwitchingProtocols)
	if _, err := oldest.in.ReadByte(); err == nil || silent(err) {
		t.Errorf("the oldest connection without a proof reads %v; want its end", err)
	}
	second.open(0)
}

func TestForeignPagesAndForeignProtocolsAreRefused(t *testing.T) {
	l := newLab(t, nil)
	ours := "Sec-WebSocket-Protocol: jco-form.v1"
	for name, c := range map[string]struct {
		header []string
		want   int
	}{
		"a foreign page":    {[]string{ours, "Origin: https://evil.example"}, 403},
		"a null origin":     {[]string{ours, "Origin: null"}, 403},
		"no subprotocol":    {nil, 400},
		"another version":   {[]string{"Sec-WebSocket-Protocol: jco-form.v9"}, 400},
		"one of several":    {[]string{"Sec-WebSocket-Protocol: soap, jco-form.v1"}, 101},
		"a page of our own": {[]string{ours, "Origin: http://" + l.http.Listener.Addr().String()}, 101},
	} {
		if _, _, resp := l.upgrade(c.header...); resp.StatusCode != c.want {
			t.Errorf("%s: %s; want %d", name, resp.Status, c.want)
		}
	}
}

func TestClientSpeaksOnlyToThePinnedGateway(t *testing.T) {
	l := newLab(t, nil)
	opt := l.options(new(inbox))
	opt.Gateways = []*openpgp.Certificate{key(t, "stranger").Certificate()}
	var wrong *WrongGateway
	if _, err := Dial(t.Context(), opt); !errors.As(err, &wrong) {
		t.Errorf("Dial to a gateway with another key = %v; want it named", err)
	}
	opt.Gateways = append(opt.Gateways, key(t, "OCU").Certificate())
	c, err := Dial(t.Context(), opt)
	if err != nil {
		t.Fatalf("Dial with the new key beside the old one = %v", err)
	}
	c.Close()
	equal(t, "the one that proved itself", c.Session().Gateway.Fingerprint(), key(t, "OCU").Certificate().Fingerprint())
	opt.URL = "ws://channel.gateway.example/v1/channel"
	if _, err := Dial(t.Context(), opt); err == nil || !strings.Contains(err.Error(), "wss://") {
		t.Errorf("Dial over an open line = %v; want a refusal", err)
	}
}
