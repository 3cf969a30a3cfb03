package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// Real is a real mail server beside a test.
type Real struct {
	IMAPAddr  string      // host:port in the clear, with STARTTLS; "" where it has none
	IMAPSAddr string      // host:port with TLS
	LMTPAddr  string      // host:port
	SMTPAddr  string      // host:port, with STARTTLS
	AuthAddr  string      // host:port of the log-in service for Postfix
	TLS       *tls.Config // trusts its certificate
	CAFile    string      // that certificate, PEM
	Password  string      // of every account

	process *process
}

// Crash kills the server as a power cut would; Start starts it again.
func (r *Real) Crash() error { return r.process.crash() }

// Start starts the server after a Crash, and waits until it answers.
func (r *Real) Start() error { return r.process.start() }

// Dovecot starts Dovecot for some accounts ("name@domain"), with IMAP and LMTP
// on loopback, until the test's end. It skips the test where Dovecot is missing,
// and fails it in CI.
func Dovecot(t T, accounts ...string) *Real {
	t.Helper()
	program := needs(t, "dovecot", "dovecot-imapd dovecot-lmtpd")
	dir := folder(t, "dovecot")
	r := &Real{Password: "an invented password"}
	r.TLS, r.CAFile = writeCertificate(t, dir)
	ports := map[string]string{"imap": freePort(t), "imaps": freePort(t), "lmtp": freePort(t), "auth": freePort(t)}
	at := func(name string) string { return net.JoinHostPort("127.0.0.1", ports[name]) }
	r.IMAPAddr, r.IMAPSAddr, r.LMTPAddr, r.AuthAddr = at("imap"), at("imaps"), at("lmtp"), at("auth")
	var users strings.Builder
	for _, a := range accounts {
		fmt.Fprintf(&users, "%s:{PLAIN}%s::::::\n", a, r.Password)
	}
	write(t, filepath.Join(dir, "users"), 0o644, users.String())
	folders(t, dir, "mail")
	own(t, filepath.Join(dir, "mail"), "nobody")
	write(t, filepath.Join(dir, "dovecot.conf"), 0o644, fmt.Sprintf(dovecotConf, dir, ports["imap"], ports["imaps"], ports["lmtp"], ports["auth"]))
	r.process = &process{command: []string{program, "-F", "-c", filepath.Join(dir, "dovecot.conf")}, address: r.IMAPAddr, log: filepath.Join(dir, "log")}
	run(t, r.process)
	return r
}

const dovecotConf = `
base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <%[1]s/cert.pem
ssl_key = <%[1]s/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain
recipient_delimiter = +
mail_location = maildir:~/Maildir
first_valid_uid = 1
mail_fsync = never
passdb {
  driver = passwd-file
  args = %[1]s/users
}
userdb {
  driver = passwd-file
  args = %[1]s/users
  override_fields = uid=nobody gid=nogroup home=%[1]s/mail/%%u
}
service imap-login {
  inet_listener imap {
    port = %[2]s
  }
  inet_listener imaps {
    port = %[3]s
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[4]s
  }
}
service auth {
  inet_listener auth {
    address = 127.0.0.1
    port = %[5]s
  }
}
namespace inbox {
  inbox = yes
  separator = /
}
`

// writeCertificate writes cert.pem and key.pem; it returns a configuration that
// trusts them, and where the certificate lies.
func writeCertificate(t T, dir string) (trusting *tls.Config, file string) {
	t.Helper()
	certPEM, keyPEM, err := Certificate(time.Now())
	if err != nil {
		t.Fatalf("%v", err)
	}
	file = filepath.Join(dir, "cert.pem")
	write(t, file, 0o644, string(certPEM))
	write(t, filepath.Join(dir, "key.pem"), 0o600, string(keyPEM))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, file
}
