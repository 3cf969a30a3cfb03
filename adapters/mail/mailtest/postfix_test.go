package mailtest

import (
	"os"
	"path/filepath"
	"testing"
)

// A death in the middle of a mail leaves a file without a name in the queue, of
// which Postfix complains before it starts.
func TestPostfixStartsAgainAfterADeathInTheMiddleOfAMail(t *testing.T) {
	r := Postfix(t, PostfixOptions{})
	if err := r.Crash(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(filepath.Dir(r.process.log), "queue/incoming/933415.4095")
	if err := os.WriteFile(left, []byte("half a mail"), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, left, "postfix")
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
}
