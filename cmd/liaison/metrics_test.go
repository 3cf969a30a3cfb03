package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

func fetch(address, path string) (status int, body string) {
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // a cut answer fails what is looked for in it
	return resp.StatusCode, string(text)
}

func TestMetricsCountWhatHappenedAndHoldNothingOfIt(t *testing.T) {
	h := newHall(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	h.write("gw/gateway.yaml", h.read("gw/gateway.yaml")+fmt.Sprintf("metrics: {listen: %q}\n", address))
	h.start("serve", "-c", h.path("gw/gateway.yaml"))
	h.start("agent", "-c", h.path("LV/agent.yaml"))
	h.until("the node is ready", func() bool { status, _ := fetch(address, "/readyz"); return status == http.StatusOK })
	if status, _ := fetch(address, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz = %d; want 200", status)
	}
	h.exchange(1)
	var text string
	for _, want := range []string{
		`liaison_inbounds_total{medium="mail",verdict="accepted"} 1`,
		`liaison_inbounds_total{medium="websocket",verdict="accepted"} 1`,
		`liaison_attempts_total{channel="websocket",outcome="sent",state="handed over"} 1`,
		`liaison_attempts_total{channel="pgp-mail",outcome="sent",state="handed over"} 3`,
		`liaison_delivery_seconds_count{channel="pgp-mail"} 3`,
		`liaison_sessions 1`,
	} {
		h.until(want, func() bool { _, text = fetch(address, "/metrics"); return strings.Contains(text, want) })
	}
	for _, never := range []string{"EE-JCO", "OP-001", "Cigarettes", eeAddress} {
		if strings.Contains(text, never) {
			t.Errorf("the metrics show %q", never)
		}
	}
	dashboard, err := os.ReadFile("../../configs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`liaison_[a-z_]+`).FindAllString(string(dashboard), -1) {
		if name != "liaison_queue_depth" && name != "liaison_queue_age_seconds" && name != "liaison_log_total" && !strings.Contains(text, name) { // those are there when something waits
			t.Errorf("the dashboard asks for %s, which no node has", name)
		}
	}
}
