package websocket

import (
	"encoding/json"
	"time"

	"github.com/gowebpki/jcs"
)

// Limits bounds what one connection and one address may use. A zero field takes
// its default. The first group is stated in welcome.
type Limits struct {
	FrameBytes      int64 `json:"frame_bytes"`       // largest frame; default 24 MiB, 16 MiB of OpenPGP
	SubmitsMinute   int   `json:"submits_minute"`    // forms a minute, after a burst of as many; default 120
	Unacknowledged  int   `json:"unacknowledged"`    // frames on the way without an ack; default 32
	PingSeconds     int   `json:"ping_seconds"`      // the gateway pings so often; default 25
	SilenceSeconds  int   `json:"silence_seconds"`   // and closes after so long without a sign; default 60
	HandshakeSecond int   `json:"handshake_seconds"` // a nonce lives so long; default 30

	Connections int           `json:"-"` // of all addresses; default 4096
	Unproven    int           `json:"-"` // of those, still without a proof; default 256
	PerAddress  int           `json:"-"` // of one address; behind a proxy that is all; default 64
	OpensMinute int           `json:"-"` // sessions one participant opens a minute; default 60
	Write       time.Duration `json:"-"` // for one frame to leave; default 10 s
	Patience    time.Duration `json:"-"` // Send waits so long for room; default 1 s
	Poll        time.Duration `json:"-"` // how often the record is asked which sessions live; default 2 s
}

func (l Limits) withDefaults() Limits {
	set(&l.FrameBytes, 24<<20)
	set(&l.SubmitsMinute, 120)
	set(&l.Unacknowledged, 32)
	set(&l.PingSeconds, 25)
	set(&l.SilenceSeconds, 60)
	set(&l.HandshakeSecond, 30)
	set(&l.Connections, 4096)
	set(&l.Unproven, 256)
	set(&l.PerAddress, 64)
	set(&l.OpensMinute, 60)
	set(&l.Write, 10*time.Second)
	set(&l.Patience, time.Second)
	set(&l.Poll, 2*time.Second)
	return l
}

func set[T int | int64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

func (l Limits) ping() time.Duration      { return time.Duration(l.PingSeconds) * time.Second }
func (l Limits) silence() time.Duration   { return time.Duration(l.SilenceSeconds) * time.Second }
func (l Limits) handshake() time.Duration { return time.Duration(l.HandshakeSecond) * time.Second }

// canonical writes the stated limits under RFC 8785, as welcome carries and its
// proof covers them.
func (l Limits) canonical() []byte {
	raw, err := json.Marshal(l)
	if err == nil {
		raw, err = jcs.Transform(raw)
	}
	if err != nil {
		panic("websocket: encode limits: " + err.Error()) // a struct of integers
	}
	return raw
}
