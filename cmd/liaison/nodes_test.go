package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"liaison/adapters/mail/mailtest"
	"liaison/gateway/simulator"
	"liaison/gateway/store/storetest"
)

// node makes a set-up beside the room's, in a folder, whose gateway shares its
// record; it returns the port of its WebSocket channel.
func (r *room) node(folder string) int {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	if err := os.CopyFS(r.path(folder), os.DirFS(r.path("gw"))); err != nil {
		r.t.Fatal(err)
	}
	r.write(folder+"/gateway.yaml", strings.Replace(r.read("gw/gateway.yaml"), fmt.Sprintf("127.0.0.1:%d", r.port), fmt.Sprintf("127.0.0.1:%d", port), 1))
	return port
}

// dials lets a participant's agent dial another node.
func (r *room) dials(participant string, port int) {
	r.t.Helper()
	yaml := r.read(participant + "/agent.yaml")
	_, rest, _ := strings.Cut(yaml, "\n")
	r.write(participant+"/agent.yaml", fmt.Sprintf("url: ws://127.0.0.1:%d/v1/channel\n", port)+rest)
}

func TestThreeNodesOnOnePostgreSQLShareTheWorkAndOneGoesOnAlone(t *testing.T) {
	r := newRoomOn(t, storetest.Postgres(t), "LV", "PL")
	atSecond, atThird := r.node("gw2"), r.node("gw3")
	first := r.start("serve", "-c", r.path("gw/gateway.yaml"))
	second := r.start("serve", "-c", r.path("gw2/gateway.yaml"))
	r.start("serve", "-c", r.path("gw3/gateway.yaml"))
	r.dials("PL", atSecond)
	lv := r.start("agent", "-c", r.path("LV/agent.yaml"))
	pl := r.start("agent", "-c", r.path("PL/agent.yaml"))
	const forms = 40
	for i := range forms {
		r.drop("LV", fmt.Sprintf("form%02d.txt", i), fmt.Sprintf(seizure, i, i+1))
	}
	r.until("forms cross from one node to the other", func() bool { return len(r.files("PL/in/LV-*/form.json")) > 10 })
	kill(first)
	kill(lv)
	r.dials("LV", atThird) // as a load balancer or DNS would
	r.start("agent", "-c", r.path("LV/agent.yaml"))
	r.until("forms cross again", func() bool { return len(r.files("PL/in/LV-*/form.json")) > 20 })
	kill(second)
	kill(pl)
	r.dials("PL", atThird)
	r.start("agent", "-c", r.path("PL/agent.yaml"))
	r.until("all forms have arrived", func() bool { return len(r.files("PL/in/LV-*/form.json")) == forms })
	r.until("all forms are answered", func() bool { return len(r.files("LV/out/sent/*.answer.json")) == forms })
	r.until("all deliveries are confirmed", func() bool {
		return strings.Count(r.ok("forms", "list", "-c", r.path("gw3/gateway.yaml")), "received by system") == forms
	})
	for i := range forms {
		text := r.read(fmt.Sprintf("PL/in/LV-JCO-2026-9%05d/form.txt", i))
		if want := fmt.Sprintf("C4: [%d]", i+1); !strings.Contains(text, want) {
			t.Errorf("form %d doesn't hold %s", i, want)
		}
	}
	r.until("the audit log is whole", func() bool {
		return strings.Contains(r.ok("audit", "verify", "-c", r.path("gw3/gateway.yaml")), " 0 not yet in it")
	})
}

// Of the nodes that share a record one reads the mailbox; when it dies, another
// does.
func TestMailIsReadWithinTenSecondsAfterItsReaderDied(t *testing.T) {
	const unit, password = "ocu@gateway.example", "an invented password"
	server, err := mailtest.New(mailtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := server.Add(unit, password); err != nil {
		t.Fatal(err)
	}
	r := newRoomOn(t, storetest.Postgres(t), "LV", "PL")
	r.write("gw/secrets/mail", password)
	r.write("gw/gateway.yaml", r.read("gw/gateway.yaml")+fmt.Sprintf("mail:\n  imap: {url: \"imap+insecure://%s\", username: %s, password_file: secrets/mail}\n  smtp: {url: \"smtp+insecure://%s\"}\n",
		server.IMAPAddr, unit, server.SMTPAddr))
	port := r.node("gw2")
	lv := simulator.Participant{Code: "LV", Address: "jco@lv.example", To: unit, Key: r.key("LV"), Gateway: r.certificate("gw/keys/gateway.cert.asc")}
	send := func(n int) {
		raw, err := lv.Write(fmt.Sprintf(seizure, n, n), fmt.Sprintf("%d@lv.example", n), "", time.Now())
		if err == nil {
			err = server.Deliver(lv.Address, unit, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(n int) {
		r.until(fmt.Sprintf("mail %d is read", n), func() bool { return len(server.Messages(unit, "Done")) == n })
	}
	first := r.start("serve", "-c", r.path("gw/gateway.yaml"))
	send(1)
	read(1) // by the only one
	r.start("serve", "-c", r.path("gw2/gateway.yaml"))
	r.until("the other serves too", func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	kill(first)
	send(2)
	died := time.Now()
	read(2)
	took := time.Since(died)
	t.Logf("read %s after its reader died", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("the mailbox was read %s after its reader died; want within 10 s", took)
	}
}
