package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"liaison/crypto/openpgp"
)

type benchFanoutCmd struct {
	jsonFlag
	Recipients []int  `help:"So many recipients, one row each." default:"1,10,30,99"`
	Sizes      []int  `help:"Bytes of a form with its files, one row each." default:"4096,102400,1048576,10485760"`
	Most       int64  `help:"Rows that send more bytes than this are sealed and not delivered." default:"4294967296"`
	Dir        string `help:"Folder on the disk to measure; a temporary one where none is named." type:"path"`
	SVG        string `help:"Draw a picture into this file." type:"path"`
}

func (benchFanoutCmd) Help() string {
	return "One form to many recipients, by their number and its size: sealing it for each, alone; and through a whole gateway to the record that the next hop has it for all of them, with full durability.\nExample: liaison bench fanout --svg fanout.svg"
}

// fanoutResult is one row.
type fanoutResult struct {
	Recipients  int     `json:"recipients"`
	Bytes       int     `json:"bytes"`
	SealMS      float64 `json:"seal_ms"`       // sign and encrypt once, key packets and body for each
	SealedBytes int64   `json:"sealed_bytes"`  // of all messages
	DeliverMS   float64 `json:"deliver_ms"`    // a form, from the offer to the last hand-over; 0: not delivered
	MailBytes   int64   `json:"mail_bytes"`    // of all mails, as sent
	EachMS      float64 `json:"each_ms"`       // a recipient
	MBPerSecond float64 `json:"mb_per_second"` // of mails
}

func (c benchFanoutCmd) Run(a *app) error {
	dir, remove, err := benchFolder(c.Dir)
	if err != nil {
		return err
	}
	defer remove()
	c.Dir = dir
	fsync, err := fsyncTime(c.Dir)
	if err != nil {
		return err
	}
	most := 0
	for _, n := range c.Recipients {
		most = max(most, n)
	}
	b := &flowBench{app: a, benchFlowCmd: benchFlowCmd{jsonFlag: jsonFlag{JSON: true}, Recipients: most, Bytes: 100, In: "lmtp", Dir: c.Dir}}
	c.say(a, "%s; fsync of 4 KiB %d µs; the gateway, the generator and the next hop share one process", machine(), fsync.Microseconds())
	c.say(a, "     bytes  recipients  seal, ms  sealed bytes  delivered, ms    mail bytes  ms each  MB a second")
	var rows []fanoutResult
	err = b.within(func(ctx context.Context) error {
		keys, err := benchKeys(4, most)
		if err != nil {
			return err
		}
		for _, size := range c.Sizes {
			for _, n := range c.Recipients {
				r, err := c.row(ctx, b, keys, n, size)
				if err != nil {
					return err
				}
				c.fact(a, r, "%10d  %10d  %8.2f  %12d  %13.1f  %12d  %7.2f  %11.1f", r.Bytes, r.Recipients, r.SealMS, r.SealedBytes, r.DeliverMS, r.MailBytes, r.EachMS, r.MBPerSecond)
				rows = append(rows, r)
			}
		}
		return nil
	})
	if err != nil || c.SVG == "" {
		return err
	}
	return c.draw(rows)
}

// row measures one number of recipients and one size.
func (c benchFanoutCmd) row(ctx context.Context, b *flowBench, keys *sealKeys, n, size int) (fanoutResult, error) {
	r := fanoutResult{Recipients: n, Bytes: size}
	took, sealed, err := keys.fanOut(size, n)
	if err != nil {
		return r, err
	}
	r.SealMS, r.SealedBytes = float64(took.Microseconds())/1000, sealed
	l := flowLoad{recipients: n, attach: max(0, size-fanoutForm)}
	if l.forms = fanoutForms(n, size); int64(l.forms)*sealed*3/2 > c.Most {
		return r, nil
	}
	sent := b.hop.bytes.Load()
	if took, err = b.relay(ctx, l); err != nil {
		return r, err
	}
	r.DeliverMS = float64(took.Microseconds()) / 1000 / float64(l.forms)
	r.MailBytes = (b.hop.bytes.Load() - sent) / int64(l.forms)
	r.EachMS, r.MBPerSecond = r.DeliverMS/float64(n), float64(r.MailBytes)/1e3/r.DeliverMS
	return r, nil
}

// fanoutForm is about what a form takes without a file.
const fanoutForm = 3 << 10

// fanoutForms is how many forms a row is the mean of: of small ones many, so that
// the next may be accepted while the last is delivered.
func fanoutForms(recipients, size int) int {
	return max(1, min(200, 128<<20/(recipients*size), 6000/recipients))
}

// fanOut is how long sealing a form for each of the first n recipients takes, and
// the messages' length in all.
func (k *sealKeys) fanOut(size, n int) (least time.Duration, sealed int64, err error) {
	plaintext := make([]byte, size)
	if _, err := rand.Read(plaintext); err != nil {
		return 0, 0, err
	}
	for began, i := time.Now(), 0; i < 3 || time.Since(began) < 500*time.Millisecond; i++ {
		one := time.Now()
		s, err := openpgp.Seal(plaintext, k.gateway, openpgp.SealedFormat(k.recipients[:n]...), one)
		if err != nil {
			return 0, 0, err
		}
		sealed = 0
		for _, r := range k.recipients[:n] {
			message, err := s.For(r)
			if err != nil {
				return 0, 0, err
			}
			sealed += int64(len(message))
		}
		if took := time.Since(one); least == 0 || took < least {
			least = took
		}
	}
	return least, sealed, nil
}

func (c benchFanoutCmd) draw(rows []fanoutResult) error {
	byRecipients := chart{title: "Sealing one form, by recipients", x: "recipients", y: "milliseconds", note: machine(), scale: logarithmic}
	bySize := chart{title: "From the offer to the last hand-over, by size", x: "form with its files", y: "milliseconds a form", note: machine() + ", full durability; many forms under way at once", scale: logarithmic, say: sizeText}
	for _, size := range c.Sizes {
		line := curve{name: sizeText(float64(size))}
		for _, r := range rows {
			if r.Bytes == size {
				line.points = append(line.points, point{float64(r.Recipients), r.SealMS})
			}
		}
		byRecipients.curves = append(byRecipients.curves, line)
	}
	for _, n := range c.Recipients {
		line := curve{name: fmt.Sprintf("%d recipients", n)}
		for _, r := range rows {
			if r.Recipients == n && r.DeliverMS > 0 {
				line.points = append(line.points, point{float64(r.Bytes), r.DeliverMS})
			}
		}
		bySize.curves = append(bySize.curves, line)
	}
	return writeCharts(c.SVG, byRecipients, bySize)
}
