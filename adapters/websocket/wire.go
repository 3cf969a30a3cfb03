package websocket

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// closing is why a connection ends and what the other side is told.
type closing struct {
	status  int    // of RFC 6455, section 7.4.1
	code    int    // of the error frame; 0: no error frame
	message string // for people on the other side
	id      string // of the submit that it is about
}

func (c closing) Error() string { return c.message }

func malformed(message string) closing {
	return closing{status: websocket.CloseProtocolError, code: codeUnreadable, message: message}
}

// readFrame reads one text frame of at most limit bytes. progress, where it
// isn't nil, hears how many bytes are there as they come, and may end it.
func readFrame(conn *websocket.Conn, limit int64, progress func(bytes int) error) ([]byte, error) {
	kind, r, err := conn.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, closing{status: websocket.CloseUnsupportedData, code: codeUnreadable, message: "frames are JSON text, not binary"}
	}
	data, err := readAll(r, limit, progress)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, closing{status: websocket.CloseInvalidFramePayloadData, code: codeUnreadable, message: "the frame is not UTF-8"}
	}
	return data, nil
}

func readAll(r io.Reader, limit int64, progress func(bytes int) error) ([]byte, error) {
	data := make([]byte, 0, 512)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, closing{status: websocket.CloseMessageTooBig, code: codeTooLarge, message: fmt.Sprintf("the frame is larger than %d bytes", limit)}
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		}
		if progress != nil {
			if err := progress(len(data)); err != nil {
				return nil, err
			}
		}
	}
}

func writeFrame(conn *websocket.Conn, frame []byte, within time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	return conn.WriteMessage(websocket.TextMessage, frame)
}

// farewell says why, closes, and waits until the other side has closed too.
func farewell(conn *websocket.Conn, why closing, within time.Duration) {
	if why.code != 0 {
		if writeFrame(conn, encode(errorFrame{Type: "error", Code: why.code, Message: why.message, ID: why.id}), within) != nil {
			return
		}
	}
	if why.status != websocket.CloseAbnormalClosure { // never on the wire (RFC 6455, section 7.4.1)
		message := websocket.FormatCloseMessage(why.status, shortened(why.message, 120))
		err := conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(within))
		if err != nil && !errors.Is(err, websocket.ErrCloseSent) {
			return
		}
	}
	drain(conn)
}

// How long a side that leaves reads on for the other's close: frame by frame, or
// bytes where the frames can't be told apart any more.
const (
	drainFrames = 5 * time.Second
	drainBytes  = time.Second
)

// drain reads until the other side has closed: a connection that is closed with
// unread bytes is reset, and our last words may be lost with it.
func drain(conn *websocket.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(drainFrames))
	for {
		_, r, err := conn.NextReader()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return
		}
		if err != nil {
			break
		}
	}
	raw := conn.NetConn()
	_ = raw.SetReadDeadline(time.Now().Add(drainBytes))
	_, _ = io.Copy(io.Discard, raw)
}

// shortened cuts s to what fits into a close frame (RFC 6455, section 5.5).
func shortened(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
