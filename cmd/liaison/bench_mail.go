package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
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

// scrape counts what gateways in processes of their own say they have handed over,
// until ctx ends.
func (h *handOvers) scrape(ctx context.Context, addresses []string) error {
	tick := time.NewTicker(scrapeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var sum int64
		for _, address := range addresses {
			n, err := scrapeOne(ctx, address)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			sum += n
		}
		if sum > h.count.Load() {
			h.last.Store(time.Now().UnixNano())
			h.count.Store(sum)
		}
	}
}

// scrapeEvery is how exactly the end of a run is known.
const scrapeEvery = 200 * time.Millisecond

// scrapeOne reads a gateway's count from its metrics.
func scrapeOne(ctx context.Context, address string) (int64, error) {
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask a gateway how far it is: %w", err)
	}
	defer answer.Body.Close()
	var sum float64
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if !strings.HasPrefix(name, "liaison_attempts_total{") || !strings.Contains(name, fmt.Sprintf("state=%q", gateway.HandedOver)) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("read a gateway's metrics: %w", err)
		}
		sum += n
	}
	return int64(sum), lines.Err()
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

// hop is a next hop that takes every mail and keeps none.
type hop struct {
	*smtp.Server
	address string
	bytes   atomic.Int64 // that it took
}

func openHop() (*hop, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hop{address: l.Addr().String()}
	h.Server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return drain{h}, nil }))
	h.Domain = "sink.bench.example"
	go h.Serve(l) // until it is closed
	return h, nil
}

// drain is a session of the next hop.
type drain struct{ h *hop }

func (drain) Reset()                               {}
func (drain) Logout() error                        { return nil }
func (drain) Mail(string, *smtp.MailOptions) error { return nil }
func (drain) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (d drain) Data(r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	d.h.bytes.Add(n)
	return err
}
