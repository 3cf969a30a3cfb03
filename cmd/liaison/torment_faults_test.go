package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// fault is something that goes wrong, and passes.
type fault struct {
	name string
	do   func(ctx context.Context, s *strike) error
}

// strike is one time that a fault strikes.
type strike struct {
	rng   *rand.Rand
	while time.Duration // how long it lasts
}

// ordinary are the faults that every world knows.
func (w *world) ordinary() []fault {
	out := []fault{
		{"clock jumps", func(ctx context.Context, s *strike) error {
			w.jump(time.Duration(s.rng.IntN(200)) * time.Second) // ahead or, where it was further, back
			return nil
		}},
		{"system dies", func(context.Context, *strike) error { w.witness.die(); return nil }},
	}
	for _, node := range w.nodes {
		kill := fault{"kill -9 of a gateway", func(context.Context, *strike) error { node.kill(); return nil }}
		out = append(out, kill, kill, kill, fault{"a gateway freezes", func(ctx context.Context, s *strike) error { node.freeze(ctx, 3*s.while); return nil }},
			fault{"a gateway is told to stop", func(context.Context, *strike) error { node.tell(); return nil }})
	}
	for _, agent := range w.agents {
		out = append(out, fault{"kill -9 of an agent", func(context.Context, *strike) error { agent.kill(); return nil }})
	}
	for name, wire := range w.wires {
		out = append(out, fault{name + " is cut", func(ctx context.Context, s *strike) error { wire.cut(ctx, s.while/2); return nil }},
			fault{name + " is bad", func(ctx context.Context, s *strike) error { wire.suffer(ctx, s.rng, s.while); return nil }})
		if at := slices.Index(onSocket, name); at >= 0 && len(w.sockets) > 1 {
			out = append(out, fault{name + " is led to another gateway", func(_ context.Context, s *strike) error {
				wire.turn(w.sockets[s.rng.IntN(len(w.sockets))])
				return nil
			}})
		}
	}
	return out
}

// strikeOn lets faults strike at random, a few at once and never the same one
// twice at once, until ctx ends. All have passed when it returns.
func (w *world) strikeOn(ctx context.Context, longest time.Duration) {
	faults := append(w.ordinary(), w.faults...)
	slices.SortStableFunc(faults, func(a, b fault) int { return strings.Compare(a.name, b.name) }) // maps come in any order, the dice don't
	rng := w.dice(2)
	on := make([]sync.Mutex, len(faults))
	var all sync.WaitGroup
	defer all.Wait()
	for ctx.Err() == nil {
		rest(ctx, longest/8+time.Duration(rng.Int64N(int64(longest/4))))
		i := rng.IntN(len(faults))
		s := &strike{rand.New(rand.NewPCG(rng.Uint64(), 0)), longest/20 + time.Duration(rng.Int64N(int64(longest)))}
		if ctx.Err() != nil || !on[i].TryLock() {
			continue
		}
		all.Go(func() {
			defer on[i].Unlock()
			w.count(faults[i].name)
			if err := faults[i].do(ctx, s); err != nil {
				w.t.Errorf("%s: %v", faults[i].name, err)
			}
		})
	}
}

// strikeOnce lets the rare faults strike once, each for a minute.
func (w *world) strikeOnce(ctx context.Context, after time.Duration) {
	rest(ctx, after)
	for _, f := range w.rare {
		if ctx.Err() != nil {
			return
		}
		w.count(f.name)
		if err := f.do(ctx, &strike{while: time.Minute}); err != nil {
			w.t.Errorf("%s: %v", f.name, err)
		}
	}
}

func (w *world) count(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.struck[name]++
}

// strikes lists how often each fault struck.
func (w *world) strikes() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	total := 0
	for name, n := range w.struck {
		list = append(list, fmt.Sprintf("%s %d", name, n))
		total += n
	}
	slices.Sort(list)
	return fmt.Sprintf("%d faults: %s", total, strings.Join(list, ", "))
}
