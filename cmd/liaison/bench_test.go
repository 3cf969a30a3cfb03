package main

import (
	"fmt"
	"io"
	"testing"

	"liaison/gateway"
	"liaison/gateway/entity"
)

// BenchmarkFlow is "liaison bench flow" for benchstat: an op is one form to so many
// recipients, with a file of so many bytes.
func BenchmarkFlow(b *testing.B) {
	for _, l := range []flowLoad{{recipients: 1}, {recipients: 10}, {recipients: 30}, {recipients: 30, attach: 54000}} {
		b.Run(fmt.Sprintf("recipients=%d/file=%d", l.recipients, l.attach), func(b *testing.B) {
			c := benchFlowCmd{Forms: b.N, Recipients: l.recipients, Bytes: 1000, Attach: l.attach, In: "lmtp", Dir: b.TempDir()}
			r, err := c.measure(&app{b.Context(), streams{nil, io.Discard, io.Discard}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(r.Seconds*1e9/float64(b.N), "ns/op") // without the set-up
			b.ReportMetric(r.Deliveries, "deliveries/s")
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
