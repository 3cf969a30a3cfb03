package store

import (
	"maps"
	"sync"

	"liaison/gateway"
)

// effects are what a transaction leads to outside the record, once it is committed.
type effects struct {
	due     bool                      // something may go: wake who claims
	lanes   map[gateway.Lane]struct{} // on which it may
	reached map[gateway.State]int64   // so many deliveries came into a state
}

func (e *effects) makesDue(lane gateway.Lane) {
	if e.lanes == nil {
		e.lanes = make(map[gateway.Lane]struct{})
	}
	e.due, e.lanes[lane] = true, struct{}{}
}

func (e *effects) reaches(state gateway.State, n int64) {
	if e.reached == nil {
		e.reached = make(map[gateway.State]int64)
	}
	e.reached[state] += n
}

// add takes in the effects of another transaction of the same commit.
func (e *effects) add(of effects) {
	e.due = e.due || of.due
	for lane := range of.lanes {
		e.makesDue(lane)
	}
	for state, n := range of.reached {
		e.reaches(state, n)
	}
}

// tell makes the effects of a commit known.
func (s *Store) tell(e effects) {
	s.reached.add(e.reached)
	if !e.due {
		return
	}
	s.due.add(e.lanes)
	signal(s.wake)
	signal(s.hint)
}

// tally counts how many deliveries came into each state.
type tally struct {
	mu     sync.Mutex // guards counts
	counts map[gateway.State]int64
}

func (t *tally) add(more map[gateway.State]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for state, n := range more {
		if t.counts == nil {
			t.counts = make(map[gateway.State]int64)
		}
		t.counts[state] += n
	}
}

// Reached returns how many deliveries came into each state by commits of this
// process, since it opened the record: pending are those that were made, and those
// that were released.
func (s *Store) Reached() map[gateway.State]int64 {
	s.reached.mu.Lock()
	defer s.reached.mu.Unlock()
	return maps.Clone(s.reached.counts)
}
