package gateway

import (
	"sync"
	"time"
)

// Bounds of what is remembered briefly. It saves work between the deliveries of
// one form, which come close together; none of it is ever stored.
const (
	briefFor   = time.Minute
	briefMost  = 512
	briefBytes = 64 << 20
)

// brief remembers values for a minute, up to briefMost and briefBytes of them.
// One goroutine makes a value, the others wait for it; one that could not be made
// is forgotten.
type brief[K comparable, V any] struct {
	size func(V) int // in bytes

	mu      sync.Mutex // guards the rest
	entries map[K]*briefEntry[V]
	bytes   int
}

type briefEntry[V any] struct {
	once  sync.Once
	value V
	err   error
	bytes int // 0 until it is made
	until time.Time
}

func newBrief[K comparable, V any](size func(V) int) *brief[K, V] {
	return &brief[K, V]{size: size, entries: map[K]*briefEntry[V]{}}
}

func (b *brief[K, V]) get(key K, now time.Time, makeOne func() (V, error)) (V, error) {
	e := b.entry(key, now)
	e.once.Do(func() {
		e.value, e.err = makeOne()
		b.made(key, e)
	})
	return e.value, e.err
}

// put remembers a value that is known already.
func (b *brief[K, V]) put(key K, now time.Time, value V) {
	_, _ = b.get(key, now, func() (V, error) { return value, nil })
}

func (b *brief[K, V]) entry(key K, now time.Time) *briefEntry[V] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[key]; e != nil && !now.After(e.until) {
		return e
	}
	b.drop(key)
	if len(b.entries) >= briefMost {
		b.empty()
	}
	e := &briefEntry[V]{until: now.Add(briefFor)}
	b.entries[key] = e
	return e
}

// made counts a value in, or forgets what could not be made.
func (b *brief[K, V]) made(key K, e *briefEntry[V]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[key] != e {
		return
	}
	if e.err != nil {
		b.drop(key)
		return
	}
	size := b.size(e.value)
	if size > briefBytes {
		b.drop(key) // whoever waits for it has it
		return
	}
	if b.bytes+size > briefBytes {
		b.empty()
	}
	e.bytes = size
	b.bytes += size
	b.entries[key] = e
}

// forget forgets a value that is no longer right.
func (b *brief[K, V]) forget(key K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(key)
}

func (b *brief[K, V]) drop(key K) {
	if e := b.entries[key]; e != nil {
		b.bytes -= e.bytes
		delete(b.entries, key)
	}
}

func (b *brief[K, V]) empty() {
	clear(b.entries)
	b.bytes = 0
}

// tidy forgets what is over.
func (b *brief[K, V]) tidy(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, e := range b.entries {
		if now.After(e.until) {
			b.drop(key)
		}
	}
}

func (b *brief[K, V]) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.empty()
}
