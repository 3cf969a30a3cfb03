package store

import (
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"liaison/gateway"
)

func TestAProcessThatSleptHoldsNothingThatItClaimedBefore(t *testing.T) {
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "liaison.db"), Options{Key: sha256.Sum256([]byte("tests"))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.beats.Store(true) // as Run does
	claimed := func(ago time.Duration) gateway.Delivery { return gateway.Delivery{Claimed: time.Now().Add(-ago)} }
	if !s.Holds(claimed(0)) || !s.Holds(claimed(time.Hour)) {
		t.Error("Holds = false while the heart beats; want true, however old the claim")
	}
	s.beat.Store(time.Now().Add(-2 * leaseFor).UnixMilli()) // so long the process stood still
	if s.Holds(claimed(2 * leaseFor)) {
		t.Error("Holds = true before the first heartbeat afterwards; want false")
	}
	if err := s.Heartbeat(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Holds(claimed(2 * leaseFor)) {
		t.Error("Holds = true after the first heartbeat afterwards; want false")
	}
	if !s.Holds(claimed(-time.Second)) {
		t.Error("Holds = false for a new claim; want true")
	}
}
