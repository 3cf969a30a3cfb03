package websocket

import (
	"context"
	"errors"
	"slices"
	"sync"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// memory is a Sequencer without a record.
type memory struct {
	mu     sync.Mutex
	rows   map[seat]*sequence
	seatOf map[string]seat // by session id
	fault  *fault
}

// fault makes one call of a method fail: before it did anything or, where it was
// recorded, after it did everything.
type fault struct {
	method   string
	recorded bool

	mu   sync.Mutex
	left int // calls until it strikes; it strikes once
}

var errFault = errors.New("the record is away")

func (f *fault) around(method string, do func() error) error {
	if f == nil || method != f.method {
		return do()
	}
	f.mu.Lock()
	f.left--
	strikes := f.left == 0
	f.mu.Unlock()
	if strikes && !f.recorded {
		return errFault
	}
	if err := do(); err != nil || !strikes {
		return err
	}
	return errFault
}

type sequence struct {
	live    string
	numbers []gateway.DeliveryID // number n at n-1; "" was erased
	acked   int64
}

func newMemory() *memory {
	return &memory{rows: make(map[seat]*sequence), seatOf: make(map[string]seat)}
}

func (m *memory) row(s seat) *sequence {
	if m.rows[s] == nil {
		m.rows[s] = new(sequence)
	}
	return m.rows[s]
}

func (m *memory) OpenSession(_ context.Context, s gateway.Session) (last, acked int64, err error) {
	return last, acked, m.fault.around("OpenSession", func() error {
		last, acked = m.openSession(s)
		return nil
	})
}

func (m *memory) openSession(s gateway.Session) (last, acked int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	where := seat{s.Operation, s.Participant}
	r := m.row(where)
	r.live = s.ID
	m.seatOf[s.ID] = where
	return int64(len(r.numbers)), r.acked
}

func (m *memory) CloseSession(_ context.Context, id string) error {
	return m.fault.around("CloseSession", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if r := m.row(m.seatOf[id]); r.live == id {
			r.live = ""
		}
		return nil
	})
}

func (m *memory) LiveSessions(_ context.Context, ids []string) (map[string]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := make(map[string]bool)
	for _, id := range ids {
		live[id] = m.row(m.seatOf[id]).live == id
	}
	return live, nil
}

func (m *memory) Number(_ context.Context, session string, id gateway.DeliveryID) (seq int64, err error) {
	err = m.fault.around("Number", func() (err error) {
		seq, err = m.number(session, id)
		return err
	})
	return seq, err
}

func (m *memory) number(session string, id gateway.DeliveryID) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.row(m.seatOf[session])
	if r.live != session {
		return 0, gateway.ErrFenced
	}
	i := slices.Index(r.numbers, id)
	if i < 0 {
		r.numbers = append(r.numbers, id)
		i = len(r.numbers) - 1
	}
	return int64(i + 1), nil
}

func (m *memory) Numbered(_ context.Context, op operation.Code, p operation.ParticipantCode, after int64, limit int) (list []gateway.Numbered, err error) {
	err = m.fault.around("Numbered", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		r := m.row(seat{op, p})
		for i := after; i < int64(len(r.numbers)) && len(list) < limit; i++ {
			if r.numbers[i] != "" {
				list = append(list, gateway.Numbered{Seq: i + 1, Delivery: r.numbers[i]})
			}
		}
		return nil
	})
	return list, err
}

func (m *memory) Acknowledge(_ context.Context, op operation.Code, p operation.ParticipantCode, seq int64, _ string) (settled []gateway.DeliveryID, err error) {
	err = m.fault.around("Acknowledge", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		r := m.row(seat{op, p})
		for r.acked < min(seq, int64(len(r.numbers))) {
			settled = append(settled, r.numbers[r.acked])
			r.acked++
		}
		return nil
	})
	return settled, err
}

// given is how many numbers a participant's sequence has.
func (m *memory) given(s seat) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.row(s).numbers)
}

func (m *memory) ackedBy(s seat) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.row(s).acked
}

// openElsewhere is another node's session of the same participant.
func (m *memory) openElsewhere(s seat) {
	m.openSession(gateway.Session{ID: "elsewhere", Operation: s.operation, Participant: s.participant})
}
