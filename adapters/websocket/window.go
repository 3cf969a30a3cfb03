package websocket

import "sync"

// window is where a session stands in its participant's sequence:
//
//	acked ≤ sent ≤ last
//
// Numbers up to acked are settled, those up to sent were written here, those up
// to last were given. What is given and not written goes first; at most size
// numbers are written and not settled.
type window struct {
	size int64

	mu       sync.Mutex // guards what follows
	acked    int64
	sent     int64
	last     int64
	catching bool          // a goroutine writes what was given and not written
	moved    chan struct{} // closed at the next move; nil while nobody waits
}

// place puts the window at a position.
func (w *window) place(after, last int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked, w.sent, w.last = after, after, max(after, last)
}

// open reports whether a new number may be written now; if not, the channel is
// closed when that may have changed.
func (w *window) open() (now bool, moved <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sent == w.last && w.sent-w.acked < w.size {
		return true, nil
	}
	if w.moved == nil {
		w.moved = make(chan struct{})
	}
	return false, w.moved
}

// move changes the window and wakes who waits for it.
func (w *window) move(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	if w.moved != nil {
		close(w.moved)
		w.moved = nil
	}
}

// write notes that a number is about to be written: before it is, because its
// ack may be faster than we are.
func (w *window) write(seq int64) { w.move(func() { w.sent, w.last = seq, max(w.last, seq) }) }

// given notes that numbers up to seq were given.
func (w *window) given(seq int64) { w.move(func() { w.last = max(w.last, seq) }) }

// ack notes that numbers up to seq are settled.
func (w *window) ack(seq int64) { w.move(func() { w.acked = max(w.acked, seq) }) }

// catchUp reports whether the caller is to write what was given and not
// written: it is, until behind says that there is nothing to do.
func (w *window) catchUp() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.catching || w.sent == w.last {
		return false
	}
	w.catching = true
	return true
}

// behind returns the next number that was given and not written, as far as the
// window has room; without one, the caller isn't catching up any more.
func (w *window) behind() (seq int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.catching = w.sent < w.last && w.sent-w.acked < w.size
	return w.sent + 1, w.catching
}

// at returns the highest numbers written and settled.
func (w *window) at() (sent, acked int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent, w.acked
}
