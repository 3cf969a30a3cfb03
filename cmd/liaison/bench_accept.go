package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"liaison/gateway"
)

type benchAcceptCmd struct {
	jsonFlag
	Store      string `help:"A PostgreSQL server whose user may create databases, postgres://user@host/postgres: a database of its own there is measured after SQLite."`
	Producers  []int  `help:"So many offer at once, one row each." default:"1,8,64"`
	Recipients []int  `help:"So many recipients of each form, one row each." default:"1,10"`
	Forms      int    `help:"So many forms in the longest row; fewer where each takes longer." default:"8000"`
	Dir        string `help:"Folder on the disk to measure; a temporary one where none is named." type:"path"`
	SVG        string `help:"Draw a picture into this file." type:"path"`
}

func (benchAcceptCmd) Help() string {
	return "How many forms of 4 KiB the record takes a second, durably, with the audit entry, and how many deliveries it settles: as they are, and opened, checked and sealed by the flow. No mail server is in it: what goes out is taken at once.\nExample: liaison bench accept --store 'postgres://postgres@127.0.0.1/postgres'"
}

// acceptResult is one row.
type acceptResult struct {
	Store      string  `json:"store"`
	Opening    bool    `json:"opening"` // the forms are sealed mails; deliveries are sealed too
	Producers  int     `json:"producers"`
	Recipients int     `json:"recipients"`
	Accepted   float64 `json:"accepted_per_second"`
	Delivered  float64 `json:"delivered_per_second"`
	FsyncUS    int64   `json:"fsync_us"` // 4 KiB, median
}

func (c benchAcceptCmd) Run(a *app) error {
	dir, remove, err := benchFolder(c.Dir)
	if err != nil {
		return err
	}
	defer remove()
	c.Dir = dir
	fsync, err := fsyncTime(c.Dir)
	if err != nil {
		return err
	}
	c.say(a, "%s; fsync of 4 KiB %d µs", machine(), fsync.Microseconds())
	rows, err := c.measure(a, "SQLite", "", fsync)
	if err == nil && c.Store != "" {
		err = c.onPostgres(a, fsync, &rows)
	}
	if err != nil || c.SVG == "" {
		return err
	}
	return c.draw(rows, fsync)
}

func (c benchAcceptCmd) onPostgres(a *app, fsync time.Duration, rows *[]acceptResult) (err error) {
	dsn, durable, drop, err := freshDatabase(a.ctx, c.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	c.say(a, "%s", durable)
	more, err := c.measure(a, "PostgreSQL", dsn, fsync)
	*rows = append(*rows, more...)
	return err
}

// measure measures all rows on one store.
func (c benchAcceptCmd) measure(a *app, name, dsn string, fsync time.Duration) (rows []acceptResult, err error) {
	ctx, stop := context.WithCancel(a.ctx)
	defer stop()
	d, err := newDrive(ctx, &flowBench{app: &app{ctx, a.streams}, benchFlowCmd: benchFlowCmd{Recipients: max(driveParticipants, slices.Max(c.Recipients)), Bytes: 1000, Attach: 2500, In: "lmtp", Store: dsn, Dir: filepath.Join(c.Dir, name)}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.node.store.Close()) }()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.node.store.Run(ctx) })
	group.Go(func() error { setGarbage(ctx); return nil })
	group.Go(func() error {
		defer stop()
		c.say(a, "store       opening  producers  recipients  accepted a second  delivered a second")
		for _, opening := range []bool{false, true} {
			for _, recipients := range c.Recipients {
				for _, producers := range c.Producers {
					r := acceptResult{Store: name, Opening: opening, Producers: producers, Recipients: recipients, FsyncUS: fsync.Microseconds()}
					if err := c.row(ctx, d, &r); err != nil {
						return err
					}
					c.fact(a, r, "%-10s  %-7s  %9d  %10d  %17.0f  %18.0f", r.Store, map[bool]string{true: "yes", false: "no"}[r.Opening], r.Producers, r.Recipients, r.Accepted, r.Delivered)
					rows = append(rows, r)
				}
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return rows, a.ctx.Err()
}

// row measures one row: all forms are accepted first and delivered then.
func (c benchAcceptCmd) row(ctx context.Context, d *drive, r *acceptResult) error {
	forms := c.Forms * min(16, 2*r.Producers) / 16 / (1 + r.Recipients/4)
	accept, deliver := c.bare(d, r.Recipients, forms)
	if r.Opening {
		forms = max(1, forms/2)
		var err error
		if accept, deliver, err = c.opened(ctx, d, r.Recipients, forms); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := produce(ctx, r.Producers, forms, accept); err != nil {
		return err
	}
	r.Accepted = float64(forms) / time.Since(began).Seconds()
	began = time.Now()
	if err := deliver(ctx); err != nil {
		return err
	}
	r.Delivered = float64(forms*r.Recipients) / time.Since(began).Seconds()
	return nil
}

// bare is accepting and delivering by the store alone.
func (c benchAcceptCmd) bare(d *drive, recipients, forms int) (accept func(context.Context, int) error, deliver func(context.Context) error) {
	return func(ctx context.Context, _ int) error { return d.record(ctx, d.made.Add(1), recipients) },
		func(ctx context.Context) error { return d.settle(ctx, forms*recipients) }
}

// opened is accepting and delivering by the whole flow. The mails are made before.
func (c benchAcceptCmd) opened(ctx context.Context, d *drive, recipients, forms int) (accept func(context.Context, int) error, deliver func(context.Context) error, err error) {
	mails := make([]*gateway.Inbound, forms)
	err = produce(ctx, 4, forms, func(_ context.Context, i int) (err error) {
		mails[i], err = d.inbound(d.made.Add(1), recipients)
		return err
	})
	accept = func(ctx context.Context, i int) error { return d.accept(ctx, mails[i]) }
	deliver = func(ctx context.Context) error { return d.deliver(ctx, int64(forms*(recipients+1))) } // with the answers
	return accept, deliver, err
}

// deliver lets the gateway run until it has recorded so many deliveries more.
func (d *drive) deliver(ctx context.Context, deliveries int64) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	want := d.done.count.Load() + deliveries
	group.Go(func() error { return d.gateway.Run(ctx, d.node.store.Wake()) })
	group.Go(func() error { defer stop(); return d.done.wait(ctx, want, func(int64) {}) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (c benchAcceptCmd) draw(rows []acceptResult, fsync time.Duration) error {
	accepted := chart{title: "Accepted a second, by producers", x: "producers at once", y: "forms a second", note: fmt.Sprintf("forms of 4 KiB; fsync of 4 KiB %d µs; %s", fsync.Microseconds(), machine()), scale: logarithmic}
	for _, r := range rows {
		name := fmt.Sprintf("%s, %d", r.Store, r.Recipients)
		if r.Opening {
			name += ", opened"
		}
		at := point{float64(r.Producers), r.Accepted}
		if i := slices.IndexFunc(accepted.curves, func(c curve) bool { return c.name == name }); i >= 0 {
			accepted.curves[i].points = append(accepted.curves[i].points, at)
			continue
		}
		accepted.curves = append(accepted.curves, curve{name, []point{at}})
	}
	return writeCharts(c.SVG, accepted)
}
