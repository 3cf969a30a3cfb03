package openpgp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Merge returns the certificate with what a newer copy of it adds: valid
// self-signatures, subkeys, user IDs, revocations. Another primary key is an
// error.
func (c *Certificate) Merge(newer *Certificate) (*Certificate, error) {
	if c.Fingerprint() != newer.Fingerprint() {
		return nil, fmt.Errorf("%s is another certificate than %s, not a newer copy of it", newer.Fingerprint(), c.Fingerprint())
	}
	merged, err := parseEntities(mergePackets(c.raw, newer.raw))
	if err != nil {
		return nil, err
	}
	return newCertificate(merged[0])
}

// mergePackets puts the packets of both copies together: each component once,
// with the signatures of both.
func mergePackets(a, b []byte) []byte {
	var order []string
	signatures := map[string][][]byte{}
	for _, raw := range [][]byte{a, b} {
		component := ""
		reader := packet.NewOpaqueReader(bytes.NewReader(raw))
		for {
			op, err := reader.Next()
			if err != nil {
				break
			}
			var buf bytes.Buffer
			if op.Serialize(&buf) != nil {
				break
			}
			if op.Tag != packetSignature {
				component = buf.String()
				if _, seen := signatures[component]; !seen {
					order, signatures[component] = append(order, component), nil
				}
				continue
			}
			if !slices.ContainsFunc(signatures[component], func(s []byte) bool { return bytes.Equal(s, buf.Bytes()) }) {
				signatures[component] = append(signatures[component], buf.Bytes())
			}
		}
	}
	var out bytes.Buffer
	for _, group := range [][]string{keepTags(order, packetUserID, false), keepTags(order, packetUserID, true)} {
		for _, component := range group {
			out.WriteString(component)
			for _, s := range signatures[component] {
				out.Write(s)
			}
		}
	}
	return out.Bytes()
}

// Packet tags (RFC 9580, section 5).
const (
	packetSignature = 2
	packetUserID    = 13
	packetSubkey    = 14
)

// keepTags returns the components before the subkeys, or the subkeys: a
// certificate has its user IDs first.
func keepTags(order []string, _ int, subkeys bool) []string {
	var out []string
	for _, component := range order {
		op, err := packet.NewOpaqueReader(strings.NewReader(component)).Next()
		if err == nil && (op.Tag == packetSubkey) == subkeys {
			out = append(out, component)
		}
	}
	return out
}
