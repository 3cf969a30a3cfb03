package websocket

import (
	"testing"
	"time"

	"liaison/crypto/openpgp"
)

// generate makes the key of an invented participant.
func generate(t testing.TB, name string) *openpgp.SecretKey {
	t.Helper()
	k, err := openpgp.Generate(openpgp.KeyOptions{Name: name, Address: "someone@example.com", Created: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}
