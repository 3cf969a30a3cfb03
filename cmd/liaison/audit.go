package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	Head        string `help:"A signed head kept elsewhere, to compare with." type:"path"`
	Export      string `help:"Verify an exported log instead of the store." type:"path"`
	Certificate string `help:"The gateway's certificate; that of the configuration where none is named." type:"path"`
	jsonFlag
}

func (auditVerifyCmd) Help() string {
	return "Says how far signatures reach: what stands behind the last signed head may have been cut off or changed unseen, until the next is signed.\n" +
		"Example: liaison audit verify --head head.txt\n" +
		"Anywhere, with nothing but the gateway's certificate:\n" +
		"Example: liaison audit verify --export audit.jsonl --certificate gateway.cert.asc"
}

func (c auditVerifyCmd) Run(a *app) error {
	report, err := c.verify(a)
	if err != nil {
		return err
	}
	c.fact(a, report, "%s in the tree, %d not yet in it, %s checked.", plural(report.Size, "entry", "entries"), report.NotIntegrated, plural(report.Heads, "signed head", "signed heads"))
	if !report.OK {
		return no{"the audit log does not verify: " + report.Why}
	}
	c.say(a, "The audit log holds. %s", signedWords(report))
	return nil
}

// signedWords says how far signatures reach in a log that holds.
func signedWords(r store.Report) string {
	behind := r.Size + r.NotIntegrated - r.Signed
	switch {
	case behind == 0:
		return "It is signed to its end."
	case r.Signed == 0:
		return fmt.Sprintf("It isn't signed: all of it, %s, stands on no signature.", plural(behind, "entry", "entries"))
	case behind == 1:
		return fmt.Sprintf("It is signed up to entry %d; the last entry stands on no signature.", r.Signed-1)
	}
	return fmt.Sprintf("It is signed up to entry %d; the last %d entries stand on no signature.", r.Signed-1, behind)
}

func (c auditVerifyCmd) verify(a *app) (store.Report, error) {
	certs, now, err := c.gatewayCertificates(c.Certificate)
	if err != nil {
		return store.Report{}, err
	}
	check := func(text, signature []byte) error {
		_, err := signedBy(text, signature, certs, now, "the gateway")
		return err
	}
	var head []byte
	if c.Head != "" {
		if head, err = os.ReadFile(c.Head); err != nil {
			return store.Report{}, wrongf("read the head: %w", err)
		}
	}
	if c.Export != "" {
		f, err := os.Open(c.Export)
		if err != nil {
			return store.Report{}, wrongf("open the export: %w", err)
		}
		defer f.Close()
		return store.VerifyExport(f, head, check)
	}
	s, err := c.load()
	if err != nil {
		return store.Report{}, err
	}
	st, err := store.OpenReader(a.ctx, s.dsn, s.opt)
	if err != nil {
		return store.Report{}, err
	}
	defer st.Close()
	return st.VerifyAudit(a.ctx, head, check)
}

type auditExportCmd struct {
	configFlag
	Out string `help:"File; standard output where none is named." type:"path"`
}

func (auditExportCmd) Help() string {
	return "The export is signed to its end. Who has the gateway's certificate verifies it anywhere: \"liaison audit verify --export\".\nExample: liaison audit export --out audit.jsonl"
}

func (c auditExportCmd) Run(a *app) error {
	return c.withStore(a, func(st *store.Store) error {
		if c.Out == "" {
			return st.ExportAudit(a.ctx, a.out)
		}
		f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return wrongf("there is a file %s already, and it isn't overwritten; choose another name", c.Out)
		}
		if err != nil {
			return wrongf("write the export: %w", err)
		}
		if err := errors.Join(st.ExportAudit(a.ctx, f), f.Sync(), f.Close()); err != nil {
			return errors.Join(err, os.Remove(c.Out)) // half an export is none
		}
		return nil
	})
}
