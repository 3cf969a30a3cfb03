package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/form"
)

// received is a message of the gateway, opened and verified.
type received struct {
	formJSON    []byte // byte for byte
	form        *form.Form
	signature   []byte              // the originator's over formJSON, as it came; what it proves says origin
	signer      openpgp.Fingerprint // of the gateway's key that signed the whole
	relayJSON   []byte
	relay       gateway.Relay
	text        string
	attachments []gateway.Attachment
}

// pinned is a registry that knows the gateway alone.
type pinned []*openpgp.Certificate

func (p pinned) Signers(uint64, openpgp.Fingerprint) []*openpgp.Certificate { return p }

func (p pinned) Owner(fp openpgp.Fingerprint, _ []string) (string, bool) {
	if !slices.ContainsFunc(p, func(c *openpgp.Certificate) bool { return c.Fingerprint() == fp }) {
		return "", false
	}
	return "gateway", true
}

// verify opens a message and accepts it only under the pinned gateway's good
// signature over all of it, bound to our operation and to us.
func (a *agent) verify(message []byte) (*received, error) {
	m := gateway.Examiner{Keys: a.opt.Keys, Registry: pinned(a.opt.Gateways), At: a.opt.Clock()}.Sealed(message)
	switch {
	case !m.Encrypted:
		return nil, &websocket.Refusal{Code: 64, Message: "the message can't be opened with this participant's keys"}
	case !m.Proven():
		return nil, &websocket.Refusal{Code: 63, Message: "the message does not bear the gateway's good signature over all of it (" + m.Verdict + ")"}
	}
	r := &received{text: m.Reading.Text, signer: openpgp.Fingerprint(m.Fingerprint)}
	for _, f := range m.Reading.Attachments {
		switch {
		case strings.EqualFold(f.Name, "form.json"):
			r.formJSON = f.Content
		case strings.EqualFold(f.Name, "form.json.asc"):
			r.signature = f.Content
		case strings.EqualFold(f.Name, "relay.json"):
			r.relayJSON = f.Content
		default:
			r.attachments = append(r.attachments, gateway.Attachment{Name: f.Name, Type: f.Type, Content: f.Content})
		}
	}
	return r, a.bound(r)
}

// bound checks that relay.json speaks of this operation, of us and of the very
// form beside it: the OpenPGP layer names no recipients.
func (a *agent) bound(r *received) error {
	if r.formJSON == nil || r.relayJSON == nil {
		return &websocket.Refusal{Code: 18, Message: "the message lacks form.json or relay.json"}
	}
	if err := json.Unmarshal(r.relayJSON, &r.relay); err != nil {
		return &websocket.Refusal{Code: 18, Message: "relay.json can't be read"}
	}
	if r.form, _ = form.ParseJSON(r.formJSON); r.form == nil {
		return &websocket.Refusal{Code: 18, Message: "form.json can't be read"}
	}
	sum := sha256.Sum256(r.formJSON)
	switch {
	case r.relay.Operation != a.opt.Operation:
		return &websocket.Refusal{Code: 60, Message: fmt.Sprintf("the message belongs to operation %q, not %q", r.relay.Operation, a.opt.Operation)}
	case !slices.Contains(r.relay.Recipients, a.opt.Participant):
		return &websocket.Refusal{Code: 62, Message: fmt.Sprintf("the message is not for %s", a.opt.Participant)}
	case !strings.EqualFold(r.relay.FormSHA256, hex.EncodeToString(sum[:])):
		return &websocket.Refusal{Code: 63, Message: "relay.json speaks of another form.json"}
	}
	return nil
}
