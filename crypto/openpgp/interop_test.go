package openpgp

import (
	"bytes"
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
	plaintext := []byte("JCOFORM invented: Rīga – Gdańsk\r\nsecond line \n" + strings.Repeat("0123456789abcdef\n", 300))
	for program, start := range map[string]func(*testing.T, *SecretKey) *peer{"gpg": startGPG, "sq": startSQ, "rnp": startRNP} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			p := start(t, ours)
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
		})
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

func startSQ(t *testing.T, ours *SecretKey) *peer {
	sq := find(t, "sq", "apt-get install sq")
	key := filepath.Join(sq.home, "key.pgp")
	sq.run(t, nil, "key", "generate", "--userid", "Sq <sq@customs.example>", "--export", key)
	extracted, _ := sq.run(t, nil, "key", "extract-cert", key)
	gateway := sq.file(t, "gateway.pgp", ours.Certificate().Armored())
	return &peer{
		cert: onlyCertificate(t, extracted),
		seal: func(t *testing.T, plaintext []byte, to *Certificate) []byte {
			out, _ := sq.run(t, plaintext, "encrypt", "--recipient-cert", gateway, "--signer-key", key)
			return out
		},
		unseal: func(t *testing.T, message []byte, from *Certificate) []byte {
			out, _ := sq.run(t, message, "decrypt", "--recipient-key", key, "--signer-cert", gateway, "--signatures", "1")
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
