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

// AuthResults reads what the server of this authserv-id reported (RFC 8601). Fields
// of other servers are passed over: an inner server may have added one later, and
// what anybody else wrote says nothing to us. Of those with our id the topmost counts,
// since fields are put on top: a forged one lies below the real one, if our server let
// it through at all (section 5). Where two of them say different things, it does let
// forgeries through, and none is believed.
func (r *Reading) AuthResults(authservID string) AuthResults {
	var out AuthResults
	met := false
	for _, field := range r.Header.All("Authentication-Results") {
		if authservID == "" || !strings.EqualFold(authserv(field), authservID) {
			continue
		}
		found, ok := dmarcIn(field)
		switch {
		case !ok:
			return AuthResults{}
		case !met:
			met, out = true, found
		case found.DMARC != "" && found != out:
			return AuthResults{}
		}
	}
	return out
}

// authserv is the id of the server that a field says it is by.
func authserv(field string) string {
	id, _, _ := strings.Cut(quotedText.ReplaceAllString(field, " "), ";")
	id, _, _ = strings.Cut(strings.TrimSpace(id), " ")
	return id
}

// dmarcIn is the one DMARC result in a field; not ok where there are two, or where
// the field can't be read.
func dmarcIn(field string) (out AuthResults, ok bool) {
	_, results, err := authres.Parse(field)
	if err != nil {
		return AuthResults{}, false
	}
	for _, res := range results {
		if d, is := res.(*authres.DMARCResult); is {
			if out.DMARC != "" {
				return AuthResults{}, false
			}
			out = AuthResults{DMARC: string(d.Value), From: strings.ToLower(d.From)}
		}
	}
	return out, true
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
