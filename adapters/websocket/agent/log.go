package agent

import (
	"log/slog"
	"time"
)

// muffler lets the same trouble be told at once and then every ten minutes.
type muffler struct {
	last string
	told time.Time
}

func (m *muffler) log(log *slog.Logger, message string, err error) {
	if err == nil {
		m.last = ""
		return
	}
	if err.Error() == m.last && time.Since(m.told) < 10*time.Minute {
		return
	}
	m.last, m.told = err.Error(), time.Now()
	log.Error(message, "error", err)
}
