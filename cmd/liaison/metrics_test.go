package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/operation"
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
		`liaison_deliveries_total{state="pending"} 4`,
		`liaison_queue_depth{queue="held"} 0`,
		`liaison_mailbox_reader 0`, // its mail comes over LMTP
		`liaison_room_used{room="opening"} 0`,
		`liaison_room_size{room="claimed"} 8192`,
		`liaison_room_size{room="writing"} 512`,
		`liaison_room_used{room="smtp"} 0`,
		`liaison_room_used{room="websocket-in"} 0`,
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
		when := map[string]bool{"liaison_queue_depth": true, "liaison_queue_age_seconds": true, "liaison_log_total": true, "liaison_errors_total": true, "liaison_test_participants_total": true}
		if !when[name] && !strings.Contains(text, name) { // those are there when there is something to say
			t.Errorf("the dashboard asks for %s, which no node has", name)
		}
	}
}

func TestMetricsNameTheKindOfEachErrorAndEachVerdict(t *testing.T) {
	m := newMetrics()
	refused, away := gateway.Errorf(gateway.Refused, "closed", "no such operation"), gateway.Errorf(gateway.Transient, "", "the database is away")
	m.watch(gateway.Event{Medium: gateway.ByMail, Err: away})
	m.watch(gateway.Event{Channel: operation.PGPMail, Outcome: gateway.Deferred, What: string(gateway.Withheld), Err: refused})
	m.tested(commtest.Summary{Counts: map[commtest.Verdict]int{commtest.Green: 5, commtest.Red: 2}})
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := answer.Body.String()
	for _, want := range []string{
		`liaison_attempts_total{channel="pgp-mail",outcome="deferred",state="withheld"} 1`,
		`liaison_errors_total{at="delivery",kind="refused"} 1`,
		`liaison_errors_total{at="mail",kind="transient"} 1`,
		`liaison_test_participants_total{verdict="GREEN"} 5`,
		`liaison_test_participants_total{verdict="RED"} 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "liaison_inbounds_total{") {
		t.Error("a message that was not recorded counts as decided")
	}
}
