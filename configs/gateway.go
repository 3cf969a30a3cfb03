// Package configs is the configuration of the gateway and the agent, with the
// manual as comments on its fields.
//
// It guarantees that a key that doesn't exist is an error with its line, that
// all faults come at once, and that no secret stands in a file: secrets are in
// files of their own or in the environment.
package configs

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Gateway is gateway.yaml. Relative paths are relative to the file.
type Gateway struct {
	Gateway    Identity  `yaml:"gateway"`
	Store      string    `yaml:"store"`            // sqlite:data/liaison.db, or postgres://user@host/liaison
	StorageKey string    `yaml:"storage_key_file"` // wraps the data keys; made by "liaison init". Back it up apart from the store
	Mail       Mail      `yaml:"mail"`
	WebSocket  WebSocket `yaml:"websocket"`
	Operations []string  `yaml:"operations"` // globs of operation files, applied at start when they changed

	dir string
}

// Identity is who the gateway is.
type Identity struct {
	Code           string   `yaml:"code"`            // participant code of the gateway itself
	Address        string   `yaml:"address"`         // its mail address
	KeyFiles       []string `yaml:"key_files"`       // secret keys; the first signs, all open
	PassphraseFile string   `yaml:"passphrase_file"` // or LIAISON_PASSPHRASE
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

// Agent is agent.yaml, a participant's end of the WebSocket channel.
type Agent struct {
	URL            string        `yaml:"url"` // wss://channel.gateway.example/v1/channel
	Operation      string        `yaml:"operation"`
	Participant    string        `yaml:"participant"`
	Reference      string        `yaml:"reference"` // begin of the references that the agent gives, LV-VID
	KeyFile        string        `yaml:"key_file"`
	PassphraseFile string        `yaml:"passphrase_file"` // or LIAISON_PASSPHRASE
	Gateway        string        `yaml:"gateway_certificate"`
	Fingerprint    string        `yaml:"gateway_fingerprint"` // compared with the certificate before it is used
	Folder         string        `yaml:"folder"`              // holds in/, out/ and state/
	Language       string        `yaml:"language"`
	Exec           []string      `yaml:"exec"` // command to run for each form, with its folder as last argument
	ExecTimeout    time.Duration `yaml:"exec_timeout"`
	CAFile         string        `yaml:"ca_file"` // trust this authority instead of the system's

	dir string
}

// Problems are all faults of a file at once.
type Problems []string

func (p Problems) Error() string { return strings.Join(p, "; ") }

// LoadGateway reads gateway.yaml and checks it. An error is a Problems.
func LoadGateway(file string) (*Gateway, error) {
	g := &Gateway{dir: filepath.Dir(file), Store: "sqlite:data/liaison.db", StorageKey: "secrets/storage"}
	if err := load(file, g); err != nil {
		return nil, err
	}
	if p := g.check(file); len(p) > 0 {
		return nil, p
	}
	return g, nil
}

// LoadAgent reads agent.yaml and checks it. An error is a Problems.
func LoadAgent(file string) (*Agent, error) {
	a := &Agent{dir: filepath.Dir(file), Folder: ".", Language: "en", ExecTimeout: time.Minute}
	if err := load(file, a); err != nil {
		return nil, err
	}
	var p Problems
	for _, f := range []struct{ key, value string }{{"url", a.URL}, {"operation", a.Operation}, {"participant", a.Participant}, {"key_file", a.KeyFile},
		{"gateway_certificate", a.Gateway}, {"gateway_fingerprint", a.Fingerprint}} {
		if f.value == "" {
			p = append(p, file+": "+f.key+" is missing")
		}
	}
	if u, err := url.Parse(a.URL); a.URL != "" && (err != nil || u.Scheme != "wss" && !(u.Scheme == "ws" && loopback(u.Hostname()))) {
		p = append(p, file+": url must begin with wss:// (ws:// on loopback alone)")
	}
	if len(p) > 0 {
		return nil, p
	}
	return a, nil
}

var linePattern = regexp.MustCompile(`line (\d+): (?:field (\S+) not found in type \S+)?`)

func load(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return Problems{fmt.Sprintf("read %s: %v; \"liaison init\" makes a set-up", file, err)}
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	err = d.Decode(into)
	if err == nil {
		return nil
	}
	messages := []string{err.Error()}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		messages = te.Errors
	}
	var p Problems
	for _, m := range messages {
		match := linePattern.FindStringSubmatch(m)
		switch {
		case match == nil:
			p = append(p, file+": "+m)
		case match[2] != "":
			p = append(p, fmt.Sprintf("%s:%s: there is no key %q here; check the spelling against the example", file, match[1], match[2]))
		default:
			p = append(p, fmt.Sprintf("%s:%s: %s", file, match[1], strings.TrimPrefix(m, match[0])))
		}
	}
	return p
}

func (g *Gateway) check(file string) Problems {
	var p Problems
	add := func(format string, args ...any) { p = append(p, file+": "+fmt.Sprintf(format, args...)) }
	if g.Gateway.Code == "" {
		add("gateway.code is missing: the participant code of the gateway itself, such as OCU")
	}
	if len(g.Gateway.KeyFiles) == 0 {
		add("gateway.key_files is missing: name the gateway's secret key")
	}
	if !strings.HasPrefix(g.Store, "sqlite:") && !strings.HasPrefix(g.Store, "postgres://") {
		add("store: %q is neither sqlite:FILE nor postgres://…", g.Store)
	}
	for _, s := range []struct {
		key    string
		server Server
	}{{"mail.imap", g.Mail.IMAP}, {"mail.smtp", g.Mail.SMTP}} {
		if s.server.URL != "" {
			if err := s.server.check(strings.TrimPrefix(s.key, "mail.")); err != nil {
				add("%s.url: %v", s.key, err)
			}
		}
	}
	if l := g.Mail.LMTP.Listen; l != "" && !strings.HasPrefix(l, "/") && !localListen(l) {
		add("mail.lmtp.listen: %q is reachable from outside; use a loopback address or a Unix socket", l)
	}
	w := g.WebSocket
	if w.Listen != "" && len(w.Hosts) == 0 {
		add("websocket.hosts is missing: the names that participants dial")
	}
	if w.Listen != "" && w.TLSCertFile == "" && !localListen(w.Listen) {
		add("websocket.tls_cert_file is missing: without TLS only a loopback address may listen")
	}
	if (w.TLSCertFile == "") != (w.TLSKeyFile == "") {
		add("websocket: tls_cert_file and tls_key_file go together")
	}
	return p
}

func (s Server) check(kind string) error {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is no server address; write it as %ss://mail.example", s.URL, kind)
	}
	switch u.Scheme {
	case kind + "s", kind + "+starttls":
		return nil
	case kind + "+insecure":
		if loopback(u.Hostname()) {
			return nil
		}
		return fmt.Errorf("%s is accepted for loopback addresses alone; use %ss", u.Scheme, kind)
	}
	return fmt.Errorf("unknown scheme %q; use %ss or %s+starttls", u.Scheme, kind, kind)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func localListen(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}

// Path resolves a path of the file.
func (g *Gateway) Path(p string) string { return resolve(g.dir, p) }

// Path resolves a path of the file.
func (a *Agent) Path(p string) string { return resolve(a.dir, p) }

func resolve(dir, p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, p)
}

// Secret reads a secret: the file's first line, or the environment's variable
// where no file is named.
func Secret(file, variable string) ([]byte, error) {
	if file == "" {
		return []byte(os.Getenv(variable)), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read secret: %w", err)
	}
	return bytes.TrimRight(data, "\r\n"), nil
}
