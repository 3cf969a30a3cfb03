package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"liaison/gateway/simulator"
	"liaison/gateway/torment"
)

// world is an operation under torment: gateways, participants on every kind of
// channel, the wires between them, and the book of what happened.
//
// LV and PL have agents, SE a system of its own; EE writes with GnuPG, FI and TR
// with another program, GE in the clear. LV, PL, EE and FI are cleared for
// nominal data.
type world struct {
	*room
	seed     uint64
	book     *torment.Book
	post     carrier
	gpg      gpg
	officers map[string]simulator.Participant // by code
	forger   simulator.Participant
	nodes    []*kept
	sockets  []string // where the nodes listen for the WebSocket
	agents   map[string]*kept
	witness  *witness
	wires    map[string]*wire
	faults   []fault  // beside the ordinary ones
	rare     []fault  // strike once, in a long run
	waits    []func() // until the processes are gone

	ctx context.Context // the processes' life
	end context.CancelFunc

	mu      sync.Mutex // guards what follows
	struck  map[string]int
	settled map[string][]torment.Form // accepted and correctable, by sender
	open    map[string]int            // offers on their way, by sender
}

var (
	onSocket = []string{"LV", "PL", "SE"}
	byMail   = []string{"EE", "FI", "TR", "GE"}
	cleared  = []string{"LV", "PL", "EE", "FI"}
)

func officerOf(code string) string { return "officer@" + strings.ToLower(code) + ".example" }

// newWorld sets everything up; nothing runs yet. Each node is a gateway on the
// same store.
func newWorld(t *testing.T, seed uint64, store string, nodes int, post func(*testing.T, ...string) carrier) *world {
	t.Helper()
	g := newGPG(t)
	r := newRoomOn(t, store, onSocket...)
	w := &world{room: r, seed: seed, gpg: g, officers: map[string]simulator.Participant{}, agents: map[string]*kept{}, wires: map[string]*wire{},
		struck: map[string]int{}, settled: map[string][]torment.Form{}, open: map[string]int{}}
	var people []torment.Participant
	for _, code := range slices.Concat(onSocket, byMail) {
		people = append(people, torment.Participant{Code: code, Open: code == "GE", Cleared: slices.Contains(cleared, code)})
	}
	w.book = torment.NewBook(people...)
	accounts := []string{unit}
	for _, code := range byMail {
		accounts = append(accounts, officerOf(code))
	}
	w.post = post(t, accounts...)
	imap, smtp := w.post.servers()
	w.wires["IMAP"], w.wires["SMTP"] = newWire(t, "IMAP", imap), newWire(t, "SMTP", smtp)
	w.write("gw/secrets/mail", mailPassword)
	w.write("gw/gateway.yaml", w.read("gw/gateway.yaml")+w.post.config(w.wires["IMAP"].address(), w.wires["SMTP"].address()))
	w.enlist()
	w.sockets = []string{fmt.Sprintf("127.0.0.1:%d", w.port)}
	for n := range nodes - 1 {
		w.sockets = append(w.sockets, fmt.Sprintf("127.0.0.1:%d", w.node(fmt.Sprintf("gw%d", n+2))))
	}
	for i, code := range onSocket {
		wire := newWire(t, code, w.sockets[i%len(w.sockets)])
		w.wires[code] = wire
		_, port, _ := net.SplitHostPort(wire.address())
		yaml := w.read(code + "/agent.yaml")
		_, rest, _ := strings.Cut(yaml, "\n")
		w.write(code+"/agent.yaml", fmt.Sprintf("url: ws://127.0.0.1:%s/v1/channel\n", port)+rest)
	}
	return w
}

const clearance = `     nominal: {send: {preparation: true}, receive: {preparation: true}, declared: {on: 2026-11-02, by: Invented}},` + "\n"

// enlist puts the participants into the operation and confirms their keys.
func (w *world) enlist() {
	w.t.Helper()
	op := w.read("gw/operations/operation.yaml")
	for _, code := range byMail {
		class, key, kind := "eu-member", fmt.Sprintf("keys: [{file: ../../%s.asc.cert.asc, role: shared}], ", code), "pgp-mail"
		if code == "TR" || code == "GE" {
			class = "third-country"
		}
		if code == "GE" {
			key, kind = "", "mail"
		} else {
			w.ok("key", "generate", "--name", code, "--address", officerOf(code), "--out", w.path(code+".asc"))
		}
		op += fmt.Sprintf("  - {code: %[1]s, country: %[1]s, class: %[3]s, authority: Customs, reference: JCO, languages: [en], duty: {phone: \"+000\"},\n"+
			"     %[4]saddresses: [%[2]s], channels: [{kind: %[5]s, address: %[2]s}]}\n", code, officerOf(code), class, key, kind)
	}
	for _, code := range cleared {
		head := fmt.Sprintf("  - {code: %s, ", code)
		at := strings.Index(op, head)
		line := at + strings.Index(op[at:], "\n") + 1
		op = op[:line] + clearance + op[line:]
	}
	w.write("gw/operations/operation.yaml", op)
	w.ok("operation", "apply", "-c", w.path("gw/gateway.yaml"))
	certificate := w.certificate("gw/keys/gateway.cert.asc")
	for _, code := range byMail {
		p := simulator.Participant{Code: code, Address: officerOf(code), To: unit, Gateway: certificate}
		if code != "GE" {
			p.Key = w.key(code)
			w.ok("key", "confirm", "-c", w.path("gw/gateway.yaml"), "OP-001", code, string(p.Key.Certificate().Fingerprint()), "--how", "read back in a test")
		}
		w.officers[code] = p
	}
	w.forger = w.officers["FI"]
	w.forger.Key = w.key("TR") // a registered key, and not FI's
	w.gpg.run(w.read("EE.asc"), "--import")
	w.gpg.run(w.read("gw/keys/gateway.cert.asc"), "--import")
}

// start lets gateways and agents run.
func (w *world) start() {
	w.t.Helper()
	w.ctx, w.end = context.WithCancel(context.Background())
	w.t.Cleanup(w.stop)
	w.jump(0)
	for i := range w.sockets {
		config := w.path("gw/gateway.yaml")
		if i > 0 {
			config = w.path(fmt.Sprintf("gw%d/gateway.yaml", i+1))
		}
		node := w.keep(fmt.Sprintf("gateway%d", i+1), func() *exec.Cmd {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "LIAISON_TORMENT="+config, "LIAISON_CLOCK="+w.path("clock"))
			return c
		})
		w.nodes = append(w.nodes, node)
	}
	for _, code := range []string{"LV", "PL"} {
		w.agents[code] = w.keep("agent-"+code, program("agent", "-c", w.path(code+"/agent.yaml")))
	}
	w.witness = w.newWitness("SE")
}

func (w *world) keep(name string, command func() *exec.Cmd) *kept {
	k, wait := keep(w.ctx, w.t, name, w.dir, command)
	w.waits = append(w.waits, wait)
	return k
}

// stop ends all processes.
func (w *world) stop() {
	w.end()
	for _, wait := range w.waits {
		wait()
	}
	w.waits = nil
}

// jump sets the gateways' clocks ahead by so much.
func (w *world) jump(d time.Duration) {
	name := w.path("clock")
	if err := os.WriteFile(name+".new", []byte(fmt.Sprint(d.Milliseconds())), 0o600); err != nil {
		w.t.Error(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		w.t.Error(err)
	}
}

// dice are a part's own, from the run's seed.
func (w *world) dice(part uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, part)) }
