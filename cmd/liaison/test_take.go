package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"liaison/gateway/operation"
)

type testTakeCmd struct {
	configFlag
	jsonFlag
	Operation   string `arg:"" help:"Operation code."`
	Participant string `arg:"" help:"Participant whose mail style is taken over."`
	Style       string `help:"The style; the one that the test proposes where none is named." enum:",pgp-mime,inline,attachment" default:""`
}

func (testTakeCmd) Help() string {
	return "Writes the style that passed the test into the operation file and applies it. The proof of the test counts for it at once.\nExample: liaison test take OP-7K3 LV\nTo see what it proposes, and why: liaison test show."
}

func (c testTakeCmd) Run(a *app) error {
	return c.withOperation(a, c.Operation, func(b *testBench) error {
		p := b.op.Participant(operation.ParticipantCode(c.Participant))
		if p == nil {
			return wrongf("%s is no participant of %s", c.Participant, b.op.Code)
		}
		at, style, err := c.proposal(b, p)
		if err != nil {
			return err
		}
		file, err := b.operationFile()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		changed, err := operation.WithStyle(data, p.Code, at, style)
		if err != nil {
			return fmt.Errorf("change %s: %w", file, err)
		}
		if op, problems := operation.Parse(changed, file); op == nil || slices.ContainsFunc(problems, func(x operation.Problem) bool { return x.Severity == "error" }) {
			return fmt.Errorf("change %s: the file can't be changed without breaking it; write style: %s for %s by hand", file, style, p.Code)
		}
		if err := replaceFile(file, changed); err != nil {
			return err
		}
		b.s.config.Operations = []string{file}
		if err := applyChanged(a, b.s, b.st, jsonFlag{JSON: c.JSON}); err != nil {
			return err
		}
		c.fact(a, map[string]any{"operation": b.op.Code, "participant": p.Code, "style": style, "file": file}, "%s is sent mail in the style %s from now on. Next: liaison test show %s%s", p.Code, style, b.op.Code, c.option())
		return nil
	})
}

// proposal is which channel gets which style.
func (c testTakeCmd) proposal(b *testBench, p *operation.Participant) (at int, style string, err error) {
	standing, err := b.standing(nil)
	if err != nil {
		return 0, "", err
	}
	for _, x := range standing.Stand(p).Result.Cells {
		if x.Kind == operation.PGPMail && (x.Proposed != "" || c.Style != "") {
			if style = c.Style; style == "" {
				style = x.Proposed
			}
			return x.At, style, nil
		}
	}
	return 0, "", no{fmt.Sprintf("the test proposes no other style for %s", p.Code)}
}

// operationFile is the file that the operation stands in.
func (b *testBench) operationFile() (string, error) {
	files, _, err := b.s.readOperations()
	if err != nil {
		return "", err
	}
	for file, op := range files {
		if op.Code == b.op.Code {
			return file, nil
		}
	}
	return "", wrongf("no configured file holds %s; change it where it is kept and apply it", b.op.Code)
}

// replaceFile writes a file whole or not at all.
func replaceFile(file string, data []byte) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), ".liaison-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(info.Mode().Perm()), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
	return err
}
