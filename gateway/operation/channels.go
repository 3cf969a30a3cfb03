package operation

import (
	"regexp"
	"slices"
	"strings"
)

func (c *checker) channels(at path, p *Participant, unit ParticipantCode) {
	working := p.Code == unit
	for i, ch := range p.Channels {
		here := at.in("channels", i)
		switch ch.Kind {
		case WebSocket, PGPMail:
			working = true
			if len(p.Keys) == 0 {
				c.warn(here, "no-key", "participant %s: channel %s needs a key, and none is named", p.Code, ch.Kind)
			}
		case Mail:
			working = true
		case Phone:
		default:
			c.fail(here.in("kind"), "participant %s: channel kind %q is not one of websocket, pgp-mail, mail, phone", p.Code, ch.Kind)
		}
		c.channel(here, "participant "+string(p.Code), ch)
	}
	if !working {
		c.warn(at.in("channels"), "no-channel", "participant %s has no working channel: forms to it will not be sent", p.Code)
	}
}

// desk checks the way to a person in the unit. The unit has no agent that would
// dial its own gateway.
func (c *checker) desk() {
	if c.o.Desk.Phone == "" {
		c.warn(path{"desk", "phone"}, "desk-phone", "desk.phone is missing: every mail ends with the unit's number")
	}
	for i, ch := range c.o.Desk.Channels {
		at := path{"desk", "channels", i}
		if ch.Kind != PGPMail && ch.Kind != Mail && ch.Kind != Phone {
			c.fail(at.in("kind"), "desk: channel kind %q is not one of pgp-mail, mail, phone", ch.Kind)
		}
		c.channel(at, "desk", ch)
	}
}

var fingerprintPattern = regexp.MustCompile(`^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$`)

// channel checks what belongs to a channel's kind.
func (c *checker) channel(at path, of string, ch Channel) {
	if (ch.Kind == PGPMail || ch.Kind == Mail) && !isAddress(ch.Address) {
		c.fail(at.in("address"), "%s: channels: address %q of the %s channel is not a mail address", of, ch.Address, ch.Kind)
	}
	if ch.Kind == Phone && ch.Number == "" {
		c.fail(at, "%s: the phone channel has no number", of)
	}
	for _, v := range []struct {
		key, value string
		allowed    []string
	}{{"style", ch.Style, []string{"", "pgp-mime", "inline", "attachment"}}, {"fallback", ch.Fallback, []string{"", "notice", "redacted"}}, {"trust", ch.Trust, []string{"", "dmarc", "call-back"}}} {
		if !slices.Contains(v.allowed, v.value) {
			c.fail(at.in(v.key), "%s: %s %q is not one of %s", of, v.key, v.value, strings.Join(v.allowed[1:], ", "))
		}
	}
	for i, k := range ch.Keys {
		if !fingerprintPattern.MatchString(strings.ReplaceAll(k, " ", "")) {
			c.fail(at.in("keys", i), "%s: channels: keys: %q is not a fingerprint; use all its 40 or 64 hexadecimal digits", of, k)
		}
	}
}
