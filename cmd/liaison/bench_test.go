package main

import (
	"io"
	"strconv"
	"testing"
)

// BenchmarkFlow is "liaison bench flow" for benchstat: an op is one form to so many
// recipients.
func BenchmarkFlow(b *testing.B) {
	for _, recipients := range []int{1, 10, 30} {
		b.Run(strconv.Itoa(recipients), func(b *testing.B) {
			c := benchFlowCmd{Forms: b.N, Recipients: recipients, Bytes: 1000, In: "lmtp", Dir: b.TempDir()}
			if err := c.Run(&app{b.Context(), streams{nil, io.Discard, io.Discard}}); err != nil {
				b.Fatal(err)
			}
		})
	}
}
