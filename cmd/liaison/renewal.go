package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// renewal is a TLS certificate that is read again when its file changes, so that a
// renewed one serves without a restart. While the new files don't fit, as between
// the writing of one and the other, the old one goes on.
type renewal struct {
	cert, key string
	log       *slog.Logger

	mu   sync.Mutex // guards what follows
	pair *tls.Certificate
	made time.Time // of the certificate's file
}

func newRenewal(cert, key string, log *slog.Logger) (*renewal, error) {
	r := &renewal{cert: cert, key: key, log: log}
	info, err := os.Stat(cert)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", cert, key, err)
	}
	r.pair, r.made = &pair, info.ModTime()
	return r, nil
}

// current is the certificate for a connection that begins now.
func (r *renewal) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.cert)
	if err != nil || info.ModTime().Equal(r.made) {
		return r.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	if err != nil {
		r.log.Warn("the renewed TLS certificate can't be used yet", "file", r.cert, "error", err)
		return r.pair, nil
	}
	r.pair, r.made = &pair, info.ModTime()
	r.log.Info("TLS certificate renewed", "file", r.cert)
	return r.pair, nil
}
