package websocket

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// nonceSize is the length of a nonce in bytes.
const nonceSize = 32

// The length of a client's nonce as text: 32 bytes take 43 characters of base64
// without padding.
const (
	clientNonceLeast = 43
	clientNonceMost  = 128
)

// claim is what a participant's proof covers. Nonces stand in it as the text of
// the frames. Each line ends with LF, but for the last, where both ways are read
// and the shorter is written.
type claim struct {
	host        string // as dialled, lower case, without the port
	fingerprint string // the gateway's, as its challenge wrote it
	nonce       []byte
	clientNonce string
	operation   operation.Code
	participant operation.ParticipantCode
	after       int64
}

// lines returns the bytes under the client's proof.
func (c claim) lines() []byte {
	return []byte(strings.Join([]string{
		"jco-form.v1 client", c.host, c.fingerprint,
		base64.StdEncoding.EncodeToString(c.nonce), c.clientNonce,
		string(c.operation), string(c.participant), strconv.FormatInt(c.after, 10),
	}, "\n"))
}

// greeting returns the bytes under the gateway's proof: the hash, in lower-case
// hexadecimal, of the very lines that the client signed.
func greeting(clientLines []byte, session string, last int64, limits []byte) []byte {
	sum := sha256.Sum256(clientLines)
	s := strings.Join([]string{
		"jco-form.v1 gateway", hex.EncodeToString(sum[:]), session,
		strconv.FormatInt(last, 10), string(limits),
	}, "\n")
	if clientLines[len(clientLines)-1] == '\n' {
		s += "\n"
	}
	return []byte(s)
}

// proven checks a proof against the confirmed certificates and the texts that
// may stand for the host dialled. It returns the signed lines and the
// fingerprint of the certificate that made the proof.
func (c claim) proven(proof []byte, hosts []string, confirmed []*openpgp.Certificate, at time.Time) ([]byte, openpgp.Fingerprint, bool) {
	for _, host := range hosts {
		c.host = host
		lines := c.lines()
		for _, signed := range [][]byte{lines, append(lines[:len(lines):len(lines)], '\n')} {
			if s := signedBy(signed, proof, confirmed, at); s.Verdict == openpgp.Good {
				return signed, s.Fingerprint, true
			}
		}
	}
	return nil, "", false
}

// signedBy says what a detached signature proves where only these certificates
// are known.
func signedBy(signed, proof []byte, among []*openpgp.Certificate, at time.Time) openpgp.Signature {
	return openpgp.VerifyDetached(signed, proof, func(uint64, openpgp.Fingerprint) []*openpgp.Certificate { return among }, at)
}

// dialled returns the texts that a participant may have signed as the host that
// it dialled: the names of this gateway and, where the Host header is one of
// them, that header as it was written, with and without its port. A proof made
// for another host is under none of them.
func dialled(names []string, header string) []string {
	var hosts []string
	for _, name := range names {
		hosts = append(hosts, strings.ToLower(name))
	}
	if line(header) && slices.Contains(hosts, hostOnly(header)) {
		hosts = append(hosts, header, strings.ToLower(header), withoutPort(header))
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// newNonce returns fresh random bytes; reading them can't fail.
func newNonce() []byte {
	b := make([]byte, nonceSize)
	_, _ = rand.Read(b) // never returns an error (crypto/rand)
	return b
}

// hostOnly takes the port off a host and lowers its case.
func hostOnly(hostport string) string {
	return strings.ToLower(strings.Trim(withoutPort(hostport), "[]"))
}

func withoutPort(hostport string) string {
	if _, port, err := net.SplitHostPort(hostport); err == nil {
		return strings.TrimSuffix(hostport, ":"+port)
	}
	return hostport
}
