package websocket

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gowebpki/jcs"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
)

// ClientOptions is what a participant's end needs.
type ClientOptions struct {
	URL         string // wss://channel.gateway.example/v1/channel; ws:// to loopback alone
	Operation   operation.Code
	Participant operation.ParticipantCode
	Key         *openpgp.SecretKey     // confirmed for the participant
	Gateways    []*openpgp.Certificate // pinned by whoever set this up; each is the gateway, while it changes its key

	// After returns the highest number that is safely kept; asked at every dial.
	After func() int64
	// Handle keeps one frame; nil means that it is safe and may be acknowledged.
	// It is called for one frame at a time, in order; an error ends the
	// connection, and the frame comes again. It may call Submit.
	Handle func(ctx context.Context, d Delivery) error
	// Opened hears of every session before its first frame; may be nil.
	// Where Last is lower than After, the gateway was restored from a backup: the
	// position must go back to Last.
	Opened func(s Opened) error

	TLS         *tls.Config // nil: the system's roots
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	Log         *slog.Logger
	Clock       func() time.Time
}

// Opened tells of a session.
type Opened struct {
	Session string
	Last    int64 // highest number that the gateway has given
	Limits  Limits
	Gateway *openpgp.Certificate // that proved itself
	Clock   time.Time            // what the gateway's clock said when it did, to the second
}

// Delivery is one numbered frame: a form, sealed, or a status.
type Delivery struct {
	Seq       int64
	ID        gateway.DeliveryID
	Reference string
	Message   []byte          // OpenPGP; nil where Status is set
	Status    *gateway.Status // what became of a form of ours
}

// Answer is what the gateway says of a submit. Only what stands in Sealed, signed
// by the gateway, is to be believed.
type Answer struct {
	Verdict   gateway.Verdict // accepted, held, rejected
	Reference string
	Sealed    []byte // ACK or NAK form; nil where none is due
}

// RemoteError is an error frame of the gateway.
type RemoteError struct {
	Code    int
	Message string
	ID      string // of the submit that it answers; "" where it is about the connection
}

func (e *RemoteError) Error() string {
	return fmt.Sprintf("the gateway answers: %s (code %d)", e.Message, e.Code)
}

// Final reports whether repeating the same submit can't help.
func (e *RemoteError) Final() bool {
	return e.ID != "" && e.Code != codeTryAgain && e.Code != codeNotAllowed
}

// NoProof reports whether the gateway takes nothing that was signed with this
// key: it isn't confirmed, was blocked, or the clock is wrong.
func (e *RemoteError) NoProof() bool { return e.ID == "" && e.Code == codeParticipant }

// WrongGateway is a server that shows a key that isn't pinned.
type WrongGateway struct {
	Host, Shown string
}

func (e *WrongGateway) Error() string {
	return fmt.Sprintf("the server at %s shows the key %s, which isn't the gateway's as you hold it; nothing was sent", e.Host, e.Shown)
}

// ErrReplaced ends a client whose session was replaced by a newer one.
var ErrReplaced = errors.New("a newer session of this participant took over; is the agent running twice?")

// Client is one proven connection to the gateway. Submit may be called from any
// goroutine.
type Client struct {
	opt    ClientOptions
	conn   *websocket.Conn
	opened Opened
	frames chan Delivery // as many as the window

	writing sync.Mutex // one writer at a time

	mu      sync.Mutex // guards what follows
	waiting map[string]chan reply
	cause   error

	done chan struct{} // closed when the connection is over and cause is set
}

type reply struct {
	answer *Answer
	err    error
}

// Dial connects, proves the participant, checks that the other side is the
// gateway, and begins to receive.
func Dial(ctx context.Context, opt ClientOptions) (*Client, error) {
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	host, err := checkURL(opt.URL)
	if err != nil {
		return nil, err
	}
	dialer := websocket.Dialer{
		NetDialContext: opt.DialContext, TLSClientConfig: opt.TLS, HandshakeTimeout: 20 * time.Second,
		ReadBufferSize: 4 << 10, WriteBufferSize: 16 << 10, Subprotocols: []string{Subprotocol}, Proxy: http.ProxyFromEnvironment,
	}
	conn, resp, err := dialer.DialContext(ctx, opt.URL, nil)
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("dial %s: the server answers %s: %w", opt.URL, resp.Status, err)
		}
		return nil, fmt.Errorf("dial %s: %w", opt.URL, err)
	}
	c := &Client{opt: opt, conn: conn, waiting: make(map[string]chan reply), done: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	err = c.prove(host)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	go c.read()
	go c.handle()
	return c, nil
}

// checkURL refuses what would send the proof over an open line.
func checkURL(raw string) (host string, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("%q is no WebSocket address; write wss://HOST%s", raw, Path)
	}
	host = hostOnly(u.Host)
	ip := net.ParseIP(host)
	loopback := host == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "wss" && (u.Scheme != "ws" || !loopback) {
		return "", fmt.Errorf("%s: only wss:// leads over a network", raw)
	}
	return host, nil
}

// prove answers the challenge and checks welcome.
func (c *Client) prove(host string) error {
	_ = c.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	var ch challenge
	if err := c.expect("challenge", &ch, "nonce", "fingerprint"); err != nil {
		return err
	}
	if len(ch.Nonce) != nonceSize || !line(ch.Fingerprint) {
		return errors.New("the server's challenge is malformed")
	}
	if c.opened.Gateway = c.pinned(ch.Fingerprint); c.opened.Gateway == nil {
		return &WrongGateway{host, ch.Fingerprint}
	}
	cl := claim{host: host, fingerprint: ch.Fingerprint, nonce: ch.Nonce, clientNonce: base64.StdEncoding.EncodeToString(newNonce()),
		operation: c.opt.Operation, participant: c.opt.Participant, after: c.opt.After()}
	proof, err := openpgp.SignDetached(cl.lines(), c.opt.Key, c.opt.Clock())
	if err != nil {
		return fmt.Errorf("sign hello: %w", err)
	}
	h := hello{Type: "hello", Operation: string(cl.operation), Participant: string(cl.participant), After: cl.after, ClientNonce: cl.clientNonce, Proof: proof}
	if err := writeFrame(c.conn, encode(h), writeTime); err != nil {
		return fmt.Errorf("write hello: %w", err)
	}
	var w welcome
	if err := c.expect("welcome", &w, "session", "last", "limits", "proof"); err != nil {
		return err
	}
	return c.welcomed(w, cl.lines())
}

// pinned finds the gateway's certificate that the challenge names.
func (c *Client) pinned(shown string) *openpgp.Certificate {
	for _, cert := range c.opt.Gateways {
		if strings.EqualFold(strings.ReplaceAll(shown, " ", ""), string(cert.Fingerprint())) {
			return cert
		}
	}
	return nil
}

// writeTime bounds one write of the client, beside the slowest line.
const writeTime = 30 * time.Second

// welcomed checks the gateway's proof: from here on the client knows whom it
// talks to, now.
func (c *Client) welcomed(w welcome, lines []byte) error {
	limits, err := jcs.Transform(w.Limits)
	if err != nil {
		return errors.New("the server's limits can't be read")
	}
	proof := signedBy(greeting(lines, w.Session, w.Last, limits), w.Proof, []*openpgp.Certificate{c.opened.Gateway}, c.opt.Clock())
	if proof.Verdict != openpgp.Good {
		return fmt.Errorf("the server could not prove that it is the gateway (%s): nothing was sent; call the coordination unit", proof.Verdict)
	}
	c.opened.Session, c.opened.Last, c.opened.Clock = w.Session, w.Last, proof.Made
	if err := json.Unmarshal(w.Limits, &c.opened.Limits); err != nil {
		return errors.New("the server's limits can't be read")
	}
	c.opened.Limits = c.opened.Limits.withDefaults()
	c.opened.Limits.FrameBytes = min(c.opened.Limits.FrameBytes, clientFrameMost)
	c.frames = make(chan Delivery, min(c.opened.Limits.Unacknowledged, 4096))
	if c.opt.Opened != nil {
		return c.opt.Opened(c.opened)
	}
	return nil
}

// clientFrameMost is the largest frame that a client takes, whatever the gateway
// states.
const clientFrameMost = 64 << 20

// expect reads the one frame that may come now.
func (c *Client) expect(kind string, into any, needs ...string) error {
	data, err := readFrame(c.conn, 64<<10, nil)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", kind, closedBy(err))
	}
	f, err := parse(data)
	switch {
	case err != nil:
		return fmt.Errorf("wait for %s: %w", kind, err)
	case f.kind == "error":
		return remote(f)
	case f.kind != kind:
		return fmt.Errorf("wait for %s: the server sends %q", kind, f.kind)
	}
	return f.into(into, needs...)
}

func remote(f *received) error {
	var e errorFrame
	if err := f.into(&e, "code", "message"); err != nil {
		return err
	}
	return &RemoteError{Code: e.Code, Message: shortened(e.Message, 400), ID: e.ID}
}

// closedBy names the error of a connection that the gateway closed.
func closedBy(err error) error {
	var e *websocket.CloseError
	if errors.As(err, &e) && e.Code == CloseReplaced {
		return ErrReplaced
	}
	return err
}

// Session tells of the session that this client holds.
func (c *Client) Session() Opened { return c.opened }

// Done is closed when the connection is over; Err says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns why the connection ended; nil while it lives.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause
}

// Close ends the connection.
func (c *Client) Close() error {
	_ = c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	c.finish(net.ErrClosed)
	return nil
}

// finish ends the connection for this cause; the first one counts.
func (c *Client) finish(cause error) {
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return
	}
	c.cause = cause
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	_ = c.conn.Close()
	for _, w := range waiting {
		w <- reply{err: fmt.Errorf("the connection ended before the answer; submit it again under the same id: %w", cause)}
	}
	close(c.done)
}
