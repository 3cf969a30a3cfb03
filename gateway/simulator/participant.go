// Package simulator is participants that don't exist: officers with a mail
// program, for the demo and for rehearsals. They see only what the gateway
// sends them and prove themselves only with their own key.
//
// It reaches nothing by itself: mails go in and out as bytes.
package simulator

import (
	"bytes"
	"fmt"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
)

// Participant is an officer with a mail program. Without a key it writes plain
// mail.
type Participant struct {
	Code    string
	Address string
	Key     *openpgp.SecretKey // nil: plain mail
	Gateway *openpgp.Certificate
	To      string // the gateway's address
}

// Write makes a mail with a text: signed and encrypted where the participant
// has a key. replyTo is a Message-ID, "" for none; id is the mail's own. Files go
// along.
func (p Participant) Write(text, id, replyTo string, at time.Time, files ...entity.Attachment) ([]byte, error) {
	h := entity.Draft{From: entity.Address{Name: "Officer of " + p.Code, Addr: p.Address}, To: entity.Address{Addr: p.To},
		Subject: "...", MessageID: "<" + id + ">", InReplyTo: replyTo, Date: at}
	if p.Key == nil {
		h.Subject = "Form"
		return entity.PlainMail(h, text, files), nil
	}
	message, err := p.Seal(text, at, files...)
	if err != nil {
		return nil, err
	}
	return entity.PGPMIME(h, openpgp.Armor(openpgp.ArmorMessage, message)), nil
}

// Seal makes the message that a WebSocket frame or a mail carries of a text.
func (p Participant) Seal(text string, at time.Time, files ...entity.Attachment) ([]byte, error) {
	message, err := seal(entity.Inner(text, files, "Form"), p.Key, p.Gateway, at)
	if err != nil {
		return nil, fmt.Errorf("%s seals: %w", p.Code, err)
	}
	return message, nil
}

// Read opens a mail as the participant's mail program would, believing only the
// gateway's signature.
func (p Participant) Read(raw []byte, at time.Time) *gateway.Message { return p.examiner(at).Mail(raw) }

func (p Participant) examiner(at time.Time) gateway.Examiner {
	x := gateway.Examiner{Registry: only{p.Gateway, p.To}, At: at}
	if p.Key != nil {
		x.Keys = []*openpgp.SecretKey{p.Key}
	}
	return x
}

// only is a registry that knows one certificate.
type only struct {
	cert    *openpgp.Certificate
	address string
}

func (o only) Signers(uint64, openpgp.Fingerprint) []*openpgp.Certificate {
	return []*openpgp.Certificate{o.cert}
}

func (o only) Owner(fp openpgp.Fingerprint, from []string) (string, bool) {
	if fp != o.cert.Fingerprint() {
		return "", false
	}
	return "gateway", len(from) == 1 && bytes.EqualFold([]byte(from[0]), []byte(o.address))
}
