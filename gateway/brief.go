package gateway

import (
	"sync"
	"time"
)

// Bounds of what is remembered briefly. It saves work between the deliveries of
// one form, which come close together; none of it is ever stored.
const (
	briefFor  = time.Minute
	briefMost = 128
)

// brief remembers values for a minute. One goroutine makes a value, the others
// wait for it; one that could not be made is forgotten.
type brief[K comparable, V any] struct {
	mu      sync.Mutex // guards entries
	entries map[K]*briefEntry[V]
}

type briefEntry[V any] struct {
	once  sync.Once
	value V
	err   error
	until time.Time
}

func newBrief[K comparable, V any]() *brief[K, V] {
	return &brief[K, V]{entries: map[K]*briefEntry[V]{}}
}

func (b *brief[K, V]) get(key K, now time.Time, makeOne func() (V, error)) (V, error) {
	b.mu.Lock()
	e := b.entries[key]
	if e == nil || now.After(e.until) {
		if len(b.entries) >= briefMost {
			clear(b.entries)
		}
		e = &briefEntry[V]{until: now.Add(briefFor)}
		b.entries[key] = e
	}
	b.mu.Unlock()
	e.once.Do(func() { e.value, e.err = makeOne() })
	if e.err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.entries[key] == e {
			delete(b.entries, key)
		}
	}
	return e.value, e.err
}

// tidy forgets what is over.
func (b *brief[K, V]) tidy(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, e := range b.entries {
		if now.After(e.until) {
			delete(b.entries, key)
		}
	}
}

func (b *brief[K, V]) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.entries)
}
