package openpgp

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"testing"
)

// checksum is the armor's checksum as RFC 9580, section 6.1.1, defines it: bit by bit.
func checksum(data []byte) uint32 {
	crc := uint32(0xB704CE)
	for _, c := range data {
		crc ^= uint32(c) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864CFB
			}
		}
	}
	return crc & 0xFFFFFF
}

func TestChecksumIsThatOfTheStandardForEveryLength(t *testing.T) {
	data := make([]byte, 300)
	_, _ = rand.Read(data) // never fails (since Go 1.24)
	for n := range data {
		if got, want := crc24(data[:n]), checksum(data[:n]); got != want {
			t.Fatalf("crc24(%x) = %06x; want %06x", data[:n], got, want)
		}
	}
}

func TestArmorHasLinesOf64CharactersAndItsChecksum(t *testing.T) {
	for _, n := range []int{1, 47, 48, 49, 96, 1000} {
		data := bytes.Repeat([]byte{0xA5}, n)
		var lines bytes.Buffer
		for text := base64.StdEncoding.EncodeToString(data); text != ""; {
			most := min(64, len(text))
			lines.WriteString(text[:most] + "\n")
			text = text[most:]
		}
		sum := checksum(data)
		want := fmt.Sprintf("-----BEGIN PGP MESSAGE-----\n\n%s=%s\n-----END PGP MESSAGE-----\n", lines.String(),
			base64.StdEncoding.EncodeToString([]byte{byte(sum >> 16), byte(sum >> 8), byte(sum)}))
		if got := string(Armor(ArmorMessage, data)); got != want {
			t.Errorf("Armor of %d bytes = %s; want %s", n, got, want)
		}
		if got, want := ArmorForMail(data), bytes.ReplaceAll([]byte(want), []byte("\n"), []byte("\r\n")); !bytes.Equal(got, want) {
			t.Errorf("ArmorForMail of %d bytes = %s; want %s", n, got, want)
		}
	}
}
