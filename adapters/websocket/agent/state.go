package agent

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
)

// state is what survives a crash. Each change is on disk before it counts.
type state struct {
	dir string

	mu   sync.Mutex // guards what follows
	kept kept
	seen map[string]bool // deliveries that landed
}

type kept struct {
	Position int64            `json:"position"` // highest number that is safely kept
	Counters map[string]int64 `json:"counters"` // last number given, by "LV-VID-2026"
}

func readState(dir string) (*state, error) {
	s := &state{dir: dir, seen: make(map[string]bool)}
	raw, err := readIfThere(filepath.Join(dir, "agent.json"))
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &s.kept); err != nil {
			return nil, fmt.Errorf("read state: %s/agent.json is damaged (%w); put its backup back, or delete it to get everything again", dir, err)
		}
	}
	if s.kept.Counters == nil {
		s.kept.Counters = make(map[string]int64)
	}
	if raw, err = readIfThere(filepath.Join(dir, "seen")); err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	for _, id := range strings.Fields(string(raw)) {
		s.seen[id] = true
	}
	return s, nil
}

// Position returns the highest number that is safely kept.
func (s *state) Position() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept.Position
}

func (s *state) setPosition(seq int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.save(func(k *kept) { k.Position = seq })
}

// next takes a number of a reference's counter, that many above the last one. A
// number that a crash swallowed is left out, never given twice.
func (s *state) next(counter string, above int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.kept.Counters[counter] + above
	return n, s.save(func(k *kept) { k.Counters[counter] = n })
}

// save writes the state and only then takes it over; the caller holds mu.
func (s *state) save(change func(*kept)) error {
	next := kept{Position: s.kept.Position, Counters: make(map[string]int64, len(s.kept.Counters)+1)}
	for k, v := range s.kept.Counters {
		next.Counters[k] = v
	}
	change(&next)
	raw, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(s.dir, "agent.json"), raw); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.kept = next
	return nil
}

func (s *state) knows(delivery string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[delivery]
}

// remember notes a delivery as kept. A line torn by a crash is harmless: the
// delivery comes again and is known by its folder.
func (s *state) remember(delivery string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := appendLine(filepath.Join(s.dir, "seen"), []byte(delivery)); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.seen[delivery] = true
	return nil
}
