package mailtest

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// PostfixOptions say what Postfix takes mail for, and from whom.
type PostfixOptions struct {
	// LMTP says where mail for a domain goes, host:port, such as a Dovecot's
	// LMTPAddr or an adapter's own listener. What isn't named is refused.
	LMTP map[string]string
	// Auth is a Dovecot whose accounts may log in; without it anybody on loopback
	// may send.
	Auth *Real
	// SizeLimit is the largest mail in bytes, default 25 MiB.
	SizeLimit int64
}

// Postfix starts Postfix on loopback until the test's end: a submission server
// that hands on over LMTP, retries every second or two and bounces after 5xx.
// It skips the test where Postfix is missing, and fails it in CI.
func Postfix(t T, opt PostfixOptions) *Real {
	t.Helper()
	program := needs(t, "postfix", "postfix")
	dir := folder(t, "postfix")
	port := freePort(t)
	r := &Real{SMTPAddr: net.JoinHostPort("127.0.0.1", port)}
	r.TLS, r.CAFile = writeCertificate(t, dir)
	if opt.SizeLimit == 0 {
		opt.SizeLimit = 25 << 20
	}
	var domains, routes []string
	for domain, lmtp := range opt.LMTP {
		domains = append(domains, domain)
		routes = append(routes, fmt.Sprintf("{ %s = lmtp:inet:%s }", domain, lmtp))
	}
	slices.Sort(domains)
	auth := "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
	if opt.Auth != nil {
		r.Password = opt.Auth.Password
		auth = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:" + opt.Auth.AuthAddr +
			"\nsmtpd_tls_auth_only = yes\nsmtpd_client_restrictions = permit_sasl_authenticated, reject\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject\n"
	}
	folders(t, dir, "queue", "conf", "data")
	own(t, filepath.Join(dir, "data"), "postfix")
	// What cleans the queue before a start writes here without root's rights.
	write(t, filepath.Join(dir, "log"), 0o644, "")
	own(t, filepath.Join(dir, "log"), "postfix")
	conf := filepath.Join(dir, "conf")
	write(t, filepath.Join(conf, "main.cf"), 0o644, fmt.Sprintf(postfixMain, dir, strings.Join(domains, ", "), strings.Join(routes, ", "), opt.SizeLimit)+auth)
	write(t, filepath.Join(conf, "master.cf"), 0o644, fmt.Sprintf(postfixMaster, r.SMTPAddr))
	r.process = &process{command: []string{program, "-c", conf, "start-fg"}, address: r.SMTPAddr, log: filepath.Join(dir, "log"), pidFile: filepath.Join(dir, "queue/pid/master.pid")}
	run(t, r.process)
	return r
}

// stopMaster ends Postfix's master with its children. It leaves the process
// group of what started it, so that no signal there reaches it.
func stopMaster(t T, file string) {
	pid, err := readPID(file)
	if err != nil {
		return // it never started, or is gone
	}
	_ = syscall.Kill(pid, syscall.SIGTERM)
	limit := time.After(stopPatience / 2)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for syscall.Kill(pid, 0) == nil {
		select {
		case <-tick.C:
		case <-limit:
			_ = syscall.Kill(-pid, syscall.SIGKILL)
			return
		}
	}
}

const postfixMain = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
meta_directory = /etc/postfix
myhostname = mail.example
mydomain = mail.example
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
recipient_delimiter = +
alias_maps =
alias_database =
virtual_mailbox_domains = %[2]s
transport_maps = inline:{ %[3]s }
message_size_limit = %[4]d
mailbox_size_limit = 0
virtual_mailbox_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
bounce_notice_recipient = nobody@mail.example
smtpd_tls_security_level = may
smtpd_tls_cert_file = %[1]s/cert.pem
smtpd_tls_key_file = %[1]s/key.pem
disable_dns_lookups = yes
smtpd_peername_lookup = no
`

const postfixMaster = `%[1]s inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
