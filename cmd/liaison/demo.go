package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"golang.org/x/sync/errgroup"

	"liaison/adapters/mail/mailtest"
	"liaison/adapters/websocket/agent"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/simulator"
)

type demoCmd struct {
	Dir    string `help:"Folder for the demo; a new one where none is named." type:"path"`
	Listen string `help:"Address of the WebSocket channel; 127.0.0.1:8480 where none is named, or a free port where that is taken."`
	Once   bool   `help:"End after the run; non-zero if anything went wrong."`
}

func (demoCmd) Help() string {
	return "The whole thing on one machine with nothing to install: a mail server, the gateway, participants on every kind of channel.\nExample: liaison demo --once"
}

const (
	demoGateway = "ocu@gateway.example"
	demoMX      = "mx.gateway.example"
	demoTimeout = 30 * time.Second // for each thing that must happen
)

func (c demoCmd) Run(a *app) error {
	if c.Dir == "" {
		dir, err := os.MkdirTemp("", "liaison-demo-")
		if err != nil {
			return err
		}
		c.Dir = dir
	}
	ctx, stop := context.WithCancel(a.ctx)
	group, ctx := errgroup.WithContext(ctx)
	d := &demo{app: &app{ctx: ctx, streams: a.streams}, dir: c.Dir, listen: c.Listen, officers: map[string]simulator.Participant{}}
	err := d.start(group)
	if err == nil {
		if err = d.proveAll(); err == nil {
			err = d.play()
		}
		if err != nil {
			err = fmt.Errorf("the demo did not go as it should: %w", err)
		}
	}
	if err == nil && !c.Once {
		d.invite()
		<-ctx.Done()
	}
	stop()
	if ended := group.Wait(); err == nil && ended != nil && !errors.Is(ended, context.Canceled) {
		err = ended
	}
	return err
}

// demo is a running demonstration.
type demo struct {
	*app
	dir      string
	listen   string
	mails    *mailtest.Server
	node     *node
	officers map[string]simulator.Participant
	said     sync.Mutex // guards the output
}

func (d *demo) say(format string, args ...any) {
	d.said.Lock()
	defer d.said.Unlock()
	fmt.Fprintf(d.out, "%s  %s\n", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...))
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// start sets everything up: mail server, keys, operation, gateway, agent.
func (d *demo) start(group *errgroup.Group) error {
	var err error
	if d.mails, err = mailtest.New(mailtest.Options{AuthServID: demoMX}); err != nil {
		return err
	}
	group.Go(func() error { <-d.ctx.Done(); return d.mails.Close() })
	if err := (initCmd{Dir: d.dir, Code: "OCU", Address: demoGateway}).Run(&app{d.ctx, streams{d.in, io.Discard, d.err}}); err != nil {
		return err
	}
	for _, p := range []struct{ code, address string }{{"LV", "jco@lv.example"}, {"PL", "jco@pl.example"}, {"EE", "jco@ee.example"}, {"GE", "duty@ge.example"}} {
		if err := d.mails.Add(p.address, "demo"); err != nil {
			return err
		}
		d.officers[p.code] = simulator.Participant{Code: p.code, Address: p.address, To: demoGateway}
	}
	if err := errors.Join(d.mails.Add(demoGateway, "demo"), d.mails.Add(demoSecond, "demo")); err != nil {
		return err
	}
	if err := d.writeSetup(); err != nil {
		return err
	}
	return d.serve(group)
}

// writeSetup writes the configuration, the participants' keys and the operation,
// so that every command works on the demo's folder too.
func (d *demo) writeSetup() error {
	channel, err := demoAddress(d.listen)
	if err != nil {
		return err
	}
	certs, err := readCertificates(d.path("keys/gateway.cert.asc"))
	if err != nil {
		return err
	}
	for code, p := range d.officers {
		if p.Gateway = certs[0]; code != "GE" {
			if p.Key, err = openpgp.Generate(openpgp.KeyOptions{Name: "Officer of " + code, Address: p.Address, Created: time.Now().Add(-time.Minute), Expires: 365 * 24 * time.Hour}); err != nil {
				return err
			}
			secret, err := p.Key.Armored(nil)
			if err != nil {
				return err
			}
			if err := errors.Join(writeNew(d.path("keys/"+code+".secret.asc"), secret, 0o600), writeNew(d.path("keys/"+code+".asc"), p.Key.Certificate().Armored(), 0o644)); err != nil {
				return err
			}
		}
		d.officers[code] = p
	}
	text := strings.NewReplacer("CHANNEL", channel, "IMAP", d.mails.IMAPAddr, "SMTP", d.mails.SMTPAddr).Replace(demoConfig)
	if err := errors.Join(os.WriteFile(d.path("gateway.yaml"), []byte(text), 0o600), os.WriteFile(d.path("secrets/mail"), []byte("demo\n"), 0o600)); err != nil {
		return err
	}
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	op := strings.NewReplacer("D0", day(-20), "D1", day(-1), "D2", day(0), "D3", day(6), "D4", day(7), "D5", day(30)).Replace(demoOperation)
	return os.WriteFile(d.path("operations/operation.yaml"), []byte(op), 0o600)
}

// demoAddress is a loopback address that is free now: the one that was asked
// for, else the usual one, else any.
func demoAddress(asked string) (string, error) {
	try := []string{asked}
	if asked == "" {
		try = []string{"127.0.0.1:8480", "127.0.0.1:0"}
	}
	var err error
	for _, address := range try {
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", wrongf("listen: %w; name another address with --listen", err)
}

// serve starts the gateway and the agent of LV.
func (d *demo) serve(group *errgroup.Group) error {
	s, err := (configFlag{Config: d.path("gateway.yaml")}).load()
	if err != nil {
		return err
	}
	s.opt.Log = slog.New(slog.NewTextHandler(d.err, &slog.HandlerOptions{Level: slog.LevelError}))
	st, err := s.serving(d.ctx)
	if err != nil {
		return err
	}
	quiet := &app{d.ctx, streams{d.in, io.Discard, d.err}}
	if err := applyChanged(quiet, s, st, jsonFlag{}); err != nil {
		return err
	}
	keys, err := st.Keys(d.ctx, "", "", "")
	if err != nil {
		return err
	}
	for _, k := range keys {
		if _, err := ring(st).Confirm(d.ctx, k.Operation, k.Participant, string(k.Fingerprint), "demo", "the demo made it"); err != nil {
			return err
		}
		d.say("key of %s confirmed: %s", k.Participant, k.Fingerprint.Grouped())
	}
	if d.node, err = newNode(d.ctx, s, st, st); err != nil {
		return err
	}
	group.Go(func() error { defer st.Close(); return d.node.run(quiet) })
	lv := d.officers["LV"]
	group.Go(func() error {
		return agent.Run(d.ctx, agent.Options{Dir: d.path("LV"), URL: "ws://" + s.config.WebSocket.Listen + "/v1/channel", Operation: "OP-DEMO", Participant: "LV", Prefix: "LV-VID",
			Keys: []*openpgp.SecretKey{lv.Key}, Gateways: []*openpgp.Certificate{lv.Gateway}, Scan: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	})
	return nil
}

// play lets forms go from every kind of channel to every other.
func (d *demo) play() error {
	d.say("LV (WebSocket) sends a seizure to PL (OpenPGP mail), GE (plain mail) and the coordination unit")
	if err := d.drop("seizure.txt", "A1: [SEZ] A4: [LV-VID-2026-000412] A7: [PL GE OCU] B1: ["+time.Now().Format(time.DateOnly)+"] B3: [LV] B5: [Riga] C1: [TOBA] C2: [Cigarettes] C4: [12000] C5: [H87] C14: [SEZ]"); err != nil {
		return err
	}
	at, id, err := d.arrives("PL", "LV-VID-2026-000412")
	if err != nil {
		return err
	}
	d.say("PL opened it: signed by the gateway, %s; PL answers \"OK\", signed", at)
	if err := d.send("PL", "OK\n", id); err != nil {
		return err
	}
	if _, _, err := d.arrives("GE", "C4: [12000]"); err != nil {
		return err
	}
	d.say("GE has its copy by plain mail, with what may not go in the clear shown as [*]")
	if err := d.state("LV-VID-2026-000412", "PL", gateway.ConfirmedByPerson); err != nil {
		return err
	}

	d.say("PL (OpenPGP mail) sends a warning to LV (WebSocket) and EE (OpenPGP mail)")
	if err := d.send("PL", "A1: [WRN] A4: [PL-KAS-2026-000007] A7: [LV EE] A9: [U] E1: [3] E2: [TRAILER] E3: [ZZ 0000] H1: [Trailer expected tonight] H3: [CHECK]\n", ""); err != nil {
		return err
	}
	if err := d.file("LV/in/PL-KAS-2026-000007/form.txt"); err != nil {
		return err
	}
	d.say("LV's agent has it in LV/in/PL-KAS-2026-000007")
	if _, _, err := d.arrives("EE", "PL-KAS-2026-000007"); err != nil {
		return err
	}
	if _, _, err := d.arrives("PL", "accepted: PL-KAS-2026-000007"); err != nil {
		return err
	}
	d.say("EE has it, and PL has its receipt")

	d.say("GE (plain mail) sends a control result to LV and PL")
	if err := d.send("GE", "A1: [CTL] A4: [GE-RS-2026-000003] A7: [LV PL] B1: ["+time.Now().Format(time.DateOnly)+"] B3: [GE] K1: [14] K2: [0]\n", ""); err != nil {
		return err
	}
	if err := d.file("LV/in/GE-RS-2026-000003/form.txt"); err != nil {
		return err
	}
	if _, _, err := d.arrives("PL", "GE-RS-2026-000003"); err != nil {
		return err
	}
	d.say("LV and PL have it, marked: not proven, came by plain e-mail")
	if err := d.state("LV-VID-2026-000412", "OCU", gateway.HandedOver); err != nil {
		return err
	}
	d.say("done: forms went from every kind of channel to every other, and answers came back")
	return formsListCmd{configFlag: configFlag{Config: d.path("gateway.yaml")}, Limit: 3}.Run(d.app)
}

// drop puts a form into the agent's out folder.
func (d *demo) drop(name, text string) error {
	if err := os.MkdirAll(d.path("LV/out"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(d.path(name), []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(d.path(name), d.path("LV/out/"+name))
}

// send writes a mail of a participant and submits it.
func (d *demo) send(code, text, replyTo string) error {
	p := d.officers[code]
	raw, err := p.Write(text, fmt.Sprintf("%d.%s", time.Now().UnixNano(), p.Address), replyTo, time.Now())
	if err != nil {
		return err
	}
	return d.submit(p.Address, raw)
}

// submit hands a mail to the mail server, logged in as its sender.
func (d *demo) submit(from string, raw []byte) error {
	c, err := smtp.Dial(d.mails.SMTPAddr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", from, "demo")); err != nil {
		return err
	}
	if err := c.SendMail(from, []string{demoGateway}, strings.NewReader(string(raw))); err != nil {
		return err
	}
	return c.Quit()
}

// arrives waits until a participant has a mail that says something; it returns
// how it was signed and its Message-ID.
func (d *demo) arrives(code, text string) (how, id string, err error) {
	p := d.officers[code]
	err = d.wait(code+" has a mail that says "+text, func() bool {
		return slices.ContainsFunc(d.mails.Messages(p.Address, "INBOX"), func(raw []byte) bool {
			m := p.Read(raw, time.Now())
			if !strings.Contains(m.Reading.Text, text) || p.Key != nil && !m.Proven() {
				return false
			}
			how, id = m.Verdict+" over "+m.Covers, m.Reading.Header.MessageID
			return true
		})
	})
	return how, id, err
}

func (d *demo) file(name string) error {
	return d.wait(name+" is there", func() bool { _, err := os.Stat(d.path(name)); return err == nil })
}

// state waits until a delivery has a state.
func (d *demo) state(reference string, to operation.ParticipantCode, want gateway.State) error {
	return d.wait(fmt.Sprintf("%s at %s is %s", reference, to, want), func() bool {
		f, err := d.node.store.FormByReference(d.ctx, "OP-DEMO", "", reference)
		if err != nil {
			return false
		}
		ds, err := d.node.store.DeliveriesOf(d.ctx, f.ID)
		return err == nil && slices.ContainsFunc(ds, func(x gateway.Delivery) bool { return x.Participant == to && x.State == want })
	})
}

func (d *demo) wait(what string, happened func() bool) error {
	ctx, cancel := context.WithTimeout(d.ctx, demoTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("in %s not: %s", demoTimeout, what)
		}
	}
	return nil
}

// invite says how a person joins.
func (d *demo) invite() {
	d.print("\nThe demo stays up. Join as EE with any mail program that knows OpenPGP:")
	d.print("  address jco@ee.example, user jco@ee.example, password demo")
	d.print("  IMAP %s and SMTP %s, no encryption of the connection", d.mails.IMAPAddr, d.mails.SMTPAddr)
	d.print("  secret key %s, gateway's certificate %s", d.path("keys/EE.secret.asc"), d.path("keys/gateway.cert.asc"))
	d.print("  write to %s, signed and encrypted, for example: A1: [MSG] A7: [LV] H1: [Hello]", demoGateway)
	d.print("See where forms stand: liaison forms list -c %s", d.path("gateway.yaml"))
	d.print("Stop it with Ctrl-C.")
}

const demoConfig = `gateway:
  code: OCU
  address: ocu@gateway.example
  phone: "+000 000 000"
  key_files: [keys/gateway.asc]
store: sqlite:data/liaison.db
storage_key_file: secrets/storage
mail:
  imap: {url: "imap+insecure://IMAP", username: ocu@gateway.example, password_file: secrets/mail}
  smtp: {url: "smtp+insecure://SMTP", username: ocu@gateway.example, password_file: secrets/mail}
  authserv_id: mx.gateway.example
websocket: {listen: "CHANNEL", hosts: [127.0.0.1]}
operations: [operations/*.yaml]
`

const demoOperation = `operation: OP-DEMO
title: A demonstration; every person and place in it is invented
organiser: LV
legal_basis: NAPLES2
phases:
  preparation: {from: D0, to: D1}
  operation:   {from: D2, to: D3}
  evaluation:  {from: D4, to: D5}
desk: {phone: "+000 000 000"}
participants:
  - {code: LV, country: LV, class: eu-member, authority: State Revenue Service, reference: VID, languages: [en], duty: {phone: "+000 000 001"},
     nominal: {send: {operation: true}, receive: {operation: true}, declared: {on: D0, by: the demo}},
     keys: [{file: ../keys/LV.asc, role: shared}], addresses: [jco@lv.example], channels: [{kind: websocket}]}
  - {code: PL, country: PL, class: eu-member, authority: National Revenue Administration, reference: KAS, languages: [en], duty: {phone: "+000 000 002"},
     nominal: {send: {operation: true}, receive: {operation: true}, declared: {on: D0, by: the demo}},
     keys: [{file: ../keys/PL.asc, role: shared}], addresses: [jco@pl.example], channels: [{kind: pgp-mail, address: jco@pl.example}, {kind: mail, address: duty@pl-second.example}]}
  - {code: EE, country: EE, class: eu-member, authority: Tax and Customs Board, reference: MTA, languages: [en], duty: {phone: "+000 000 003"},
     nominal: {send: {operation: true}, receive: {operation: true}, declared: {on: D0, by: the demo}},
     keys: [{file: ../keys/EE.asc, role: shared}], addresses: [jco@ee.example], channels: [{kind: pgp-mail, address: jco@ee.example}]}
  - {code: GE, country: GE, class: third-country, authority: Revenue Service, reference: RS, languages: [en], duty: {phone: "+000 000 004"},
     addresses: [duty@ge.example], channels: [{kind: mail, address: duty@ge.example}]}
`
