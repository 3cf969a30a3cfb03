package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
)

// lmtpLine is a connection that a mail server keeps to the gateway.
type lmtpLine struct {
	client *smtp.Client
}

func (l *lmtpLine) close() {
	if l != nil {
		_ = l.client.Close() // everything was answered
	}
}

// hand offers one mail until the gateway says 250, over a new connection where
// there is none or it broke.
func (l *lmtpLine) hand(ctx context.Context, address, from string, raw []byte) (*lmtpLine, error) {
	for {
		if l == nil {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				time.Sleep(20 * time.Millisecond) // the gateway is starting
				continue
			}
			l = &lmtpLine{smtp.NewClientLMTP(conn)}
			if err := l.client.Hello("mx.bench.example"); err != nil {
				return nil, err
			}
		}
		err := l.offer(from, raw)
		if err == nil || ctx.Err() != nil {
			return l, err
		}
		l.close()
		l = nil
	}
}

func (l *lmtpLine) offer(from string, raw []byte) error {
	if err := l.client.Mail(from, nil); err != nil {
		return err
	}
	if err := l.client.Rcpt(benchAddress, nil); err != nil {
		return err
	}
	w, err := l.client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	_, err = w.CloseWithLMTPResponse()
	return err
}

// countingSink is a next hop that takes every mail and keeps none.
type countingSink struct {
	address string
	server  *smtp.Server
	taken   atomic.Int64
	mu      sync.Mutex // guards latest
	latest  time.Time
}

func newCountingSink() (*countingSink, error) {
	s := &countingSink{}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &countingSession{s}, nil }))
	s.server.Domain = "sink.bench.example"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.address = l.Addr().String()
	go s.server.Serve(l) // until close
	return s, nil
}

func (s *countingSink) close() { _ = s.server.Close() }

func (s *countingSink) last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// stalled is how long nothing may come before the run is given up.
const stalled = time.Minute

// wait returns when so many mails were taken; it says how far it is now and
// then.
func (s *countingSink) wait(ctx context.Context, want int64, progress func(int64)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	said, begun := time.Now(), time.Now()
	for s.taken.Load() < want {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if last := s.last(); time.Since(last) > stalled && time.Since(begun) > stalled {
			return fmt.Errorf("no mail came for %s: %d of %d; see what is held in the bench's folder (--dir)", stalled, s.taken.Load(), want)
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			progress(s.taken.Load())
		}
	}
	return nil
}

type countingSession struct{ s *countingSink }

func (*countingSession) Reset()                               {}
func (*countingSession) Logout() error                        { return nil }
func (*countingSession) Mail(string, *smtp.MailOptions) error { return nil }
func (*countingSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (c *countingSession) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	c.s.taken.Add(1)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.latest = time.Now()
	return nil
}
