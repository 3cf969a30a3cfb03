package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	runtimemetrics "runtime/metrics"
	"time"

	"golang.org/x/sync/errgroup"
)

type benchGrowthCmd struct {
	jsonFlag
	Forms   int           `help:"So many forms." default:"1000000"`
	For     time.Duration `help:"Or as many as this time allows, where it ends first." default:"15m"`
	Samples int           `help:"So often is it measured." default:"20"`
	Store   string        `help:"A PostgreSQL server whose user may create databases; SQLite in the bench's folder where none is named."`
	Dir     string        `help:"Folder on the disk to measure; a temporary one where none is named." type:"path"`
	SVG     string        `help:"Draw a picture into this file." type:"path"`
}

func (benchGrowthCmd) Help() string {
	return "Simulates a gateway's life: sealed forms are opened, checked, recorded, sealed for one recipient and settled, one after the other, and nothing is ever deleted. Prints what is in use after a collection of garbage, what the process has resident, how large the record is, and how many forms went through a second since the line before. Whatever grows with the number of forms grows here. What goes out is taken at once; the forms' sender shares the process.\nExample: liaison bench growth --forms 1000000 --for 15m"
}

// growthResult is one line.
type growthResult struct {
	Forms      int64   `json:"forms"`
	Seconds    float64 `json:"seconds"`
	LiveMB     float64 `json:"live_mb"`     // Go heap in use after a collection
	ResidentMB int64   `json:"resident_mb"` // of the process
	Goroutines int     `json:"goroutines"`
	RecordMB   int64   `json:"record_mb"` // file of the record; 0 where it is on a server
	PerSecond  float64 `json:"per_second"`
}

func (c benchGrowthCmd) Run(a *app) (err error) {
	dir, remove, err := benchFolder(c.Dir)
	if err != nil {
		return err
	}
	defer remove()
	c.Dir = dir
	dsn := ""
	if c.Store != "" {
		fresh, durable, drop, err := freshDatabase(a.ctx, c.Store)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, drop()) }()
		c.say(a, "%s", durable)
		dsn = fresh
	}
	fsync, err := fsyncTime(c.Dir)
	if err != nil {
		return err
	}
	c.say(a, "%s; fsync of 4 KiB %d µs", machine(), fsync.Microseconds())
	g := &growth{benchGrowthCmd: c, app: a}
	if err := g.live(dsn); err != nil || c.SVG == "" {
		return err
	}
	return g.draw()
}

// growth is a gateway's life.
type growth struct {
	benchGrowthCmd
	*app
	*drive
	began time.Time
	rows  []growthResult
}

// growthAhead is how many deliveries may be under way: the life is steady.
const growthAhead = 512

func (g *growth) live(dsn string) (err error) {
	ctx, stop := context.WithCancel(g.app.ctx)
	defer stop()
	if g.drive, err = newDrive(ctx, &flowBench{app: &app{ctx, g.app.streams}, benchFlowCmd: benchFlowCmd{Recipients: driveParticipants, Bytes: 1000, In: "lmtp", Store: dsn, Dir: filepath.Join(g.benchGrowthCmd.Dir, "gateway")}}); err != nil {
		return err
	}
	st := g.node.store
	defer func() { err = errors.Join(err, st.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return st.Run(ctx) })
	group.Go(func() error { setGarbage(ctx); return nil })
	group.Go(func() error { return g.gateway.Run(ctx, st.Wake()) })
	group.Go(func() error { defer stop(); return g.offer(ctx) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return g.app.ctx.Err()
}

// offer offers forms, no more than a few ahead of what is settled, and measures now
// and then while nothing is under way.
func (g *growth) offer(ctx context.Context) error {
	g.say(g.app, "     forms  seconds  in use, MB  resident, MB  goroutines  record, MB  forms a second")
	g.began = time.Now()
	each := max(1, g.benchGrowthCmd.Forms/g.Samples)
	for done := 0; done < g.benchGrowthCmd.Forms && time.Since(g.began) < g.For; {
		began, n := time.Now(), 0
		for n < each && time.Since(began) < g.For/time.Duration(g.Samples) {
			batch := min(growthAhead, each-n)
			if err := produce(ctx, 8, batch, g.one); err != nil {
				return err
			}
			n += batch
			if err := g.done.wait(ctx, 2*int64(done+n-growthAhead), func(int64) {}); err != nil { // with the answers
				return err
			}
		}
		done += n
		if err := g.done.wait(ctx, 2*int64(done), func(int64) {}); err != nil {
			return err
		}
		g.sample(int64(done), float64(n)/time.Since(began).Seconds())
	}
	return nil
}

func (g *growth) one(ctx context.Context, _ int) error {
	in, err := g.inbound(g.made.Add(1), 1)
	if err != nil {
		return err
	}
	return g.accept(ctx, in)
}

// sample measures the process as it is.
func (g *growth) sample(forms int64, perSecond float64) {
	runtime.GC()
	live := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(live)
	r := growthResult{Forms: forms, Seconds: time.Since(g.began).Seconds(), LiveMB: float64(live[0].Value.Uint64()) / (1 << 20), ResidentMB: memoryOf("self", "VmRSS") >> 20,
		Goroutines: runtime.NumGoroutine(), PerSecond: perSecond}
	for _, suffix := range []string{"", "-wal"} {
		if f, err := os.Stat(filepath.Join(g.drive.Dir, "data/liaison.db"+suffix)); err == nil {
			r.RecordMB += f.Size() >> 20
		}
	}
	g.fact(g.app, r, "%10d  %7.0f  %10.1f  %12d  %10d  %10d  %14.0f", r.Forms, r.Seconds, r.LiveMB, r.ResidentMB, r.Goroutines, r.RecordMB, r.PerSecond)
	g.rows = append(g.rows, r)
}

func (g *growth) draw() error {
	memory := chart{title: "Memory, by forms that were ever taken", x: "forms in the record", y: "MB", note: machine(), curves: []curve{{name: "resident"}, {name: "in use"}}}
	rate := chart{title: "Forms a second, by forms in the record", x: "forms in the record", y: "forms a second", note: machine() + "; generator in the same process", curves: []curve{{name: "through"}}}
	for _, r := range g.rows {
		x := float64(r.Forms)
		memory.curves[0].points = append(memory.curves[0].points, point{x, float64(r.ResidentMB)})
		memory.curves[1].points = append(memory.curves[1].points, point{x, r.LiveMB})
		rate.curves[0].points = append(rate.curves[0].points, point{x, r.PerSecond})
	}
	return writeCharts(g.SVG, memory, rate)
}
