package main

import (
	"errors"
	"os"
	"strings"

	"liaison/gateway/store"
)

// storeCmd is about the record itself.
type storeCmd struct {
	Copy storeCopyCmd `cmd:"" help:"Copy everything into an empty store: a backup, or a move between SQLite and PostgreSQL."`
}

type storeCopyCmd struct {
	configFlag
	jsonFlag
	From string `help:"The source; the configured store where none is named."`
	To   string `arg:"" help:"The empty destination: sqlite:FILE or postgres://USER@HOST/DATABASE."`
}

func (storeCopyCmd) Help() string {
	return "The source may be serving: the copy is of one moment. Content stays encrypted under the same storage key, which the copy needs to be read; keep it apart.\n" +
		"A file that is named here is looked for where you are, not beside gateway.yaml; its folder is made.\n" +
		"A backup:  liaison store copy sqlite:backup/liaison.db\n" +
		"A move:    stop the gateway, liaison store copy postgres://liaison@db/liaison, then name that under store: in gateway.yaml.\n" +
		"A restore: liaison store copy --from sqlite:backup/liaison.db sqlite:data/liaison.db"
}

func (c storeCopyCmd) Run(a *app) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	source := s.dsn
	if c.From != "" {
		source = c.From
	}
	for _, name := range []string{source, c.To} {
		if !store.Named(name) {
			return wrongf("%q names no store; write it as sqlite:backup/liaison.db or postgres://USER@HOST/DATABASE", name)
		}
	}
	from, err := store.OpenReader(a.ctx, source, s.opt)
	if errors.Is(err, store.ErrEarlier) && strings.HasPrefix(source, "sqlite:") {
		var dir string
		if dir, err = os.MkdirTemp("", "liaison-earlier-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		from, err = store.OpenEarlier(a.ctx, source, dir, s.opt)
	}
	if err != nil {
		return err
	}
	defer from.Close()
	if err := makeFolder(c.To); err != nil {
		return err
	}
	to, err := store.OpenBeside(a.ctx, c.To, s.opt)
	if err != nil {
		return err
	}
	defer to.Close()
	total := int64(0)
	err = store.Copy(a.ctx, from, to, func(table string, rows int64) {
		total += rows
		c.fact(a, map[string]any{"table": table, "rows": rows}, "%9d  %s", rows, strings.ReplaceAll(table, "_", " "))
	})
	if err != nil {
		return err
	}
	c.say(a, "%9d rows in all. Next: liaison audit verify on a configuration that names the copy", total)
	return nil
}
