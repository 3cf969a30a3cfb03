package gateway

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
	"liaison/gateway/form"
)

// KindForm is the kind of a mail that carries a form; the other kinds are
// entity's.
const KindForm entity.Kind = "form"

// VerdictNotSender is a good signature by someone else than the mail claims to
// be from.
const VerdictNotSender = "not-sender"

// Registry is what examining a message asks about keys and people.
type Registry interface {
	// Signers returns the certificates that hold a key of this id or fingerprint.
	Signers(keyID uint64, fp openpgp.Fingerprint) []*openpgp.Certificate
	// Owner says whose the certificate is, "" where nobody's is, and whether it
	// may sign mail from all of these addresses.
	Owner(fp openpgp.Fingerprint, from []string) (participant string, fits bool)
}

// Message is an inbound that was opened, verified as far as it goes, and
// decoded. It says what was proven; what follows from it is policy.
type Message struct {
	Kind        entity.Kind
	Reading     *entity.Reading
	From        string // the address that the message claims to be from
	Participant string // whose proven signature it bears; "" where nobody's
	Encrypted   bool
	Verdict     string // of the signature, in the words of "liaison inspect"
	Fingerprint string
	Covers      string // "all", "part", ""
	Made        time.Time
	Form        *form.Form // nil where there is none
	AsSent      []byte     // form.json as it came, where it came
	Signature   []byte     // form.json.asc, where it verifies under the same key
	Attachments []Attachment
	Text        string // what the sender wrote
	Problems    []form.Problem
	SignedSum   [32]byte
}

// Proven reports whether the message bears a good signature, over everything
// that is shown, by a key that may sign for the one it claims to be from.
func (m *Message) Proven() bool {
	return m.Verdict == string(openpgp.Good) && m.Covers == "all" && m.Participant != ""
}

// Examiner opens and decodes messages. The zero limits are the defaults.
type Examiner struct {
	Keys     []*openpgp.SecretKey
	Registry Registry
	Limits   Limits
	At       time.Time
}

// Mail examines a whole mail.
func (x Examiner) Mail(raw []byte) *Message {
	if x.Limits.Message > 0 && int64(len(raw)) > x.Limits.Message {
		return tooLarge(x.Limits.Message)
	}
	return x.message(entity.Read(raw, opener{x}, entity.Limits{}), true)
}

// Sealed examines an OpenPGP message as the WebSocket brings it: its plaintext
// is the inner entity. There is no mail around it, hence no From.
func (x Examiner) Sealed(message []byte) *Message {
	if x.Limits.Message > 0 && int64(len(message)) > x.Limits.Message {
		return tooLarge(x.Limits.Message)
	}
	wrapped := entity.PGPMIME(entity.Draft{}, openpgp.Armor(openpgp.ArmorMessage, message))
	return x.message(entity.Read(wrapped, opener{x}, entity.Limits{}), false)
}

func tooLarge(limit int64) *Message {
	return &Message{Kind: entity.Unreadable, Reading: &entity.Reading{Kind: entity.Unreadable}, Verdict: string(openpgp.None),
		Problems: []form.Problem{form.NewProblem(68, form.Error, "", map[string]string{"limit": megabytes(limit)})}}
}

// message turns a reading into a message: whose is it, and which form is in it.
func (x Examiner) message(r *entity.Reading, mail bool) *Message {
	m := &Message{Kind: r.Kind, Reading: r, Encrypted: r.Encrypted, Covers: r.Covers,
		Verdict: r.Signature.Verdict, Fingerprint: r.Signature.Fingerprint, Made: r.Signature.Made, Text: r.Written}
	if m.Verdict == "" {
		m.Verdict = string(openpgp.None)
	}
	for _, p := range r.Problems {
		m.Problems = append(m.Problems, form.Problem{Code: p.Code, Severity: form.Severity(p.Severity), Message: p.Message})
	}
	if len(r.Signed) > 0 {
		m.SignedSum = sha256.Sum256(r.Signed)
	}
	x.attribute(m, mail)
	if m.Kind == entity.Message || m.Kind == entity.AutoReply && m.Proven() {
		x.decode(m)
	}
	return m
}

// attribute decides whose the message is. A good signature counts for its
// owner alone, and only where the mail claims to be from that owner.
func (x Examiner) attribute(m *Message, mail bool) {
	from := m.Reading.Senders()
	if len(from) > 0 {
		m.From = from[0]
	}
	if m.Verdict != string(openpgp.Good) || x.Registry == nil {
		return
	}
	owner, fits := x.Registry.Owner(openpgp.Fingerprint(m.Fingerprint), from)
	if mail && !fits {
		m.Verdict = VerdictNotSender
		return
	}
	if m.Covers == entity.CoversAll { // else nothing of it counts as signed
		m.Participant = owner
	}
}

// decode finds the form: in form.json, in the text, or in both, which must
// agree then.
func (x Examiner) decode(m *Message) {
	var asJSON *form.Form
	var asSent, signature []byte
	for _, a := range m.Reading.Attachments {
		switch {
		case strings.EqualFold(a.Name, "form.json") || a.Type == form.MediaType:
			f, problems := form.ParseJSON(a.Content)
			if f == nil || asJSON != nil {
				m.Problems = append(m.Problems, problems...)
				if asJSON != nil {
					m.Problems = append(m.Problems, form.NewProblem(18, form.Error, "", map[string]string{"reason": "two form.json"}))
				}
				continue
			}
			m.Problems = append(m.Problems, problems...)
			asJSON, asSent = f, a.Content
		case strings.EqualFold(a.Name, "form.json.asc"):
			signature = a.Content
		case strings.EqualFold(a.Name, "relay.json"):
		default:
			m.Attachments = append(m.Attachments, Attachment{Name: a.Name, Type: a.Type, Content: a.Content})
		}
	}
	asText, textProblems := form.ParseText(m.Text)
	if asJSON == nil { // what looks like history may be the form itself, in lines that a program wrapped
		own := asText
		if m.Text != strings.Trim(m.Reading.Text, "\n \t") {
			asText, textProblems = form.ParseReply(m.Reading.Text, m.Text)
		}
		if quotesForm(asText, own, m.Participant) {
			asText, textProblems = nil, nil
		}
	}
	switch {
	case asJSON != nil:
		m.Form = asJSON
		if asText != nil && !agree(asJSON, asText) {
			m.Problems = append(m.Problems, form.NewProblem(14, form.Error, "", map[string]string{"reason": "text and form.json differ"}))
		}
	case asText != nil:
		m.Form = asText
		m.Problems = append(m.Problems, textProblems...)
	default:
		return
	}
	m.Kind = KindForm
	m.AsSent = asSent
	if signature != nil && asSent != nil && x.sameSigner(m, asSent, signature) {
		m.Signature = signature
	}
}

// quotesForm reports whether a form that stands in a mail is another's, quoted
// under an answer in words. own is what stands outside the history: a form that
// names its type is the sender's, whatever else it says. Boxes that stand in the
// history alone, and name neither type nor sender, are a piece of a quotation.
func quotesForm(f, own *form.Form, sender string) bool {
	if f == nil || own != nil && own.Get("A1") != "" {
		return false
	}
	n := f.Normal()
	from := n.Get("A6")
	return from != "" && from != sender || own == nil && from == "" && n.Get("A1") == ""
}

// agree reports whether the text says nothing else than form.json. The text may
// leave boxes out: it is the shorter of the two.
func agree(asJSON, asText *form.Form) bool {
	n := asJSON.Normal()
	t := asText.Normal()
	for _, addr := range t.Addresses() {
		if addr != "A24" && !slices.Equal(t.All(addr), n.All(addr)) {
			return false
		}
	}
	return true
}

// sameSigner reports whether the detached signature over form.json is good and
// by the key that signed the message: only then it is handed on as the
// originator's.
func (x Examiner) sameSigner(m *Message, asSent, signature []byte) bool {
	if x.Registry == nil {
		return false
	}
	s := openpgp.VerifyDetached(asSent, signature, x.Registry.Signers, x.At)
	return s.Verdict == openpgp.Good && string(s.Fingerprint) == m.Fingerprint
}

// opener lends entity the cryptography.
type opener struct{ x Examiner }

func (o opener) lookup(keyID uint64, fp openpgp.Fingerprint) []*openpgp.Certificate {
	if o.x.Registry == nil {
		return nil
	}
	return o.x.Registry.Signers(keyID, fp)
}

func (o opener) Open(message []byte, most int64) (entity.Opened, error) {
	if limit := o.x.Limits.Opened; limit > 0 {
		most = min(most, limit)
	}
	opened, err := openpgp.Open(message, o.x.Keys, o.lookup, o.x.At, openpgp.Limits{Plaintext: most})
	if err != nil {
		return entity.Opened{}, err
	}
	return entity.Opened{Plaintext: opened.Plaintext, Encrypted: opened.Encrypted, Text: opened.Text, Signature: signature(opened.Signature)}, nil
}

func (o opener) Verify(signed, sig []byte) entity.Signature {
	return signature(openpgp.VerifyDetached(signed, sig, o.lookup, o.x.At))
}

// signature translates the verdict into the words of "liaison inspect": a weak
// signature proves nothing and is a bad one.
func signature(s openpgp.Signature) entity.Signature {
	v := s.Verdict
	if v == openpgp.Weak {
		v = openpgp.Bad
	}
	return entity.Signature{Verdict: string(v), Fingerprint: string(s.Fingerprint), Made: s.Made}
}

// undecryptable reports whether the message was encrypted and couldn't be opened.
func (m *Message) undecryptable() bool {
	var e *openpgp.OpenError
	return m.Form == nil && m.Reading != nil && errors.As(m.Reading.OpenErr, &e)
}
