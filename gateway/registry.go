package gateway

import (
	"context"
	"slices"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
	"liaison/gateway/operation"
)

// registry answers one examination's questions from the key ring and the
// operations in force. It remembers the first error of the key ring, because
// "cannot look up" is our fault and must not become "unknown signer".
type registry struct {
	ctx  context.Context
	ring Keyring
	own  []*openpgp.SecretKey // the gateway's: its own mail that comes back is known as such
	*inForce
	held map[openpgp.Fingerprint][]Holding // looked up already
	err  error
}

func (g *Gateway) registry(ctx context.Context) (*registry, error) {
	f, err := g.inForce(ctx)
	if err != nil {
		return nil, err
	}
	return &registry{ctx: ctx, ring: g.opt.Ring, own: g.opt.Keys, inForce: f, held: make(map[openpgp.Fingerprint][]Holding)}, nil
}

func (r *registry) Signers(keyID uint64, fp openpgp.Fingerprint) []*openpgp.Certificate {
	certs, err := r.ring.Signers(r.ctx, keyID, fp)
	r.note(err)
	for _, k := range r.own {
		if c := k.Certificate(); slices.Contains(c.KeyIDs(), keyID) || c.Fingerprint() == fp {
			certs = append(slices.Clone(certs), c)
		}
	}
	return certs
}

func (r *registry) note(err error) {
	if err != nil && r.err == nil {
		r.err = err
	}
}

// holdings are who registered a certificate, without those that blocked it and
// without operations that are closed.
func (r *registry) holdings(fp openpgp.Fingerprint) []Holding {
	if live, ok := r.held[fp]; ok {
		return live
	}
	all, err := r.ring.Holdings(r.ctx, fp)
	r.note(err)
	var live []Holding
	for _, h := range all {
		if op := r.ops[h.Operation]; h.State != KeyBlocked && op != nil && op.Participant(h.Participant) != nil {
			live = append(live, h)
		}
	}
	r.held[fp] = live
	return live
}

// Owner names the participant that registered the certificate and under whose
// registered addresses all of from stand.
func (r *registry) Owner(fp openpgp.Fingerprint, from []string) (string, bool) {
	owner := ""
	for _, h := range r.holdings(fp) {
		p := r.ops[h.Operation].Participant(h.Participant)
		if ownsAll(p, from) {
			return string(h.Participant), true
		}
		owner = string(h.Participant)
	}
	return owner, false
}

func ownsAll(p *operation.Participant, from []string) bool {
	for _, address := range from {
		if !owns(p, address) {
			return false
		}
	}
	return len(from) > 0
}

// owns reports whether an address is registered, in whichever form its domain was
// written down.
func owns(p *operation.Participant, address string) bool {
	return p.Owns(address) || p.Owns(entity.Readable(address))
}

// place finds operation and participant by the signer's certificate; code is
// the operation that the form names, "" for none.
func (r *registry) place(fp openpgp.Fingerprint, code string) (*operation.Operation, *operation.Participant) {
	var found []Holding
	for _, h := range r.holdings(fp) {
		if code == "" || string(h.Operation) == code {
			found = append(found, h)
		}
	}
	if len(found) != 1 {
		return nil, nil
	}
	op := r.ops[found[0].Operation]
	return op, op.Participant(found[0].Participant)
}

// placeAddress finds operation and participant by a registered address.
func (r *registry) placeAddress(address, code string) (*operation.Operation, *operation.Participant) {
	var found seat
	for _, s := range r.registered(address) {
		switch {
		case code != "" && string(s.op.Code) != code || s == found:
		case found.who != nil:
			return nil, nil
		default:
			found = s
		}
	}
	return found.op, found.who
}

// Claimed names the participant under one of whose registered addresses the From
// field of a header stands, "" where there is none or it can't be looked up: it
// says whose turn a mail takes, and proves nothing.
func (g *Gateway) Claimed(ctx context.Context, header []byte) string {
	f, err := g.inForce(ctx)
	if err != nil {
		return ""
	}
	claimed := ""
	for _, from := range entity.From(header) {
		for _, s := range f.registered(from.Addr) {
			if code := string(s.who.Code); claimed == "" || code < claimed {
				claimed = code
			}
		}
	}
	return claimed
}

// state is the certificate's state in one operation.
func (r *registry) state(op operation.Code, p operation.ParticipantCode, fp openpgp.Fingerprint) KeyState {
	for _, h := range r.holdings(fp) {
		if h.Operation == op && h.Participant == p {
			return h.State
		}
	}
	return KeyBlocked
}
