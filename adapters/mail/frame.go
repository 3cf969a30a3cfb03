package mail

import (
	"fmt"
	"net/mail"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

// letter is a mail ready for SMTP.
type letter struct {
	from, to string // envelope
	id       gateway.DeliveryID
	utf8     bool // an address needs SMTPUTF8
	raw      []byte
}

// longest local part of an address, in octets (RFC 5321, section 4.5.3.1.1).
const longestLocal = 64

// frame makes the mail of an outbound in its channel's style. Its header says
// the operation's code and the form's number, and nothing else of it.
func (a *Adapter) frame(out *gateway.Outbound) (*letter, error) {
	to, utf8, err := recipient(out.Channel.Address)
	if err != nil {
		return nil, err
	}
	l := &letter{from: a.tagged(out.Delivery, out.ChannelAt), to: to, utf8: utf8, id: out.Delivery}
	h := a.draft(out, l)
	if out.Channel.Kind == operation.Mail {
		if out.Plain == "" || len(out.Message) > 0 {
			return nil, fmt.Errorf("delivery %s: a plain channel carries a plain text", out.Delivery)
		}
		l.raw = entity.PlainMail(h, out.Plain, attached(out.Files))
		return l, nil
	}
	if len(out.Message) == 0 || out.Plain != "" {
		return nil, fmt.Errorf("delivery %s: a channel of kind %q carries a sealed message", out.Delivery, out.Channel.Kind)
	}
	armored := openpgp.ArmorForMail(out.Message)
	switch out.Channel.Style {
	case "", "pgp-mime":
		l.raw = entity.PGPMIME(h, armored)
	case "inline":
		l.raw = entity.InlineMail(h, string(armored), attached(out.Files))
	case "attachment":
		l.raw = entity.AttachmentMail(h, "", armored)
	default:
		return nil, never("unknown style %q of the channel to %s; use pgp-mime, inline or attachment", out.Channel.Style, out.Participant)
	}
	return l, nil
}

func (a *Adapter) draft(out *gateway.Outbound, l *letter) entity.Draft {
	_, domain, _ := strings.Cut(a.opt.Address, "@")
	h := entity.Draft{From: entity.Address{Addr: a.opt.Address}, To: entity.Address{Addr: l.to}, ReplyTo: entity.Address{Addr: l.from},
		Subject: subject(out), MessageID: "<" + string(out.Delivery) + "@" + domain + ">", Date: a.opt.Clock()}
	if out.InReplyTo != "" {
		h.InReplyTo, h.References = out.InReplyTo, []string{out.InReplyTo}
	}
	if out.Urgent {
		h.Importance = "high"
	}
	switch {
	case out.Automated && out.InReplyTo != "":
		h.AutoSubmitted = "auto-replied"
	case out.Automated:
		h.AutoSubmitted = "auto-generated"
	}
	return h
}

// subject is all that a mail says in the clear: "OP-7K3 000123 URGENT".
func subject(out *gateway.Outbound) string {
	words := []string{string(out.Operation)}
	if out.Number > 0 {
		words = append(words, fmt.Sprintf("%06d", out.Number))
	}
	if out.Urgent {
		words = append(words, "URGENT")
	}
	if out.Exercise {
		words = append(words, "EXERCISE")
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// tagged is the gateway's address with the delivery in it, so that bounces and
// answers find their way: "ocu+d-0198…@gateway.example", and over another channel than
// the participant's first "ocu+d-0198….1@gateway.example". Where that would be too long
// for an address it is the address itself.
func (a *Adapter) tagged(id gateway.DeliveryID, channelAt int) string {
	local, domain, _ := strings.Cut(a.opt.Address, "@")
	tag := local + "+d-" + string(id)
	if channelAt > 0 {
		tag += "." + strconv.Itoa(channelAt)
	}
	if len(tag) <= longestLocal {
		return tag + "@" + domain
	}
	return a.opt.Address
}

// recipient reads a channel's address for the envelope; a domain in letters
// beyond ASCII is written as DNS has it.
func recipient(raw string) (address string, utf8 bool, err error) {
	at, err := mail.ParseAddress(raw)
	if err != nil {
		return "", false, never("the address %q can't be read: %v", raw, err)
	}
	i := strings.LastIndexByte(at.Address, '@')
	local, domain := at.Address[:i], at.Address[i+1:]
	if !ascii(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", false, never("the address %q has no valid domain: %v", raw, err)
		}
	}
	if strings.ContainsAny(local, " \t\r\n<>\"") {
		return "", false, never("the address %q has signs that mail servers don't take", raw)
	}
	return local + "@" + domain, !ascii(local), nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func attached(files []gateway.Attachment) []entity.Attachment {
	list := make([]entity.Attachment, len(files))
	for i, f := range files {
		list[i] = entity.Attachment{Name: f.Name, Type: f.Type, Content: f.Content}
	}
	return list
}
