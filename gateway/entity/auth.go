package entity

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
	"golang.org/x/net/publicsuffix"
)

// AuthResults is what our own mail server reported about the sender.
type AuthResults struct {
	DMARC string // "pass", "fail", "none", …; "" where not reported
	From  string // domain that DMARC was evaluated for
}

// AuthResults reads the topmost Authentication-Results field (RFC 8601). One
// of another authserv-id, or further down, may have been written by anybody.
func (r *Reading) AuthResults(authservID string) AuthResults {
	fields := r.Header.All("Authentication-Results")
	if len(fields) == 0 || authservID == "" {
		return AuthResults{}
	}
	id, results, err := authres.Parse(fields[0])
	id, _, _ = strings.Cut(strings.TrimSpace(id), " ")
	if err != nil || !strings.EqualFold(id, authservID) {
		return AuthResults{}
	}
	var out AuthResults
	for _, res := range results {
		if d, ok := res.(*authres.DMARCResult); ok {
			if out.DMARC != "" {
				return AuthResults{} // two verdicts: no verdict
			}
			out = AuthResults{DMARC: string(d.Value), From: strings.ToLower(d.From)}
		}
	}
	return out
}

// Aligned reports whether our own mail server found DMARC to pass for the
// domain of the one address in From.
func (r *Reading) Aligned(authservID string) bool {
	from := addresses(r.Header.From)
	if len(from) != 1 || len(r.Header.All("From")) != 1 {
		return false
	}
	a := r.AuthResults(authservID)
	_, domain, _ := strings.Cut(from[0], "@")
	return a.DMARC == "pass" && a.From != "" && (a.From == domain || sameOrganisation(a.From, domain))
}

func sameOrganisation(a, b string) bool {
	x, err1 := publicsuffix.EffectiveTLDPlusOne(a)
	y, err2 := publicsuffix.EffectiveTLDPlusOne(b)
	return err1 == nil && err2 == nil && x == y && (strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a))
}
