package main

import (
	"io"
	"testing"
)

// BenchmarkFlow is "liaison bench flow" for benchstat: an op is one form to ten
// recipients.
func BenchmarkFlow(b *testing.B) {
	c := benchFlowCmd{Forms: b.N, Recipients: 10, Bytes: 1000, In: "lmtp", Dir: b.TempDir()}
	if err := c.Run(&app{b.Context(), streams{nil, io.Discard, io.Discard}}); err != nil {
		b.Fatal(err)
	}
}
