package websocket

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net"
	"strconv"
	"strings"
	"time"

	"liaison/crypto/openpgp"
	"liaison/gateway/operation"
)

// nonceSize is the length of a nonce in bytes.
const nonceSize = 32

// claim is what a participant's proof covers. Nonces stand in it as the base64
// text of the frames. Each line ends with LF, but for the last, where both ways
// are read and the shorter is written.
type claim struct {
	host        string // as dialled, lower case, without the port
	fingerprint string // the gateway's, as its challenge wrote it
	nonce       []byte
	clientNonce []byte
	operation   operation.Code
	participant operation.ParticipantCode
	after       int64
}

// lines returns the bytes under the client's proof.
func (c claim) lines() []byte {
	return []byte(strings.Join([]string{
		"jco-form.v1 client", c.host, c.fingerprint,
		base64.StdEncoding.EncodeToString(c.nonce),
		base64.StdEncoding.EncodeToString(c.clientNonce),
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

// proven checks a proof against the confirmed certificates and the hosts under
// which this gateway may be dialled. It returns the signed lines and the
// fingerprint of the certificate that made the proof.
func (c claim) proven(proof []byte, hosts []string, confirmed []*openpgp.Certificate, at time.Time) ([]byte, openpgp.Fingerprint, bool) {
	for _, host := range hosts {
		c.host = strings.ToLower(host)
		lines := c.lines()
		for _, signed := range [][]byte{lines, append(lines[:len(lines):len(lines)], '\n')} {
			if fp, ok := signedBy(signed, proof, confirmed, at); ok {
				return signed, fp, true
			}
		}
	}
	return nil, "", false
}

// signedBy reports which of the certificates made a good detached signature.
func signedBy(signed, proof []byte, among []*openpgp.Certificate, at time.Time) (openpgp.Fingerprint, bool) {
	s := openpgp.VerifyDetached(signed, proof, func(uint64, openpgp.Fingerprint) []*openpgp.Certificate { return among }, at)
	return s.Fingerprint, s.Verdict == openpgp.Good
}

// newNonce returns fresh random bytes; reading them can't fail.
func newNonce() []byte {
	b := make([]byte, nonceSize)
	_, _ = rand.Read(b) // never returns an error (crypto/rand)
	return b
}

// hostOnly takes the port off a host and lowers its case.
func hostOnly(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = h
	}
	return strings.ToLower(strings.Trim(hostport, "[]"))
}
