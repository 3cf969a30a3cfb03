package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"liaison/gateway/commtest"
)

func TestSixtyParticipantsOverThreeChannelsAreThroughInAMinute(t *testing.T) {
	n := 60
	if racing || testing.Short() {
		n = 10 // the race detector is slow; nothing is claimed of the time then
	}
	c := benchTestCmd{Participants: n, Channels: 3, Dir: t.TempDir()}
	r, err := c.measure(&app{t.Context(), streams{strings.NewReader(""), io.Discard, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d participants over 3 channels: %.1f s, %v", n, r.Seconds, r.Verdicts)
	if r.Verdicts[commtest.Green] != n {
		t.Errorf("%d participants over 3 channels: %v; want all of them ready", n, r.Verdicts)
	}
	if r.Seconds > 60 {
		t.Errorf("%d participants over 3 channels took %.1f s; want less than a minute", n, r.Seconds)
	}
}
