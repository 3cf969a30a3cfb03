package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"liaison/adapters/mail/mailtest"
	"liaison/crypto/openpgp"
	"liaison/gateway/simulator"
	"liaison/gateway/store"
)

// setUp writes a set-up into the folder and opens it.
func (b *flowBench) setUp(ctx context.Context) error {
	if b.Recipients < 1 || b.Recipients > recipientsMost {
		return wrongf("--recipients: from 1 to %d, since a form names no more", recipientsMost)
	}
	quiet := &app{ctx, streams{b.in, io.Discard, b.err}}
	if err := (initCmd{Dir: b.Dir, Code: "OCU", Address: benchAddress}).Run(quiet); err != nil {
		return err
	}
	gateway, err := readCertificates(filepath.Join(b.Dir, "keys/gateway.cert.asc"))
	if err != nil {
		return err
	}
	op := strings.Builder{}
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	fmt.Fprintf(&op, benchOperation, day(-20), day(-1), day(0), day(6), day(7), day(30))
	for i := -benchSenders; i < b.Recipients; i++ {
		code := fmt.Sprintf("R%02d", i)
		if i < 0 {
			code = fmt.Sprintf("S%d", i+benchSenders)
		}
		address := strings.ToLower(code) + "@bench.example"
		key, err := openpgp.Generate(openpgp.KeyOptions{Name: code, Address: "bench@bench.example", Created: time.Now().Add(-time.Hour), Expires: 365 * 24 * time.Hour})
		if err != nil {
			return err
		}
		if i < 0 {
			b.senders = append(b.senders, simulator.Participant{Code: code, Address: address, Key: key, To: benchAddress, Gateway: gateway[0]})
		}
		if err := writeNew(filepath.Join(b.Dir, "keys", code+".asc"), key.Certificate().Armored(), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&op, benchParticipant, code, address)
	}
	if err := errors.Join(b.configs(), os.WriteFile(filepath.Join(b.Dir, "secrets/mail"), []byte("bench\n"), 0o600),
		os.WriteFile(filepath.Join(b.Dir, "operations/operation.yaml"), []byte(op.String()), 0o600)); err != nil {
		return err
	}
	return b.open(ctx, quiet)
}

// configFile is where the nth gateway's configuration lies; all of them share the
// folder.
func (b *flowBench) configFile(n int) string {
	if n == 0 {
		return filepath.Join(b.Dir, "gateway.yaml")
	}
	return filepath.Join(b.Dir, fmt.Sprintf("gateway-%d.yaml", n+1))
}

// configs writes the configuration of each gateway.
func (b *flowBench) configs() error {
	dsn := b.Store
	if dsn == "" {
		dsn = "sqlite:data/liaison.db"
	}
	if b.In == "imap" {
		var err error
		if b.mails, err = mailtest.New(mailtest.Options{}); err != nil {
			return err
		}
		if err := b.mails.Add(benchAddress, "bench"); err != nil {
			return err
		}
	}
	for n := range max(1, b.Nodes) {
		in, metrics := "", ""
		if b.mails != nil {
			in = fmt.Sprintf("imap: {url: \"imap+insecure://%s\", username: %s, password_file: secrets/mail}", b.mails.IMAPAddr, benchAddress)
		} else {
			address, err := freeAddress()
			if err != nil {
				return err
			}
			b.lmtp = append(b.lmtp, address)
			in = fmt.Sprintf("lmtp: {listen: %q}", address)
		}
		if b.Nodes > 0 {
			address, err := freeAddress()
			if err != nil {
				return err
			}
			b.scrapes = append(b.scrapes, address)
			metrics = fmt.Sprintf("metrics: {listen: %q}\n", address)
		}
		if err := os.WriteFile(b.configFile(n), []byte(fmt.Sprintf(benchConfig, dsn, in, b.NextHop)+metrics), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// open fills the store and, where the gateway is to run in this process, makes it.
func (b *flowBench) open(ctx context.Context, quiet *app) error {
	s, err := (configFlag{Config: b.configFile(0)}).load()
	if err != nil {
		return err
	}
	s.opt.Log = slog.New(slog.NewTextHandler(b.err, &slog.HandlerOptions{Level: slog.LevelError}))
	st, err := s.serving(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(applyChanged(quiet, s, st, jsonFlag{}), confirmAll(ctx, st)); err != nil || b.Nodes > 0 {
		return errors.Join(err, st.Close())
	}
	b.node, err = newNode(ctx, s, st, st)
	return err
}

// confirmAll confirms the keys that the bench made.
func confirmAll(ctx context.Context, st *store.Store) error {
	keys, err := st.Keys(ctx, benchOp, "", "")
	if err != nil {
		return err
	}
	for _, k := range keys {
		if _, err := ring(st).Confirm(ctx, k.Operation, k.Participant, string(k.Fingerprint), "bench", "the bench made it"); err != nil {
			return err
		}
	}
	return nil
}

const benchConfig = `gateway:
  code: OCU
  address: ocu@gateway.example
  phone: "+000 000 000"
  key_files: [keys/gateway.asc]
store: %q
storage_key_file: secrets/storage
mail:
  %s
  smtp: {url: "smtp+insecure://%s"}
operations: [operations/*.yaml]
`

// benchOp is the operation of the benches.
const benchOp = "OP-BENCH"

const benchOperation = `operation: OP-BENCH
title: A measurement
organiser: S0
legal_basis: NAPLES2
phases:
  preparation: {from: %s, to: %s}
  operation:   {from: %s, to: %s}
  evaluation:  {from: %s, to: %s}
desk: {phone: "+000 000 000"}
participants:
`

const benchParticipant = `  - {code: %[1]s, country: LV, class: eu-member, authority: Customs, reference: BENCH, languages: [en], duty: {phone: "+000"},
     keys: [{file: ../keys/%[1]s.asc, role: shared}], addresses: [%[2]s], channels: [{kind: pgp-mail, address: %[2]s}]}
`
