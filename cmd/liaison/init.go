package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"liaison/configs"
	"liaison/crypto/openpgp"
)

type initCmd struct {
	Dir     string `arg:"" help:"Folder to make." type:"path"`
	Code    string `help:"Participant code of the gateway." default:"OCU"`
	Address string `help:"Mail address of the gateway." default:"ocu@gateway.example"`
	jsonFlag
}

func (initCmd) Help() string {
	return "Makes a starter set-up: gateway key, storage key, gateway.yaml, operation file. The key is locked with LIAISON_PASSPHRASE where that is set.\nExample: liaison init my-gateway"
}

func (c initCmd) Run(a *app) error {
	if _, err := os.Stat(filepath.Join(c.Dir, "gateway.yaml")); err == nil {
		return wrongf("%s has a gateway.yaml already; choose another folder", c.Dir)
	}
	if err := configs.CheckCode(c.Code, "OCU"); err != nil {
		return wrongf("--code: %w", err)
	}
	if err := configs.CheckAddress(c.Address); err != nil {
		return wrongf("--address: %w", err)
	}
	for _, dir := range []string{"keys", "secrets", "operations", "data"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	key, err := openpgp.Generate(openpgp.KeyOptions{Name: c.Code, Address: c.Address, Created: time.Now().Add(-time.Minute), Expires: 2 * 365 * 24 * time.Hour})
	if err != nil {
		return err
	}
	secret, err := key.Armored([]byte(os.Getenv("LIAISON_PASSPHRASE")))
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(c.Dir, "keys", "gateway.asc"), secret, 0o600); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(c.Dir, "keys", "gateway.cert.asc"), key.Certificate().Armored(), 0o644); err != nil {
		return err
	}
	if err := newStorageKey(filepath.Join(c.Dir, "secrets", "storage")); err != nil {
		return err
	}
	if err := c.write("gateway.yaml", configs.StarterGateway); err != nil {
		return err
	}
	if err := c.write("operations/operation.yaml", configs.StarterOperation); err != nil {
		return err
	}
	fp := key.Certificate().Fingerprint()
	c.fact(a, map[string]any{"folder": c.Dir, "fingerprint": fp, "certificate": filepath.Join(c.Dir, "keys", "gateway.cert.asc")},
		"A set-up is in %s.\nThe gateway's fingerprint, for the operation book: %s", c.Dir, fp.Grouped())
	c.say(a, "Back up secrets/storage apart from data/: without it nothing stored can be read.")
	c.say(a, "Next: edit operations/operation.yaml, then liaison check -c %s", word(filepath.Join(c.Dir, "gateway.yaml")))
	return nil
}

// write fills in a starter file.
func (c initCmd) write(name, text string) error {
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	t, err := template.New(name).Funcs(template.FuncMap{"day": day}).Parse(text)
	if err != nil {
		return fmt.Errorf("starter file %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, c); err != nil {
		return fmt.Errorf("starter file %s: %w", name, err)
	}
	return writeNew(filepath.Join(c.Dir, name), b.Bytes(), 0o600)
}
