package websocket

import (
	"context"
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
	fail   error           // what Number answers once
	late   bool            // Number gives the number, yet answers with fail
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

func (m *memory) OpenSession(_ context.Context, s gateway.Session) (int64, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	where := seat{s.Operation, s.Participant}
	r := m.row(where)
	r.live = s.ID
	m.seatOf[s.ID] = where
	return int64(len(r.numbers)), r.acked, nil
}

func (m *memory) CloseSession(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.row(m.seatOf[id]); r.live == id {
		r.live = ""
	}
	return nil
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

func (m *memory) Number(_ context.Context, session string, id gateway.DeliveryID) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.row(m.seatOf[session])
	if r.live != session {
		return 0, gateway.ErrFenced
	}
	fail := m.fail
	m.fail = nil
	if fail != nil && !m.late {
		return 0, fail
	}
	i := slices.Index(r.numbers, id)
	if i < 0 {
		r.numbers = append(r.numbers, id)
		i = len(r.numbers) - 1
	}
	if fail != nil {
		return 0, fail
	}
	return int64(i + 1), nil
}

func (m *memory) Numbered(_ context.Context, op operation.Code, p operation.ParticipantCode, after int64, limit int) ([]gateway.Numbered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.row(seat{op, p})
	var list []gateway.Numbered
	for i := after; i < int64(len(r.numbers)) && len(list) < limit; i++ {
		if r.numbers[i] != "" {
			list = append(list, gateway.Numbered{Seq: i + 1, Delivery: r.numbers[i]})
		}
	}
	return list, nil
}

func (m *memory) Acknowledge(_ context.Context, op operation.Code, p operation.ParticipantCode, seq int64, _ string) ([]gateway.DeliveryID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.row(seat{op, p})
	var settled []gateway.DeliveryID
	for r.acked < min(seq, int64(len(r.numbers))) {
		settled = append(settled, r.numbers[r.acked])
		r.acked++
	}
	return settled, nil
}

func (m *memory) ackedBy(s seat) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.row(s).acked
}

// openElsewhere is another node's session of the same participant.
func (m *memory) openElsewhere(s seat) {
	_, _, _ = m.OpenSession(context.Background(), gateway.Session{ID: "elsewhere", Operation: s.operation, Participant: s.participant})
}
