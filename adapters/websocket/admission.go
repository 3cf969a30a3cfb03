package websocket

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// admission counts connections by address and by whether they have proven
// themselves, and how fast a participant opens sessions.
type admission struct {
	limits Limits

	mu       sync.Mutex // guards what follows
	all      int
	unproven int
	address  map[string]int
	opens    map[seat]*rate.Limiter
	submits  map[seat]*rate.Limiter
}

func newAdmission(l Limits) *admission {
	return &admission{limits: l, address: make(map[string]int), opens: make(map[seat]*rate.Limiter), submits: make(map[seat]*rate.Limiter)}
}

// enter admits a connection from an address, or refuses it.
func (a *admission) enter(address string) (*ticket, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all >= a.limits.Connections || a.unproven >= a.limits.Unproven || a.address[address] >= a.limits.PerAddress {
		return nil, false
	}
	a.all++
	a.unproven++
	a.address[address]++
	return &ticket{of: a, address: address, unproven: true}, true
}

// opening reports whether a participant that has proven itself may open another
// session now.
func (a *admission) opening(where seat, now time.Time) bool {
	return a.allow(a.opens, where, a.limits.OpensMinute, now)
}

// submitting reports whether a participant may submit now, over whatever
// sessions it submitted before.
func (a *admission) submitting(where seat, now time.Time) bool {
	return a.allow(a.submits, where, a.limits.SubmitsMinute, now)
}

// allow takes one from a participant's allowance. Only those that have proven
// themselves get here, so the map holds no invented names.
func (a *admission) allow(of map[seat]*rate.Limiter, where seat, perMinute int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := of[where]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(float64(perMinute)/60), perMinute)
		of[where] = l
	}
	return l.AllowN(now, 1)
}

// ticket is one admitted connection.
type ticket struct {
	of       *admission
	address  string
	unproven bool // guarded by of.mu
}

// proven moves the connection out of those that haven't proven themselves.
func (t *ticket) proven() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.unproven {
		t.unproven = false
		t.of.unproven--
	}
}

// all gives everything back; the connection is gone.
func (t *ticket) all() {
	t.proven()
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.of.all--
	if t.of.address[t.address]--; t.of.address[t.address] <= 0 {
		delete(t.of.address, t.address)
	}
}
