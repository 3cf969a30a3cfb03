package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"liaison/gateway/entity"
)

// postman is the mail system between everybody: it hands each mail on by its
// recipient's rule, and counts.
type postman struct {
	t       *testing.T
	address string
	rules   map[string]func(to string, raw []byte) // by the recipient's domain

	wg    sync.WaitGroup
	mu    sync.Mutex // guards the rest
	count map[string]int
	ended bool
}

func newPostman(t *testing.T) *postman {
	t.Helper()
	p := &postman{t: t, rules: map[string]func(string, []byte){}, count: map[string]int{}}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &postSession{p: p}, nil }))
	s.Domain = "post.example"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	go s.Serve(l)
	t.Cleanup(func() {
		s.Close()
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

type postSession struct {
	p  *postman
	to []string
}

func (s *postSession) Reset()                                    { s.to = nil }
func (*postSession) Logout() error                               { return nil }
func (*postSession) Mail(string, *smtp.MailOptions) error        { return nil }
func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = append(s.to, to); return nil }
func (s *postSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	for _, to := range s.to {
		s.p.carry(to, raw)
	}
	return err
}

// carry hands a mail on by the rule of its recipient's domain.
func (p *postman) carry(to string, raw []byte) {
	_, domain, _ := strings.Cut(to, "@")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count[domain]++
	if rule := p.rules[domain]; rule != nil && !p.ended {
		p.wg.Go(func() { rule(to, raw) })
	}
}

func (p *postman) total() (n int, by string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.count {
		n += c
	}
	return n, fmt.Sprint(p.count)
}

// lmtpTo is the rule of a gateway.
func (p *postman) lmtpTo(address string) func(string, []byte) {
	return func(to string, raw []byte) {
		for range 20 { // a mail server tries again
			if offerLMTP(address, "someone@post.example", string(raw)) == nil {
				return
			}
		}
		p.t.Errorf("the gateway at %s takes no mail to %s", address, to)
	}
}

// reply is an auto-responder: it answers every mail, says nothing of being one,
// and quotes without quote marks.
func (p *postman) reply(from string, headers string) func(string, []byte) {
	n := 0
	var mu sync.Mutex
	return func(_ string, raw []byte) {
		r := entity.Read(raw, nil, entity.Limits{})
		mu.Lock()
		n++
		id := n
		mu.Unlock()
		to := unit
		if len(r.Header.ReplyTo) > 0 {
			to = r.Header.ReplyTo[0].Addr
		}
		p.carry(to, []byte("Authentication-Results: mx.gateway.example; dmarc=pass header.from="+from[strings.Index(from, "@")+1:]+"\r\n"+headers+
			"From: "+from+"\r\nTo: "+to+"\r\nSubject: Re: "+r.Header.Subject+"\r\nMessage-ID: <"+fmt.Sprint(id)+"."+from+">\r\nIn-Reply-To: "+r.Header.MessageID+
			"\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nThank you for your mail, we will read it.\r\n\r\n"+strings.ReplaceAll(r.Text, "\n", "\r\n")+"\r\n"))
	}
}

func TestGatewaysRespondersListsAndForwardingsSettle(t *testing.T) {
	h := newHall(t)
	post := newPostman(t)
	freeAddress := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	// Another gateway, whose participant ours is, as it is ours.
	h.ok("init", h.path("other"), "--code", "OCB", "--address", "ocu@other.example")
	other := freeAddress()
	config := strings.Replace(h.read("other/gateway.yaml"), "127.0.0.1:8443", freeAddress(), 1)
	h.write("other/gateway.yaml", config+fmt.Sprintf("mail:\n  smtp: {url: \"smtp+insecure://%s\"}\n  lmtp: {listen: %q}\n  authserv_id: mx.gateway.example\n", post.address, other))
	head, _, _ := strings.Cut(h.read("other/operations/operation.yaml"), "participants:")
	h.write("other/operations/operation.yaml", strings.Replace(head, "organiser: LV", "organiser: CU1", 1)+"participants:\n"+
		"  - {code: CU1, country: LV, class: eu-member, authority: Unit, languages: [en], duty: {phone: \"+000\"}, keys: [{file: ../../gw/keys/gateway.cert.asc, role: shared}], addresses: ["+unit+"], channels: [{kind: pgp-mail, address: "+unit+"}]}\n"+
		"  - {code: LV, country: LV, class: eu-member, authority: Customs, languages: [en], duty: {phone: \"+000\"}, addresses: [jco@lv.example], channels: [{kind: mail, address: jco@lv.example}]}\n")
	h.ok("operation", "apply", "-c", h.path("other/gateway.yaml"))
	h.ok("key", "confirm", "-c", h.path("other/gateway.yaml"), "OP-001", "CU1", string(h.certificate("gw/keys/gateway.cert.asc").Fingerprint()), "--how", "test")

	gw := h.read("gw/gateway.yaml")
	at := strings.Index(gw, "smtp+insecure://")
	end := at + strings.Index(gw[at:], "\"")
	h.write("gw/gateway.yaml", gw[:at]+"smtp+insecure://"+post.address+gw[end:]+"  authserv_id: mx.gateway.example\n")
	op := h.read("gw/operations/operation.yaml") +
		"  - {code: OCB, country: PL, class: eu-member, authority: Unit, languages: [en], duty: {phone: \"+000\"}, keys: [{file: ../../other/keys/gateway.cert.asc, role: shared}], addresses: [ocu@other.example], channels: [{kind: pgp-mail, address: ocu@other.example}]}\n" +
		"  - {code: GE, country: GE, class: third-country, authority: Revenue, languages: [en], duty: {phone: \"+000\"}, addresses: [duty@ge.example], channels: [{kind: mail, address: duty@ge.example}]}\n" +
		"  - {code: MD, country: MD, class: third-country, authority: Revenue, languages: [en], duty: {phone: \"+000\"}, addresses: [duty@away.example], channels: [{kind: mail, address: duty@away.example}]}\n" +
		"  - {code: TR, country: TR, class: third-country, authority: Trade, languages: [en], duty: {phone: \"+000\"}, addresses: [list@list.example], channels: [{kind: mail, address: list@list.example}]}\n" +
		"  - {code: UA, country: UA, class: third-country, authority: Customs, languages: [en], duty: {phone: \"+000\"}, addresses: [old@moved.example], channels: [{kind: mail, address: old@moved.example}]}\n"
	h.write("gw/operations/operation.yaml", op)
	h.ok("operation", "apply", "-c", h.path("gw/gateway.yaml"))
	h.ok("key", "confirm", "-c", h.path("gw/gateway.yaml"), "OP-001", "OCB", string(h.certificate("other/keys/gateway.cert.asc").Fingerprint()), "--how", "test")

	post.rules["gateway.example"] = post.lmtpTo(h.lmtp)
	post.rules["other.example"] = post.lmtpTo(other)
	post.rules["ge.example"] = post.reply("duty@ge.example", "")
	post.rules["away.example"] = post.reply("duty@away.example", "Auto-Submitted: auto-replied\r\n")
	post.rules["list.example"] = func(_ string, raw []byte) { // back to us, with a footer, under the list's name
		head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
		post.carry(unit, []byte("List-Id: <list.example>\r\nPrecedence: list\r\n"+head+"\r\n\r\n"+body+"\r\n-- \r\nTo leave this list, write to it.\r\n"))
	}
	post.rules["moved.example"] = func(_ string, raw []byte) { post.carry(unit, raw) }
	h.start("serve", "-c", h.path("gw/gateway.yaml"))
	h.start("serve", "-c", h.path("other/gateway.yaml"))

	const forms = 3
	for i := range forms {
		text := strings.NewReplacer("LV-JCO", "EE-JCO", "A7: [PL]", "A7: [OCB, GE, MD, TR, UA]").Replace(fmt.Sprintf(seizure, i, i+1))
		raw, err := h.ee.Write(text, fmt.Sprintf("%d@ee.example", i), "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		h.send(raw)
	}
	// Five recipients each: ten mails would be one answer to each. It has settled
	// when nothing moved for a while.
	last, since := -1, time.Now()
	h.until("the mails settle", func() bool {
		n, by := post.total()
		if n > forms*60 {
			t.Fatalf("%d mails for %d forms, and more are coming: %s", n, forms, by)
		}
		if n != last {
			last, since = n, time.Now()
		}
		return n >= forms*5 && time.Since(since) > 3*time.Second
	})
	n, by := post.total()
	t.Logf("%d mails for %d forms to 5 recipients that all talk back: %s", n, forms, by)
	if n > forms*25 {
		t.Errorf("%d mails for %d forms; want at most %d", n, forms, forms*25)
	}
}
