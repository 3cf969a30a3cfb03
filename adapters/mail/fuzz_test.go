package mail

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzTransport(f *testing.F) {
	f.Add([]byte("From: a@b.example\r\nMessage-ID:\r\n <1@b.example>\r\n\r\nbody\r\n"))
	f.Add([]byte("message-id : x\n\n"))
	f.Add([]byte("\n\nMessage-ID: <1@b.example>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := transport(raw)
		if got.Name == "" || strings.ContainsAny(got.Name, "\r\n") {
			t.Fatalf("transport(%q) = %q", raw, got.Name)
		}
		if bytes.ContainsRune(raw, '\r') || !strings.HasPrefix(got.Name, "mid:") {
			return
		}
		if over := transport(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))); over != got {
			t.Fatalf("with CRLF the name is %q; want %q", over.Name, got.Name)
		}
	})
}

func FuzzRecipient(f *testing.F) {
	for _, s := range []string{"a@b.example", "a@bücher.example", "ā@b.example", "a@b@c", "@", "a b@c.example", "a@xn--", "a@b.example>\r\nRCPT TO:<c@d.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		address, _, err := recipient(s)
		if err == nil && (strings.ContainsAny(address, " \r\n\x00<>") || !strings.Contains(address, "@")) {
			t.Fatalf("recipient(%q) = %q", s, address)
		}
	})
}
