package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"liaison/gateway/operation"
)

// checked is a file under examination: where everything stands, and what is
// wrong with it.
type checked struct {
	file     string
	lines    *operation.Lines
	problems Problems
}

// load reads a file; missing says what to do where there is none.
func load(file string, into any, missing string) (*checked, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Problems{fmt.Sprintf("there is no %s: %s", file, missing)}
	}
	if err != nil {
		return nil, Problems{err.Error() + "; name a file that this user may read"}
	}
	lines, found := operation.Decode(data, file, into)
	var p Problems
	for _, one := range found {
		p = append(p, fmt.Sprintf("%s:%d: %s", file, one.Line, one.Message))
	}
	if len(p) > 0 {
		return nil, p
	}
	return &checked{file: file, lines: lines}, nil
}

// fail adds a problem of a dotted key; the message begins with it.
func (f *checked) fail(key, format string, args ...any) {
	var at []any
	for step := range strings.SplitSeq(key, ".") {
		at = append(at, step)
	}
	f.problems = append(f.problems, fmt.Sprintf("%s:%d: %s", f.file, f.lines.Of(at...), key+fmt.Sprintf(format, args...)))
}

var codePattern = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{1,15}$`)

// code checks a participant's or operation's code.
func (f *checked) code(key, value, example string) {
	if value == "" {
		f.fail(key, " is missing: a code such as %s", example)
	} else if err := CheckCode(value, example); err != nil {
		f.fail(key, ": %v", err)
	}
}

func (f *checked) address(key, value string) {
	if err := CheckAddress(value); err != nil {
		f.fail(key, ": %v", err)
	}
}

// CheckCode returns an error where a text is no code; example is one.
func CheckCode(code, example string) error {
	if !codePattern.MatchString(code) {
		return fmt.Errorf("%q is not a code; use 2 to 16 capital letters, digits and hyphens, such as %s", code, example)
	}
	return nil
}

// CheckAddress returns an error where a text is no bare mail address.
func CheckAddress(address string) error {
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		return fmt.Errorf("%q is not a mail address", address)
	}
	return nil
}

func (f *checked) gateway(g *Gateway) {
	f.code("gateway.code", g.Gateway.Code, "OCU")
	if g.Gateway.Address != "" {
		f.address("gateway.address", g.Gateway.Address)
	}
	if len(g.Gateway.KeyFiles) == 0 || slices.Contains(g.Gateway.KeyFiles, "") {
		f.fail("gateway.key_files", " is missing: name the gateway's secret key")
	}
	f.store(g.Store)
	f.server("mail.imap", "imap", g.Mail.IMAP)
	f.server("mail.smtp", "smtp", g.Mail.SMTP)
	if g.Gateway.Address == "" && (g.Mail.IMAP.URL != "" || g.Mail.SMTP.URL != "" || g.Mail.LMTP.Listen != "") {
		f.fail("gateway.address", " is missing: the mail channel sends from it")
	}
	if l := g.Mail.LMTP.Listen; l != "" && !strings.HasPrefix(l, "/") && f.listen("mail.lmtp.listen", l) && !localListen(l) {
		f.fail("mail.lmtp.listen", ": %q is reachable from outside; use a loopback address or a Unix socket", l)
	}
	f.socket(g.WebSocket)
	for _, pattern := range g.Operations {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			f.fail("operations", ": %q is no pattern of files; write it as operations/*.yaml", pattern)
		}
	}
	f.later(g)
}

// store checks the shape of a store's address. A password in it would stand in
// the file, and in every error that names the store.
func (f *checked) store(store string) {
	if file, ok := strings.CutPrefix(store, "sqlite:"); ok {
		if file == "" || strings.HasPrefix(file, "//") || strings.ContainsAny(file, "?#") || strings.HasSuffix(file, "/") || file == ":memory:" {
			f.fail("store", ": sqlite: needs the name of a file, such as sqlite:data/liaison.db")
		}
		return
	}
	u, err := url.Parse(store)
	switch {
	case !strings.HasPrefix(store, "postgres://"):
		f.fail("store", " is neither sqlite:FILE nor postgres://USER@HOST/DATABASE")
	case err != nil || u.Host == "" && u.Query().Get("host") == "" || strings.Trim(u.Path, "/") == "":
		f.fail("store", " is no database address; write it as postgres://user@host/liaison, or postgres:///liaison?host=/run/postgresql for a Unix socket")
	case secretInside(u):
		f.fail("store", " holds a password; put it into PGPASSFILE or PGPASSWORD instead")
	}
}

// secretInside reports whether a URL carries a password.
func secretInside(u *url.URL) bool {
	_, password := u.User.Password()
	return password || u.Query().Has("password") || u.Query().Has("sslpassword")
}

func (f *checked) server(key, kind string, s Server) {
	if s.URL == "" {
		if s != (Server{}) {
			f.fail(key+".url", " is missing: the server, such as %ss://mail.example", kind)
		}
		return
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" {
		// The text itself may hold a password: it isn't repeated.
		f.fail(key+".url", " is no server address; write it as %ss://mail.example", kind)
		return
	}
	if u.User != nil {
		f.fail(key+".url", " holds a user or password; use username and password_file instead")
	}
	switch u.Scheme {
	case kind + "s", kind + "+starttls":
	case kind + "+insecure":
		if !loopback(u.Hostname()) {
			f.fail(key+".url", ": %s is accepted for loopback addresses alone; use %ss", u.Scheme, kind)
		}
	default:
		f.fail(key+".url", ": unknown scheme %q; use %ss or %s+starttls", u.Scheme, kind, kind)
	}
	if s.PasswordFile != "" && s.Username == "" {
		f.fail(key+".username", " is missing: there is a password_file")
	}
}

func (f *checked) socket(w WebSocket) {
	if w.Listen != "" && f.listen("websocket.listen", w.Listen) && w.TLSCertFile == "" && !localListen(w.Listen) {
		f.fail("websocket.tls_cert_file", " is missing: without TLS only a loopback address may listen")
	}
	if w.Listen != "" && len(w.Hosts) == 0 {
		f.fail("websocket.hosts", " is missing: the names that participants dial")
	}
	f.pair("websocket", w.TLSCertFile, w.TLSKeyFile)
}

func (f *checked) pair(key, cert, secret string) {
	if (cert == "") != (secret == "") {
		f.fail(key, ": tls_cert_file and tls_key_file go together")
	}
}

// listen checks the shape of a listening address and reports whether it is one.
func (f *checked) listen(key, address string) bool {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		f.fail(key, ": %q is no listening address; write it as 127.0.0.1:8443 or :8443", address)
		return false
	}
	return true
}

// later checks what a later version serves, so that a file that is accepted
// today doesn't stop the gateway then.
func (f *checked) later(g *Gateway) {
	p := g.Portal
	if p.Listen != "" && f.listen("portal.listen", p.Listen) && p.TLSCertFile == "" && !localListen(p.Listen) {
		f.fail("portal.tls_cert_file", " is missing: without TLS only a loopback address may listen")
	}
	f.pair("portal", p.TLSCertFile, p.TLSKeyFile)
	if u, err := url.Parse(p.URL); p.URL != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname()))) {
		f.fail("portal.url", " must be https://HOST, without a password (http:// on loopback alone)")
	}
	if l := g.Metrics.Listen; l != "" && f.listen("metrics.listen", l) && !localListen(l) {
		f.fail("metrics.listen", ": %q is reachable from outside; use a loopback address", l)
	}
	names := map[string]bool{}
	for i, o := range g.Operators {
		if o.Name == "" || o.Key == "" {
			f.fail("operators", ": entry %d needs name and key", i+1)
		}
		if o.Name != "" && names[o.Name] {
			f.fail("operators", ": %s is there twice", o.Name)
		}
		names[o.Name] = true
	}
	for _, to := range g.Alarm.To {
		f.address("alarm.to", to)
	}
	if g.Alarm.Repeat < 0 {
		f.fail("alarm.repeat", ": %s is no time to wait; write it as 5m", g.Alarm.Repeat)
	}
	if g.Limits.Message < 0 {
		f.fail("limits.message", ": %d is no number of bytes", g.Limits.Message)
	}
}

func (f *checked) agent(a *Agent) {
	for _, v := range []struct{ key, value string }{{"url", a.URL}, {"key_file", a.KeyFile}, {"gateway_certificate", a.Gateway},
		{"gateway_fingerprint", a.Fingerprint}} {
		if v.value == "" {
			f.fail(v.key, " is missing")
		}
	}
	f.code("operation", a.Operation, "OP-7K3")
	f.code("participant", a.Participant, "LV")
	u, err := url.Parse(a.URL)
	switch {
	case a.URL == "":
	case err != nil || u.Host == "" || u.Scheme != "wss" && !(u.Scheme == "ws" && loopback(u.Hostname())):
		f.fail("url", " must begin with wss:// and name a host (ws:// on loopback alone)")
	case u.User != nil:
		f.fail("url", " holds a user or password; the channel is opened with key_file alone")
	}
	if (a.NextGateway == "") != (a.NextFingerprint == "") {
		f.fail("next_gateway_certificate", " and next_gateway_fingerprint go together")
	}
	for _, key := range []struct{ key, value string }{{"gateway_fingerprint", a.Fingerprint}, {"next_gateway_fingerprint", a.NextFingerprint}} {
		if digits := hexDigits(key.value); key.value != "" && digits != 40 && digits != 64 {
			f.fail(key.key, ": %q is no fingerprint, which has 40 or 64 hexadecimal digits", key.value)
		}
	}
	if len(a.Exec) > 0 && a.Exec[0] == "" {
		f.fail("exec", ": the command is empty")
	}
	if a.ExecTimeout <= 0 {
		f.fail("exec_timeout", ": %s is no time to wait; write it as 1m", a.ExecTimeout)
	}
}

// hexDigits counts the digits of a fingerprint, however it is grouped; -1 where
// there is something else in it.
func hexDigits(fingerprint string) (n int) {
	for _, r := range strings.TrimPrefix(strings.ToLower(fingerprint), "0x") {
		switch {
		case strings.ContainsRune("0123456789abcdef", r):
			n++
		case !strings.ContainsRune(" :\t\u00a0", r):
			return -1
		}
	}
	return n
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func localListen(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}
