package openpgp

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// peer is another OpenPGP program with a key of its own, in a home that is
// thrown away.
type peer struct {
	cert   *Certificate
	seal   func(t *testing.T, plaintext []byte, to *Certificate) []byte
	unseal func(t *testing.T, message []byte, from *Certificate) []byte // fails unless the signature is good
}

func TestOtherProgramsReadUsAndWeReadThem(t *testing.T) {
	now := time.Now()
	ours, err := Generate(KeyOptions{Name: "Our Gateway", Address: "gateway@customs.example", Created: now.Add(-time.Hour), Expires: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for program, start := range map[string]func(*testing.T, *SecretKey) *peer{"gpg": startGPG, "sq": startSQ, "rnp": startRNP} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			bothWays(t, program, start(t, ours), ours)
		})
	}
}

// bothWays lets a program open what we seal, and us what it seals.
func bothWays(t *testing.T, program string, p *peer, ours *SecretKey) {
	t.Helper()
	plaintext := []byte("JCOFORM invented: Rīga – Gdańsk\r\nsecond line \n" + strings.Repeat("0123456789abcdef\n", 300))
	theirs := func(uint64, Fingerprint) []*Certificate { return []*Certificate{p.cert} }
	o, err := Open(p.seal(t, plaintext, ours.Certificate()), []*SecretKey{ours}, theirs, time.Now(), Limits{})
	if err != nil {
		t.Fatalf("Open what %s sealed: %v", program, err)
	}
	if o.Signature.Verdict != Good || o.Signature.Fingerprint != p.cert.Fingerprint() || !o.Encrypted || !bytes.Equal(o.Plaintext, plaintext) {
		t.Errorf("Open what %s sealed = %+v, %d bytes; want good, %d bytes", program, o.Signature, len(o.Plaintext), len(plaintext))
	}
	sealed, err := Seal(plaintext, ours, SealedFormat(p.cert), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	message, err := sealed.For(ours.Certificate(), p.cert)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string][]byte{"binary": message, "armored": Armor(ArmorMessage, message)} {
		if got := p.unseal(t, m, ours.Certificate()); !bytes.Equal(got, plaintext) {
			t.Errorf("%s opened our %s message to %d bytes; want %d", program, name, len(got), len(plaintext))
		}
	}
}

// Sequoia knows RFC 9580 from version 1 on; Debian 12 has an older one.
func TestSequoiaOfRFC9580ReadsVersion6AndWeReadIt(t *testing.T) {
	if sq := find(t, "sq", "apt-get install sq"); !readsVersion6(t, sq) {
		t.Skip("this sq doesn't know RFC 9580: Debian 13 has one that does")
	}
	for _, ours := range []int{4, 6} {
		for _, profile := range []string{"rfc4880", "rfc9580"} {
			t.Run(fmt.Sprintf("ours of version %d, theirs of %s", ours, profile), func(t *testing.T) {
				sq := find(t, "sq", "apt-get install sq")
				key := keyNow(t, ours)
				bothWays(t, "sq", sq.sequoia(t, key, newWords(sq, profile)), key)
			})
		}
	}
}

func TestGnuPGImportsOurKeysLockedOrNot(t *testing.T) {
	now := time.Now()
	for name, passphrase := range map[string]string{"unlocked": "", "locked": "correct horse battery"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gpg := gpgIn(t)
			key, err := Generate(KeyOptions{Name: "Invented Desk", Address: "desk@customs.example", Created: now.Add(-time.Hour), Expires: 24 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			armored, err := key.Armored([]byte(passphrase))
			if err != nil {
				t.Fatal(err)
			}
			loopback := []string{"--pinentry-mode", "loopback", "--passphrase", passphrase}
			gpg.run(t, armored, append(loopback, "--import")...)
			for _, text := range []string{"for the desk", "for the desk!", "for the desk!!"} { // with each padding of the base64
				sealed, err := Seal([]byte(text), key, SEIPDv1, now)
				if err != nil {
					t.Fatal(err)
				}
				message, err := sealed.For(key.Certificate())
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := gpg.run(t, Armor(ArmorMessage, message), append(loopback, "--decrypt")...); string(got) != text {
					t.Errorf("gpg decrypted with our %s key: %q; want %q", name, got, text)
				}
			}
			if passphrase == "" {
				return
			}
			exported, _ := gpg.run(t, nil, append(loopback, "--export-secret-keys", string(key.Certificate().Fingerprint()))...)
			if back, err := ParseSecretKeys(exported, []byte(passphrase)); err != nil || back[0].Certificate().Fingerprint() != key.Certificate().Fingerprint() {
				t.Errorf("what gpg exports of our key: %v, %v", back, err)
			}
		})
	}
}

// program runs another program in a home of its own.
type program struct {
	path string
	home string
	args []string
}

// find looks for a program; where it is missing, a person's machine skips the
// test and CI fails.
func find(t *testing.T, name, install string) program {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, install)
	}
	home, err := os.MkdirTemp("", "pgp") // short: gpg-agent's socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	return program{path: path, home: home}
}

func missing(t *testing.T, what, install string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: %s", what, install)
	}
	t.Skipf("%s is missing: %s", what, install)
}

func (p program) run(t *testing.T, stdin []byte, args ...string) (stdout, stderr []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), p.path, append(append([]string(nil), p.args...), args...)...)
	cmd.Env = append(os.Environ(), "GNUPGHOME="+p.home, "HOME="+p.home, "LC_ALL=C.UTF-8")
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(p.path), strings.Join(args, " "), err, errs.Bytes())
	}
	return out.Bytes(), errs.Bytes()
}

// file writes data into the program's home and returns its path.
func (p program) file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(p.home, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func onlyCertificate(t testing.TB, data []byte) *Certificate {
	t.Helper()
	certs, err := ParseCertificates(data)
	if err != nil || len(certs) != 1 {
		t.Fatalf("ParseCertificates = %v, %v; want one", certs, err)
	}
	return certs[0]
}

func gpgIn(t *testing.T) program {
	t.Helper()
	gpg := find(t, "gpg", "apt-get install gnupg")
	gpg.args = []string{"--batch", "--quiet", "--no-tty", "--trust-model", "always", "--status-fd", "2"}
	t.Cleanup(func() {
		stop := exec.Command("gpgconf", "--kill", "all")
		stop.Env = append(os.Environ(), "GNUPGHOME="+gpg.home)
		_ = stop.Run()
	})
	return gpg
}

func startGPG(t *testing.T, ours *SecretKey) *peer {
	gpg := gpgIn(t)
	gpg.run(t, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "Gpg <gpg@customs.example>", "future-default", "default", "2d")
	gpg.run(t, ours.Certificate().Armored(), "--import")
	exported, _ := gpg.run(t, nil, "--armor", "--export", "gpg@customs.example")
	return &peer{
		cert: onlyCertificate(t, exported),
		seal: func(t *testing.T, plaintext []byte, to *Certificate) []byte {
			out, _ := gpg.run(t, plaintext, "--armor", "--recipient", string(to.Fingerprint()), "--sign", "--encrypt")
			return out
		},
		unseal: func(t *testing.T, message []byte, from *Certificate) []byte {
			out, status := gpg.run(t, message, "--decrypt")
			for _, want := range []string{"GOODSIG", "GOODMDC", "VALIDSIG " + string(from.Fingerprint())} {
				if !bytes.Contains(status, []byte(want)) {
					t.Errorf("gpg does not say %s:\n%s", want, status)
				}
			}
			return out
		},
	}
}

// sqWords are what sq calls its options: another word before version 1.
type sqWords struct {
	generate                    []string
	to, by, recipient, verifies string
}

func startSQ(t *testing.T, ours *SecretKey) *peer {
	sq := find(t, "sq", "apt-get install sq")
	words := sqWords{[]string{"--userid", "Sq <sq@customs.example>", "--export"}, "--recipient-cert", "--signer-key", "--recipient-key", "--signer-cert"}
	if readsVersion6(t, sq) {
		words = newWords(sq, "rfc4880")
	}
	return sq.sequoia(t, ours, words)
}

// readsVersion6 says whether this sq is one that knows RFC 9580.
func readsVersion6(t *testing.T, sq program) bool {
	help, _ := sq.run(t, nil, "key", "generate", "--help")
	return bytes.Contains(bytes.ToLower(help), []byte("rfc9580"))
}

func newWords(sq program, profile string) sqWords {
	return sqWords{[]string{"--own-key", "--name", "Sq", "--email", "sq@customs.example", "--without-password", "--profile", profile,
		"--rev-cert", filepath.Join(sq.home, "revocation.pgp"), "--output"}, "--for-file", "--signer-file", "--recipient-file", "--signer-file"}
}

func (sq program) sequoia(t *testing.T, ours *SecretKey, words sqWords) *peer {
	key := filepath.Join(sq.home, "key.pgp")
	sq.run(t, nil, append(append([]string{"key", "generate"}, words.generate...), key)...)
	made, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := ParseSecretKeys(made, nil)
	if err != nil || len(secret) != 1 {
		t.Fatalf("ParseSecretKeys of what sq made = %v, %v; want one", secret, err)
	}
	gateway := sq.file(t, "gateway.pgp", ours.Certificate().Armored())
	return &peer{
		cert: secret[0].Certificate(),
		seal: func(t *testing.T, plaintext []byte, to *Certificate) []byte {
			out, _ := sq.run(t, plaintext, "encrypt", words.to, gateway, words.by, key)
			return out
		},
		unseal: func(t *testing.T, message []byte, from *Certificate) []byte {
			out, _ := sq.run(t, message, "decrypt", words.recipient, key, words.verifies, gateway, "--signatures", "1")
			return out
		},
	}
}

func startRNP(t *testing.T, ours *SecretKey) *peer {
	rnp, keys := find(t, "rnp", "apt-get install rnp"), find(t, "rnpkeys", "apt-get install rnp")
	keys.home = rnp.home
	keys.args = []string{"--homedir", rnp.home}
	rnp.args = []string{"--homedir", rnp.home, "--password="}
	keys.run(t, nil, "--generate-key", "--userid", "Rnp <rnp@customs.example>", "--password=")
	keys.run(t, nil, "--import", keys.file(t, "gateway.asc", ours.Certificate().Armored()))
	exported, _ := keys.run(t, nil, "--export-key", "rnp@customs.example")
	return &peer{
		cert: onlyCertificate(t, exported),
		seal: func(t *testing.T, plaintext []byte, to *Certificate) []byte {
			out, _ := rnp.run(t, nil, "--sign", "--encrypt", "--armor", "--recipient", string(to.Fingerprint()), "--userid", "rnp@customs.example",
				rnp.file(t, "plain", plaintext), "--output", "-")
			return out
		},
		unseal: func(t *testing.T, message []byte, from *Certificate) []byte {
			out, said := rnp.run(t, nil, "--decrypt", rnp.file(t, "message", message), "--output", "-")
			if !bytes.Contains(said, []byte("Good signature")) || !bytes.Contains(bytes.ToUpper(said), []byte(from.Fingerprint())) {
				t.Errorf("rnp does not call our signature good:\n%s", said)
			}
			return out
		},
	}
}
