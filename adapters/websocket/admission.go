package websocket

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// admission counts connections, those without a proof by their address too, and
// how fast a participant opens sessions and submits. Proven ones need no bound of
// their own: a participant has one session.
type admission struct {
	limits Limits

	mu       sync.Mutex // guards what follows
	all      int
	unproven int
	address  map[string]int // unproven ones
	paces    map[seat]*pace
}

// pace is how fast a participant may go, over whatever sessions.
type pace struct {
	opens, submits *rate.Limiter
}

func newAdmission(l Limits) *admission {
	return &admission{limits: l, address: make(map[string]int), paces: make(map[seat]*pace)}
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
	return a.pace(where).opens.AllowN(now, 1)
}

// submitting takes one submit from a participant's allowance and returns how long
// it has to wait.
func (a *admission) submitting(where seat, now time.Time) time.Duration {
	return a.pace(where).submits.ReserveN(now, 1).DelayFrom(now)
}

// pace is a participant's. Only those that have proven themselves get here, so
// the map holds no invented names.
func (a *admission) pace(where seat) *pace {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.paces[where]
	if p == nil {
		p = &pace{opens: perMinute(a.limits.OpensMinute, a.limits.OpensMinute), submits: perMinute(a.limits.SubmitsMinute, a.limits.SubmitsBurst)}
		a.paces[where] = p
	}
	return p
}

func perMinute(n, burst int) *rate.Limiter { return rate.NewLimiter(rate.Limit(float64(n)/60), burst) }

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
	if !t.unproven {
		return
	}
	t.unproven = false
	t.of.unproven--
	if t.of.address[t.address]--; t.of.address[t.address] <= 0 {
		delete(t.of.address, t.address)
	}
}

// all gives everything back; the connection is gone.
func (t *ticket) all() {
	t.proven()
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.of.all--
}
