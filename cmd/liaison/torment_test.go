package main

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"liaison/gateway/store/storetest"
)

// pains say how long and how hard a torment is.
type pains struct {
	faults  time.Duration // faults strike for so long
	longest time.Duration // one lasts at most about so long
	rate    float64       // forms a second
	settle  time.Duration // by when all must have arrived after the last fault
}

// longRun is from when on a run has the rare faults too.
const longRun = 3 * time.Minute

// measure reads how long the torment is to be: TORMENT=30m for a long one.
func measure(t *testing.T) pains {
	p := pains{faults: 8 * time.Second, longest: 2 * time.Second, rate: 8, settle: 3 * time.Minute}
	if text := os.Getenv("TORMENT"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("TORMENT=%s: %v; write 5m", text, err)
		}
		p.faults, p.longest, p.settle = d, 8*time.Second, 10*time.Minute
	}
	if text := os.Getenv("TORMENT_RATE"); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate <= 0 {
			t.Fatalf("TORMENT_RATE=%s: write forms a second", text)
		}
		p.rate = rate
	}
	return p
}

// seedOf is what the run's dice begin with: chance in a long run, always the same
// in the suite. TORMENT_SEED repeats a run's choices, though not its moments.
func seedOf(t *testing.T) uint64 {
	seed := uint64(1)
	if os.Getenv("TORMENT") != "" {
		seed = rand.Uint64()
	}
	if text := os.Getenv("TORMENT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TORMENT_SEED=%s: %v", text, err)
		}
	}
	t.Logf("seed: TORMENT_SEED=%d", seed)
	return seed
}

func TestTormentOnSQLiteWithTheEmbeddedMailServer(t *testing.T) {
	onSQLite(t, newOwnServer).suffer(measure(t))
}

func TestTormentOnSQLiteWithDovecotAndPostfix(t *testing.T) {
	onSQLite(t, newOrdinaryServers).suffer(measure(t))
}

func TestTormentOfTwoNodesOnPostgreSQLWithTheEmbeddedMailServer(t *testing.T) {
	onPostgreSQL(t, newOwnServer).suffer(measure(t))
}

func TestTormentOfTwoNodesOnPostgreSQLWithDovecotAndPostfix(t *testing.T) {
	onPostgreSQL(t, newOrdinaryServers).suffer(measure(t))
}

// onSQLite is a world of one node, whose disk gets full.
func onSQLite(t *testing.T, post func(*testing.T, ...string) carrier) *world {
	disk := newDisk(t)
	w := newWorld(t, seedOf(t), "sqlite:"+disk.dir+"/liaison.db", 1, post)
	w.faults = disk.faults(func() error { return nil })
	return w
}

// onPostgreSQL is a world of two nodes, whose database is killed, cut off and gets
// its disk full.
func onPostgreSQL(t *testing.T, post func(*testing.T, ...string) carrier) *world {
	disk := newDisk(t)
	cluster, address := storetest.NewListeningCluster(t, disk.dir)
	if err := cluster.Exec("CREATE DATABASE liaison"); err != nil {
		t.Fatal(err)
	}
	pg := newWire(t, "PostgreSQL", address)
	w := newWorld(t, seedOf(t), "postgres://postgres@"+pg.address()+"/liaison?sslmode=disable", 2, post)
	w.wires["PostgreSQL"] = pg
	db := &oneAtATime{server: cluster}
	w.faults = append(disk.faults(func() error { return db.revive(cluster) }), crashing("PostgreSQL", db))
	w.rare = append(w.rare, fault{"PostgreSQL is off for a minute", crashing("PostgreSQL", db).do})
	return w
}

// suffer lets forms travel while faults strike, waits until everything is
// settled, and has the book judged.
func (w *world) suffer(p pains) {
	t := w.t
	w.start()
	w.faults = append(w.faults, w.post.faults()...)
	reading, stop := context.WithCancel(w.ctx)
	defer stop()
	read := w.readers(reading)
	striking, cancel := context.WithTimeout(w.ctx, p.faults)
	defer cancel()
	begun := time.Now()
	offered := make(chan struct{})
	go func() { defer close(offered); w.offer(striking, p.rate) }()
	rarely := make(chan struct{})
	go func() {
		defer close(rarely)
		if p.faults >= longRun {
			w.strikeOnce(striking, p.faults/3)
		}
	}()
	w.strikeOn(striking, p.longest)
	<-rarely
	w.heal()
	took := time.Since(begun)
	w.settle(p.settle, offered)
	stop()
	read()
	violations := w.book.Violations()
	for i, v := range violations {
		if i == 40 {
			t.Errorf("and %d more", len(violations)-i)
			break
		}
		t.Error(v)
	}
	w.verify()
	w.stop()
	t.Logf("%s of faults, %s until settled: %s", took.Round(time.Second), time.Since(begun).Round(time.Second), w.book.Figures())
	t.Log(w.strikes())
	for _, file := range w.files("*.log") {
		for _, line := range complaints(file) {
			t.Errorf("%s: %s", file, line)
		}
		if t.Failed() && os.Getenv("TORMENT_LOGS") != "" {
			data, _ := os.ReadFile(file)
			_ = os.MkdirAll(os.Getenv("TORMENT_LOGS"), 0o700)
			_ = os.WriteFile(os.Getenv("TORMENT_LOGS")+"/"+t.Name()+"-"+file[strings.LastIndex(file, "/")+1:], data, 0o600)
		}
	}
}

// heal ends what would only wait: everything begins anew once more, so that
// nothing counts its minutes before it tries again.
func (w *world) heal() {
	w.witness.calm()
	for _, agent := range w.agents {
		agent.kill()
	}
	for _, node := range w.nodes {
		node.kill()
	}
}

// settle waits until every offer is answered, every accepted form has arrived and
// nothing is on its way. The clock runs ahead, so that what waits for its next
// try tries.
func (w *world) settle(most time.Duration, offered <-chan struct{}) {
	w.t.Helper()
	limit := time.Now().Add(most)
	ahead := 200 * time.Second
	quiet := 0
	for quiet < 3 && time.Now().Before(limit) {
		ahead += time.Minute
		w.jump(min(ahead, time.Hour))
		rest(w.ctx, time.Second)
		quiet++
		if awaited := w.book.Awaited(); int(ahead/time.Minute)%15 == 0 {
			w.t.Logf("still %d to come: %v", len(awaited), awaited[:min(5, len(awaited))])
		}
		select {
		case <-offered:
		default:
			quiet = 0
		}
		if len(w.book.Awaited()) > 0 {
			quiet = 0
			continue
		}
		list, code := command(w.t, "", "forms", "list", "--json", "--limit", "1000000", "-c", w.path("gw/gateway.yaml"))
		if code != exitDone || w.standing(list) > 0 {
			quiet = 0
		}
	}
	if quiet < 3 {
		w.t.Errorf("not settled after %s", most)
	}
}

// verify checks the audit log.
func (w *world) verify() {
	limit := time.Now().Add(2 * time.Minute) // a long log takes its time on a busy machine
	for {
		out, code := command(w.t, "", "audit", "verify", "-c", w.path("gw/gateway.yaml"))
		if code == exitDone && strings.Contains(out, " 0 not yet in it") {
			return
		}
		if time.Now().After(limit) {
			w.t.Errorf("audit verify = exit code %d, %s; want a log that holds", code, out)
			return
		}
		rest(w.ctx, 200*time.Millisecond)
	}
}
