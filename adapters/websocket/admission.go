package websocket

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"liaison/gateway"
)

// admission counts connections, those without a proof by their address too, and
// how fast a participant opens sessions and submits. Proven ones need no bound of
// their own: a participant has one session.
type admission struct {
	limits Limits

	mu       sync.Mutex // guards what follows
	all      int
	unproven int
	address  map[string][]*ticket // unproven ones, the oldest first
	paces    map[seat]*pace
}

// pace is how fast a participant may go, over whatever sessions.
type pace struct {
	opens, submits *rate.Limiter
}

func newAdmission(l Limits) *admission {
	return &admission{limits: l, address: make(map[string][]*ticket), paces: make(map[seat]*pace)}
}

// enter admits a connection from an address, or refuses it. Where all places of
// those without a proof are taken, the oldest of the address that has most of them
// gives way to an address that has fewer: yield is called for it, once.
func (a *admission) enter(address string, yield func()) (*ticket, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all >= a.limits.Connections || len(a.address[address]) >= a.limits.PerAddress {
		return nil, false
	}
	if a.unproven >= a.limits.Unproven {
		most := a.crowding()
		if len(most) <= len(a.address[address]) {
			return nil, false
		}
		most[0].yield()
		most[0].leave()
	}
	t := &ticket{of: a, address: address, yield: yield, unproven: true}
	a.all++
	a.unproven++
	a.address[address] = append(a.address[address], t)
	return t, true
}

// crowding is the address's with most connections without a proof.
func (a *admission) crowding() (most []*ticket) {
	for _, those := range a.address {
		if len(those) > len(most) {
			most = those
		}
	}
	return most
}

// rooms are the places of connections, and of those without a proof among them.
func (a *admission) rooms() []gateway.Room {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []gateway.Room{{Name: "websocket-connections", Count: a.all, Most: a.limits.Connections},
		{Name: "websocket-unproven", Count: a.unproven, Most: a.limits.Unproven}}
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
	yield    func()
	unproven bool // guarded by of.mu
}

// proven moves the connection out of those that haven't proven themselves.
func (t *ticket) proven() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.leave()
}

// leave is proven under the lock.
func (t *ticket) leave() {
	if !t.unproven {
		return
	}
	t.unproven = false
	t.of.unproven--
	rest := slices.DeleteFunc(t.of.address[t.address], func(other *ticket) bool { return other == t })
	if len(rest) == 0 {
		delete(t.of.address, t.address)
		return
	}
	t.of.address[t.address] = rest
}

// all gives everything back; the connection is gone.
func (t *ticket) all() {
	t.proven()
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.of.all--
}
