package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// newTests wires the communications tests on a store.
func newTests(s *setup, st *store.Store) *commtest.Runner {
	return &commtest.Runner{Self: self(s), Clock: st, Record: st, Survey: &surveyor{s: s, domains: map[string]domainFact{}}, Now: s.now, Log: s.opt.Log}
}

// self is the unit that tests.
func self(s *setup) commtest.Self {
	return commtest.Self{Code: operation.ParticipantCode(s.config.Gateway.Code), Address: s.config.Gateway.Address,
		Fingerprint: string(s.keys[0].Certificate().Fingerprint()), Phone: s.config.Gateway.Phone}
}

// surveyor tries what can be reached before a test call leaves. It asks our own
// servers at most once a minute, and each mail domain once.
type surveyor struct {
	s *setup

	mu      sync.Mutex // guards the rest; held while something is tried, so that it is tried once
	tried   time.Time
	servers []gateway.ReachFact
	domains map[string]domainFact
	deaf    time.Time // until when the resolver isn't asked: it didn't answer
}

type domainFact struct {
	known, ok bool
	detail    string
}

// How long what was tried is believed, and how long each try may take.
const (
	serversFor  = time.Minute
	serversWait = 15 * time.Second
	resolveWait = 2 * time.Second
	deafFor     = 10 * time.Minute
)

// Reach implements commtest.Surveyor.
func (v *surveyor) Reach(ctx context.Context, op *operation.Operation, p *operation.Participant) []gateway.ReachFact {
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.tried) > serversFor {
		v.servers, v.tried = append(v.mail(ctx), v.socket()...), time.Now()
	}
	facts := slices.Clone(v.servers)
	for i, ch := range p.Channels {
		switch ch.Kind {
		case operation.PGPMail, operation.Mail:
			facts = append(facts, v.address(ctx, i, ch.Address)...)
		}
	}
	return facts
}

// mail tries our own mail servers: connection, TLS, log-in.
func (v *surveyor) mail(ctx context.Context) []gateway.ReachFact {
	fact := gateway.ReachFact{At: -1, Kind: "mail"}
	var facts []gateway.ReachFact
	var mu sync.Mutex
	probe := *v.s
	probe.tlsSeen = func(host string, until time.Time) {
		mu.Lock()
		defer mu.Unlock()
		f := fact
		f.What, f.OK, f.Until, f.Detail = "tls", true, until.UTC(), fmt.Sprintf("%s: certificate until %s", host, until.UTC().Format(time.DateOnly))
		facts = append(facts, f)
	}
	adapter, err := newMail(&probe, nil, time.Time{}, nil)
	if err != nil || adapter == nil {
		fact.What, fact.Detail = "tcp", "no mail server is set up"
		return []gateway.ReachFact{fact}
	}
	ctx, stop := context.WithTimeout(ctx, serversWait)
	defer stop()
	err = adapter.Check(ctx)
	mu.Lock()
	defer mu.Unlock()
	if err == nil {
		fact.What, fact.OK, fact.Detail = "log-in", true, "log-in to our mail servers works"
		return append(facts, fact)
	}
	fact.What, fact.Detail = trouble(err), strings.Join(strings.Fields(err.Error()), " ")
	return append(facts, fact)
}

// trouble says at which step a server failed.
func trouble(err error) string {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var network net.Error
	switch {
	case errors.As(err, &certificate), errors.As(err, &record):
		return "tls"
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return "tcp"
	}
	return "log-in"
}

// socket says whether our own end of the WebSocket channel can be dialled.
func (v *surveyor) socket() []gateway.ReachFact {
	w := v.s.config.WebSocket
	fact := gateway.ReachFact{At: -1, Kind: "websocket", What: "listener", OK: w.Listen != "", Detail: "the channel listens on " + w.Listen}
	if !fact.OK {
		fact.Detail = "the WebSocket channel is not set up"
	}
	if w.TLSCertFile == "" {
		return []gateway.ReachFact{fact}
	}
	secure := gateway.ReachFact{At: -1, Kind: "websocket", What: "tls", OK: true}
	pair, err := tls.LoadX509KeyPair(v.s.config.Path(w.TLSCertFile), v.s.config.Path(w.TLSKeyFile))
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err != nil {
		secure.OK, secure.Detail = false, err.Error()
		return []gateway.ReachFact{fact, secure}
	}
	secure.Until, secure.Detail = leaf.NotAfter.UTC(), "certificate until "+leaf.NotAfter.UTC().Format(time.DateOnly)
	for _, host := range w.Hosts {
		if err := leaf.VerifyHostname(host); err != nil {
			secure.OK, secure.Detail = false, err.Error()
		}
	}
	if time.Now().After(leaf.NotAfter) {
		secure.OK = false
	}
	return []gateway.ReachFact{fact, secure}
}

// address judges an address, and its domain where a resolver knows.
func (v *surveyor) address(ctx context.Context, at int, address string) []gateway.ReachFact {
	fact := gateway.ReachFact{At: at, What: "address", OK: true, Detail: address}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		fact.OK, fact.Detail = false, address+" can't be read as an address"
		return []gateway.ReachFact{fact}
	}
	_, domain, _ := strings.Cut(address, "@")
	d := v.domain(ctx, strings.ToLower(domain))
	if !d.known {
		return []gateway.ReachFact{fact}
	}
	return []gateway.ReachFact{fact, {At: at, What: "dns", OK: d.ok, Detail: d.detail}}
}

// Domains that no resolver knows (RFC 2606, RFC 6761).
var unresolved = []string{"example", "test", "invalid", "localhost", "local", "internal"}

func (v *surveyor) domain(ctx context.Context, domain string) domainFact {
	if d, ok := v.domains[domain]; ok {
		return d
	}
	labels := strings.Split(domain, ".")
	if slices.Contains(unresolved, labels[len(labels)-1]) || time.Now().Before(v.deaf) {
		return domainFact{}
	}
	ctx, stop := context.WithTimeout(ctx, resolveWait)
	defer stop()
	list, err := net.DefaultResolver.LookupMX(ctx, domain)
	var no *net.DNSError
	d := domainFact{known: true, ok: true}
	switch {
	case err == nil && len(list) > 0 && list[0].Host == ".":
		d.ok, d.detail = false, domain+" takes no mail (null MX)"
	case err == nil && len(list) > 0:
		d.detail = domain + " has the mail server " + list[0].Host
	case errors.As(err, &no) && no.IsNotFound:
		_, err = net.DefaultResolver.LookupHost(ctx, domain) // a host takes mail without naming a server (RFC 5321, section 5.1)
		if d.ok, d.detail = err == nil, domain+" takes mail itself"; !d.ok {
			d.detail = "no mail server is known for " + domain
		}
	default:
		v.deaf = time.Now().Add(deafFor) // no resolver here; mail finds its way by our own server
		return domainFact{}
	}
	v.domains[domain] = d
	return d
}
