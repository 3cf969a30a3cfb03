package openpgp

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// What Seal never writes and Open must cope with is put together here.

func literal(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := packet.SerializeLiteral(nopCloser{&out}, true, "", 0)
	return written(t, &out, w, err, data)
}

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	return compressPackets(t, literal(t, data))
}

func compressPackets(t testing.TB, packets []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := packet.SerializeCompressed(nopCloser{&out}, packet.CompressionZLIB, nil)
	return written(t, &out, w, err, packets)
}

// encryptPackets encrypts packets as they are.
func encryptPackets(t testing.TB, packets []byte, to *SecretKey) []byte {
	t.Helper()
	s := &Sealed{format: SEIPDv1, sessionKey: make([]byte, 32), at: day}
	_, _ = rand.Read(s.sessionKey)
	var out bytes.Buffer
	w, err := packet.SerializeSymmetricallyEncrypted(&out, packet.CipherAES256, false, packet.CipherSuite{}, s.sessionKey, policy(day))
	s.body = written(t, &out, w, err, packets)
	message, err := s.For(to.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func cleartext(t testing.TB, text []byte, signer *SecretKey) []byte {
	t.Helper()
	e, giveBack := signer.borrow()
	defer giveBack()
	var out bytes.Buffer
	w, err := clearsign.Encode(&out, e.PrivateKey, policy(day))
	return written(t, &out, w, err, text)
}

func written(t testing.TB, out *bytes.Buffer, w io.WriteCloser, err error, data []byte) []byte {
	t.Helper()
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
