package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"liaison/crypto/openpgp"
)

// keyCmd is about OpenPGP keys and certificates.
type keyCmd struct {
	Generate keyGenerateCmd `cmd:"" help:"Make a secret key and its certificate."`
	Import   keyImportCmd   `cmd:"" help:"Propose a participant's certificate."`
	Export   keyExportCmd   `cmd:"" help:"Print the confirmed certificates of an operation."`
	List     keyListCmd     `cmd:"" help:"List certificates and their states."`
	Confirm  keyConfirmCmd  `cmd:"" help:"Confirm a certificate that was read back."`
	Block    keyBlockCmd    `cmd:"" help:"The emergency brake: a certificate is not used any more, from now on."`
	Check    keyCheckCmd    `cmd:"" help:"Check that keys are valid on every day of the operation."`
	Show     keyShowCmd     `cmd:"" help:"Show a certificate file: fingerprint, user IDs, until when it is valid."`
}

type keyGenerateCmd struct {
	Name    string        `help:"Name in the user ID." required:""`
	Address string        `help:"Mail address in the user ID." required:""`
	Expires time.Duration `help:"Lifetime; 0 for ever." default:"17520h"`
	V6      bool          `name:"v6" help:"Version 6 (RFC 9580); the default, version 4, is read by all programs."`
	Out     string        `help:"File for the secret key; the certificate goes beside it with the ending .cert.asc." required:"" type:"path"`
	jsonFlag
}

func (keyGenerateCmd) Help() string {
	return "The passphrase comes from LIAISON_PASSPHRASE.\nExample: LIAISON_PASSPHRASE=… liaison key generate --name OCU --address ocu@gateway.example --out keys/ocu.asc"
}

func (c keyGenerateCmd) Run(a *app) error {
	v := 4
	if c.V6 {
		v = 6
	}
	key, err := openpgp.Generate(openpgp.KeyOptions{Name: c.Name, Address: c.Address, Created: time.Now().Add(-time.Minute), Expires: c.Expires, Version: v})
	if err != nil {
		return err
	}
	secret, err := key.Armored([]byte(os.Getenv("LIAISON_PASSPHRASE")))
	if err != nil {
		return err
	}
	if err := writeNew(c.Out, secret, 0o600); err != nil {
		return err
	}
	if err := writeNew(c.Out+".cert.asc", key.Certificate().Armored(), 0o644); err != nil {
		return err
	}
	fp, locked := key.Certificate().Fingerprint(), os.Getenv("LIAISON_PASSPHRASE") != ""
	c.fact(a, map[string]any{"secret_key": c.Out, "certificate": c.Out + ".cert.asc", "fingerprint": fp, "locked": locked},
		"Secret key:  %s\nCertificate: %s.cert.asc\nFingerprint: %s", c.Out, c.Out, fp.Grouped())
	if !locked {
		c.say(a, "The secret key is not locked: set LIAISON_PASSPHRASE to lock it.")
	}
	c.say(a, "Next: send the certificate, and read the fingerprint out over a number known before.")
	return nil
}

// writeNew writes a file that must not exist yet: a key is never overwritten. Where
// it can't be written whole, as on a full disk, nothing of it stays.
func writeNew(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return wrongf("there is a file %s already, and it isn't overwritten; move it away if it isn't needed, or choose another name", path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

type keyShowCmd struct {
	File string `arg:"" help:"Certificate file, or a folder of them."`
	jsonFlag
}

func (keyShowCmd) Help() string {
	return "Example: liaison key show keys/lv.asc\nFor what is recorded of an operation's keys, see \"liaison key list\"."
}

func (c keyShowCmd) Run(a *app) error {
	certs, err := readCertificates(c.File)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, cert := range certs {
		encrypts, signs := until(cert, openpgp.Encryption, now), until(cert, openpgp.Signing, now)
		c.fact(a, map[string]any{"fingerprint": cert.Fingerprint(), "version": cert.Version(), "user_ids": cert.UserIDs(), "encrypts_until": encrypts, "signs_until": signs},
			"Fingerprint: %s (version %d)\nUser IDs:    %s\nEncryption:  %s\nSigning:     %s", cert.Fingerprint().Grouped(), cert.Version(), strings.Join(cert.UserIDs(), ", "), encrypts, signs)
	}
	return nil
}

// until says until when a certificate serves a purpose.
func until(c *openpgp.Certificate, p openpgp.Purpose, now time.Time) string {
	if err := c.Valid(p, now); err != nil {
		return "no: " + err.Error()
	}
	t, forever := c.ValidUntil(p, now)
	if forever {
		return "no end"
	}
	return t.UTC().Format(time.DateOnly)
}
