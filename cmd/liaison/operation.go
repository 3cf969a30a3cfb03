package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
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
	jsonFlag
}

func (operationApplyCmd) Help() string {
	return "Keys named in the file become proposals: confirm each with \"liaison key confirm\".\nExample: liaison operation apply operations/op-7k3.yaml"
}

func (c operationApplyCmd) Run(a *app) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	for _, file := range c.Files {
		if _, err := os.Stat(file); err != nil {
			return wrongf("read the operation: %w; nothing was applied", err)
		}
	}
	if len(c.Files) > 0 {
		s.config.Operations = c.Files
	}
	st, err := s.beside(a)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := applyChanged(a, s, st, c.jsonFlag); err != nil {
		return err
	}
	c.say(a, "Next: liaison key list%[1]s, then liaison key confirm%[1]s for each key that was read back.", c.option())
	return nil
}

// applyChanged checks the configured operation files, all problems at once, and
// applies them with their keys as proposals.
func applyChanged(a *app, s *setup, st *store.Store, j jsonFlag) error {
	ops, problems, err := s.readOperations()
	if err != nil {
		return err
	}
	failed := false
	for _, p := range append(problems, operation.Overlaps(slices.Collect(maps.Values(ops)))...) {
		fmt.Fprintln(a.err, p)
		failed = failed || p.Severity == "error"
	}
	if failed {
		return wrongf("the operation files have errors; nothing was applied")
	}
	keys := make(map[string][]offered)
	for file, op := range ops {
		if keys[file], err = offeredKeys(file, op); err != nil {
			return wrongf("%w; nothing was applied", err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(ops)) {
		op := ops[file]
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := st.ApplyOperation(a.ctx, op, data, audit("operation applied", person(), op.Code, "")); err != nil {
			return fmt.Errorf("apply %s: %w", file, err)
		}
		if err := propose(a, st, op, keys[file], j); err != nil {
			return err
		}
		j.fact(a, map[string]any{"operation": op.Code, "participants": len(op.Participants), "file": file}, "Operation %s: %s, from %s.", op.Code, plural(len(op.Participants), "participant", "participants"), file)
	}
	return nil
}

// beside resolves a path that stands in a file.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// offered is a certificate from an operation's key files.
type offered struct {
	participant operation.ParticipantCode
	proposal    keyring.Proposal
}

// offeredKeys reads an operation's key files.
func offeredKeys(file string, op *operation.Operation) (list []offered, err error) {
	for _, p := range op.Participants {
		for _, k := range p.Keys {
			certs, err := readCertificates(beside(file, k.File))
			if err != nil {
				return nil, fmt.Errorf("participant %s: %w", p.Code, err)
			}
			for _, cert := range certs {
				list = append(list, offered{p.Code, keyring.Proposal{Certificate: cert, Source: k.File, Role: k.Role, Holder: k.Holder, By: person()}})
			}
		}
	}
	return list, nil
}

// propose records certificates as proposals; a confirmed one stays until its
// replacement is confirmed.
func propose(a *app, st *store.Store, op *operation.Operation, keys []offered, j jsonFlag) error {
	for _, k := range keys {
		change, err := ring(st).Propose(a.ctx, op.Code, k.participant, k.proposal)
		if err != nil {
			return err
		}
		if fp := k.proposal.Certificate.Fingerprint(); change != keyring.Unchanged {
			j.fact(a, map[string]any{"operation": op.Code, "participant": k.participant, "fingerprint": fp, "change": change}, "Key of %s: %s %s.", k.participant, fp.Grouped(), change)
		}
	}
	return nil
}

type operationListCmd struct {
	configFlag
	jsonFlag
}

func (operationListCmd) Help() string {
	return "Example: liaison operation list\nFor one operation with its participants, see \"liaison operation show\"."
}

func (c operationListCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		ops, _, err := st.Operations(a.ctx)
		if err != nil {
			return err
		}
		for _, op := range ops {
			c.fact(a, map[string]any{"operation": op.Code, "title": op.Title, "phase": op.PhaseAt(time.Now()), "participants": len(op.Participants)}, "%-16s %-12s %-16s  %s", op.Code, op.PhaseAt(time.Now()), plural(len(op.Participants), "participant", "participants"), op.Title)
		}
		if len(ops) == 0 {
			c.say(a, "No operation is in force. Next: liaison operation apply%s", c.option())
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
	jsonFlag
}

func (operationShowCmd) Help() string { return "Example: liaison operation show OP-7K3" }

// shownParticipant is a participant with what is recorded of its keys.
type shownParticipant struct {
	Code      operation.ParticipantCode `json:"code"`
	Authority string                    `json:"authority"`
	Channels  []shownChannel            `json:"channels"`
	Keys      []shownKey                `json:"keys"`
}

type shownChannel struct {
	Kind operation.ChannelKind `json:"kind"`
	To   string                `json:"to,omitempty"`
}

type shownKey struct {
	State       gateway.KeyState    `json:"state"`
	Fingerprint openpgp.Fingerprint `json:"fingerprint"`
}

func (c operationShowCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		op, err := findOperation(a, st, c.Operation)
		if err != nil {
			return err
		}
		var participants []shownParticipant
		for _, p := range op.Participants {
			shown, err := showParticipant(a, st, op, p)
			if err != nil {
				return err
			}
			participants = append(participants, shown)
		}
		if c.JSON {
			return a.json(map[string]any{"operation": op.Code, "title": op.Title, "organiser": op.Organiser, "phase": op.PhaseAt(time.Now()), "phases": phaseDays(op), "participants": participants})
		}
		printOperation(a, op, participants)
		return nil
	})
}

func showParticipant(a *app, st *store.Store, op *operation.Operation, p *operation.Participant) (shownParticipant, error) {
	shown := shownParticipant{Code: p.Code, Authority: p.Authority}
	for _, ch := range p.Channels {
		shown.Channels = append(shown.Channels, shownChannel{ch.Kind, ch.Address + ch.Number})
	}
	keys, err := st.Keys(a.ctx, op.Code, p.Code, "")
	for _, k := range keys {
		shown.Keys = append(shown.Keys, shownKey{k.State, k.Fingerprint})
	}
	return shown, err
}

// shownPhase is a phase by its first and last day.
type shownPhase struct {
	Phase operation.Phase `json:"phase"`
	From  string          `json:"from"`
	To    string          `json:"to"`
}

func phaseDays(op *operation.Operation) []shownPhase {
	shown := func(p operation.Phase, s operation.Span) shownPhase {
		return shownPhase{p, s.From.Format(time.DateOnly), s.To.Format(time.DateOnly)}
	}
	return []shownPhase{shown(operation.Preparation, op.Phases.Preparation), shown(operation.Operational, op.Phases.Operation), shown(operation.Evaluation, op.Phases.Evaluation)}
}

func printOperation(a *app, op *operation.Operation, participants []shownParticipant) {
	a.print("%s  %s  (now: %s)", op.Code, op.Title, op.PhaseAt(time.Now()))
	for _, ph := range phaseDays(op) {
		a.print("  %-12s %s to %s", ph.Phase, ph.From, ph.To)
	}
	for _, p := range participants {
		a.print("%s  %s", p.Code, p.Authority)
		for _, ch := range p.Channels {
			a.print("  channel %-10s %s", ch.Kind, ch.To)
		}
		for _, k := range p.Keys {
			a.print("  key     %-10s %s", k.State, k.Fingerprint.Grouped())
		}
	}
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
	switch {
	case code == "" && len(ops) == 0:
		return nil, wrongf("no operation is in force; \"liaison operation apply\" puts the operation files into the store")
	case code == "":
		return nil, wrongf("there are %d operations in force; name one", len(ops))
	}
	return nil, wrongf("no operation %s is in force; see \"liaison operation list\"", code)
}
