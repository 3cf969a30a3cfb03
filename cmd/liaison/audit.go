package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// auditCmd is the audit log.
type auditCmd struct {
	Show   auditShowCmd   `cmd:"" help:"Show entries, newest last."`
	Verify auditVerifyCmd `cmd:"" help:"Verify the log; exit code 3 if it doesn't hold. Needs no running gateway."`
	Export auditExportCmd `cmd:"" help:"Write the whole log as JSON lines."`
}

type auditShowCmd struct {
	configFlag
	jsonFlag
	Operation string `help:"Operation code."`
	Limit     int    `help:"At most so many." default:"100"`
}

func (auditShowCmd) Help() string {
	return "Example: liaison audit show --operation OP-7K3\nTo prove that nothing was changed, see \"liaison audit verify\"; for all of it as a file, \"liaison audit export\"."
}

func (c auditShowCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		rows, err := st.ShowAudit(a.ctx, store.AuditFilter{Operation: operation.Code(c.Operation), Limit: c.Limit})
		if err != nil {
			return err
		}
		for _, r := range rows {
			c.fact(a, map[string]any{"sequence": r.Sequence, "entry": json.RawMessage(r.Text)}, "%6d %s", r.Sequence, r.Text)
		}
		return nil
	})
}

type auditVerifyCmd struct {
	configFlag
	Head   string `help:"A signed head kept elsewhere, to compare with." type:"path"`
	Export string `help:"Verify an exported log instead of the store." type:"path"`
	jsonFlag
}

func (auditVerifyCmd) Help() string { return "Example: liaison audit verify --head head.txt" }

func (c auditVerifyCmd) Run(a *app) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	report, err := c.verify(a, s)
	if err != nil {
		return err
	}
	c.fact(a, report, "%d entries in the tree, %d not yet in it, %d signed heads checked.", report.Size, report.NotIntegrated, report.Heads)
	if !report.OK {
		return no{"the audit log does not verify: " + report.Why}
	}
	c.say(a, "The audit log holds.")
	return nil
}

func (c auditVerifyCmd) verify(a *app, s *setup) (store.Report, error) {
	check := func(text, signature []byte) error { return verifyHead(s.keys, text, signature) }
	if c.Export != "" {
		f, err := os.Open(c.Export)
		if err != nil {
			return store.Report{}, wrongf("open the export: %w", err)
		}
		defer f.Close()
		return store.VerifyExport(f, check)
	}
	var head []byte
	if c.Head != "" {
		var err error
		if head, err = os.ReadFile(c.Head); err != nil {
			return store.Report{}, wrongf("read the head: %w", err)
		}
	}
	st, err := store.OpenReader(a.ctx, s.dsn, s.opt)
	if err != nil {
		return store.Report{}, err
	}
	defer st.Close()
	return st.VerifyAudit(a.ctx, head, check)
}

// verifyHead checks a head's signature by one of the gateway's keys.
func verifyHead(keys []*openpgp.SecretKey, text, signature []byte) error {
	lookup := func(uint64, openpgp.Fingerprint) (out []*openpgp.Certificate) {
		for _, k := range keys {
			out = append(out, k.Certificate())
		}
		return out
	}
	if v := openpgp.VerifyDetached(text, signature, lookup, time.Now()); v.Verdict != openpgp.Good {
		return fmt.Errorf("the head's signature is %s", v.Verdict)
	}
	return nil
}

type auditExportCmd struct {
	configFlag
	Out string `help:"File; standard output where none is named." type:"path"`
}

func (auditExportCmd) Help() string { return "Example: liaison audit export --out audit.jsonl" }

func (c auditExportCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		if c.Out == "" {
			return st.ExportAudit(a.ctx, a.out)
		}
		f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return wrongf("write the export: %w", err)
		}
		return errors.Join(st.ExportAudit(a.ctx, f), f.Sync(), f.Close())
	})
}
