package commtest

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// Waived is a waiver as it was read back: what it says, and whether it holds.
type Waived struct {
	Participant operation.ParticipantCode `json:"participant"`
	Operation   operation.Code            `json:"operation"`
	Verdict     Verdict                   `json:"verdict"`
	Codes       []Code                    `json:"findings,omitempty"` // that it covers
	Reason      string                    `json:"reason"`
	Until       time.Time                 `json:"until"` // its last day
	On          time.Time                 `json:"on"`
	Signer      string                    `json:"signer,omitempty"` // fingerprint
	Holds       bool                      `json:"holds"`            // signed, in time, and covers all that is wrong
	Why         string                    `json:"why,omitempty"`    // not
}

const waiverTitle = "Waiver of the communications test"

// NewWaiver is what the organiser signs: which participant goes on although it
// isn't ready, what is known to be wrong, and why.
func NewWaiver(s Stand, op *operation.Operation, reason string, until, now time.Time) Waived {
	return Waived{Participant: s.Participant, Operation: op.Code, Verdict: s.Verdict, Codes: stopping(s), Reason: strings.Join(strings.Fields(reason), " "), Until: until, On: now}
}

// Statement is the text that is signed.
func (w Waived) Statement() []byte {
	var codes []string
	for _, c := range w.Codes {
		codes = append(codes, string(c))
	}
	return []byte(strings.Join([]string{waiverTitle,
		"operation: " + string(w.Operation), "participant: " + string(w.Participant), "verdict: " + string(w.Verdict),
		"findings: " + strings.Join(codes, " "), "reason: " + w.Reason,
		"until: " + w.Until.Format(time.DateOnly), "on: " + w.On.UTC().Format(time.RFC3339), ""}, "\n"))
}

// ReadWaiver reads a statement back.
func ReadWaiver(statement []byte) (Waived, error) {
	var w Waived
	fields := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(statement))
	for n := 0; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if n == 0 {
			if line != waiverTitle {
				return w, fmt.Errorf("this is no waiver: it begins with %q instead of %q", line, waiverTitle)
			}
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		fields[key] = strings.TrimSpace(value)
	}
	w.Operation, w.Participant, w.Verdict = operation.Code(fields["operation"]), operation.ParticipantCode(fields["participant"]), Verdict(fields["verdict"])
	for _, c := range strings.Fields(fields["findings"]) {
		w.Codes = append(w.Codes, Code(c))
	}
	w.Reason = fields["reason"]
	var err error
	if w.Until, err = time.Parse(time.DateOnly, fields["until"]); err != nil {
		return w, fmt.Errorf("the waiver's last day %q is no date", fields["until"])
	}
	if w.On, err = time.Parse(time.RFC3339, fields["on"]); err != nil {
		return w, fmt.Errorf("the waiver's time %q is none", fields["on"])
	}
	if w.Operation == "" || w.Participant == "" || w.Reason == "" {
		return w, fmt.Errorf("the waiver names no operation, participant or reason")
	}
	return w, nil
}

// Verify says who signed a waiver: the fingerprint of the organiser's key, or an
// error that says why it is nobody's.
type Verify func(statement, signature []byte) (signer string, err error)

// ReadWaivers reads recorded waivers back and verifies each signature anew.
func ReadWaivers(list []gateway.Waiver, verify Verify) []Waived {
	var out []Waived
	for _, r := range list {
		w, err := ReadWaiver(r.Statement)
		if err == nil {
			w.Signer, err = verify(r.Statement, r.Signature)
		}
		if err == nil && (w.Participant != r.Participant || w.Operation != r.Operation) {
			err = fmt.Errorf("it was signed for %s in %s, and stands in the record of %s in %s", w.Participant, w.Operation, r.Participant, r.Operation)
		}
		if w.Participant = r.Participant; err != nil {
			w.Why = err.Error()
		}
		out = append(out, w)
	}
	return out
}

// Over reports whether the waiver's last day has passed.
func (w Waived) Over(now time.Time) bool { return now.After(w.Until.AddDate(0, 0, 1)) }

// waived is the newest waiver of a participant, and whether it covers what is
// wrong now.
func (s Standing) waived(stand Stand) *Waived {
	for _, w := range slices.Backward(s.Waivers) {
		if w.Participant != stand.Participant {
			continue
		}
		var beyond []string
		for _, c := range stopping(stand) {
			if !slices.Contains(w.Codes, c) {
				beyond = append(beyond, string(c))
			}
		}
		switch {
		case w.Why != "":
		case w.Over(s.Now):
			w.Why = "it ended on " + w.Until.Format(time.DateOnly)
		case len(beyond) > 0:
			w.Why = "it was signed before this was found: " + strings.Join(beyond, " ")
		default:
			w.Holds = true
		}
		return &w
	}
	return nil
}

// stopping are the codes that stop a participant's channels.
func stopping(s Stand) []Code {
	var out []Code
	for _, x := range s.Result.Cells {
		for _, f := range x.Findings {
			if f.Stops && !slices.Contains(out, f.Code) {
				out = append(out, f.Code)
			}
		}
	}
	slices.Sort(out)
	return out
}
