package websocket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"liaison/gateway"
)

// Subprotocol is the WebSocket subprotocol that both sides must agree on.
const Subprotocol = "jco-form.v1"

// Path is where the channel is served.
const Path = "/v1/channel"

// CloseReplaced is the close status of a session that a newer one replaced.
const CloseReplaced = 4001

// Codes of error frames. Those below 100 are the form's NAK codes; the others
// say the status of RFC 6455, section 7.4.1, with which the connection closes.
const (
	codeUnreadable  = 18   // the frame can't be read
	codeOtherBytes  = 26   // a submit id used before with other bytes
	codeOperation   = 60   // unknown operation
	codeParticipant = 62   // the proof failed; one code for every cause
	codeSignature   = 63   // no proof
	codeTooLarge    = 68   // the frame is larger than the limit
	codeTooFast     = 1008 // a limit of welcome was exceeded
	codeTryAgain    = 1013 // nothing was recorded; offer it again
)

// challenge is the first frame of every connection.
type challenge struct {
	Type        string `json:"type"`
	Nonce       []byte `json:"nonce"` // 32 random bytes
	Gateway     string `json:"gateway"`
	Fingerprint string `json:"fingerprint"`
}

// hello proves who the participant is.
type hello struct {
	Type        string `json:"type"`
	Operation   string `json:"operation"`
	Participant string `json:"participant"`
	After       int64  `json:"after"`        // highest number that is safely kept
	ClientNonce []byte `json:"client_nonce"` // 32 random bytes
	Proof       []byte `json:"proof"`        // detached binary signature
}

// welcome opens the session and proves who the gateway is.
type welcome struct {
	Type    string          `json:"type"`
	Session string          `json:"session"`
	Last    int64           `json:"last"` // highest number given so far
	Limits  json.RawMessage `json:"limits"`
	Proof   []byte          `json:"proof"`
}

// submit carries one form from the participant.
type submit struct {
	Type    string `json:"type"`
	ID      string `json:"id"`      // UUID; the same for every try
	Message []byte `json:"message"` // binary OpenPGP message
}

// answer says what was decided of a submit; Type is the verdict.
type answer struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	Reference string `json:"reference,omitempty"`
	Answer    []byte `json:"answer,omitempty"` // ACK or NAK, signed and sealed
}

// formFrame carries one delivery.
type formFrame struct {
	Type      string `json:"type"`
	Seq       int64  `json:"seq"`
	Reference string `json:"reference"`
	Delivery  string `json:"delivery"`
	Message   []byte `json:"message"`
}

// statusFrame says what became of a form that this participant sent.
type statusFrame struct {
	Type     string `json:"type"`
	Seq      int64  `json:"seq"`
	Delivery string `json:"delivery,omitempty"`
	gateway.Status
}

// ack settles every number up to Seq.
type ack struct {
	Type string `json:"type"`
	Seq  int64  `json:"seq"`
}

// errorFrame is the last frame before a side closes because of the other.
type errorFrame struct {
	Type    string `json:"type"`
	Code    int    `json:"code"`
	Message string `json:"message"`
	ID      string `json:"id,omitempty"` // of the submit that it answers
}

// frameType reads the type of a frame without reading the rest.
func frameType(data []byte) (string, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return "", errors.New("the frame is not a JSON object")
	}
	if head.Type == "" {
		return "", errors.New("the frame has no type")
	}
	return head.Type, nil
}

// decode reads a frame into one of the types above. Unknown members are let
// through, so that a later version can add to a frame; a member twice is not
// noticed, which harms nobody, since nothing is compared between readers.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("member %q has the wrong kind of value", kind.Field)
		}
		return errors.New("the frame can't be read")
	}
	return nil
}

// encode writes a frame; the frame types hold nothing that JSON can't write.
func encode(frame any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(frame); err != nil {
		panic("websocket: encode frame: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// line reports whether s may stand as a line in what a proof covers.
func line(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsAny(s, "\r\n\x00")
}
