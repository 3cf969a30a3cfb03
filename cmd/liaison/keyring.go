package main

import (
	"fmt"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

type keyListCmd struct {
	configFlag
	Operation string `arg:"" optional:"" help:"Operation code; all where none is named."`
	JSON      bool   `help:"Print as JSON, one object a line."`
}

func (keyListCmd) Help() string { return "Example: liaison key list OP-7K3" }

func (c keyListCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		keys, err := st.Keys(a.ctx, operation.Code(c.Operation), "", "")
		if err != nil {
			return err
		}
		for _, k := range keys {
			if c.JSON {
				if err := a.json(map[string]any{"operation": k.Operation, "participant": k.Participant, "fingerprint": k.Fingerprint, "state": k.State, "confirmed_by": k.ConfirmedBy, "how": k.How}); err != nil {
					return err
				}
				continue
			}
			a.print("%-10s %-8s %-10s %s", k.Operation, k.Participant, k.State, k.Fingerprint.Grouped())
		}
		return nil
	})
}

type keyImportCmd struct {
	configFlag
	Operation   string `arg:"" help:"Operation code."`
	Participant string `arg:"" help:"Participant code."`
	File        string `arg:"" help:"Certificate file."`
	Role        string `help:"shared, personal or spare." enum:"shared,personal,spare" default:"shared"`
	Holder      string `help:"Who reads with it."`
}

func (keyImportCmd) Help() string {
	return "The certificate is a proposal until it is confirmed.\nExample: liaison key import OP-7K3 LV lv.asc"
}

func (c keyImportCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		op, err := findOperation(a, st, c.Operation)
		if err != nil {
			return err
		}
		if op.Participant(operation.ParticipantCode(c.Participant)) == nil {
			return wrongf("%s is no participant of %s", c.Participant, op.Code)
		}
		certs, err := readCertificates(c.File)
		if err != nil {
			return err
		}
		for _, cert := range certs {
			change, err := ring(st).Propose(a.ctx, op.Code, operation.ParticipantCode(c.Participant), keyring.Proposal{Certificate: cert, Source: c.File, Role: c.Role, Holder: c.Holder, By: person()})
			if err != nil {
				return err
			}
			a.print("%s %s", cert.Fingerprint().Grouped(), change)
		}
		a.print("Next: have the fingerprint read back over a number known before, then liaison key confirm %s %s FINGERPRINT --how …", c.Operation, c.Participant)
		return nil
	})
}

type keyConfirmCmd struct {
	configFlag
	Operation   string `arg:"" help:"Operation code."`
	Participant string `arg:"" help:"Participant code."`
	Fingerprint string `arg:"" help:"The whole fingerprint, as it was read back."`
	By          string `help:"Who confirms; the person who runs this where none is named."`
	How         string `help:"How it was read back: which number, with whom." required:""`
}

func (keyConfirmCmd) Help() string {
	return "A replacement of a confirmed key needs two persons.\nExample: liaison key confirm OP-7K3 LV \"AAAA BBBB …\" --how \"phone +371 …, read back by the duty officer\""
}

func (c keyConfirmCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		by := c.By
		if by == "" {
			by = person()
		}
		change, err := ring(st).Confirm(a.ctx, operation.Code(c.Operation), operation.ParticipantCode(c.Participant), c.Fingerprint, by, c.How)
		if err != nil {
			return err
		}
		if change == keyring.Second {
			a.print("Recorded. This replaces a confirmed key: a second person must confirm too.")
			return nil
		}
		a.print("Confirmed for %s in %s.", c.Participant, c.Operation)
		return nil
	})
}

type keyExportCmd struct {
	configFlag
	Operation string `arg:"" help:"Operation code."`
}

func (keyExportCmd) Help() string {
	return "Prints the participants' confirmed certificates, armored.\nExample: liaison key export OP-7K3 > certificates.asc"
}

func (c keyExportCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		keys, err := st.Keys(a.ctx, operation.Code(c.Operation), "", "")
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.State != gateway.KeyConfirmed {
				continue
			}
			if _, err := a.out.Write(openpgp.Armor(openpgp.ArmorPublicKey, k.Certificate)); err != nil {
				return err
			}
		}
		return nil
	})
}

type keyCheckCmd struct {
	configFlag
	Operation string `arg:"" optional:"" help:"Operation code; the only one where none is named."`
}

func (keyCheckCmd) Help() string {
	return "Judges the keys for every day to the end of the evaluation; exit code 3 if one doesn't last.\nExample: liaison key check OP-7K3"
}

func (c keyCheckCmd) Run(a *app) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	st, err := s.beside(a)
	if err != nil {
		return err
	}
	defer st.Close()
	op, err := findOperation(a, st, c.Operation)
	if err != nil {
		return err
	}
	problems, err := ring(st).Check(a.ctx, op.Code, s.opt.Clock(), op.End())
	if err != nil {
		return err
	}
	for _, p := range problems {
		a.print("%s", p)
	}
	if len(problems) > 0 {
		return no{fmt.Sprintf("%d problems with the keys of %s", len(problems), op.Code)}
	}
	a.print("All keys of %s last to %s.", op.Code, op.End().Format("2006-01-02"))
	return nil
}
