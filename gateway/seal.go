package gateway

import (
	"context"
	"fmt"
	"slices"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// sealKey names a sealed body: a form is signed and encrypted once per
// language, view and format, however many recipients it has, and once per kind of
// channel where it says how a person confirms.
type sealKey struct {
	form   FormID
	lang   string
	ch     operation.ChannelKind // "" where the text is the same on every channel
	style  string                // "" the entity, "inline" its text alone
	format openpgp.Format
}

// DropSealed throws the sealed bodies away; call it when a key is blocked.
func (g *Gateway) DropSealed() { g.sealed.clear() }

// seal makes the message for one participant: the shared body with key packets
// for its confirmed certificates in front.
func (g *Gateway) seal(ctx context.Context, op *operation.Operation, f *Form, p *operation.Participant, ch operation.Channel) ([]byte, error) {
	certs, err := g.recipientCerts(ctx, op, f, p, ch)
	if err != nil {
		return nil, err
	}
	key := sealKey{form: f.ID, lang: p.Lang(), format: openpgp.SealedFormat(certs...)}
	if ch.Style == "inline" {
		key.style = "inline"
	}
	if f.Role == Original && asksInWords(f) {
		key.ch = ch.Kind
	}
	body, err := g.body(ctx, op, f, key)
	if err == nil && !body.names(p.Code) { // made before the form was released to it
		g.sealed.forget(key)
		body, err = g.body(ctx, op, f, key)
	}
	if err == nil && !body.names(p.Code) {
		err = fmt.Errorf("%s is none of its recipients", p.Code)
	}
	if err != nil {
		return nil, fmt.Errorf("seal form %s: %w", f.ID, err)
	}
	return body.For(certs...)
}

// sealedBody is a form's body as its recipients share it.
type sealedBody struct {
	*openpgp.Sealed
	to []operation.ParticipantCode // whom its relay.json names; nil where it has none
}

// names reports whether a recipient will take the body for its own.
func (b sealedBody) names(p operation.ParticipantCode) bool {
	return b.to == nil || slices.Contains(b.to, p)
}

// body signs and encrypts what the key names, once a while.
func (g *Gateway) body(ctx context.Context, op *operation.Operation, f *Form, key sealKey) (sealedBody, error) {
	return g.sealed.get(key, g.opt.Now(), func() (sealedBody, error) {
		plaintext, to, err := g.plaintext(ctx, op, f, key)
		if err != nil {
			return sealedBody{}, err
		}
		sealed, err := openpgp.Seal(plaintext, g.key(), key.format, g.opt.Now())
		return sealedBody{sealed, to}, err
	})
}

// plaintext is what a sealed body holds, and whom it names as recipients.
func (g *Gateway) plaintext(ctx context.Context, op *operation.Operation, f *Form, key sealKey) ([]byte, []operation.ParticipantCode, error) {
	if key.style == "inline" {
		return []byte(g.text(op, f, key.lang, key.ch, nil)), nil, nil
	}
	to, err := g.boundRecipients(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	plaintext, err := g.encode(op, f, key.lang, key.ch, to)
	return plaintext, to, err
}

// recipientCerts are the confirmed certificates that a delivery is sealed to,
// narrowed by the channel's own list. None, or one that can't be encrypted to
// today and no other, is an error: encryption fails closed. A test call is sealed
// to those alone that serve until the operation is over, where there are any: who
// opens it now can read on the last day too.
func (g *Gateway) recipientCerts(ctx context.Context, op *operation.Operation, f *Form, p *operation.Participant, ch operation.Channel) ([]*openpgp.Certificate, error) {
	all, err := g.opt.Ring.Recipients(ctx, op.Code, p.Code)
	if err != nil {
		return nil, err
	}
	var usable []*openpgp.Certificate
	var last error
	for _, c := range all {
		if len(ch.Keys) > 0 && !narrowed(ch.Keys, c.Fingerprint()) {
			continue
		}
		if last = c.Valid(openpgp.Encryption, g.opt.Now()); last == nil {
			usable = append(usable, c)
		}
	}
	if lasting := g.lasting(usable, op.End()); f.Type == "TST" && len(lasting) > 0 {
		return lasting, nil
	}
	switch {
	case len(usable) > 0:
		return usable, nil
	case last != nil:
		return nil, &Error{Kind: Refused, Public: "key-unusable", Err: fmt.Errorf("no certificate of %s can be encrypted to: %w", p.Code, last)}
	}
	return nil, &Error{Kind: Refused, Public: "no-key", Err: fmt.Errorf("%s has no confirmed certificate: confirm one with \"liaison key confirm\"", p.Code)}
}

// lasting are the certificates that can be encrypted to on every day until the end.
func (g *Gateway) lasting(certs []*openpgp.Certificate, end time.Time) []*openpgp.Certificate {
	return slices.DeleteFunc(slices.Clone(certs), func(c *openpgp.Certificate) bool {
		until, forever := c.ValidUntil(openpgp.Encryption, g.opt.Now())
		return !forever && until.Before(end)
	})
}

func narrowed(keys []string, fp openpgp.Fingerprint) bool {
	for _, k := range keys {
		if want, err := openpgp.ParseFingerprint(k); err == nil && want == fp {
			return true
		}
	}
	return false
}

// boundRecipients are the recipients that relay.json names.
func (g *Gateway) boundRecipients(ctx context.Context, f *Form) ([]operation.ParticipantCode, error) {
	ds, err := g.opt.Reads.DeliveriesOf(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	var out []operation.ParticipantCode
	for _, d := range ds {
		if d.State != Withheld {
			out = append(out, d.Participant)
		}
	}
	if len(out) == 0 { // an answer over the WebSocket has no delivery
		for _, code := range f.Content.Boxes.All("A7") {
			out = append(out, operation.ParticipantCode(code))
		}
	}
	return out, nil
}

// SealAnswer returns the answer of a receipt as one sealed message for the
// session's participant; nil where no answer is due.
func (g *Gateway) SealAnswer(ctx context.Context, r *Receipt, s Session) ([]byte, error) {
	if r.Answer == "" {
		return nil, nil
	}
	op, err := g.operation(ctx, s.Operation)
	if err != nil {
		return nil, err
	}
	if op == nil || op.Participant(s.Participant) == nil {
		return nil, Errorf(Refused, "", "%s is in no operation %s", s.Participant, s.Operation)
	}
	f, err := g.form(ctx, r.Answer)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return g.seal(ctx, op, f, op.Participant(s.Participant), operation.Channel{Kind: operation.WebSocket})
}

// sealFiles seals what inline style can't carry in its text, each as a file of
// its own: form.json and the attachments.
func (g *Gateway) sealFiles(ctx context.Context, op *operation.Operation, f *Form, p *operation.Participant, ch operation.Channel) ([]Attachment, error) {
	certs, err := g.recipientCerts(ctx, op, f, p, ch)
	if err != nil {
		return nil, err
	}
	formJSON := f.Content.AsSent
	if formJSON == nil {
		formJSON = f.Content.JSON
	}
	var out []Attachment
	for _, a := range append([]Attachment{{Name: "form.json", Content: formJSON}}, f.Content.Attachments...) {
		sealed, err := openpgp.Seal(a.Content, g.key(), openpgp.SealedFormat(certs...), g.opt.Now())
		if err != nil {
			return nil, fmt.Errorf("seal a file of form %s: %w", f.ID, err)
		}
		message, err := sealed.For(certs...)
		if err != nil {
			return nil, err
		}
		out = append(out, Attachment{Name: a.Name + ".pgp", Type: "application/octet-stream", Content: message})
	}
	return out, nil
}
