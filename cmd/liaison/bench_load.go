package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/gateway/entity"
	"liaison/gateway/simulator"
)

// generate hands the mails over, over a few connections at once, each mail
// again until it is taken.
func (b *flowBench) generate(ctx context.Context, l flowLoad) error {
	file := make([]byte, l.attach)
	if _, err := rand.Read(file); err != nil {
		return err
	}
	const generators = 4
	var made atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for g := range generators {
		group.Go(func() error {
			var line *lmtpLine
			defer func() { line.close() }()
			for made.Add(1) <= int64(l.forms) {
				n := b.next.Add(1)
				raw, err := b.mail(n, l.recipients, file)
				if err != nil {
					return err
				}
				if n == 1 {
					b.mailBytes = len(raw)
				}
				if b.mails != nil {
					if err := b.mails.Deliver(b.sender(n).Address, benchAddress, raw); err != nil {
						return err
					}
					continue
				}
				if line, err = line.hand(ctx, b.lmtp[g%len(b.lmtp)], b.sender(n).Address, raw); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// freeText is words of so many bytes.
func freeText(bytes int) string { return strings.TrimSpace(strings.Repeat("seized ", bytes/7)) }

// benchSenders write by turns: the answers to one wait for one another.
const benchSenders = 4

func (b *flowBench) sender(n int64) simulator.Participant { return b.senders[n%benchSenders] }

// recipient is the nth form's ith: forms with fewer recipients than there are take
// turns with them.
func (b *flowBench) recipient(n int64, i int) string {
	return fmt.Sprintf("R%02d", (int(n)+i)%b.Recipients)
}

// recipientsMost is how many recipients a form can name: a box holds 99 values.
const recipientsMost = 99

// mail is the nth form, to so many recipients, with a file.
func (b *flowBench) mail(n int64, recipients int, file []byte) ([]byte, error) {
	var to []string
	for i := range recipients {
		to = append(to, b.recipient(n, i))
	}
	text := fmt.Sprintf("A1: [SEZ]\nA4: [%s-BENCH-2026-%06d]\nA7: [%s]\nB1: [%s]\nB3: [LV]\nC1: [TOBA]\nC2: [Cigarettes]\nC4: [%d]\nC5: [H87]\nC14: [SEZ]\nH1: [%s]\n",
		b.sender(n).Code, n, strings.Join(to, ", "), time.Now().Format(time.DateOnly), n, freeText(b.Bytes))
	var files []entity.Attachment
	if len(file) > 0 {
		files = []entity.Attachment{{Name: "photo.jpg", Type: "image/jpeg", Content: file}}
		text += fmt.Sprintf("A22: [photo.jpg;%d;%x]\n", len(file), sha256.Sum256(file))
	}
	return b.sender(n).Write(text, fmt.Sprintf("%d@bench.example", n), "", time.Now(), files...)
}
