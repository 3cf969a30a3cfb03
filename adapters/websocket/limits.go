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
	SubmitsMinute   int   `json:"submits_minute"`    // forms a minute; what comes faster is read later; default 30,000
	SubmitsBurst    int   `json:"submits_burst"`     // forms at once, before the rate counts; default a tenth of a minute's
	Unacknowledged  int   `json:"unacknowledged"`    // frames on the way without an ack; default 32
	PingSeconds     int   `json:"ping_seconds"`      // the gateway pings so often; default 25
	SilenceSeconds  int   `json:"silence_seconds"`   // and closes after so long without a sign; default 60
	HandshakeSecond int   `json:"handshake_seconds"` // a nonce lives so long; default 30
	BytesSecond     int   `json:"bytes_second"`      // a frame that is slower, either way, ends the session; default 32 KiB

	Connections int           `json:"-"` // of all addresses; default 20,000
	Unproven    int           `json:"-"` // of those, still without a proof; default 256
	PerAddress  int           `json:"-"` // without a proof, of one address; behind a proxy that is all; default 64
	OpensMinute int           `json:"-"` // sessions one participant opens a minute; default 600
	Large       int           `json:"-"` // frames over 64 KiB in memory at once, each way; default 16
	Write       time.Duration `json:"-"` // for one frame to leave, beside BytesSecond; default 10 s
	Patience    time.Duration `json:"-"` // Send waits so long for room; default 1 s
	Poll        time.Duration `json:"-"` // how often the record is asked which sessions live; default 2 s
	Grace       time.Duration `json:"-"` // for a submit that is being offered when its session ends; default 4 s
}

func (l Limits) withDefaults() Limits {
	set(&l.FrameBytes, 24<<20)
	set(&l.SubmitsMinute, 30_000)
	set(&l.SubmitsBurst, max(1, l.SubmitsMinute/10))
	set(&l.Unacknowledged, 32)
	set(&l.PingSeconds, 25)
	set(&l.SilenceSeconds, 60)
	set(&l.HandshakeSecond, 30)
	set(&l.BytesSecond, 32<<10)
	set(&l.Connections, 20_000)
	set(&l.Unproven, 256)
	set(&l.PerAddress, 64)
	set(&l.OpensMinute, 600)
	set(&l.Large, 16)
	set(&l.Write, 10*time.Second)
	set(&l.Patience, time.Second)
	set(&l.Poll, 2*time.Second)
	set(&l.Grace, 4*time.Second)
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

// slowest is how long a line that is barely fast enough takes for so many bytes.
func (l Limits) slowest(bytes int) time.Duration {
	return time.Duration(bytes) * time.Second / time.Duration(l.BytesSecond)
}

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
