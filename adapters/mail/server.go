package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// security is how a connection is protected.
type security int

const (
	implicitTLS security = iota
	startTLS
	inClear // loopback alone
)

// Server is a mail server with its log-in. Make it with ParseServer.
type Server struct {
	Kind     string // "imap" or "smtp"
	Host     string
	Port     string
	User     string                 // "" logs in to SMTP without a name
	Password func() ([]byte, error) // asked at each log-in, so that a new file counts at once
	TLS      *tls.Config            // nil: the system's authorities, TLS 1.2 and up

	security security
}

// Ports where the URL names none (RFC 8314; 25 for a relay beside us).
var ports = map[string]string{"imaps": "993", "imap+starttls": "143", "imap+insecure": "143", "smtps": "465", "smtp+starttls": "587", "smtp+insecure": "25"}

// ParseServer reads a server's URL: imaps, imap+starttls, imap+insecure, smtps,
// smtp+starttls or smtp+insecure, the insecure ones for loopback addresses
// alone.
func ParseServer(raw, user string, password func() ([]byte, error)) (*Server, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no server address; write it as imaps://mail.example", raw)
	}
	port, known := ports[u.Scheme]
	if !known {
		return nil, fmt.Errorf("unknown scheme %q; use imaps, imap+starttls, smtps or smtp+starttls", u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	s := &Server{Kind: u.Scheme[:4], Host: u.Hostname(), Port: port, User: user, Password: password}
	switch u.Scheme[4:] {
	case "+starttls":
		s.security = startTLS
	case "+insecure":
		s.security = inClear
		if !loopback(s.Host) {
			return nil, fmt.Errorf("%s is accepted for loopback addresses alone; use %ss", u.Scheme, s.Kind)
		}
	}
	return s, nil
}

func (s *Server) address() string { return net.JoinHostPort(s.Host, s.Port) }

// account names the log-in, whatever the port: "ocu@imap.gateway.example". A
// name that is an address brings its host along.
func (s *Server) account() string { return s.User + "@" + s.Host }

func (s *Server) tlsConfig() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		c = s.TLS.Clone()
	}
	if c.ServerName == "" {
		c.ServerName = s.Host
	}
	return c
}

// dial connects, with TLS where it comes first. Nobody sends a password in the
// clear to what only calls itself local.
func (s *Server) dial(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if s.security == implicitTLS {
		return (&tls.Dialer{Config: s.tlsConfig()}).DialContext(ctx, "tcp", s.address())
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); s.security == inClear && (!ok || !tcp.IP.IsLoopback()) {
		conn.Close()
		return nil, fmt.Errorf("%s is not a loopback address: without TLS nothing else is dialled", conn.RemoteAddr())
	}
	return conn, nil
}

func (s *Server) password() (string, error) {
	if s.Password == nil {
		return "", errors.New("no password is set up")
	}
	p, err := s.Password()
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(p), nil
}

// guard runs f, and closes conn when ctx or the time ends first: the libraries'
// own waits are unbounded, and closing their clients waits for them in turn.
func guard(ctx context.Context, conn net.Conn, limit time.Duration, f func() error) error {
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(timed, func() { conn.Close() })
	defer stop()
	err := f()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case timed.Err() != nil:
		return fmt.Errorf("no answer within %s: %w", limit, timed.Err())
	}
	return err
}
