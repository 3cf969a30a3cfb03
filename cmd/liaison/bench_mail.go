package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"liaison/gateway"
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

// handOvers counts what the gateway has recorded as handed over.
type handOvers struct {
	count atomic.Int64
	last  atomic.Int64 // Unix nanoseconds
}

func (h *handOvers) hear(e gateway.Event) {
	if e.What == string(gateway.HandedOver) {
		h.last.Store(time.Now().UnixNano())
		h.count.Add(1)
	}
}

// stalled is how long nothing may be handed over before the run is given up.
const stalled = time.Minute

// wait returns when so many mails were handed over; it says how far it is now and
// then.
func (h *handOvers) wait(ctx context.Context, want int64, progress func(int64)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	h.last.Store(time.Now().UnixNano())
	said := time.Now()
	for h.count.Load() < want {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if time.Since(h.latest()) > stalled {
			return fmt.Errorf("nothing was handed over for %s: %d of %d mails; see what is held in the bench's folder (--dir)", stalled, h.count.Load(), want)
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			progress(h.count.Load())
		}
	}
	return nil
}

func (h *handOvers) latest() time.Time { return time.Unix(0, h.last.Load()) }

// openSink starts a next hop that takes every mail and keeps none.
func openSink() (*smtp.Server, string, error) {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return drain{}, nil }))
	s.Domain = "sink.bench.example"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	go s.Serve(l) // until it is closed
	return s, l.Addr().String(), nil
}

// drain is a session of the next hop.
type drain struct{}

func (drain) Reset()                               {}
func (drain) Logout() error                        { return nil }
func (drain) Mail(string, *smtp.MailOptions) error { return nil }
func (drain) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (drain) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
