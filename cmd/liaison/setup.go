package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"liaison/configs"
	"liaison/crypto/keyring"
	"liaison/crypto/openpgp"
	"liaison/gateway"
	"liaison/gateway/operation"
	"liaison/gateway/store"
)

// setup is a loaded configuration with what every command on it needs.
type setup struct {
	config *configs.Gateway
	keys   []*openpgp.SecretKey
	dsn    string
	opt    store.Options

	tlsSeen func(host string, until time.Time) // told of mail servers' certificates; may be nil
}

// configFlag names the configuration.
type configFlag struct {
	Config string `short:"c" help:"Configuration file." default:"gateway.yaml" type:"path"`
}

// option is the -c that a command has to be given so that it works on the same
// configuration; "" where it needs none. It goes into every hint, to be copied.
func (c configFlag) option() string {
	if file, err := filepath.Abs("gateway.yaml"); err == nil && file == c.Config {
		return ""
	}
	return " -c " + word(c.Config)
}

// word is a text as one word of a shell's command line.
func word(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+:=@,", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// load reads the configuration, the gateway's keys and the storage key. It changes
// nothing.
func (c configFlag) load() (*setup, error) {
	config, err := configs.LoadGateway(c.Config)
	if err != nil {
		return nil, wrong{err}
	}
	s := &setup{config: config, dsn: config.Store}
	if path, ok := strings.CutPrefix(config.Store, "sqlite:"); ok {
		s.dsn = "sqlite:" + config.Path(path)
	}
	passphrase, err := configs.Secret(config.Path(config.Gateway.PassphraseFile), "LIAISON_PASSPHRASE")
	if err != nil {
		return nil, wrong{err}
	}
	for _, file := range config.Gateway.KeyFiles {
		data, err := os.ReadFile(config.Path(file))
		if err != nil {
			return nil, wrongf("read the gateway's key: %w", err)
		}
		keys, err := openpgp.ParseSecretKeys(data, passphrase)
		if err != nil {
			return nil, wrongf("%s: %w", file, err)
		}
		s.keys = append(s.keys, keys...)
	}
	if s.opt.Key, err = storageKey(config.Path(config.StorageKey)); err != nil {
		return nil, err
	}
	s.opt.SignHead = func(text []byte) ([]byte, error) { return openpgp.SignArmored(text, s.keys[0], time.Now()) }
	if s.opt.Node, err = nodeName(c.Config); err != nil {
		return nil, err
	}
	return s, nil
}

// nodeName tells gateways on one store apart, also two on one machine. It stays
// the same over restarts, so that a gateway's own claims of before are void at
// once.
func nodeName(config string) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name this node: %w", err)
	}
	file, err := filepath.Abs(config)
	if err != nil {
		return "", fmt.Errorf("name this node: %w", err)
	}
	return host + ":" + file, nil
}

// makeFolder makes the folder that the file of a SQLite store lies in.
func makeFolder(dsn string) error {
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok {
		return nil
	}
	return os.MkdirAll(filepath.Dir(path), 0o700)
}

// storageKey reads the key that wraps the data keys.
func storageKey(file string) (store.StorageKey, error) {
	var key store.StorageKey
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return key, wrongf("the storage key %s is missing: restore it from its backup, or make a new set-up with \"liaison init\"", file)
	}
	if err != nil {
		return key, wrongf("read the storage key: %w", err)
	}
	if len(data) != len(key) {
		return key, wrongf("the storage key %s has %d bytes instead of %d", file, len(data), len(key))
	}
	copy(key[:], data)
	return key, nil
}

// newStorageKey makes a storage key file.
func newStorageKey(file string) error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	return writeNew(file, key, 0o600)
}

// now is the time: the store's own clock where one was set, as in the laboratory.
func (s *setup) now() time.Time {
	if s.opt.Clock != nil {
		return s.opt.Clock()
	}
	return time.Now()
}

// noting is a TLS configuration that tells of the certificates that it meets; c
// itself where nobody listens.
func noting(c *tls.Config, seen func(host string, until time.Time)) *tls.Config {
	if seen == nil {
		return c
	}
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) > 0 {
			seen(s.ServerName, s.PeerCertificates[0].NotAfter)
		}
		return nil
	}
	return c
}

// trusting is a TLS configuration that trusts a file's authority alone; nil, for
// the system's, where no file is named.
func trusting(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, wrongf("read ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, wrongf("ca_file %s holds no certificate", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// beside opens the store for a short command beside a serving gateway, and makes it
// where there is none.
func (s *setup) beside(a *app) (*store.Store, error) {
	if err := makeFolder(s.dsn); err != nil {
		return nil, err
	}
	return store.OpenBeside(a.ctx, s.dsn, s.opt)
}

// serving opens the store for a serving gateway, and makes it where there is none.
func (s *setup) serving(ctx context.Context) (*store.Store, error) {
	if err := makeFolder(s.dsn); err != nil {
		return nil, err
	}
	return store.Open(ctx, s.dsn, s.opt)
}

// ring is the key ring on a store.
func ring(st *store.Store) *keyring.Ring { return keyring.New(st, time.Now) }

// readOperations reads and checks the operation files of the configuration.
func (s *setup) readOperations() (map[string]*operation.Operation, []operation.Problem, error) {
	ops := map[string]*operation.Operation{}
	holds := map[operation.Code]string{} // which file
	var problems []operation.Problem
	for _, pattern := range s.config.Operations {
		files, err := operationFiles(s.config.Path(pattern))
		if err != nil {
			return nil, nil, wrongf("operations: %q: %w", pattern, err)
		}
		for _, file := range files {
			if ops[file] != nil {
				continue // two patterns name it
			}
			op, found, err := readOperation(file, operation.ParticipantCode(s.config.Gateway.Code))
			if err != nil {
				return nil, nil, err
			}
			problems = append(problems, found...)
			if op == nil {
				continue
			}
			if first := holds[op.Code]; first != "" { // one would be in force, and nobody could say which
				problems = append(problems, operation.Problem{File: file, Severity: "error", Code: "twice",
					Message: fmt.Sprintf("the operation %s stands in %s already; keep one of the two files elsewhere, or change its code", op.Code, first)})
				continue
			}
			holds[op.Code], ops[file] = file, op
		}
	}
	return ops, problems, nil
}

// operationFiles are the files that a pattern names: one of that very name, whatever
// letters are in it, else all that match. A name that stands for no other must be
// there.
func operationFiles(pattern string) ([]string, error) {
	if _, err := os.Stat(pattern); err == nil || !strings.ContainsAny(pattern, `*?[\`) {
		return []string{pattern}, nil
	}
	return filepath.Glob(pattern)
}

func readOperation(file string, unit operation.ParticipantCode) (*operation.Operation, []operation.Problem, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, wrongf("read the operation: %w", err)
	}
	op, problems := operation.Parse(data, file)
	if op == nil {
		return nil, problems, nil
	}
	return op, append(problems, op.Check(file, unit)...), nil
}

// audit is an entry about an administrator's action.
func audit(action, who string, op operation.Code, reference string) gateway.AuditEntry {
	return gateway.AuditEntry{Kind: gateway.Administration, At: time.Now(), Actor: who, Action: action, Operation: op, Reference: reference}
}

// person is who runs the command.
func person() string {
	if u := os.Getenv("LIAISON_OPERATOR"); u != "" {
		return u
	}
	if u := os.Getenv("USER"); u != "" {
		return u
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}
