package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"liaison/gateway"
)

// Bytes of a Message-ID that is used as a name; longer ones are none
// (RFC 5322, section 2.1.1: a line has 998).
const longestID = 998

// transport names a mail whichever way it came: by its Message-ID, with its
// body. The header grows on the way in, the body doesn't change, so that the
// name is the same over IMAP and LMTP.
func transport(raw []byte) gateway.Repeat {
	header, body := split(raw)
	if id := messageID(header); id != "" {
		return gateway.Repeat{Name: "mid:" + id, Digest: sha256.Sum256(body)}
	}
	return nameless(raw)
}

// nameless names a mail by its bytes alone.
func nameless(raw []byte) gateway.Repeat {
	digest := sha256.Sum256(raw)
	return gateway.Repeat{Name: "mail:" + hex.EncodeToString(digest[:]), Digest: digest}
}

// split parts a mail at its first empty line. Line ends become LF and those at
// the end are dropped: servers differ in them.
func split(raw []byte) (header, body []byte) {
	text := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	header, body, _ = bytes.Cut(text, []byte("\n\n"))
	return header, bytes.TrimRight(body, "\n")
}

// messageID is the first Message-ID field, unfolded, without blanks; "" where
// there is none that can name a mail.
func messageID(header []byte) string {
	value, found := "", false // as folded, of which most may be blanks
	for line := range strings.SplitSeq(string(header), "\n") {
		if found {
			if line == "" || line[0] != ' ' && line[0] != '\t' {
				break
			}
			if value += line; len(value) > 4*longestID {
				return ""
			}
			continue
		}
		if name, rest, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(name), "Message-ID") {
			value, found = rest, true
		}
	}
	value = strings.Join(strings.Fields(value), "")
	if len(value) > longestID {
		return ""
	}
	return value
}
