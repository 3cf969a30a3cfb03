package main

import (
	"fmt"
	"os"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/commtest"
)

type testReportCmd struct {
	configFlag
	jsonFlag
	RunID  string `arg:"" optional:"" name:"run" help:"Run, such as OP-7K3-T001; the newest where none is named."`
	Format string `help:"text, html, csv or json." enum:"text,html,csv,json" default:"text"`
	Out    string `help:"File for the report; its signature goes beside it with the ending .asc. Without it the report is printed, unsigned." type:"path"`
	Lang   string `help:"Language of the findings: en, de, fr, lt, lv, el, bg." default:"en"`
}

func (testReportCmd) Help() string {
	return "For the organiser: what is ready, what isn't, who must do what by when, waivers, and the trend over the runs. The signature is verified by \"liaison test verify\" or \"gpg --verify\".\n" +
		"Example: liaison test report OP-7K3-T001 --format html --out readiness.html\nFor one participant with every step, see \"liaison test show\"."
}

func (c testReportCmd) Run(a *app) error {
	return c.withRun(a, c.RunID, func(b *testBench, r gateway.TestRun) error {
		standing, err := b.standing(&r)
		if err != nil {
			return err
		}
		report := commtest.NewReport(standing, c.Lang)
		report.Signed = c.Out != ""
		document, err := c.render(report)
		if err != nil {
			return err
		}
		if c.Out == "" {
			_, err := a.out.Write(document)
			return err
		}
		signature, err := openpgp.SignArmored(document, b.s.keys[0], b.s.now())
		if err != nil {
			return err
		}
		for file, data := range map[string][]byte{c.Out: document, c.Out + ".asc": signature} {
			if err := os.WriteFile(file, data, 0o644); err != nil {
				return err
			}
		}
		c.fact(a, map[string]any{"run": r.ID, "file": c.Out, "signature": c.Out + ".asc", "format": c.Format, "signer": b.runner.Self.Fingerprint},
			"Report:    %s\nSignature: %s.asc\nNext: liaison test verify %[3]s%[4]s, or gpg --verify %[5]s %[3]s", c.Out, c.Out, word(c.Out), c.option(), word(c.Out+".asc"))
		return nil
	})
}

func (c testReportCmd) render(r commtest.Report) ([]byte, error) {
	format := c.Format
	if c.JSON {
		format = "json"
	}
	switch format {
	case "html":
		return r.HTML()
	case "csv":
		return r.CSV(), nil
	case "json":
		return r.JSON(), nil
	}
	return r.Text(), nil
}

type testVerifyCmd struct {
	configFlag
	jsonFlag
	File        string `arg:"" help:"Report." type:"path"`
	Signature   string `arg:"" optional:"" help:"Its signature; the report's name with .asc where none is named." type:"path"`
	Certificate string `help:"The gateway's certificate; that of the configuration where none is named." type:"path"`
}

func (testVerifyCmd) Help() string {
	return "Exit code 3 if the report isn't as the gateway signed it.\nExample: liaison test verify readiness.html --certificate gateway.cert.asc\nFor the audit log: liaison audit verify."
}

func (c testVerifyCmd) Run(a *app) error {
	certs, now, err := c.gatewayCertificates(c.Certificate)
	if err != nil {
		return err
	}
	if c.Signature == "" {
		c.Signature = c.File + ".asc"
	}
	document, err := readFile(c.File, "the report")
	if err != nil {
		return err
	}
	signature, err := readFile(c.Signature, "the signature")
	if err != nil {
		return err
	}
	signer, err := signedBy(document, signature, certs, now, "the gateway")
	if err != nil {
		return no{fmt.Sprintf("%s: %v", c.File, err)}
	}
	c.fact(a, map[string]any{"file": c.File, "valid": true, "signer": signer}, "%s is as the gateway %s signed it.", c.File, signer)
	return nil
}

// gatewayCertificates are those under which the gateway may have signed: of a file,
// or of the configuration where none is named; and the time that they are judged at.
func (c configFlag) gatewayCertificates(file string) ([]*openpgp.Certificate, time.Time, error) {
	if file != "" {
		certs, err := readCertificates(file)
		return certs, time.Now(), err
	}
	s, err := c.load()
	if err != nil {
		return nil, time.Time{}, err
	}
	var certs []*openpgp.Certificate
	for _, k := range s.keys {
		certs = append(certs, k.Certificate())
	}
	return certs, s.now(), nil
}
