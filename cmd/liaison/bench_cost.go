package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// flowCost is what one delivery costs a gateway beside what can't be avoided, in
// microseconds of CPU.
type flowCost struct {
	EachUS     float64 `json:"cpu_each_us"`      // all that the gateways used, for each delivery
	CryptoUS   float64 `json:"cpu_crypto_us"`    // the primitives of opening and sealing
	DialogueUS float64 `json:"cpu_dialogue_us"`  // handing the same mail to the same next hop by the library alone, and nothing else
	WholeUS    float64 `json:"cpu_whole_us"`     // the same, the mail written at once, as the gateway does
	Ratio      float64 `json:"cpu_to_library"`   // each / (crypto + dialogue)
	Least      float64 `json:"cpu_to_the_least"` // each / (crypto + whole)
}

// Repetitions that a cost is the mean of.
const (
	costRounds = 500
	costMails  = 5000
)

// cost compares what the gateways used with the least.
func (b *flowBench) cost(ctx context.Context, l flowLoad, busy time.Duration) (*flowCost, error) {
	bare, err := newPrimitives()
	if err != nil {
		return nil, err
	}
	mail := benchMail(b.mailBytes)
	plaintext := make([]byte, base64.StdEncoding.DecodedLen(len(mail))) // what is sealed in a mail of that length
	began := cpuTime()
	for range costRounds {
		bare.floor(plaintext, l.recipients)
	}
	us := func(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1000 / float64(n) }
	k := &flowCost{EachUS: us(busy, l.forms*l.recipients), CryptoUS: us(cpuTime()-began, costRounds*l.recipients)}
	for _, way := range []struct {
		whole bool
		us    *float64
	}{{false, &k.DialogueUS}, {true, &k.WholeUS}} {
		began = cpuTime()
		if err := dialogue(ctx, b.NextHop, mail, way.whole); err != nil {
			return nil, fmt.Errorf("hand mails to %s: %w", b.NextHop, err)
		}
		*way.us = us(cpuTime()-began, costMails)
	}
	k.Ratio, k.Least = k.EachUS/(k.CryptoUS+k.DialogueUS), k.EachUS/(k.CryptoUS+k.WholeUS)
	return k, nil
}

// benchMail is a mail of about so many bytes whose body is base64.
func benchMail(size int) []byte {
	var b strings.Builder
	b.WriteString("From: ocu@gateway.example\r\nTo: r00@bench.example\r\nSubject: OP-BENCH\r\n\r\n")
	var line [48]byte
	for b.Len() < size {
		_, _ = rand.Read(line[:]) // never fails (since Go 1.24)
		b.WriteString(base64.StdEncoding.EncodeToString(line[:]) + "\r\n")
	}
	return []byte(b.String())
}

// dialogue hands one mail over again and again, over one connection and by the
// library that the gateway uses; whole writes the mail below the library, at once.
func dialogue(ctx context.Context, address string, mail []byte, whole bool) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := smtp.NewClient(conn)
	if err := c.Hello("mx.bench.example"); err != nil {
		return err
	}
	for range costMails {
		if err := c.Mail("ocu@gateway.example", nil); err != nil {
			return err
		}
		if err := c.Rcpt("r00@bench.example", nil); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		if whole {
			_, err = conn.Write(bytes.TrimSuffix(mail, []byte("\r\n"))) // the library ends the line
		} else {
			_, err = w.Write(mail)
		}
		if err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return c.Quit()
}
