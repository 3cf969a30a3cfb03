package agent

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"liaison/adapters/websocket"
	"liaison/crypto/openpgp"
)

// explain says in words why there is no connection, and what to do.
func (a *agent) explain(err error) string {
	var wrong *websocket.WrongGateway
	var remote *websocket.RemoteError
	var key *openpgp.KeyError
	switch {
	case errors.Is(err, websocket.ErrReplaced):
		return "Another system of " + string(a.opt.Participant) + " took the session over, so this agent stands aside. Only one may run: find the other one (a second agent, a copy of this folder, a national system) and stop one of the two; then restart this agent."
	case errors.As(err, &wrong):
		return "The server at " + wrong.Host + " is not the gateway that agent.yaml names: it shows the key " + grouped(wrong.Shown) + ". Nothing was sent. If the coordination unit announced a new key, compare it with the fingerprint read to you over the phone and put its certificate and fingerprint into agent.yaml beside the old ones; if not, call them."
	case errors.As(err, &remote) && remote.NoProof():
		return fmt.Sprintf("The gateway takes no proof from this agent's key %s for %s in %s. Its certificate may not be confirmed there yet, or was blocked; the operation may not have begun, or be closed; or this machine's clock (%s) is wrong. Call the coordination unit and read the fingerprint out.",
			a.opt.Keys[0].Certificate().Fingerprint().Grouped(), a.opt.Participant, a.opt.Operation, a.opt.Clock().UTC().Format(time.RFC3339))
	case errors.As(err, &remote):
		return "The gateway ended the connection: " + remote.Message
	case errors.As(err, &key):
		return "This agent's own key can't be used: " + key.Error() + ". Is this machine's clock right (" + a.opt.Clock().UTC().Format(time.RFC3339) + ")? If it is, make a new key (liaison key generate) and have it confirmed."
	}
	if words := explainTLS(err); words != "" {
		return words
	}
	if words := explainNet(err); words != "" {
		return words
	}
	return "No connection to the gateway: " + err.Error()
}

func grouped(shown string) string {
	fp, err := openpgp.ParseFingerprint(shown)
	if err != nil {
		return shown
	}
	return fp.Grouped()
}

// explainTLS explains what the server's TLS certificate lacks.
func explainTLS(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "The server's TLS certificate is not signed by an authority that this machine trusts. If the gateway has its own authority, name its certificate as ca_file in agent.yaml; if the gateway's certificate was just renewed, ask for the new ca_file."
	case errors.As(err, &host):
		return "The server's TLS certificate is for other names than the one in agent.yaml's url: " + err.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "The server's TLS certificate has expired, or this machine's clock is wrong. If the clock is right, call the coordination unit."
	case strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		return "The server doesn't speak TLS at this address: check host and port of url in agent.yaml."
	}
	return ""
}

// explainNet explains what keeps the connection from being made.
func explainNet(err error) string {
	var name *net.DNSError
	var dial *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &name):
		return "The gateway's host name " + name.Name + " can't be resolved: is the network up, and url in agent.yaml right?"
	case strings.Contains(err.Error(), "the server answers 404"):
		return "The server has no form channel at this path: check url in agent.yaml, which ends in " + websocket.Path + "."
	case strings.Contains(err.Error(), "the server answers 429"), strings.Contains(err.Error(), "the server answers 503"):
		return "The gateway takes no connections just now (busy, starting or stopping)."
	case errors.As(err, &dial) && dial.Op == "dial":
		return "The gateway can't be reached: " + dial.Err.Error() + ". Is the network up, and does the firewall let this machine out to it?"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "The gateway fell silent; the connection is made anew."
	}
	return ""
}
