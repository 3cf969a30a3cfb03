package mail

import (
	"bytes"
	"testing"
)

// A Message-ID that is folded without end costs no more than one that isn't: what it
// was before took hours for a mail of 24 MB.
func TestAMessageIDThatIsFoldedWithoutEndNamesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		fold  string
		lines int
		want  string
	}{
		"usual":    {"\n  <1@vid.example>", 1, "<1@vid.example>"},
		"blanks":   {"\n ", 6_000_000, ""},
		"contents": {"\n x", 6_000_000, ""},
	} {
		header := append([]byte("Message-ID:"), bytes.Repeat([]byte(c.fold), c.lines)...)
		if got := messageID(header); got != c.want {
			t.Errorf("%s: messageID = %.40q; want %q", name, got, c.want)
		}
	}
}
