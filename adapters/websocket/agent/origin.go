package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// Proof is what this agent could verify of who wrote a form, by the originator's
// own signature over form.json and the certificates that its people hold.
type Proof string

// The proofs. Only Proven and OfUnit speak for the originator by themselves; the others
// rest on what the gateway says under its signature.
const (
	Proven       Proof = "proven"       // a good signature of a certificate that the roster ascribes to the originator
	Unnamed      Proof = "unnamed"      // a good signature of a certificate in the roster, which doesn't say whose it is
	Contradicted Proof = "contradicted" // a good signature of somebody else than the gateway names
	Unlisted     Proof = "unlisted"     // a signature whose certificate isn't in the roster, or there is no roster
	Expired      Proof = "expired"      // the key had expired when it signed
	Revoked      Proof = "revoked"      // the key is revoked
	Bad          Proof = "bad"          // the signature doesn't fit the form
	Relayed      Proof = "relayed"      // the originator signed its message, not form.json: the gateway verified that
	OfUnit       Proof = "unit"         // the coordination unit's own form: the gateway signed it
	Unsigned     Proof = "unsigned"     // nobody signed: plain mail, a phone call, a browser
)

// Origin is origin.json: who proved what about a form.
type Origin struct {
	Proof       Proof                     `json:"proof"`
	Originator  operation.ParticipantCode `json:"originator"`            // as the gateway names it
	ProvenBy    operation.ParticipantCode `json:"proven_by,omitempty"`   // whose certificate verified, by the roster
	Fingerprint openpgp.Fingerprint       `json:"fingerprint,omitempty"` // of the key that signed
	UserIDs     []string                  `json:"user_ids,omitempty"`    // of its certificate
	Made        *time.Time                `json:"made,omitempty"`        // when, by the signer's clock
	Assurance   gateway.Assurance         `json:"assurance"`             // on what the origin rests, as the gateway says
	Attachments []AttachedFile            `json:"attachments,omitempty"`
	Checked     time.Time                 `json:"checked"`
}

// AttachedFile is a file beside a form.
type AttachedFile struct {
	Name     string `json:"name"` // in the folder attachments
	SHA256   string `json:"sha256"`
	Declared bool   `json:"declared"` // form.json names it with this hash: what holds for the form, holds for it
}

// origin judges who wrote a form.
func (a *agent) origin(r *received) Origin {
	o := Origin{Originator: r.relay.From, Assurance: r.relay.Assurance, Checked: a.opt.Clock().UTC().Truncate(time.Second)}
	switch {
	case r.signature != nil:
		a.originator(&o, openpgp.VerifyDetached(r.formJSON, r.signature, a.opt.Roster.signers, a.opt.Clock()))
	case r.relay.Assurance == gateway.Signed && r.relay.Signer == "": // nobody's but the gateway's
		o.Proof, o.Fingerprint = OfUnit, r.signer
	case r.relay.Assurance == gateway.Signed:
		o.Proof, o.Fingerprint = Relayed, openpgp.Fingerprint(r.relay.Signer)
	default:
		o.Proof = Unsigned
	}
	declared := declaredSums(r.form)
	for _, f := range r.attachments {
		sum := sha256.Sum256(f.Content)
		o.Attachments = append(o.Attachments, AttachedFile{Name: f.Name, SHA256: hex.EncodeToString(sum[:]), Declared: declared[sum]})
	}
	return o
}

// originator takes over what the originator's own signature proves.
func (a *agent) originator(o *Origin, s openpgp.Signature) {
	o.Fingerprint = s.Fingerprint
	if !s.Made.IsZero() {
		made := s.Made.UTC()
		o.Made = &made
	}
	switch s.Verdict {
	case openpgp.Good:
		o.ProvenBy, o.UserIDs = a.opt.Roster.owner(s.Fingerprint)
		switch o.ProvenBy {
		case o.Originator:
			o.Proof = Proven
		case "":
			o.Proof = Unnamed
		default:
			o.Proof = Contradicted
		}
	case openpgp.UnknownKey:
		o.Proof = Unlisted
	case openpgp.ExpiredKey:
		o.Proof = Expired
	case openpgp.RevokedKey:
		o.Proof = Revoked
	default:
		o.Proof = Bad
	}
}

// declaredSums are the hashes of the attachments that a form names in A22.
func declaredSums(f *form.Form) map[[32]byte]bool {
	sums := make(map[[32]byte]bool)
	for _, line := range f.Normal().All("A22") {
		if parts := strings.Split(line, ";"); len(parts) >= 3 {
			if raw, err := hex.DecodeString(strings.TrimSpace(parts[2])); err == nil && len(raw) == 32 {
				sums[[32]byte(raw)] = true
			}
		}
	}
	return sums
}

func (o Origin) json() ([]byte, error) {
	raw, err := json.MarshalIndent(o, "", " ")
	return append(raw, '\n'), err
}

// words say the verdict to the person who opens form.txt, above what the gateway
// wrote. They hold no brackets: what stands in brackets is read as a box.
func (o Origin) words(lang string) string {
	from := string(o.Originator)
	lines := []string{say(lang, "origin-checked", "at", o.Checked.Format("2006-01-02 15:04 UTC")),
		say(lang, "origin-"+string(o.Proof), "from", from, "key", o.Fingerprint.Grouped(), "holder", o.holder())}
	for _, f := range o.Attachments {
		key := "attachment-undeclared"
		if f.Declared {
			key = "attachment-declared"
		}
		lines = append(lines, say(lang, key, "name", f.Name, "from", from))
	}
	text := strings.Join(lines, "\n") + "\n" + strings.Repeat("=", 60) + "\n\n"
	return strings.NewReplacer("[", "(", "]", ")").Replace(text)
}

// holder names whose the key is that verified.
func (o Origin) holder() string {
	if o.ProvenBy != "" {
		return string(o.ProvenBy)
	}
	return strings.Join(o.UserIDs, ", ")
}
