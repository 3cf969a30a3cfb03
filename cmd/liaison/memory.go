package main

import (
	"context"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"time"
)

// A heap above this, in bytes, is mostly connections that do nothing: it may hold
// half of itself in garbage instead of as much again.
const largeHeap = 64 << 20

// spareMemory keeps a gateway with thousands of idle agents from taking twice what
// they need, until ctx ends. A small heap stays as it is: collecting it more often
// would cost the busy gateway a tenth of its speed.
func spareMemory(ctx context.Context) {
	usual := debug.SetGCPercent(100)
	debug.SetGCPercent(usual)
	if usual < 100 { // somebody set it (GOGC)
		return
	}
	live := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for now := usual; ; {
		select {
		case <-ctx.Done():
			debug.SetGCPercent(usual)
			return
		case <-tick.C:
		}
		runtimemetrics.Read(live)
		want := usual
		if live[0].Value.Uint64() > largeHeap {
			want = usual / 2
		}
		if want != now {
			debug.SetGCPercent(want)
			now = want
		}
	}
}
