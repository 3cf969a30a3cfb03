package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"liaison/crypto/keyring"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// operationCmd is about operations and participants.
type operationCmd struct {
	Apply operationApplyCmd `cmd:"" help:"Check operation files and put them into the store."`
	List  operationListCmd  `cmd:"" help:"List the operations in force."`
	Show  operationShowCmd  `cmd:"" help:"Show one operation: phases, participants, channels, keys."`
}

type operationApplyCmd struct {
	configFlag
	Files []string `arg:"" optional:"" help:"operation.yaml files; those of the configuration where none is named." type:"path"`
}

func (operationApplyCmd) Help() string {
	return "Keys named in the file become proposals: confirm each with \"liaison key confirm\".\nExample: liaison operation apply operations/op-7k3.yaml"
}

func (c operationApplyCmd) Run(a *app) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	if len(c.Files) > 0 {
		s.config.Operations = c.Files
	}
	st, err := s.beside(a)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := applyChanged(a, s, st); err != nil {
		return err
	}
	a.print("Next: liaison key list, then liaison key confirm for each key that was read back.")
	return nil
}

// applyChanged checks the configured operation files, all problems at once, and
// applies them with their keys as proposals.
func applyChanged(a *app, s *setup, st *store.Store) error {
	ops, problems, err := s.readOperations()
	if err != nil {
		return err
	}
	failed := false
	for _, p := range problems {
		fmt.Fprintln(a.err, p)
		failed = failed || p.Severity == "error"
	}
	if failed {
		return wrongf("the operation files have errors; nothing was applied")
	}
	for file, op := range ops {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := st.ApplyOperation(a.ctx, op, data, audit("operation applied", person(), op.Code, "")); err != nil {
			return fmt.Errorf("apply %s: %w", file, err)
		}
		if err := proposeKeys(a, st, file, op); err != nil {
			return err
		}
		a.print("Operation %s: %d participants, from %s.", op.Code, len(op.Participants), file)
	}
	return nil
}

// proposeKeys records the operation's key files as proposals; a confirmed
// certificate stays until its replacement is confirmed.
func proposeKeys(a *app, st *store.Store, file string, op *operation.Operation) error {
	for _, p := range op.Participants {
		for _, k := range p.Keys {
			path := k.File
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(file), path)
			}
			certs, err := readCertificates(path)
			if err != nil {
				return fmt.Errorf("participant %s: %w", p.Code, err)
			}
			for _, cert := range certs {
				change, err := ring(st).Propose(a.ctx, op.Code, p.Code, keyring.Proposal{Certificate: cert, Source: k.File, Role: k.Role, Holder: k.Holder, By: person()})
				if err != nil {
					return err
				}
				if change != keyring.Unchanged {
					a.print("Key of %s: %s %s.", p.Code, cert.Fingerprint().Grouped(), change)
				}
			}
		}
	}
	return nil
}

type operationListCmd struct {
	configFlag
	JSON bool `help:"Print as JSON, one object a line."`
}

func (operationListCmd) Help() string { return "Example: liaison operation list" }

func (c operationListCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		ops, _, err := st.Operations(a.ctx)
		if err != nil {
			return err
		}
		for _, op := range ops {
			if c.JSON {
				if err := a.json(map[string]any{"operation": op.Code, "title": op.Title, "phase": op.PhaseAt(time.Now()), "participants": len(op.Participants)}); err != nil {
					return err
				}
				continue
			}
			a.print("%-16s %-12s %3d participants  %s", op.Code, op.PhaseAt(time.Now()), len(op.Participants), op.Title)
		}
		if len(ops) == 0 && !c.JSON {
			a.print("No operation is in force. Next: liaison operation apply")
		}
		return nil
	})
}

// withStore runs f on the configured store, beside a serving gateway.
func (c configFlag) withStore(a *app, f func(*store.Store) error) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	st, err := s.beside(a)
	if err != nil {
		return err
	}
	defer st.Close()
	return f(st)
}

type operationShowCmd struct {
	configFlag
	Operation string `arg:"" help:"Operation code."`
}

func (operationShowCmd) Help() string { return "Example: liaison operation show OP-7K3" }

func (c operationShowCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		op, err := findOperation(a, st, c.Operation)
		if err != nil {
			return err
		}
		a.print("%s  %s  (now: %s)", op.Code, op.Title, op.PhaseAt(time.Now()))
		for _, ph := range []struct {
			name string
			span operation.Span
		}{{"preparation", op.Phases.Preparation}, {"operation", op.Phases.Operation}, {"evaluation", op.Phases.Evaluation}} {
			a.print("  %-12s %s to %s", ph.name, ph.span.From.Format(time.DateOnly), ph.span.To.Format(time.DateOnly))
		}
		for _, p := range op.Participants {
			a.print("%s  %s", p.Code, p.Authority)
			for _, ch := range p.Channels {
				a.print("  channel %-10s %s%s", ch.Kind, ch.Address, ch.Number)
			}
			keys, err := st.Keys(a.ctx, op.Code, p.Code, "")
			if err != nil {
				return err
			}
			for _, k := range keys {
				a.print("  key     %-10s %s", k.State, k.Fingerprint.Grouped())
			}
		}
		return nil
	})
}

func findOperation(a *app, st *store.Store, code string) (*operation.Operation, error) {
	ops, _, err := st.Operations(a.ctx)
	if err != nil {
		return nil, err
	}
	for _, op := range ops {
		if string(op.Code) == code || code == "" && len(ops) == 1 {
			return op, nil
		}
	}
	if code == "" {
		return nil, wrongf("there are %d operations in force; name one", len(ops))
	}
	return nil, wrongf("no operation %s is in force; see \"liaison operation list\"", code)
}
