package openpgp

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// packetOf frames a body as a packet with a five-octet length (RFC 9580, section 4.2.1).
func packetOf(tag byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 255}, uint32(len(body))), body...)
}

// announced is a literal for which so many signatures are announced, by a key.
func announced(signatures int, id uint64) []byte {
	ops := binary.BigEndian.AppendUint64([]byte{3, 1, 10, 22}, id)
	return append(bytes.Repeat(packetOf(4, append(ops, 0)), signatures), packetOf(11, append([]byte("b\x00\x00\x00\x00\x00"), make([]byte, 1<<20)...))...)
}

func deflated(t *testing.T, packets []byte) []byte {
	t.Helper()
	b := bytes.NewBuffer([]byte{2})
	w := zlib.NewWriter(b)
	if _, err := w.Write(packets); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packetOf(8, b.Bytes())
}

// A hundred thousand signatures fit into twenty kilobytes, and the library hashes the
// whole message for each: without a bound this test takes hours.
func TestAMessageWithMoreSignaturesThanAnybodyMakesIsRefusedAtOnce(t *testing.T) {
	key := newKey(t, "LV", 4)
	ids := key.Certificate().KeyIDs()
	nobodies := bytes.Repeat(packetOf(1, []byte{3, 0, 0, 0, 0, 0, 0, 0, 42, 99, 0}), 1000) // recipients of an algorithm that nobody knows
	for name, message := range map[string][]byte{
		"ours":              announced(100_000, ids[0]),
		"unknown":           announced(100_000, 42),
		"compressed":        deflated(t, announced(100_000, ids[0])),
		"behind recipients": append(nobodies, encryptPackets(t, announced(recipientsMost+signaturesMost, ids[0]), key)...),
		"one too many":      announced(signaturesMost+1, ids[0]),
	} {
		_, err := Open(message, []*SecretKey{key}, nil, time.Now(), Limits{})
		var refused *OpenError
		if !errors.As(err, &refused) || refused.Err != errSignatures { // announced and missing, they would be refused too, but later
			t.Errorf("%s: Open = %v; want it refused for the number of its signatures", name, err)
		}
	}
	signature, err := SignDetached([]byte("text"), key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	packets, err := Dearmor(signature)
	if err != nil {
		packets = signature
	}
	for n, want := range map[int]Verdict{1: Good, signaturesMost: Good, signaturesMost + 1: Bad, 10_000: Bad} {
		if got := VerifyDetached([]byte("text"), bytes.Repeat(packets, n), lookup(key), time.Now()); got.Verdict != want {
			t.Errorf("VerifyDetached with %d signatures = %s; want %s", n, got.Verdict, want)
		}
	}
}
