package websocket

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"liaison/crypto/openpgp"
)

// raw is a participant's system as somebody else might write it from the protocol
// page: its own WebSocket framing on a TCP connection and JSON without our types.
type raw struct {
	t     testing.TB
	conn  net.Conn
	in    *bufio.Reader
	mute  bool // answers no ping
	pings atomic.Int64
	hello object
	lines string // under the proof
	greet object // welcome
	nonce object // challenge
}

type object = map[string]any

// The opcodes of RFC 6455, section 5.2.
const (
	opContinue = 0x0
	opText     = 0x1
	opBinary   = 0x2
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xA
)

// upgrade asks for the channel and returns the connection with the answer.
func (l *lab) upgrade(header ...string) (net.Conn, *bufio.Reader, *http.Response) {
	l.t.Helper()
	return l.upgradeFrom("127.0.0.1", header...)
}

func (l *lab) upgradeFrom(address string, header ...string) (net.Conn, *bufio.Reader, *http.Response) {
	l.t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := from.DialContext(l.t.Context(), "tcp", l.http.Listener.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	fields := append([]string{"Host: " + conn.RemoteAddr().String(), "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw=="}, header...)
	if _, err := io.WriteString(conn, "GET /v1/channel HTTP/1.1\r\n"+strings.Join(fields, "\r\n")+"\r\n\r\n"); err != nil {
		l.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return conn, in, resp
}

// dialRaw opens the channel and takes the challenge.
func (l *lab) dialRaw() *raw {
	l.t.Helper()
	conn, in, resp := l.upgrade("Sec-WebSocket-Protocol: jco-form.v1", "Sec-WebSocket-Extensions: permessage-deflate")
	sum := sha1.Sum([]byte("AAECAwQFBgcICQoLDA0ODw==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) ||
		resp.Header.Get("Sec-WebSocket-Protocol") != "jco-form.v1" || resp.Header.Get("Sec-WebSocket-Extensions") != "" {
		l.t.Fatalf("upgrade = %s %v; want 101, the subprotocol and no compression", resp.Status, resp.Header)
	}
	r := &raw{t: l.t, conn: conn, in: in}
	r.nonce = r.read("challenge")
	return r
}

// send writes one frame, masked as a client must.
func (r *raw) send(opcode byte, fin bool, payload []byte) {
	r.t.Helper()
	head := []byte{opcode, 0x80}
	if fin {
		head[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		head[1] |= byte(n)
	case n < 1<<16:
		head[1] |= 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] |= 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	mask := []byte{0xA5, 0x5A, 0x3C, 0xC3}
	head = append(head, mask...)
	masked := make([]byte, len(payload))
	for i, b := range payload {
		masked[i] = b ^ mask[i%4]
	}
	if _, err := r.conn.Write(append(head, masked...)); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

func (r *raw) text(s string) { r.t.Helper(); r.send(opText, true, []byte(s)) }

func (r *raw) write(o object) {
	r.t.Helper()
	data, err := json.Marshal(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.send(opText, true, data)
}

// frame reads the next frame that isn't a ping, and answers pings.
func (r *raw) frame() (opcode byte, payload []byte, err error) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(r.in, head[:]); err != nil {
			return 0, nil, err
		}
		if head[0]&0x80 == 0 || head[0]&0x70 != 0 || head[1]&0x80 != 0 {
			return 0, nil, fmt.Errorf("frame head %x: a server's frames here are whole, plain and not masked", head)
		}
		n := uint64(head[1])
		switch n {
		case 126:
			var more [2]byte
			_, err = io.ReadFull(r.in, more[:])
			n = uint64(binary.BigEndian.Uint16(more[:]))
		case 127:
			var more [8]byte
			_, err = io.ReadFull(r.in, more[:])
			n = binary.BigEndian.Uint64(more[:])
		}
		if err != nil {
			return 0, nil, err
		}
		payload = make([]byte, n)
		if _, err := io.ReadFull(r.in, payload); err != nil {
			return 0, nil, err
		}
		if opcode = head[0] & 0xF; opcode != opPing {
			return opcode, payload, nil
		}
		r.pings.Add(1)
		if !r.mute {
			r.send(opPong, true, payload)
		}
	}
}

// read takes the next frame, which must be of a type, with "type" first.
func (r *raw) read(kind string) object {
	r.t.Helper()
	opcode, payload, err := r.frame()
	if err != nil || opcode != opText {
		r.t.Fatalf("read = opcode %d, %q, %v; want a %s", opcode, payload, err, kind)
	}
	var o object
	if err := json.Unmarshal(payload, &o); err != nil || o["type"] != kind || !bytes.HasPrefix(payload, []byte(`{"type":"`)) {
		r.t.Fatalf("read = %.200s, %v; want a %s", payload, err, kind)
	}
	return o
}

// closed reads until the close frame and returns its status and the code of the
// error frame before it.
func (r *raw) closed() (status, code int) {
	r.t.Helper()
	for {
		opcode, payload, err := r.frame()
		if err != nil {
			r.t.Fatalf("read: %v; want a close frame", err)
		}
		if opcode == opClose {
			r.send(opClose, true, payload[:2])
			return int(binary.BigEndian.Uint16(payload)), code
		}
		var o struct {
			Type, Message string
			Code          int
		}
		if json.Unmarshal(payload, &o) == nil && o.Type == "error" {
			if code = o.Code; o.Message == "" {
				r.t.Error("the error frame says nothing")
			}
		}
	}
}

// ends checks how the connection is closed.
func (r *raw) ends(status, code int) {
	r.t.Helper()
	if gotStatus, gotCode := r.closed(); gotStatus != status || gotCode != code {
		r.t.Errorf("closed with %d, code %d; want %d, %d", gotStatus, gotCode, status, code)
	}
}

// prepare makes the hello of an honest LV on this connection; change may spoil
// what is sent, after it was signed.
func (r *raw) prepare(host string, after int) {
	r.hello = object{"type": "hello", "operation": "OP-7K3", "participant": "LV", "after": after,
		"client_nonce": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))}
	r.lines = strings.Join([]string{"jco-form.v1 client", host, r.nonce["fingerprint"].(string), r.nonce["nonce"].(string),
		r.hello["client_nonce"].(string), "OP-7K3", "LV", fmt.Sprint(after)}, "\n")
}

// sign puts the proof into the hello and sends it.
func (r *raw) sign(by *openpgp.SecretKey) {
	r.t.Helper()
	proof, err := openpgp.SignDetached([]byte(r.lines), by, time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	r.hello["proof"] = base64.StdEncoding.EncodeToString(proof)
	r.write(r.hello)
}

// open proves LV and reads welcome.
func (r *raw) open(after int) *raw {
	r.t.Helper()
	r.prepare("127.0.0.1", after)
	r.sign(key(r.t, "LV"))
	r.greet = r.read("welcome")
	return r
}

// submit sends a message and returns the answer, whatever its type.
func (r *raw) submit(id, message string) {
	r.t.Helper()
	r.write(object{"type": "submit", "id": id, "message": base64.StdEncoding.EncodeToString([]byte(message))})
}

// part sends more of a frame; one that was cut off takes no more.
func (r *raw) part(text string) {
	frame := append([]byte{opContinue, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}, text...)
	_, _ = r.conn.Write(frame)
}

// answered waits for the answer to a submit, or for the end of the session.
func (r *raw) answered(want bool) {
	opcode, payload, err := r.frame()
	if got := err == nil && opcode == opText && strings.Contains(string(payload), `"accepted"`); got != want {
		r.t.Errorf("frame = opcode %d, %.100s, %v; want an answer: %v", opcode, payload, err, want)
	}
}
