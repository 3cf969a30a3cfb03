package commtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// remind reminds the participant's contact, where mail reaches one.
func (a *advance) remind() error {
	plan := a.part.Plan
	lines := []string{say(plan.Lang, "remind-participant", map[string]string{"run": string(a.party.Run)})}
	return a.write(plan.Contact, append(lines, a.where()...))
}

// deputy asks who stands in.
func (a *advance) deputy(away bool) error {
	plan, key := a.part.Plan, "remind-deputy"
	if away {
		key = "remind-away"
	}
	if plan.Deputy.Email == "" {
		return nil // the organiser hears of it, with the numbers to call
	}
	name := plan.Contact.Name
	if name == "" {
		name = string(a.party.Participant)
	}
	lines := []string{say(plan.Lang, key, map[string]string{"name": name, "run": string(a.party.Run)})}
	return a.write(plan.Deputy, append(lines, a.where()...))
}

// where says which mails to look for, until when, and whom to call.
func (a *advance) where() []string {
	plan := a.part.Plan
	args := map[string]string{"phone": orDash(a.r.Self.Phone), "until": call{op: a.op, party: a.party, plan: plan}.until()}
	var lines, numbers []string
	for _, x := range a.part.Result.Cells {
		if x.Kind == operation.Phone || x.at(Person, Back) == Passed {
			continue
		}
		if x.Kind == operation.WebSocket && x.at(Proven, Back) != Passed {
			lines = append(lines, say(plan.Lang, "remind-system", args))
		}
		for _, p := range a.party.Probes {
			if p.ChannelAt == x.At && p.Kind != operation.WebSocket {
				numbers = append(numbers, fmt.Sprintf("%s %06d", a.op.Code, p.Number))
			}
		}
	}
	if len(numbers) > 0 {
		args["subject"] = strings.Join(numbers, ", ")
		lines = append(lines, say(plan.Lang, "remind-where", args))
	}
	return append(lines, say(plan.Lang, "call-help", args))
}

// write sends lines to a contact's own address, else over the participant's
// first mail channel; to nobody where there is neither.
func (a *advance) write(to Contact, lines []string) error {
	p := a.op.Participant(a.party.Participant)
	kind, at, address := operation.Mail, 0, to.Email
	if address == "" || !p.Reaches(address) {
		address = ""
		if at = slices.IndexFunc(p.Channels, func(c operation.Channel) bool { return c.Kind == operation.PGPMail || c.Kind == operation.Mail }); at < 0 {
			return nil
		}
		kind = p.Channels[at].Kind
	}
	return a.notify(p.Code, kind, at, address, lines)
}

func (a *advance) notify(to operation.ParticipantCode, kind operation.ChannelKind, at int, address string, lines []string) error {
	number, ref, err := a.named()
	if err != nil {
		return err
	}
	a.d.Forms = append(a.d.Forms, notice(a.op, a.r.Self, to, kind, at, address, a.order.Mode, strings.Join(lines, "\n")+"\n", ref, number, a.now))
	a.d.Audit = append(a.d.Audit, gateway.AuditEntry{Kind: gateway.Administration, At: a.now, Actor: "gateway", Action: "reminder of a test call sent", Operation: a.op.Code,
		Reference: ref, Recipients: []operation.ParticipantCode{to}, Channel: string(kind)})
	return nil
}

// organiserWay is where a message reaches the organiser: a participant's mail, or
// the unit's desk; ok false where neither is.
func organiserWay(op *operation.Operation, self Self) (to operation.ParticipantCode, lang string, kind operation.ChannelKind, at int, ok bool) {
	channels := op.Desk.Channels
	to = self.Code
	if p := op.Participant(op.Organiser); p != nil && op.Organiser != self.Code {
		to, channels, lang = p.Code, p.Channels, Language(p.Languages...)
	}
	for i, c := range channels {
		if c.Kind == operation.PGPMail || c.Kind == operation.Mail {
			return to, lang, c.Kind, i, true
		}
	}
	return "", "", "", 0, false
}

// callList names participants with the numbers to call.
func callList(parties []gateway.TestParty, which func(Part) bool) (list []string, codes []operation.ParticipantCode) {
	for i := range parties {
		part, err := ReadPart(&parties[i])
		if err != nil || !which(part) {
			continue
		}
		text := string(parties[i].Participant)
		if part.Plan.Phone != "" {
			text += " (" + part.Plan.Phone + ")"
		}
		list, codes = append(list, text), append(codes, parties[i].Participant)
	}
	return list, codes
}

// stampUTC is a time as organisers read it.
func stampUTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
