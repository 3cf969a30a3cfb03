package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

type checkCmd struct {
	configFlag
	jsonFlag
	Offline bool `help:"Don't log in to the mail servers."`
}

func (checkCmd) Help() string {
	return "Finds everything that can be found wrong before starting: configuration, operations, keys on every day, certificates, mail log-in. It changes nothing.\n" +
		"Example: liaison check -c gateway.yaml\nTo judge the recorded keys alone, see \"liaison key check\"; a single form, \"liaison form check\"."
}

// finding is one thing that check found. Errors stop an operation; warnings are
// for a person to judge.
type finding struct {
	Severity string `json:"severity"` // error · warning · fine
	Where    string `json:"where"`
	Message  string `json:"message"`
}

// checker collects what is found, and says it as it is found.
type checker struct {
	*app
	jsonFlag
	s      *setup
	files  map[string]*operation.Operation
	ops    []*operation.Operation   // of the files, by code
	judged map[gateway.Holding]bool // certificates of the files, whatever came of it
	errors int
	next   string // command
}

const (
	fine    = "fine"
	warning = "warning"
	failure = "error"
)

func (c *checker) found(severity, where, format string, args ...any) {
	f := finding{severity, where, fmt.Sprintf(format, args...)}
	if severity == failure {
		c.errors++
	}
	c.fact(c.app, f, "%-8s %s: %s", f.Severity, f.Where, f.Message)
}

func (c checkCmd) Run(a *app) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	k := &checker{app: a, jsonFlag: c.jsonFlag, s: s, judged: map[gateway.Holding]bool{}, next: "serve"}
	k.found(fine, c.Config, "every key is known and every value is of its kind")
	if err := k.operations(); err != nil {
		return err
	}
	k.channels()
	k.gatewayKeys()
	k.participantKeys()
	k.record()
	k.socket()
	if !c.Offline {
		k.mail()
	}
	if k.errors > 0 {
		return wrongf("%s; see above", plural(k.errors, "error", "errors"))
	}
	c.say(a, "No errors. Next: liaison %s%s", k.next, c.option())
	return nil
}

func (c *checker) operations() error {
	files, problems, err := c.s.readOperations()
	if err != nil {
		return err
	}
	c.files = files
	for _, op := range files {
		c.ops = append(c.ops, op)
	}
	slices.SortFunc(c.ops, func(a, b *operation.Operation) int { return strings.Compare(string(a.Code), string(b.Code)) })
	for _, p := range append(problems, operation.Overlaps(c.ops)...) {
		where := p.File
		if p.Line > 0 {
			where = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		c.found(p.Severity, where, "%s", p.Message)
	}
	if len(c.ops) == 0 && len(problems) == 0 {
		c.found(warning, "operations", "there is no operation file yet")
	}
	return nil
}

// channels reports those that the operations name and gateway.yaml doesn't serve.
func (c *checker) channels() {
	for _, op := range c.ops {
		c.served(op, "the desk", op.Desk.Channels)
		for _, p := range op.Participants {
			if string(p.Code) != c.s.config.Gateway.Code {
				c.served(op, string(p.Code), p.Channels)
			}
		}
	}
}

func (c *checker) served(op *operation.Operation, whose string, channels []operation.Channel) {
	m := c.s.config.Mail
	for _, ch := range channels {
		missing := ""
		switch {
		case ch.Kind == operation.WebSocket && c.s.config.WebSocket.Listen == "":
			missing = "websocket section"
		case ch.Kind != operation.Mail && ch.Kind != operation.PGPMail:
		case m.SMTP.URL == "" && m.IMAP.URL == "" && m.LMTP.Listen == "":
			missing = "mail section"
		case m.SMTP.URL == "":
			missing = "mail.smtp, by which mail goes out"
		case m.IMAP.URL == "" && m.LMTP.Listen == "":
			missing = "mail.imap or mail.lmtp, by which mail comes in"
		}
		if missing != "" {
			c.found(failure, string(op.Code), "%s has a %s channel, but gateway.yaml has no %s; add it, or name another channel", whose, ch.Kind, missing)
		}
	}
}

// lasts reports on a certificate that stops serving before an operation ends.
func (c *checker) lasts(where, whose string, cert *openpgp.Certificate, op *operation.Operation) {
	now := time.Now()
	for _, purpose := range []openpgp.Purpose{openpgp.Encryption, openpgp.Signing} {
		if err := cert.Valid(purpose, now); err != nil {
			c.found(failure, where, "%s can't be used for %s today: %v", whose, purpose, err)
			continue
		}
		if end, forever := cert.ValidUntil(purpose, now); !forever && end.Before(op.End()) {
			c.found(failure, where, "%s stops serving for %s on %s, before %s ends on %s; ask for a renewed one",
				whose, purpose, end.UTC().Format(time.DateOnly), op.Code, op.Phases.Evaluation.To.Format(time.DateOnly))
		}
	}
}

func (c *checker) gatewayKeys() {
	for _, k := range c.s.keys {
		cert := k.Certificate()
		whose := "the gateway's key " + cert.Fingerprint().Grouped()
		before := c.errors
		for _, op := range c.ops {
			c.lasts("gateway.key_files", whose, cert, op)
		}
		if c.errors == before {
			c.found(fine, "gateway.key_files", "%s serves until the last operation ends", whose)
		}
	}
}

func (c *checker) participantKeys() {
	for file, op := range c.files {
		for _, p := range op.Participants {
			for _, k := range p.Keys {
				certs, err := readCertificates(beside(file, k.File))
				if err != nil {
					c.found(failure, string(op.Code), "%s: %v", p.Code, err)
					continue
				}
				for _, cert := range certs {
					c.judged[gateway.Holding{Operation: op.Code, Participant: p.Code, Fingerprint: cert.Fingerprint()}] = true
					c.lasts(string(op.Code), fmt.Sprintf("%s: certificate %s", p.Code, cert.Fingerprint().Grouped()), cert, op)
				}
			}
		}
	}
}

// record asks the store, where there is one yet, whether the storage key opens it,
// which keys nobody confirmed and which don't last.
func (c *checker) record() {
	path, ok := strings.CutPrefix(c.s.dsn, "sqlite:")
	if _, err := os.Stat(path); ok && errors.Is(err, fs.ErrNotExist) {
		c.next = "operation apply"
		c.found(warning, "store", "nothing is recorded yet; \"liaison operation apply\" puts the operations into it")
		return
	}
	st, err := store.OpenReader(c.ctx, c.s.dsn, c.s.opt)
	if err != nil {
		c.found(failure, "store", "%v", err)
		return
	}
	defer st.Close()
	for _, op := range c.ops {
		if err := c.recorded(st, op); err != nil {
			c.found(failure, "store", "%v", err)
			return
		}
	}
	if err := st.CheckKey(c.ctx); err != nil {
		c.found(failure, "store", "%v; put the key back that it was made with, from its backup", err)
		return
	}
	c.found(fine, "store", "it opens with this storage key")
}

// recorded judges an operation's certificates of the record, those that stand in no
// file among them. One that another, confirmed as well, outlasts is a warning.
func (c *checker) recorded(st *store.Store, op *operation.Operation) error {
	keys, err := st.Keys(c.ctx, op.Code, "", "")
	if err != nil {
		return err
	}
	problems, err := ring(st).Check(c.ctx, op.Code, time.Now(), op.End())
	if err != nil {
		return err
	}
	for _, p := range problems {
		outlasted := slices.ContainsFunc(keys, func(k gateway.KeyRecord) bool {
			return k.State == gateway.KeyConfirmed && k.Participant == p.Participant && !slices.ContainsFunc(problems, func(o keyring.Problem) bool {
				return o.Participant == k.Participant && o.Fingerprint == k.Fingerprint && o.Purpose == p.Purpose
			})
		})
		severity := failure
		switch {
		case p.Reason == "unconfirmed":
			severity, c.next = warning, "key list"
		case c.judged[gateway.Holding{Operation: p.Operation, Participant: p.Participant, Fingerprint: p.Fingerprint}]:
			continue // said already, of its file
		case outlasted || p.State != gateway.KeyConfirmed:
			severity = warning
		}
		c.found(severity, string(op.Code), "%s", p)
	}
	return nil
}

// socket checks the channel's TLS certificate for every host that participants
// dial, until the last operation ends.
func (c *checker) socket() {
	w := c.s.config.WebSocket
	if w.TLSCertFile == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(c.s.config.Path(w.TLSCertFile), c.s.config.Path(w.TLSKeyFile))
	if err != nil {
		c.found(failure, "websocket.tls_cert_file", "%v", err)
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		c.found(failure, "websocket.tls_cert_file", "%v", err)
		return
	}
	before := c.errors
	for _, host := range w.Hosts {
		if err := leaf.VerifyHostname(host); err != nil {
			c.found(failure, "websocket.tls_cert_file", "participants dial %s: %v", host, err)
		}
	}
	for _, op := range c.ops {
		if leaf.NotAfter.Before(op.End()) {
			c.found(warning, "websocket.tls_cert_file", "the certificate ends on %s, before %s does; renew it in time", leaf.NotAfter.Format(time.DateOnly), op.Code)
		}
	}
	if c.errors == before {
		c.found(fine, "websocket.tls_cert_file", "valid for %s until %s", strings.Join(w.Hosts, ", "), leaf.NotAfter.Format(time.DateOnly))
	}
}

// mailPatience bounds the log-ins.
const mailPatience = time.Minute

func (c *checker) mail() {
	adapter, err := newMail(c.s, nil, time.Time{}, nil) // it only logs in: no position is asked for
	if err != nil {
		c.found(failure, "mail", "%v", err)
		return
	}
	if adapter == nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, mailPatience)
	defer cancel()
	if err := adapter.Check(ctx); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			c.found(failure, "mail", "%s", line)
		}
		return
	}
	c.found(fine, "mail", "log-in to the mailbox and to the submission server works")
}
