package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

type keyListCmd struct {
	configFlag
	Operation string `arg:"" optional:"" help:"Operation code; all where none is named."`
	jsonFlag
}

func (keyListCmd) Help() string {
	return "Example: liaison key list OP-7K3\nFor a file that isn't recorded yet, see \"liaison key show\"; to judge the keys by day, \"liaison key check\"."
}

func (c keyListCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		keys, err := st.Keys(a.ctx, operation.Code(c.Operation), "", "")
		if err != nil {
			return err
		}
		if len(keys) == 0 && c.Operation != "" {
			if _, err := findOperation(a, st, c.Operation); err != nil {
				return err
			}
		}
		for _, k := range keys {
			c.fact(a, map[string]any{"operation": k.Operation, "participant": k.Participant, "fingerprint": k.Fingerprint, "state": k.State, "role": k.Role, "holder": k.Holder,
				"source": k.Source, "confirmed_by": k.ConfirmedBy, "how": k.How, "replaces": k.Replaces},
				"%-10s %-8s %-10s %s", k.Operation, k.Participant, k.State, k.Fingerprint.Grouped())
		}
		if len(keys) == 0 {
			c.say(a, "No certificate is recorded. Next: liaison operation apply%[1]s, or liaison key import%[1]s", c.option())
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
	jsonFlag
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
			c.fact(a, map[string]any{"operation": op.Code, "participant": c.Participant, "fingerprint": cert.Fingerprint(), "change": change}, "%s %s", cert.Fingerprint().Grouped(), change)
		}
		c.say(a, "Next: have the fingerprint read back over a number known before, then liaison key confirm %s %s FINGERPRINT --how …%s", c.Operation, c.Participant, c.option())
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
	jsonFlag
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
		if err := said(c.Fingerprint, "--how", c.How); err != nil {
			return err
		}
		change, err := ring(st).Confirm(a.ctx, operation.Code(c.Operation), operation.ParticipantCode(c.Participant), c.Fingerprint, by, c.How)
		if err != nil {
			return unrecorded(err)
		}
		text := fmt.Sprintf("Confirmed for %s in %s.", c.Participant, c.Operation)
		switch change {
		case keyring.Second:
			text = "Recorded. This replaces a confirmed key: a second person must confirm too."
		case keyring.Unchanged:
			text = "It was confirmed before."
		}
		c.fact(a, map[string]any{"operation": c.Operation, "participant": c.Participant, "change": change}, "%s", text)
		return nil
	})
}

// said refuses what isn't a fingerprint, or a blank where something must be said.
func said(fingerprint, flag, text string) error {
	if _, err := openpgp.ParseFingerprint(fingerprint); err != nil {
		return wrong{err}
	}
	if strings.TrimSpace(text) == "" {
		return wrongf("%s is blank: it goes into the audit log", flag)
	}
	return nil
}

// unrecorded makes wrong usage of a certificate that nobody recorded: a code or the
// fingerprint is mistyped.
func unrecorded(err error) error {
	if errors.Is(err, gateway.ErrNotFound) {
		return wrong{err}
	}
	return err
}

type keyBlockCmd struct {
	configFlag
	Operation   string `arg:"" help:"Operation code."`
	Participant string `arg:"" help:"Participant code."`
	Fingerprint string `arg:"" help:"The whole fingerprint."`
	By          string `help:"Who blocks; the person who runs this where none is named."`
	Reason      string `help:"Why; goes into the audit log." required:""`
	jsonFlag
}

func (keyBlockCmd) Help() string {
	return "Nothing is sealed to a blocked certificate, it opens no session, and what it signs counts as unproven. It never comes back: ask for a new one.\nExample: liaison key block OP-7K3 LV \"AAAA BBBB …\" --reason \"laptop stolen\""
}

func (c keyBlockCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		by := c.By
		if by == "" {
			by = person()
		}
		if err := said(c.Fingerprint, "--reason", c.Reason); err != nil {
			return err
		}
		if err := ring(st).Block(a.ctx, operation.Code(c.Operation), operation.ParticipantCode(c.Participant), c.Fingerprint, by, c.Reason); err != nil {
			return unrecorded(err)
		}
		c.fact(a, map[string]any{"operation": c.Operation, "participant": c.Participant, "change": keyring.Blocked},
			"Blocked for %s in %s. Next: ask %s for a new certificate, then liaison key import%s", c.Participant, c.Operation, c.Participant, c.option())
		return nil
	})
}

type keyExportCmd struct {
	configFlag
	Operation string `arg:"" help:"Operation code."`
}

func (keyExportCmd) Help() string {
	return "Prints the participants' confirmed certificates, armored, each below a line that says whose it is. An agent's participants_file is this.\nExample: liaison key export OP-7K3 > certificates.asc"
}

// unkeyed are the participants with an encrypted channel and no confirmed key.
func unkeyed(a *app, st *store.Store, op *operation.Operation) ([]operation.ParticipantCode, error) {
	keys, err := st.Keys(a.ctx, op.Code, "", "")
	if err != nil {
		return nil, err
	}
	confirmed := map[operation.ParticipantCode]bool{}
	for _, k := range keys {
		confirmed[k.Participant] = confirmed[k.Participant] || k.State == gateway.KeyConfirmed
	}
	var missing []operation.ParticipantCode
	for _, p := range op.Participants {
		needs := slices.ContainsFunc(p.Channels, func(ch operation.Channel) bool { return ch.Kind == operation.WebSocket || ch.Kind == operation.PGPMail })
		if needs && !confirmed[p.Code] {
			missing = append(missing, p.Code)
		}
	}
	return missing, nil
}

// day is a date for JSON, null where there is none.
func day(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func (c keyExportCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		keys, err := st.Keys(a.ctx, operation.Code(c.Operation), "", "")
		if err != nil {
			return err
		}
		keys = slices.DeleteFunc(keys, func(k gateway.KeyRecord) bool { return k.State != gateway.KeyConfirmed })
		if len(keys) == 0 {
			op, err := findOperation(a, st, c.Operation)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.err, "No certificate is confirmed in %[1]s. Next: liaison key list %[1]s%[2]s\n", op.Code, c.option()) // beside the certificates, which go into a file
		}
		for _, k := range keys {
			a.print("%s %s", k.Participant, k.Fingerprint.Grouped()) // whose: the agent reads it, other programs pass it over
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
	jsonFlag
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
	problems, err := ring(st).Check(a.ctx, op.Code, time.Now(), op.End())
	if err != nil {
		return err
	}
	missing, err := unkeyed(a, st, op)
	if err != nil {
		return err
	}
	for _, p := range missing {
		c.fact(a, map[string]any{"operation": op.Code, "participant": p, "reason": "none"}, "%s: no certificate is confirmed, and its channel needs one; \"liaison key import\", then \"liaison key confirm\"", p)
	}
	for _, p := range problems {
		c.fact(a, map[string]any{"operation": p.Operation, "participant": p.Participant, "fingerprint": p.Fingerprint, "purpose": p.Purpose, "reason": p.Reason, "until": day(p.Until), "message": p.String()}, "%s", p)
	}
	if n := len(problems) + len(missing); n > 0 {
		return no{fmt.Sprintf("%s with the keys of %s", plural(n, "problem", "problems"), op.Code)}
	}
	c.say(a, "All keys of %s last to %s.", op.Code, op.End().Format("2006-01-02"))
	return nil
}
