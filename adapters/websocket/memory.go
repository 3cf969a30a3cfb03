package websocket

import (
	"errors"
	"time"

	"github.com/gorilla/websocket"
)

// largeFrame is the size from which frames are counted, in bytes: smaller ones
// are what a connection may cost at any time.
const largeFrame = 64 << 10

// slots bounds how many large frames are in memory at once.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

var (
	errNoRoom = errors.New("too many large frames are on their way; try again later")
	errEnded  = errors.New("the session ended")
)

// try takes a slot where one is free.
func (s slots) try() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait takes a slot, until the time is over or the session has ended. A nil
// timer waits as long as the session lives.
func (s slots) wait(timeout <-chan time.Time, ended <-chan struct{}) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-timeout:
		return errNoRoom
	case <-ended:
		return errEnded
	}
}

func (s slots) free() { <-s }

// intake follows a frame as it comes in: a line that is too slow ends the
// session, and a large frame waits until there is room for it.
type intake struct {
	x     *session
	began time.Time // when its first bytes came
	large bool
}

func (i *intake) progress(bytes int) error {
	if i.began.IsZero() {
		i.began = time.Now()
	}
	if bytes > largeFrame && !i.large {
		if err := i.enlarge(); err != nil {
			return err
		}
	}
	limits := i.x.server.limits
	i.x.expectBy(i.began.Add(limits.silence() + limits.slowest(bytes)))
	return nil
}

// enlarge waits for room; meanwhile the participant waits in its send buffer.
func (i *intake) enlarge() error {
	asked := time.Now()
	timeout := time.NewTimer(i.x.server.limits.silence())
	defer timeout.Stop()
	switch err := i.x.server.incoming.wait(timeout.C, i.x.ended); err {
	case nil:
	case errEnded:
		return i.x.why
	default:
		return closing{status: websocket.CloseTryAgainLater, code: codeTryAgain, message: err.Error()}
	}
	i.large = true
	i.began = i.began.Add(time.Since(asked))
	return nil
}

// done gives the room back, once the frame was handled.
func (i *intake) done() {
	if i.large {
		i.x.server.incoming.free()
	}
}
