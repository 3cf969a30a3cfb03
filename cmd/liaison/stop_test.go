package main

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"liaison/gateway/store/storetest"
)

// A gateway may take stopMost to stop; its own bounds come to nine seconds. A machine
// that is busy with other tests adds busy.
const (
	stopMost = 10 * time.Second
	busy     = 5 * time.Second
)

// stops tells a gateway to stop, and it does in time.
func (r *room) stops(serve *exec.Cmd) {
	r.t.Helper()
	begun, ended := time.Now(), make(chan struct{})
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	go func() { defer close(ended); _ = serve.Wait() }() // kill, at the test's end, ends it too
	select {
	case <-ended:
	case <-time.After(stopMost + busy):
		r.t.Fatalf("the gateway goes on after %s", stopMost+busy)
	}
	r.t.Logf("the gateway stopped in %s", time.Since(begun).Round(10*time.Millisecond))
}

func TestAGatewayStopsWithinTenSecondsThoughItsPeersHang(t *testing.T) {
	h := newHall(t)
	smtp := newWire(t, "SMTP", h.smtp)
	line := newWire(t, "WebSocket", fmt.Sprintf("127.0.0.1:%d", h.port))
	h.write("gw/gateway.yaml", strings.Replace(h.read("gw/gateway.yaml"), h.smtp, smtp.address(), 1))
	h.write("LV/agent.yaml", strings.Replace(h.read("LV/agent.yaml"), fmt.Sprintf("127.0.0.1:%d", h.port), line.address(), 1))
	serve := h.start("serve", "-c", h.path("gw/gateway.yaml"))
	h.start("agent", "-c", h.path("LV/agent.yaml"))
	h.exchange(1) // lines to the mail server are idle now
	for _, peer := range []*wire{line, smtp} {
		peer.poison(toxic{"silent", "timeout", "downstream", map[string]int{"timeout": 0}})
		peer.poison(toxic{"stalled", "bandwidth", "upstream", map[string]int{"rate": 0}})
	}
	text := strings.NewReplacer("LV-JCO", "EE-JCO", "A7: [PL]", "A7: [LV, FI]").Replace(fmt.Sprintf(seizure, 2, 2))
	raw, err := h.ee.Write(text, "2@ee.example", "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h.send(raw) // accepted: it is on its way to both
	h.stops(serve)
}

func TestAGatewayStopsWithinTenSecondsThoughPostgreSQLHangs(t *testing.T) {
	cluster, address := storetest.NewListeningCluster(t, newDisk(t).dir)
	if err := cluster.Exec("CREATE DATABASE liaison"); err != nil {
		t.Fatal(err)
	}
	database := newWire(t, "PostgreSQL", address)
	r := newRoomOn(t, "postgres://postgres@"+database.address()+"/liaison?sslmode=disable", "LV", "PL")
	serve := r.start("serve", "-c", r.path("gw/gateway.yaml"))
	for _, p := range []string{"LV", "PL"} {
		r.start("agent", "-c", r.path(p+"/agent.yaml"))
	}
	r.drop("LV", "first.txt", fmt.Sprintf(seizure, 1, 1))
	r.until("forms flow", func() bool { return len(r.files("PL/in/LV-*/form.json")) == 1 })
	for i := range 20 {
		r.drop("LV", fmt.Sprintf("form%02d.txt", i), fmt.Sprintf(seizure, i+2, i+2))
	}
	database.poison(toxic{"silent", "timeout", "downstream", map[string]int{"timeout": 0}})
	r.stops(serve)
}
