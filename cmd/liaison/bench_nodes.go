package main

import (
	"errors"
	"fmt"
)

type benchNodesCmd struct {
	jsonFlag
	Store      string  `required:"" help:"A PostgreSQL server whose user may create databases, postgres://user@host/postgres; each run has a database of its own there."`
	Nodes      []int   `help:"So many gateways, one run each." default:"1,2"`
	CPU        float64 `help:"Each gateway has this share of a processor." default:"0.4"`
	Forms      int     `help:"So many forms for each gateway." default:"300"`
	Recipients int     `help:"So many recipients of each, by OpenPGP mail." default:"10"`
	Bytes      int     `help:"Length of each form's free text." default:"1000"`
	NextHop    string  `help:"The mail server that takes what the gateways send, host:port; one in this process where none is named."`
	SVG        string  `help:"Draw a picture into this file." type:"path"`
}

func (benchNodesCmd) Help() string {
	return "How much more several gateways on one PostgreSQL carry than one: each is a process of its own, \"liaison serve\", and has a share of a processor, so that the machine they are on has enough of them for all. The database server isn't capped.\n" +
		"Example: liaison bench nodes --store 'postgres://postgres@127.0.0.1/postgres'"
}

func (c benchNodesCmd) Run(a *app) error {
	var carried curve
	var one float64
	for _, n := range c.Nodes {
		r, durable, err := c.measure(a, n)
		if err != nil {
			return err
		}
		if one == 0 {
			one = r.Deliveries / float64(n)
		}
		took := r.CPUSeconds / r.Seconds / float64(n)
		c.fact(a, r, "%d gateways (%s): %.1f forms and %.0f deliveries a second, %.2f × one; they took %.2f of a processor each; %s; fsync of 4 KiB %d µs; %s",
			n, r.Cap, r.PerSecond, r.Deliveries, r.Deliveries/one, took, durable, r.FsyncUS, machine())
		if took < 0.8*c.CPU {
			c.say(a, "Something else than the cap held them up: this says little of how gateways scale. Is the machine busy?")
		}
		carried.points = append(carried.points, point{float64(n), r.Deliveries})
	}
	if c.SVG == "" {
		return nil
	}
	carried.name = "measured"
	ideal := curve{name: "n × one"}
	for _, p := range carried.points {
		ideal.points = append(ideal.points, point{p.x, p.x * one})
	}
	return writeCharts(c.SVG, chart{title: "Deliveries a second by gateways on one PostgreSQL", x: fmt.Sprintf("gateways, each with %g of a processor", c.CPU), y: "deliveries a second",
		note: fmt.Sprintf("forms of %d bytes to %d recipients; %s", c.Bytes, c.Recipients, machine()), curves: []curve{ideal, carried}})
}

// measure lets so many gateways carry forms, on a fresh database.
func (c benchNodesCmd) measure(a *app, n int) (r *flowResult, durable string, err error) {
	dsn, durable, drop, err := freshDatabase(a.ctx, c.Store)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, drop()) }()
	flow := benchFlowCmd{jsonFlag: c.jsonFlag, Forms: c.Forms * n, Recipients: c.Recipients, Bytes: c.Bytes, In: "lmtp", NextHop: c.NextHop, Store: dsn, Nodes: n, CPU: c.CPU}
	r, err = flow.measure(a)
	return r, durable, err
}
