// Package configs is the configuration of the gateway and the agent, with the
// manual as comments on its fields.
//
// It guarantees that a key that doesn't exist is an error with its line, that
// all faults come at once, and that no secret stands in a file: secrets are in
// files of their own or in the environment.
package configs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Gateway is gateway.yaml. Relative paths are relative to the file.
type Gateway struct {
	Gateway    Identity  `yaml:"gateway"`
	Store      string    `yaml:"store"`            // sqlite:data/liaison.db, or postgres://user@host/liaison; ?pool_max_conns=24 bounds its connections
	StorageKey string    `yaml:"storage_key_file"` // wraps the data keys; made by "liaison init". Back it up apart from the store
	Mail       Mail      `yaml:"mail"`
	WebSocket  WebSocket `yaml:"websocket"`
	Operations []string  `yaml:"operations"` // globs of operation files, applied at start when they changed
	Metrics    Listen    `yaml:"metrics"`    // /metrics for Prometheus, /healthz, /readyz; loopback alone
	Limits     Limits    `yaml:"limits"`

	// Read and checked, but not served yet: a later version does. "liaison
	// serve" ignores them for now.
	Portal    Portal     `yaml:"portal"`
	Operators []Operator `yaml:"operators"` // people, each under their own name
	Alarm     Alarm      `yaml:"alarm"`

	dir string
}

// Identity is who the gateway is.
type Identity struct {
	Code           string   `yaml:"code"`            // participant code of the gateway itself
	Address        string   `yaml:"address"`         // its mail address, bare: ocu@gateway.example
	KeyFiles       []string `yaml:"key_files"`       // secret keys; the first signs, all open
	PassphraseFile string   `yaml:"passphrase_file"` // or LIAISON_PASSPHRASE
	Phone          string   `yaml:"phone"`           // of the unit, with hours: the last line of every mail
}

// Mail is the mail channel.
type Mail struct {
	IMAP       Server `yaml:"imap"`
	SMTP       Server `yaml:"smtp"`
	LMTP       Listen `yaml:"lmtp"`        // another way in; loopback or a Unix socket alone
	AuthservID string `yaml:"authserv_id"` // only the topmost Authentication-Results with this id counts
}

// Server is a mail server. Schemes: imaps, imap+starttls, smtps, smtp+starttls;
// imap+insecure and smtp+insecure for loopback addresses alone.
type Server struct {
	URL          string `yaml:"url"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"` // trust this authority instead of the system's
}

// Listen is a listening address.
type Listen struct {
	Listen string `yaml:"listen"`
}

// WebSocket is the WebSocket channel. Without a certificate it listens on
// loopback alone.
type WebSocket struct {
	Listen      string   `yaml:"listen"`
	Hosts       []string `yaml:"hosts"` // names that participants dial
	TLSCertFile string   `yaml:"tls_cert_file"`
	TLSKeyFile  string   `yaml:"tls_key_file"`
}

// Portal is the room's portal; a later version serves it. Plain HTTP is for
// loopback alone.
type Portal struct {
	Listen      string `yaml:"listen"`
	URL         string `yaml:"url"` // as people's browsers reach it, https://room.gateway.example
	TLSCertFile string `yaml:"tls_cert_file"`
	TLSKeyFile  string `yaml:"tls_key_file"`
}

// Operator is a person who works at the gateway; a later version knows them.
type Operator struct {
	Name  string `yaml:"name"`
	Key   string `yaml:"key"` // file with their certificate
	Phone string `yaml:"phone"`
}

// Alarm says who is woken, and how; a later version does it.
type Alarm struct {
	To     []string      `yaml:"to"`     // mail addresses
	Exec   string        `yaml:"exec"`   // program to run
	Repeat time.Duration `yaml:"repeat"` // until someone takes it, 5m
}

// Limits bound what the gateway takes. Zero means its own.
type Limits struct {
	Message int64 `yaml:"message"` // bytes of one message, attachments included; 25 MiB
}

// Problems are all faults of a file at once.
type Problems []string

func (p Problems) Error() string { return strings.Join(p, "; ") }

// LoadGateway reads gateway.yaml and checks it. An error is a Problems.
func LoadGateway(file string) (*Gateway, error) {
	g := &Gateway{dir: filepath.Dir(file), Store: "sqlite:data/liaison.db", StorageKey: "secrets/storage"}
	f, err := load(file, g, "name the file with -c, or make a set-up with \"liaison init\"")
	if err != nil {
		return nil, err
	}
	if f.gateway(g); len(f.problems) > 0 {
		return nil, f.problems
	}
	return g, nil
}

// Path resolves a path of the file.
func (g *Gateway) Path(p string) string { return resolve(g.dir, p) }

func resolve(dir, p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, p)
}

// Secret reads a secret: the file's first line, or the environment's variable
// where no file is named. It is empty where the variable isn't set or the first
// line is empty; whether that will do is for the caller to say.
func Secret(file, variable string) ([]byte, error) {
	if file == "" {
		return []byte(os.Getenv(variable)), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return bytes.TrimRight(line, "\r"), nil
}
