package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// pool keeps a few connections to the submission server and uses each for many
// mails: dialling costs three times what a mail does.
type pool struct {
	server *Server
	hello  string
	limits Limits
	slots  chan struct{} // as many connections at once

	mu   sync.Mutex // guards idle
	idle []*line
}

// line is a logged-in connection, one Send's at a time.
type line struct {
	conn   net.Conn // as dialled: closing it ends every wait
	client *smtp.Client
	below  io.Writer // what the client writes to; nil where it made that itself
	mails  int
	retire *time.Timer // while idle
}

func newPool(opt Options) *pool {
	return &pool{server: opt.SMTP, hello: opt.Hello, limits: opt.Limits, slots: make(chan struct{}, opt.Limits.Connections)}
}

// get waits for a slot and returns an idle line, or a new one. The caller gives
// it back with put or drop.
func (p *pool) get(ctx context.Context) (*line, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l := p.take(); l != nil {
		return l, nil
	}
	l, err := p.open(ctx)
	if err != nil {
		<-p.slots
	}
	return l, err
}

// take returns the line that was used last: the others may grow old and close.
func (p *pool) take() *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		l := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if l.retire.Stop() {
			return l
		}
	}
	return nil
}

func (p *pool) put(l *line) {
	defer func() { <-p.slots }()
	if l.mails >= p.limits.Reuse {
		p.bye(l)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.retire = time.AfterFunc(p.limits.Idle, func() { p.expire(l) })
	p.idle = append(p.idle, l)
}

func (p *pool) drop(l *line) {
	l.conn.Close()
	<-p.slots
}

func (p *pool) expire(l *line) {
	p.mu.Lock()
	for i, other := range p.idle {
		if other == l {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	p.bye(l)
}

// closeIdle closes what waits for use, all at once: a server that is silent holds
// up each for as long as bye takes.
func (p *pool) closeIdle() {
	var all sync.WaitGroup
	for l := p.take(); l != nil; l = p.take() {
		all.Go(func() { p.bye(l) })
	}
	all.Wait()
}

// reset ends a refused mail's transaction, so that the line can be used again.
// The library greets anew after it; that belongs under the same watch.
func (p *pool) reset(ctx context.Context, l *line) error {
	return guard(ctx, l.conn, p.limits.Command, func() error {
		if err := l.client.Reset(); err != nil {
			return err
		}
		return l.client.Hello(p.hello)
	})
}

// bye takes leave; a server that doesn't answer is left without.
func (p *pool) bye(l *line) {
	_ = guard(context.Background(), l.conn, 2*time.Second, l.client.Quit)
	l.conn.Close()
}

// open dials and logs in.
func (p *pool) open(ctx context.Context) (*line, error) {
	conn, err := p.server.dial(ctx, p.limits.Dial)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	l := &line{conn: conn}
	if err := guard(ctx, conn, p.limits.Command, func() error { return p.greet(l) }); err != nil {
		conn.Close()
		return nil, fmt.Errorf("greet: %w", err)
	}
	if p.server.User == "" {
		return l, nil
	}
	if err := guard(ctx, conn, p.limits.Command, func() error { return p.login(l) }); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in as %s: %w", p.server.User, err)
	}
	return l, nil
}

func (p *pool) greet(l *line) error {
	if p.server.security == startTLS {
		client, err := smtp.NewClientStartTLS(l.conn, p.server.tlsConfig())
		if err != nil {
			return err
		}
		l.client = client
	} else {
		l.client, l.below = smtp.NewClient(l.conn), l.conn
	}
	l.client.CommandTimeout, l.client.SubmissionTimeout = p.limits.Command, p.limits.Transfer
	return l.client.Hello(p.hello)
}

func (p *pool) login(l *line) error {
	if !l.client.SupportsAuth(sasl.Plain) {
		return errors.New("the server offers no AUTH PLAIN here")
	}
	password, err := p.server.password()
	if err != nil {
		return err
	}
	err = l.client.Auth(sasl.NewPlainClient("", p.server.User, password))
	var refused *smtp.SMTPError
	if errors.As(err, &refused) {
		return fmt.Errorf("the server refuses the log-in (%s): check the user name and the password file", reply(refused))
	}
	return err
}

// checkSMTP logs in to the submission server.
func (a *Adapter) checkSMTP(ctx context.Context) error {
	l, err := a.pool.open(ctx)
	if err != nil {
		return err
	}
	a.pool.bye(l)
	return nil
}
