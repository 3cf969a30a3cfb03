package websocket

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"liaison/gateway"
)

// Submit sends a message under id (a UUID) and waits for the answer. An error
// means that nothing is known: submit the same bytes again under the same id,
// after a reconnect too, unless a RemoteError is Final.
func (c *Client) Submit(ctx context.Context, id string, message []byte) (*Answer, error) {
	w := make(chan reply, 1)
	c.mu.Lock()
	if c.cause != nil {
		err := c.cause
		c.mu.Unlock()
		return nil, fmt.Errorf("submit: no connection: %w", err)
	}
	if c.waiting[id] != nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("submit: %s is on its way already", id)
	}
	c.waiting[id] = w
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if size := frameBytes(message); size > c.opened.Limits.FrameBytes {
		return nil, &RemoteError{Code: codeTooLarge, ID: id, Message: fmt.Sprintf("the form takes %d bytes on the channel, which allows %d; send fewer or smaller attachments", size, c.opened.Limits.FrameBytes)}
	}
	if err := c.put(encode(submit{Type: "submit", ID: id, Message: message})); err != nil {
		return nil, err
	}
	select {
	case r := <-w:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put writes one frame; an error ends the connection, since half of it may have
// left.
func (c *Client) put(frame []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := writeFrame(c.conn, frame, writeTime+c.opened.Limits.slowest(len(frame))); err != nil {
		c.finish(fmt.Errorf("write: %w", err))
		return err
	}
	return nil
}

// read takes frames until the connection is over. Forms wait in a channel as
// large as the window, so that answers pass even while a form is being kept.
func (c *Client) read() {
	defer close(c.frames)
	pong := c.conn.PingHandler()
	c.conn.SetPingHandler(func(data string) error { c.renew(); return pong(data) })
	for {
		c.renew()
		var began time.Time
		data, err := readFrame(c.conn, c.opened.Limits.FrameBytes, func(bytes int) error {
			if began.IsZero() {
				began = time.Now()
			}
			return c.conn.SetReadDeadline(began.Add(c.opened.Limits.silence() + c.opened.Limits.slowest(bytes)))
		})
		if err == nil {
			err = c.take(data)
		}
		if err != nil {
			c.finish(closedBy(err))
			return
		}
	}
}

func (c *Client) renew() {
	_ = c.conn.SetReadDeadline(time.Now().Add(c.opened.Limits.silence()))
}

// take handles one frame of the gateway.
func (c *Client) take(data []byte) error {
	f, err := parse(data)
	if err != nil {
		return err
	}
	switch f.kind {
	case "form":
		var form formFrame
		if err := f.into(&form, "seq", "message"); err != nil {
			return err
		}
		return c.queue(Delivery{Seq: form.Seq, ID: gateway.DeliveryID(form.Delivery), Reference: form.Reference, Message: form.Message})
	case "status":
		var status statusFrame
		if err := f.into(&status, "seq"); err != nil {
			return err
		}
		return c.queue(Delivery{Seq: status.Seq, ID: gateway.DeliveryID(status.Delivery), Reference: status.Reference, Status: &status.Status})
	case "accepted", "held", "rejected":
		return c.answered(f)
	case "error":
		return c.refused(f)
	}
	c.opt.Log.Warn("frame of an unknown type passed over", "type", shortened(f.kind, 40))
	return nil
}

// queue hands a frame to the handler; a gateway that overruns its own window is
// cut off rather than buffered.
func (c *Client) queue(d Delivery) error {
	select {
	case c.frames <- d:
		return nil
	default:
		return errors.New("the server sends more than its window allows")
	}
}

func (c *Client) answered(f *received) error {
	var a answer
	if err := f.into(&a, "id"); err != nil {
		return err
	}
	c.reply(a.ID, reply{answer: &Answer{Verdict: gateway.Verdict(f.kind), Reference: a.Reference, Sealed: a.Answer}})
	return nil
}

// refused handles an error frame: it answers the submit that it names, and the
// connection ends.
func (c *Client) refused(f *received) error {
	err := remote(f)
	var named *RemoteError
	if errors.As(err, &named) && named.ID != "" {
		c.reply(named.ID, reply{err: err})
	}
	return err
}

func (c *Client) reply(id string, r reply) {
	c.mu.Lock()
	w := c.waiting[id]
	delete(c.waiting, id)
	c.mu.Unlock()
	if w != nil {
		w <- r // has room for one
	}
}

// handle keeps frames in order and acknowledges them: at once when none waits
// behind, and at the latest at half the window.
func (c *Client) handle() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-c.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	position := min(c.opt.After(), c.opened.Last)
	acked := position
	for d := range c.frames {
		if ctx.Err() != nil {
			return
		}
		if d.Seq > position+1 {
			c.finish(fmt.Errorf("frame %d came after %d: some are missing, connecting again", d.Seq, position))
			return
		}
		if d.Seq > position {
			if err := c.opt.Handle(ctx, d); err != nil {
				c.complain(err)
				c.finish(fmt.Errorf("keep frame %d: %w", d.Seq, err))
				return
			}
			position = d.Seq
		}
		if len(c.frames) == 0 || position-acked >= int64(max(1, cap(c.frames)/2)) {
			if c.put(encode(ack{Type: "ack", Seq: position})) != nil {
				return
			}
			acked = position
		}
	}
}

// Refusal is an error of Handle whose words the gateway is told.
type Refusal struct {
	Code    int // NAK code of the form
	Message string
}

func (e *Refusal) Error() string { return e.Message }

// complain tells the gateway why a frame is not taken, where the handler gave
// words for it; other errors are nobody else's business.
func (c *Client) complain(err error) {
	var r *Refusal
	if errors.As(err, &r) {
		_ = c.put(encode(errorFrame{Type: "error", Code: r.Code, Message: r.Message}))
	}
}

// Backoff is how long Run waits between two tries.
type Backoff struct {
	First, Most time.Duration // default 1 s and 1 min
}

// Run keeps a connection until ctx ends: dials, waits until it is over, and dials
// again after a growing, jittered while. up is told each new client, down why a try or
// a connection ended; both may be nil. It returns nil when ctx ends, and
// ErrReplaced where trying again at once would only replace the other in turn.
func Run(ctx context.Context, opt ClientOptions, wait Backoff, up func(*Client), down func(cause error, again time.Duration)) error {
	set(&wait.First, time.Second)
	set(&wait.Most, time.Minute)
	delay := wait.First
	for {
		began := time.Now()
		err := once(ctx, opt, up)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrReplaced) {
			return err
		}
		if time.Since(began) > 10*wait.First {
			delay = wait.First // it held for a while
		}
		pause := delay/2 + rand.N(delay/2+1)
		if down != nil {
			down(err, pause)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		delay = min(2*delay, wait.Most)
	}
}

// once holds one connection from dial to end.
func once(ctx context.Context, opt ClientOptions, up func(*Client)) error {
	c, err := Dial(ctx, opt)
	if err != nil {
		return err
	}
	if up != nil {
		up(c)
	}
	select {
	case <-c.Done():
		return c.Err()
	case <-ctx.Done():
		return c.Close()
	}
}
