package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"liaison/gateway"
	"liaison/gateway/commtest"
	"liaison/gateway/store"
)

// metrics are a node's figures for Prometheus. Labels are few and known before:
// no participant, no reference, nothing of a form.
type metrics struct {
	registry  *prometheus.Registry
	inbounds  *prometheus.CounterVec
	attempts  *prometheus.CounterVec
	accepting *prometheus.HistogramVec
	delivery  *prometheus.HistogramVec
	tests     *prometheus.CounterVec
	errors    *prometheus.CounterVec
	complains *prometheus.CounterVec
}

// Buckets from a millisecond to a day: a delivery may wait for its channel.
var durations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400}

func newMetrics() *metrics {
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		inbounds:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liaison_inbounds_total", Help: "Messages on which a decision was recorded."}, []string{"medium", "verdict"}),
		attempts:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liaison_attempts_total", Help: "Attempts at deliveries, by what came of each and the delivery's state after it."}, []string{"channel", "outcome", "state"}),
		accepting: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "liaison_accept_seconds", Help: "From a message's arrival to the recorded decision.", Buckets: durations}, []string{"medium"}),
		delivery:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "liaison_delivery_seconds", Help: "From a form's acceptance to its hand-over.", Buckets: durations}, []string{"channel"}),
		tests:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liaison_test_participants_total", Help: "Participants in communications tests that ended, by verdict."}, []string{"verdict"}),
		errors:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liaison_errors_total", Help: "Messages that were not recorded and attempts that never reached their channel, by the kind of error."}, []string{"at", "kind"}),
		complains: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "liaison_log_total", Help: "Warnings and errors in the log, by their constant message."}, []string{"level", "message"}),
	}
	m.registry.MustRegister(m.inbounds, m.attempts, m.accepting, m.delivery, m.tests, m.errors, m.complains,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch counts what the flow tells of.
func (m *metrics) watch(e gateway.Event) {
	if e.Err != nil {
		at := "delivery"
		if e.Medium != "" {
			at = string(e.Medium)
		}
		m.errors.WithLabelValues(at, gateway.KindOf(e.Err).String()).Inc()
	}
	switch {
	case e.Medium == "":
		m.attempts.WithLabelValues(string(e.Channel), string(e.Outcome), e.What).Inc()
		if e.Outcome == gateway.Sent {
			m.delivery.WithLabelValues(string(e.Channel)).Observe(e.Took.Seconds())
		}
	case e.Err == nil:
		m.inbounds.WithLabelValues(string(e.Medium), e.What).Inc()
		m.accepting.WithLabelValues(string(e.Medium)).Observe(e.Took.Seconds())
	}
}

// tested counts how a communications test ended.
func (m *metrics) tested(s commtest.Summary) {
	for verdict, n := range s.Counts {
		m.tests.WithLabelValues(string(verdict)).Add(float64(n))
	}
}

// observe adds what is asked when somebody scrapes: queues, rooms, states and
// sessions.
func (m *metrics) observe(n *node) {
	m.registry.MustRegister(&queueCollector{store: n.store,
		depth: prometheus.NewDesc("liaison_queue_depth", "What waits in the record, by queue.", []string{"queue"}, nil),
		age:   prometheus.NewDesc("liaison_queue_age_seconds", "How long the oldest waits, by queue.", []string{"queue"}, nil)})
	m.registry.MustRegister(&roomCollector{n,
		prometheus.NewDesc("liaison_room_used", "What this node has in hand, by bounded room.", []string{"room"}, nil),
		prometheus.NewDesc("liaison_room_size", "How much each room takes; what comes when it is full waits or is told to come again.", []string{"room"}, nil)})
	m.registry.MustRegister(&stateCollector{n.store,
		prometheus.NewDesc("liaison_deliveries_total", "Deliveries that this node brought into a state.", []string{"state"}, nil)})
	sessions := func() float64 { return 0 }
	if n.socket != nil {
		sessions = func() float64 { return float64(len(n.socket.Sessions())) }
	}
	reads := func() float64 {
		if n.mail != nil && n.mail.Reads() {
			return 1
		}
		return 0
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "liaison_mailbox_reader", Help: "1 on the node that reads the mailbox, while its connection works."}, reads))
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "liaison_sessions", Help: "WebSocket sessions that live on this node."}, sessions))
}

// queueCollector reads the queues; a record that doesn't answer shows as missing
// series. To count what waits costs the more the more does, so that who scrapes
// often gets the same counts again.
type queueCollector struct {
	store      *store.Store
	depth, age *prometheus.Desc

	mu     sync.Mutex // guards the rest
	depths []store.Depth
	read   time.Time
}

// countEvery is how old counts may be.
const countEvery = time.Second

func (c *queueCollector) Describe(out chan<- *prometheus.Desc) { out <- c.depth; out <- c.age }

func (c *queueCollector) count() ([]store.Depth, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.read) < countEvery {
		return c.depths, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	depths, err := c.store.Depths(ctx)
	if err == nil {
		c.depths, c.read = depths, time.Now()
	}
	return depths, err
}

func (c *queueCollector) Collect(out chan<- prometheus.Metric) {
	depths, err := c.count()
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.depth, err)
		return
	}
	for _, empty := range store.Queues {
		if !slices.ContainsFunc(depths, func(d store.Depth) bool { return d.Queue == empty }) {
			depths = append(depths, store.Depth{Queue: empty, Oldest: time.Now()})
		}
	}
	for _, d := range depths {
		queue := strings.ReplaceAll(d.Queue, " ", "-")
		out <- prometheus.MustNewConstMetric(c.depth, prometheus.GaugeValue, float64(d.Count), queue)
		out <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, time.Since(d.Oldest).Seconds(), queue)
	}
}

// roomCollector reads the rooms of a node.
type roomCollector struct {
	n          *node
	used, size *prometheus.Desc
}

func (c *roomCollector) Describe(out chan<- *prometheus.Desc) { out <- c.used; out <- c.size }

func (c *roomCollector) Collect(out chan<- prometheus.Metric) {
	rooms := append(c.n.gateway.Rooms(), c.n.store.Rooms()...)
	if c.n.mail != nil {
		rooms = append(rooms, c.n.mail.Rooms()...)
	}
	if c.n.socket != nil {
		rooms = append(rooms, c.n.socket.Rooms()...)
	}
	for _, r := range rooms {
		out <- prometheus.MustNewConstMetric(c.used, prometheus.GaugeValue, float64(r.Count), r.Name)
		out <- prometheus.MustNewConstMetric(c.size, prometheus.GaugeValue, float64(r.Most), r.Name)
	}
}

// stateCollector reads how many deliveries came into each state.
type stateCollector struct {
	store *store.Store
	total *prometheus.Desc
}

func (c *stateCollector) Describe(out chan<- *prometheus.Desc) { out <- c.total }

func (c *stateCollector) Collect(out chan<- prometheus.Metric) {
	for state, n := range c.store.Reached() {
		out <- prometheus.MustNewConstMetric(c.total, prometheus.CounterValue, float64(n), string(state))
	}
}

// counting is a log that counts its warnings and errors; their messages are
// constants.
type counting struct {
	slog.Handler
	m *metrics
}

func (c counting) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		c.m.complains.WithLabelValues(r.Level.String(), r.Message).Inc()
	}
	return c.Handler.Handle(ctx, r)
}

func (c counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return counting{c.Handler.WithAttrs(attrs), c.m}
}
func (c counting) WithGroup(name string) slog.Handler {
	return counting{c.Handler.WithGroup(name), c.m}
}

// serveMetrics answers on loopback: /metrics, /healthz (the process lives) and
// /readyz (this node records and may send).
func (n *node) serveMetrics(ctx context.Context, group *errgroup.Group, a *app) error {
	listener, err := net.Listen("tcp", n.s.config.Metrics.Listen)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "lives") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if ctx.Err() != nil || !n.store.Alive() {
			http.Error(w, "not ready: the record has not taken this node's heartbeat, or it is stopping", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	a.print("Metrics: http://%s/metrics", listener.Addr())
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		return server.Shutdown(stop)
	})
	return nil
}
