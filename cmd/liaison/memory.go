package main

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// Bounds of what the heap holds beside what is in use: roomForGarbage bytes, but
// at most mostGarbage percent of what is in use, and at least leastGarbage.
const (
	roomForGarbage = 64 << 20
	mostGarbage    = 400
	leastGarbage   = 50
)

// setGarbage lets a small heap, that of a busy gateway, be collected rarely, which
// is a fifth of its work, and keeps a large one, that of thousands of idle agents,
// from taking twice what it needs. It returns when ctx ends.
func setGarbage(ctx context.Context) {
	usual := debug.SetGCPercent(mostGarbage)
	defer debug.SetGCPercent(usual)
	if usual != 100 { // somebody set it (GOGC)
		return
	}
	live := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for now := mostGarbage; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		runtimemetrics.Read(live)
		want := max(leastGarbage, min(int(100*roomForGarbage/max(live[0].Value.Uint64(), 1)), mostGarbage))
		if want != now {
			debug.SetGCPercent(want)
			now = want
		}
	}
}
