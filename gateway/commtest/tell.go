package commtest

import (
	"context"
	"fmt"
	"strings"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Tell sends a participant what was found on its channels, in its language: over
// its first mail channel that can be opened there, else to its contact. It names
// codes and channels, and nothing of any form.
func (r *Runner) Tell(ctx context.Context, op *operation.Operation, run gateway.RunID, s Stand, by string) (reference string, err error) {
	p := op.Participant(s.Participant)
	kind, at, address, ok := tellWay(p, s)
	if !ok {
		return "", fmt.Errorf("%s has no mail channel and no contact with an address: call %s", p.Code, orDash(s.Plan.Phone))
	}
	lines := Findings(s, run)
	err = r.Record.Record(ctx, func(l gateway.Ledger) (*gateway.Decision, error) {
		d := &gateway.Decision{Operation: op.Code, Audit: []gateway.AuditEntry{{Kind: gateway.Administration, At: r.Now(), Actor: by, Action: "test findings sent",
			Operation: op.Code, Reference: string(run), Recipients: []operation.ParticipantCode{p.Code}}}}
		a := &advance{r: r, l: l, op: op, party: &gateway.TestParty{Run: run}, order: Order{Mode: "TEST"}, now: r.Now(), d: d}
		if err := a.notify(p.Code, kind, at, address, lines); err != nil {
			return nil, err
		}
		reference = d.Forms[0].Form.Reference
		return d, nil
	})
	return reference, err
}

// tellWay is where the findings reach the participant.
func tellWay(p *operation.Participant, s Stand) (kind operation.ChannelKind, at int, address string, ok bool) {
	for i, x := range s.Result.Cells {
		if x.Kind == operation.PGPMail && x.Way(There) >= Opened {
			return x.Kind, i, "", true
		}
	}
	if e := s.Plan.Contact.Email; e != "" && p.Reaches(e) {
		return operation.Mail, 0, e, true
	}
	for i, c := range p.Channels {
		if c.Kind == operation.PGPMail || c.Kind == operation.Mail {
			return c.Kind, i, "", true
		}
	}
	return "", 0, "", false
}

// Findings are a participant's findings in its language, a paragraph each.
func Findings(s Stand, run gateway.RunID) []string {
	lang := s.Plan.Lang
	lines := []string{say(lang, "tell-result", map[string]string{"run": string(run)})}
	tell := func(f Finding, channel string) {
		t := f.Tell(lang)
		lines = append(lines, "", strings.TrimSpace(string(f.Code)+" "+channel))
		for _, sentence := range []string{t.Seen, t.Means, t.Do + " (" + t.Who + ")"} {
			if strings.TrimSpace(sentence) != "" {
				lines = append(lines, sentence)
			}
		}
	}
	for _, x := range s.Result.Cells {
		for _, f := range x.Findings {
			tell(f, x.Name())
		}
	}
	if len(lines) == 1 {
		lines = append(lines, "", say(lang, "tell-well", nil))
	}
	return lines
}
