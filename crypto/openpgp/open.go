package openpgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Limits bound what opening may cost, in bytes. Zero means the default.
type Limits struct {
	Message   int64 // of the message as it came; 64 MiB
	Plaintext int64 // of what comes out; 64 MiB
}

const defaultLimit = 64 << 20

func (l Limits) plaintext() int64 {
	if l.Plaintext > 0 {
		return l.Plaintext
	}
	return defaultLimit
}

func (l Limits) message() int64 {
	if l.Message > 0 {
		return l.Message
	}
	return defaultLimit
}

// Opened is a message after opening. Encrypted is true only if it was: a
// message that was merely signed or wrapped opens as well.
type Opened struct {
	Plaintext  []byte
	Encrypted  bool
	Text       bool // the sender called it text
	Filename   string
	Format     Format // of the encryption; 0 where there was none
	Signature  Signature
	Signatures []Signature // all of them; Signature is the best
}

// OpenError says why a message could not be opened. Its words tell nothing
// about the content and may be logged.
type OpenError struct {
	Reason     string // not-openpgp, no-key, no-integrity, corrupt, too-large
	Recipients []uint64
	Err        error
}

func (e *OpenError) Error() string {
	switch e.Reason {
	case "no-key":
		return fmt.Sprintf("encrypted to other keys than ours (%s)", hexIDs(e.Recipients))
	case "no-integrity":
		return "encrypted without integrity protection; such messages are never opened"
	case "too-large":
		return "larger than the limit once opened"
	case "not-openpgp":
		return "no OpenPGP message"
	}
	return "damaged on the way"
}

func hexIDs(ids []uint64) string {
	var out []string
	for _, id := range ids {
		out = append(out, fmt.Sprintf("%016X", id))
	}
	return strings.Join(out, " ")
}

// Open decrypts and verifies a message: armored (whatever mail did to the
// armor) or binary; encrypted, signed, cleartext-signed or neither. keys may
// decrypt, certs finds certificates to verify with, at is the time of the
// verdict.
//
// A failure is an *OpenError. A message that opens under a bad or missing
// signature is no failure: see Opened.Signature.
func Open(message []byte, keys []*SecretKey, certs Lookup, at time.Time, lim Limits) (*Opened, error) {
	if int64(len(message)) > lim.message() {
		return nil, &OpenError{Reason: "too-large"}
	}
	if !isSignedPackets(message) && bytes.Contains(message, []byte("-----BEGIN PGP SIGNED MESSAGE-----")) {
		if block, _ := clearsign.Decode(message); block != nil {
			return openCleartext(block, certs, at, lim)
		}
	}
	packets := message
	if blocks := dearmorAll(message, string(ArmorMessage)); len(blocks) > 0 {
		packets = blocks[0]
	}
	return openPackets(packets, keys, certs, at, lim)
}

// isSignedPackets reports whether a message is binary packets of a kind that leaves
// its text readable, so that a cleartext-signed message in it is a quotation.
func isSignedPackets(message []byte) bool {
	tag, body, _, ok := frontPacket(message)
	if !ok || len(body) == 0 {
		return false
	}
	switch tag {
	case 2, 4: // signatures, by their version
		return body[0] >= 3 && body[0] <= 6
	case 11: // literal data, by its format
		return bytes.IndexByte([]byte("btul1"), body[0]) >= 0
	}
	return false
}

func openPackets(packets []byte, keys []*SecretKey, certs Lookup, at time.Time, lim Limits) (*Opened, error) {
	format, recipients, err := survey(packets)
	if err != nil {
		return nil, err
	}
	ring := newRing(keys, certs, len(recipients))
	defer ring.release()
	config := reading(at)
	most := lim.plaintext() + 1
	inflated := most + packetsAround
	config.MaxDecompressedMessageSize = &inflated
	var md *pgp.MessageDetails
	err = bounded(func() error {
		md, err = pgp.ReadMessage(bytes.NewReader(packets), ring, nil, config)
		return err
	})
	if err != nil {
		return nil, openError(err, recipients)
	}
	body, err := readUpTo(md.UnverifiedBody, most, len(packets))
	if err != nil {
		return nil, openError(err, recipients)
	}
	if int64(len(body)) == most {
		return nil, &OpenError{Reason: "too-large"}
	}
	o := &Opened{Plaintext: body, Encrypted: md.IsEncrypted}
	if o.Encrypted {
		o.Format = format
	}
	if md.LiteralData != nil {
		o.Text, o.Filename = !md.LiteralData.IsBinary, md.LiteralData.FileName
	}
	o.Signatures = verdicts(md, ring, at)
	o.Signature = best(o.Signatures)
	return o, nil
}

// packetsAround is room for the packets around a compressed plaintext, so that
// the limit is the plaintext's own, and meets it first: what the library itself
// says of a bomb is made unrecognisable on purpose where it was encrypted.
const packetsAround = 64 << 10

// survey reads the outer packets: the format, whom the message is encrypted to,
// and that nothing without integrity protection comes near the library.
func survey(packets []byte) (Format, []uint64, error) {
	recipients := []uint64(nil)
	for {
		tag, body, rest, ok := frontPacket(packets)
		if !ok {
			if len(recipients) == 0 {
				return 0, nil, &OpenError{Reason: "not-openpgp"}
			}
			return 0, recipients, nil
		}
		packets = rest
		switch tag {
		case 1:
			recipients = append(recipients, recipientOf(body))
		case 3, 10, 21:
		case 9, 20:
			return 0, nil, &OpenError{Reason: "no-integrity"}
		case 18:
			if len(body) > 0 && body[0] == 2 {
				return SEIPDv2, recipients, nil
			}
			return SEIPDv1, recipients, nil
		case 2, 4, 8, 11:
			return 0, recipients, nil
		default:
			return 0, nil, &OpenError{Reason: "not-openpgp"}
		}
	}
}

// frontPacket cuts the first packet off (RFC 9580, section 4.2), without copying.
// Of one in pieces, and of one that is cut short, body is the first piece.
func frontPacket(b []byte) (tag int, body, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return 0, nil, nil, false
	}
	if b[0]&0x40 == 0 {
		tag = int(b[0]&0x3f) >> 2
		n := []int{1, 2, 4, 0}[b[0]&3]
		if b = b[1:]; n == 0 || len(b) < n {
			return tag, b, nil, true
		}
		length := int(bigEndian(b[:n]))
		return tag, b[n:min(len(b), n+length)], b[min(len(b), n+length):], true
	}
	tag, b = int(b[0]&0x3f), b[1:]
	length, n := int(b[0]), 1
	switch {
	case b[0] == 255 && len(b) >= 5:
		length, n = int(bigEndian(b[1:5])), 5
	case b[0] >= 224: // in pieces
		length = 1 << (b[0] & 0x1f)
	case b[0] >= 192 && len(b) >= 2:
		length, n = (int(b[0])-192)<<8+int(b[1])+192, 2
	}
	return tag, b[n:min(len(b), n+length)], b[min(len(b), n+length):], true
}

// pieceSize is how much of an inflated message is read before more memory is
// asked for.
const pieceSize = 256 << 10

// readUpTo reads at most so many bytes. What wasn't compressed is as long as it
// likely is, and gets a buffer of that size; the rest comes in pieces, so that a
// bomb costs what it opens to and not the copies of a buffer that grows.
func readUpTo(r io.Reader, most int64, likely int) ([]byte, error) {
	var pieces [][]byte
	for room := min(most, int64(likely)); ; room = min(most, pieceSize) {
		piece := bytes.NewBuffer(make([]byte, 0, room+bytes.MinRead))
		n, err := piece.ReadFrom(io.LimitReader(r, room))
		if err != nil {
			return nil, err
		}
		if n > 0 || len(pieces) == 0 {
			pieces = append(pieces, piece.Bytes())
		}
		if most -= n; n < room || most == 0 {
			break
		}
	}
	if len(pieces) == 1 {
		return pieces[0], nil
	}
	return bytes.Join(pieces, nil), nil
}

// recipientOf is the key id of an encrypted session key packet (RFC 9580,
// section 5.1); 0 is hidden.
func recipientOf(body []byte) uint64 {
	if len(body) >= 9 && body[0] == 3 {
		return bigEndian(body[1:9])
	}
	if len(body) < 3 || body[0] != 6 || int(body[1]) > len(body)-2 {
		return 0
	}
	switch fp := body[3 : 2+max(1, int(body[1]))]; len(fp) {
	case 32:
		return bigEndian(fp[:8])
	case 20:
		return bigEndian(fp[12:])
	}
	return 0
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// Recipients returns the key ids that a message is encrypted to; 0 stands for a
// hidden one. For diagnosis.
func Recipients(message []byte) []uint64 {
	if packets, err := Dearmor(message); err == nil {
		message = packets
	}
	_, recipients, _ := survey(message)
	return recipients
}

func openError(err error, recipients []uint64) *OpenError {
	reason := "corrupt"
	switch {
	case errors.Is(err, pgperrors.ErrKeyIncorrect):
		reason = "no-key"
	case errors.Is(err, pgperrors.ErrMessageTooLarge):
		reason = "too-large"
	case errors.Is(err, pgperrors.ErrMDCMissing):
		reason = "no-integrity"
	}
	return &OpenError{Reason: reason, Recipients: recipients, Err: err}
}

// openCleartext opens a cleartext-signed message (RFC 9580, section 7): its
// text is what was signed.
func openCleartext(block *clearsign.Block, certs Lookup, at time.Time, lim Limits) (*Opened, error) {
	if int64(len(block.Plaintext)) > lim.plaintext() {
		return nil, &OpenError{Reason: "too-large"}
	}
	sig, err := io.ReadAll(io.LimitReader(block.ArmoredSignature.Body, certificateLimit))
	if err != nil {
		return nil, &OpenError{Reason: "corrupt", Err: err}
	}
	s := VerifyDetached(block.Bytes, sig, certs, at)
	return &Opened{Plaintext: block.Plaintext, Text: true, Signature: s, Signatures: []Signature{s}}, nil
}
