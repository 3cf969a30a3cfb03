package entity

import (
	"strings"
	"testing"
)

func TestCleartextThatQuotesCleartextIsReadUnderItsOwnSignature(t *testing.T) {
	signature := beginSig + "\n\niQEzBAEBCAAdFiEEiQEzBAEBCAAdFiEEiQEzBAEBCAAdFiEEiQEzBAEBCAAd\n" + endSig + "\n"
	older := beginSigned + "\nHash: SHA256\n\nplease answer\n" + signature
	for name, quote := range map[string]func(line string) string{
		"quoted": func(line string) string { return "> " + line },
		"dash-escaped": func(line string) string {
			if strings.HasPrefix(line, "-") {
				return "- " + line
			}
			return line
		},
	} {
		var text strings.Builder
		text.WriteString("our answer\n\n")
		for line := range strings.Lines(older) {
			text.WriteString(quote(line))
		}
		for prefix, covers := range map[string]string{"": CoversAll, "See below.\n\n": CoversPart} {
			mail := "From: officer@vid.example\n\n" + prefix + beginSigned + "\nHash: SHA256\n\n" + text.String() + signature
			var o oneText
			r := Read([]byte(mail), &o, Limits{})
			if r.Signature.Verdict != "good" || r.Covers != covers || !strings.HasPrefix(r.Text, "our answer\n") || len(o.opened) != 1 {
				t.Errorf("%s: Read = %s, covers %q, %q, %d opened; want the answer under its signature, which covers %s", name, r.Signature.Verdict, r.Covers, r.Text, len(o.opened), covers)
			}
		}
	}
}

// oneText keeps what it is asked to open, and calls all of it signed.
type oneText struct {
	pretend
	opened []string
}

func (o *oneText) Open(m []byte, _ int64) (Opened, error) {
	o.opened = append(o.opened, string(m))
	_, body, _ := strings.Cut(string(m), "\n\n")
	body = body[:strings.LastIndex(body, beginSig)]
	return Opened{Plaintext: []byte(body), Text: true, Signature: Signature{Verdict: "good", Fingerprint: "AA"}}, nil
}
