package mail

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"liaison/adapters/adaptertest"
	"liaison/adapters/mail/mailtest"
	"liaison/gateway"
)

func TestIMAPAndSMTPKeepTheAdaptersContract(t *testing.T) {
	adaptertest.Run(t, func(t *testing.T) *adaptertest.Bench {
		l := newLab(t, mailtest.Options{})
		a := l.make()
		return &adaptertest.Bench{
			Receive: func(ctx context.Context, offer func(context.Context, *gateway.Inbound) (*gateway.Receipt, error)) error {
				return a.Receive(ctx, offer)
			},
			Submit: func(t *testing.T, name string) {
				eventually(t, "the mailbox has a position", func() bool { return l.positions.get().validity != 0 })
				l.deliver(strings.ReplaceAll(name, " ", "-"))
			},
			Acknowledged: func(t *testing.T, name string) bool {
				for _, raw := range l.server.Messages(unit, "Done") {
					if bytes.Contains(raw, []byte("<"+strings.ReplaceAll(name, " ", "-")+"@")) {
						return true
					}
				}
				return false
			},
			Send: a.Send, Outbound: outbound,
			Peer: func(t *testing.T, b adaptertest.Behaviour) {
				switch b {
				case adaptertest.NotNow:
					l.server.Refuse(peerLV, 450, [3]int{4, 2, 0}, "greylisted")
				case adaptertest.Refuses:
					l.server.Refuse(peerLV, 550, [3]int{5, 1, 1}, "no such user")
				case adaptertest.Breaks:
					l.server.Inject(mailtest.LoseMail, 1)
				case adaptertest.Hangs:
					l.server.Inject(mailtest.SilentSMTP, 1)
				}
			},
			Outcomes: map[adaptertest.Behaviour]gateway.Outcome{adaptertest.Takes: gateway.Sent, adaptertest.NotNow: gateway.Deferred,
				adaptertest.Refuses: gateway.Bounced, adaptertest.Breaks: gateway.Deferred},
		}
	})
}

func TestLMTPKeepsTheAdaptersContract(t *testing.T) {
	adaptertest.Run(t, func(t *testing.T) *adaptertest.Bench {
		socket := filepath.Join(t.TempDir(), "lmtp")
		a, err := New(Options{Address: unit, LMTP: socket, Limits: quick})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		taken := make(map[string]bool)
		return &adaptertest.Bench{
			Receive: func(ctx context.Context, offer func(context.Context, *gateway.Inbound) (*gateway.Receipt, error)) error {
				return a.Receive(ctx, offer)
			},
			Submit: func(t *testing.T, name string) {
				var conn net.Conn
				eventually(t, "the socket listens", func() (ok bool) {
					var err error
					conn, err = net.Dial("unix", socket)
					return err == nil
				})
				go func() {
					defer conn.Close()
					if handLMTP(conn, peerLV, []string{unit}, message5322(strings.ReplaceAll(name, " ", "-"))) == nil {
						mu.Lock()
						defer mu.Unlock()
						taken[name] = true
					}
				}()
			},
			Acknowledged: func(t *testing.T, name string) bool {
				mu.Lock()
				defer mu.Unlock()
				return taken[name]
			},
			Resubmits: adaptertest.ByPeer,
		}
	})
}

// handLMTP hands a mail over; nil means 250 for every recipient.
func handLMTP(conn net.Conn, from string, to []string, raw []byte) error {
	c := smtp.NewClientLMTP(conn)
	if err := c.Mail(from, nil); err != nil {
		return err
	}
	for _, rcpt := range to {
		if err := c.Rcpt(rcpt, nil); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	_, err = w.CloseWithLMTPResponse()
	return err
}
