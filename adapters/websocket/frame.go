package websocket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	codeParticipant = 62   // the proof failed; one code for every cause
	codeTooLarge    = 68   // the frame is larger than the limit
	codeNotAllowed  = 1008 // a limit or an order of welcome was broken
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
	ClientNonce string `json:"client_nonce"` // 32 random bytes, in whatever text the client likes
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
	Answer    []byte `json:"answer,omitempty"`    // ACK or NAK, signed and sealed
	Waited    int64  `json:"waited_ms,omitempty"` // the submit was slowed down by the rate for so long
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

// received is a frame whose members are known by name and not read yet.
type received struct {
	kind    string
	data    []byte
	members map[string]member
}

// member is the text of a member's value where it is short, else nothing: a
// large one is read once, into its place.
type member []byte

// UnmarshalJSON implements json.Unmarshaler.
func (m *member) UnmarshalJSON(text []byte) error {
	if len(text) <= 64 {
		*m = bytes.Clone(text)
	}
	return nil
}

// manyMembers is more than any large frame has; a small one may have what it
// likes.
const manyMembers = 64

// parse reads the names of a frame's members and its type.
func parse(data []byte) (*received, error) {
	if len(data) > largeFrame && bytes.Count(data, []byte{','}) > manyMembers {
		return nil, errors.New("a frame this large has a few members, one of them large")
	}
	f := &received{data: data}
	if err := json.Unmarshal(data, &f.members); err != nil || f.members == nil {
		return nil, errors.New("the frame is not one JSON object")
	}
	if err := json.Unmarshal(f.members["type"], &f.kind); err != nil || f.kind == "" {
		return nil, errors.New("the frame has no type")
	}
	return f, nil
}

// into reads the frame into one of the types above, of which it must have the
// members that are named, written exactly so. Others are let through, so that a
// later version can add to a frame; of a member that is there twice the last one
// counts, which harms nobody, since nothing is compared between readers.
func (f *received) into(frame any, needs ...string) error {
	for _, name := range needs {
		if text, ok := f.members[name]; !ok || string(text) == "null" {
			return fmt.Errorf("%s needs the member %q", f.kind, name)
		}
	}
	for name := range f.members {
		if i := slices.IndexFunc(needs, func(n string) bool { return n != name && strings.EqualFold(n, name) }); i >= 0 {
			return fmt.Errorf("%s has a member %q beside %q; names are written exactly", f.kind, name, needs[i])
		}
	}
	err := json.Unmarshal(f.data, frame)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%s: the member %q has the wrong kind of value", f.kind, kind.Field)
	case err != nil:
		return fmt.Errorf("%s: a member that is bytes must be base64 (RFC 4648, section 4, with padding)", f.kind)
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
