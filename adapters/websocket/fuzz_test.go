package websocket

import (
	"bytes"
	"testing"
)

func FuzzFrame(f *testing.F) {
	for _, s := range []string{
		`{"type":"hello","operation":"OP-7K3","participant":"LV","after":41,"client_nonce":"x","proof":"AA=="}`,
		`{"type":"submit","id":"7c2f","message":"AAEC"}`, `{"type":"ack","seq":43}`, `{"type":"error","code":62,"message":"x"}`,
		`{"type":"form","seq":1,"reference":"1","delivery":"d","message":"AA=="}`, `{"type":"ack","Seq":1,"seq":-1}`, `{"type":null}`, `[]`, `{"type":"ack","seq":1e400}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := parse(data)
		if err != nil {
			return
		}
		_ = frame.into(&hello{}, "operation", "participant", "after", "client_nonce", "proof")
		_ = frame.into(&ack{}, "seq")
		_ = frame.into(&errorFrame{}, "code", "message")
		_ = frame.into(&formFrame{}, "seq", "message")
		var s, again submit
		if frame.into(&s, "id", "message") != nil {
			return
		}
		back, err := parse(encode(s))
		if err == nil {
			err = back.into(&again, "id", "message")
		}
		if s.Type != "" && s.Message != nil && (err != nil || again.ID != s.ID || !bytes.Equal(again.Message, s.Message)) {
			t.Fatalf("%q comes back as %+v, %v; want %+v", data, again, err, s)
		}
	})
}
