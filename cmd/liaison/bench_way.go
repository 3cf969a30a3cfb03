package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway/simulator"
)

// way is how the latency bench's forms come to the gateway.
type way interface {
	// seal makes what submit sends of a text.
	seal(p simulator.Participant, text string) ([]byte, error)
	// submit hands an agent's form over; it returns when the gateway has taken it,
	// or the mailbox.
	submit(ctx context.Context, agent int, f sealedForm) error
	close()
}

// openWay opens what is between the senders and the gateway, and says in the bench
// what the gateway's configuration needs for it.
func (b *latencyBench) openWay(from string) (way, error) {
	if from == "websocket" {
		return &bySocket{b}, nil
	}
	h, err := openHop() // for the answers
	if err != nil {
		return nil, err
	}
	if from == "imap" {
		w := &byMailbox{hop: h}
		if w.server, err = mailtest.New(mailtest.Options{}); err == nil {
			err = w.server.Add(benchAddress, "bench")
		}
		b.mail = fmt.Sprintf("mail:\n  imap: {url: \"imap+insecure://%s\", username: %s, password_file: secrets/mail}\n  smtp: {url: \"smtp+insecure://%s\"}\n", w.server.IMAPAddr, benchAddress, h.address)
		secrets := filepath.Join(b.idleBench.Dir, "secrets")
		return w, errors.Join(err, os.MkdirAll(secrets, 0o700), os.WriteFile(filepath.Join(secrets, "mail"), []byte("bench\n"), 0o600))
	}
	w := &byLMTP{hop: h, lines: make(chan *lmtpLine, lmtpLines)}
	for range lmtpLines {
		w.lines <- nil
	}
	w.address, err = freeAddress()
	b.mail = fmt.Sprintf("mail:\n  lmtp: {listen: %q}\n  smtp: {url: \"smtp+insecure://%s\"}\n", w.address, h.address)
	return w, err
}

// benchEnvelope is the sender in the mails' envelopes.
const benchEnvelope = "relay@bench.example"

// bySocket is forms from agents.
type bySocket struct{ b *latencyBench }

func (bySocket) close() {}

func (bySocket) seal(p simulator.Participant, text string) ([]byte, error) {
	return p.Seal(text, time.Now())
}

func (w bySocket) submit(ctx context.Context, agent int, f sealedForm) error {
	answer, err := w.b.clients[agent].Submit(ctx, uuid.NewString(), f.message)
	if err == nil && answer.Reference != f.reference {
		err = fmt.Errorf("form %s was %s as %q", f.reference, answer.Verdict, answer.Reference)
	}
	return err
}

// byLMTP is mails that a mail server hands over.
type byLMTP struct {
	*hop
	address string
	lines   chan *lmtpLine
}

// lmtpLines is how many connections a mail server keeps to the gateway.
const lmtpLines = 8

func (w *byLMTP) close() {
	for range lmtpLines {
		(<-w.lines).close()
	}
	_ = w.hop.Close()
}

func (w *byLMTP) seal(p simulator.Participant, text string) ([]byte, error) {
	return p.Write(text, uuid.NewString()+"@bench.example", "", time.Now())
}

func (w *byLMTP) submit(ctx context.Context, _ int, f sealedForm) error {
	line := <-w.lines
	line, err := line.hand(ctx, w.address, benchEnvelope, f.message)
	w.lines <- line
	return err
}

// byMailbox is mails in the gateway's mailbox.
type byMailbox struct {
	*hop
	server *mailtest.Server
}

func (w *byMailbox) close() { _, _ = w.server.Close(), w.hop.Close() }

func (w *byMailbox) seal(p simulator.Participant, text string) ([]byte, error) {
	return p.Write(text, uuid.NewString()+"@bench.example", "", time.Now())
}

func (w *byMailbox) submit(_ context.Context, _ int, f sealedForm) error {
	return w.server.Deliver(benchEnvelope, benchAddress, f.message)
}
