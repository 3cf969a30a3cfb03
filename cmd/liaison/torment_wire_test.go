package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// wire is a TCP connection's way between two parties, on which things go wrong.
type wire struct {
	t     *testing.T
	name  string
	proxy *toxiproxy.Proxy
}

// newWire leads from a free loopback port to an address.
func newWire(t *testing.T, name, to string) *wire {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // the toxics have loggers of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	w := &wire{t, name, toxiproxy.NewProxy(server, name, "127.0.0.1:0", to)}
	if err := w.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.proxy.Stop)
	return w
}

// address is where the wire begins.
func (w *wire) address() string { return w.proxy.Listen }

// cut ends all connections; for so long nobody gets through.
func (w *wire) cut(ctx context.Context, d time.Duration) {
	w.proxy.Stop()
	rest(ctx, d)
	w.mend()
}

// mend lets connections through again.
func (w *wire) mend() {
	if err := w.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		w.t.Errorf("the wire %s can't be mended: %v", w.name, err)
	}
}

// turn leads new connections elsewhere, and ends those that are there.
func (w *wire) turn(to string) {
	_ = w.proxy.Update(&toxiproxy.Proxy{Listen: w.proxy.Listen, Upstream: to}) // it stops
	w.mend()
}

// toxic is a way in which a wire is bad.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Attributes map[string]int `json:"attributes"`
}

// suffer makes the wire bad for a while: late, silent in one direction (half
// open), trickling, slow, cut in the middle of what is being said, or reset.
func (w *wire) suffer(ctx context.Context, rng *rand.Rand, d time.Duration) {
	bad := []toxic{
		{"late", "latency", "", map[string]int{"latency": 200, "jitter": 150}},
		{"half open", "timeout", "", map[string]int{"timeout": 0}},
		{"trickle", "slicer", "", map[string]int{"average_size": 100, "size_variation": 50, "delay": 3000}},
		{"slow", "bandwidth", "", map[string]int{"rate": 20}},
		{"cut in the middle", "limit_data", "", map[string]int{"bytes": 1 + rng.IntN(8000)}},
		{"reset", "reset_peer", "", map[string]int{"timeout": rng.IntN(300)}},
	}[rng.IntN(6)]
	bad.Stream = []string{"upstream", "downstream"}[rng.IntN(2)]
	if !w.poison(bad) {
		return
	}
	rest(ctx, d)
	removal, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if err := w.proxy.Toxics.RemoveToxic(removal, bad.Name); err != nil {
		w.t.Errorf("the wire %s stays %s: %v", w.name, bad.Name, err)
	}
}

// poison makes the wire bad from now on.
func (w *wire) poison(bad toxic) bool {
	data, err := json.Marshal(bad)
	if err == nil {
		_, err = w.proxy.Toxics.AddToxicJson(strings.NewReader(string(data)))
	}
	if err != nil {
		w.t.Errorf("the wire %s can't be made %s: %v", w.name, bad.Name, err)
	}
	return err == nil
}
