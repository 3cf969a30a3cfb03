package main

import (
	"io"
	"strconv"
	"testing"

	"liaison/gateway"
	"liaison/gateway/entity"
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

func TestBenchInspectMeasuresMailsOfEveryKind(t *testing.T) {
	set, err := newInspectSet()
	if err != nil {
		t.Fatal(err)
	}
	r, err := set.measure(len(set.mails), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []entity.Kind{gateway.KindForm, entity.Message, entity.Bounce, entity.Delay, entity.Delivered, entity.ReadReceipt, entity.Feedback, entity.AutoReply, entity.Unreadable} {
		if r.Kinds[string(kind)] == 0 {
			t.Errorf("kinds = %v; want %s among them", r.Kinds, kind)
		}
	}
}
