package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// inspectLimit bounds what is read of one mail, in bytes.
const inspectLimit = 64 << 20

type inspectCmd struct {
	Keys      string   `help:"Certificates: a file, or a folder of files."`
	Secret    string   `help:"Secret key file; the passphrase comes from LIAISON_PASSPHRASE."`
	Operation string   `help:"operation.yaml: participants, their keys and addresses."`
	Files     []string `arg:"" help:"Mails (.eml)."`
}

func (inspectCmd) Help() string {
	return "Prints one JSON object a line for each mail, in the order of the arguments.\nExample: liaison inspect --operation operation.yaml --secret keys/ocu.asc mail.eml"
}

// inspected is the output for one mail.
type inspected struct {
	File        string             `json:"file"`
	Kind        entity.Kind        `json:"kind"`
	Encrypted   bool               `json:"encrypted"`
	Subject     string             `json:"subject"`
	From        string             `json:"from"`
	Participant string             `json:"participant"`
	Signature   signature          `json:"signature"`
	Form        *form.Form         `json:"form"`
	Problems    []form.Problem     `json:"problems"`
	Bounce      []entity.Recipient `json:"bounce"`
	Text        string             `json:"text"`
	Attachments []attached         `json:"attachments,omitempty"`
	Outside     []string           `json:"outside,omitempty"`
}

// attached is a file that came with the message.
type attached struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func attachedFiles(list []entity.Attachment) []attached {
	var out []attached
	for _, a := range list {
		out = append(out, attached{a.Name, a.Type, len(a.Content), fmt.Sprintf("%x", sha256.Sum256(a.Content))})
	}
	return out
}

type signature struct {
	Verdict     string `json:"verdict"`
	Fingerprint string `json:"fingerprint"`
	Covers      string `json:"covers"`
}

func (c inspectCmd) Run(a *app) error {
	x, err := c.examiner(time.Now())
	if err != nil {
		return err
	}
	for _, file := range c.Files {
		if err := a.json(c.one(a, x, file)); err != nil {
			return err
		}
	}
	return nil
}

// examiner judges keys and forms as of a time.
func (c inspectCmd) examiner(at time.Time) (gateway.Examiner, error) {
	reg, err := c.registry()
	if err != nil {
		return gateway.Examiner{}, err
	}
	var secrets []*openpgp.SecretKey
	if c.Secret != "" {
		data, err := os.ReadFile(c.Secret)
		if err != nil {
			return gateway.Examiner{}, wrongf("read the secret key: %w", err)
		}
		if secrets, err = openpgp.ParseSecretKeys(data, []byte(os.Getenv("LIAISON_PASSPHRASE"))); err != nil {
			return gateway.Examiner{}, wrongf("%s: %w", c.Secret, err)
		}
	}
	return gateway.Examiner{Keys: secrets, Registry: reg, At: at}, nil
}

func (c inspectCmd) one(a *app, x gateway.Examiner, file string) inspected {
	raw, err := readInput(a, file, inspectLimit)
	if err != nil {
		p := form.NewProblem(18, form.Error, "", map[string]string{"reason": "the file can't be read"})
		return inspected{File: file, Kind: entity.Unreadable, Signature: signature{Verdict: "none"}, Problems: []form.Problem{p}}
	}
	m := x.Mail(raw)
	out := inspected{File: file, Kind: m.Kind, Encrypted: m.Encrypted, Subject: m.Reading.Subject(), From: m.From, Participant: m.Participant,
		Signature: signature{m.Verdict, m.Fingerprint, m.Covers}, Problems: m.Problems, Bounce: m.Reading.Bounce, Text: m.Text, Attachments: attachedFiles(m.Reading.Attachments), Outside: m.Reading.Outside}
	if out.Problems == nil {
		out.Problems = []form.Problem{}
	}
	if m.Form != nil {
		out.Form = m.Form.Normal()
		out.Problems = append(out.Problems, form.Check(out.Form, form.Context{Now: x.At, Received: true, Legal: "OTHER"})...)
	}
	return out
}

// files is a registry made of key files: with an operation its participants own
// the keys, without one the keys' user IDs say who the sender is.
type files struct {
	certs  []*openpgp.Certificate
	owners map[openpgp.Fingerprint]*operation.Participant
	byUID  bool
}

func (f *files) Signers(keyID uint64, _ openpgp.Fingerprint) (out []*openpgp.Certificate) {
	for _, c := range f.certs {
		if slices.Contains(c.KeyIDs(), keyID) {
			out = append(out, c)
		}
	}
	return out
}

func (f *files) Owner(fp openpgp.Fingerprint, from []string) (string, bool) {
	if p := f.owners[fp]; p != nil {
		return string(p.Code), all(from, func(address string) bool { return p.Owns(address) || p.Owns(entity.Readable(address)) })
	}
	if !f.byUID {
		return "", false
	}
	for _, c := range f.certs {
		if c.Fingerprint() != fp {
			continue
		}
		own := canonical(c.Addresses())
		return strings.Join(own, " "), all(from, func(address string) bool { return slices.Contains(own, address) && !f.passesForAnother(address, own) })
	}
	return "", false
}

func all(list []string, holds func(string) bool) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return !holds(s) })
}

func canonical(addresses []string) []string {
	var out []string
	for _, a := range addresses {
		out = append(out, entity.Canonical(a))
	}
	return out
}

// passesForAnother reports whether an address looks like one of somebody else's:
// where user IDs say who people are, anybody can choose theirs.
func (f *files) passesForAnother(address string, own []string) bool {
	for _, c := range f.certs {
		for _, other := range canonical(c.Addresses()) {
			if !slices.Contains(own, other) && entity.LooksLike(address, other) {
				return true
			}
		}
	}
	return false
}

func (c inspectCmd) registry() (*files, error) {
	f := &files{owners: map[openpgp.Fingerprint]*operation.Participant{}, byUID: c.Operation == ""}
	if c.Keys != "" {
		certs, err := readKeys(c.Keys) // only to compare with: of a secret key its certificate counts
		if err != nil {
			return nil, err
		}
		f.certs = certs
	}
	if c.Operation == "" {
		return f, nil
	}
	data, err := os.ReadFile(c.Operation)
	if err != nil {
		return nil, wrongf("read the operation: %w", err)
	}
	op, problems := operation.Parse(data, c.Operation)
	if op == nil {
		return nil, wrongf("%s", problems[0])
	}
	for _, p := range op.Participants {
		for _, k := range p.Keys {
			path := k.File
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(c.Operation), path)
			}
			certs, err := readCertificates(path)
			if err != nil {
				return nil, fmt.Errorf("participant %s: %w", p.Code, err)
			}
			for _, cert := range certs {
				f.owners[cert.Fingerprint()] = p
			}
			f.certs = append(f.certs, certs...)
		}
	}
	return f, nil
}

// readCertificates reads a file, or all files of a folder, of somebody else's
// certificates. A secret key among them is refused: its owner gave it away.
func readCertificates(path string) ([]*openpgp.Certificate, error) {
	certs, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	if len(certs) == 0 { // a folder
		return nil, wrongf("%s: no file in it holds an OpenPGP key", path)
	}
	for _, cert := range certs {
		if cert.FromSecret() {
			return nil, wrongf("%s holds the secret key %s; name its certificate instead (the .cert.asc file that \"liaison key generate\" made beside it, or what \"gpg --export\" prints). If it was sent to you, it is compromised and must be replaced",
				path, cert.Fingerprint().Grouped())
		}
	}
	return certs, nil
}

// readKeys reads a file, or all files of a folder.
func readKeys(path string) ([]*openpgp.Certificate, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, wrongf("read certificates: %w", err)
	}
	names := []string{path}
	if info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		names = nil
		for _, e := range entries {
			name := filepath.Join(path, e.Name())
			if file, err := os.Stat(name); err == nil && file.Mode().IsRegular() { // a link counts as what it leads to
				names = append(names, name)
			}
		}
	}
	var out []*openpgp.Certificate
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		certs, err := openpgp.ParseCertificates(data)
		if err != nil {
			if info.IsDir() {
				continue // a folder may hold other files
			}
			return nil, wrongf("%s: %w", name, err)
		}
		out = append(out, certs...)
	}
	return out, nil
}
