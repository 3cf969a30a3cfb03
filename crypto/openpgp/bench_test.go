package openpgp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"strconv"
	"testing"
)

var benchSizes = []int{4 << 10, 1 << 20}

func BenchmarkSealFor(b *testing.B) {
	for _, version := range []int{4, 6} {
		signer, certs, _ := benchKeys(b, version)
		for _, size := range benchSizes {
			for _, n := range []int{1, 30} {
				b.Run(fmt.Sprintf("v%d/%dKiB/recipients=%d", version, size>>10, n), func(b *testing.B) {
					plaintext := make([]byte, size)
					b.SetBytes(int64(size))
					for b.Loop() {
						sealed, err := Seal(plaintext, signer, SealedFormat(certs[:n]...), day)
						if err != nil {
							b.Fatal(err)
						}
						if _, err := sealed.For(certs[:n]...); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, version := range []int{4, 6} {
		signer, certs, first := benchKeys(b, version)
		for _, size := range benchSizes {
			for _, n := range []int{1, 30} {
				sealed, err := Seal(make([]byte, size), signer, SealedFormat(certs...), day)
				if err != nil {
					b.Fatal(err)
				}
				message, err := sealed.For(certs[:n]...)
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("v%d/%dKiB/recipients=%d", version, size>>10, n), func(b *testing.B) {
					b.SetBytes(int64(size))
					for b.Loop() {
						if _, err := Open(message, []*SecretKey{first}, lookup(signer), day, Limits{}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

func benchKeys(b *testing.B, version int) (signer *SecretKey, certs []*Certificate, first *SecretKey) {
	b.Helper()
	for i := range 30 {
		k := newKey(b, fmt.Sprintf("r%d", i), version)
		if i == 0 {
			first = k
		}
		certs = append(certs, k.Certificate())
	}
	return newKey(b, "ocu", version), certs, first
}

// BenchmarkPrimitives is what the standard library needs for the bare
// cryptography of a message: the floor under the two above.
func BenchmarkPrimitives(b *testing.B) {
	b.Run("recipient/X25519+HKDF+AES", func(b *testing.B) {
		to, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			shared, err := ephemeral.ECDH(to.PublicKey())
			if err != nil {
				b.Fatal(err)
			}
			wrapping, err := hkdf.Key(sha256.New, shared, nil, "OpenPGP X25519", 16)
			if err != nil {
				b.Fatal(err)
			}
			block, err := aes.NewCipher(wrapping)
			if err != nil {
				b.Fatal(err)
			}
			var half [16]byte
			for range 6 * 4 { // AES key wrap of 32 bytes (RFC 3394): six rounds over four blocks
				block.Encrypt(half[:], half[:])
			}
		}
	})
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := make([]byte, 32)
	signature := ed25519.Sign(private, digest)
	b.Run("sign/Ed25519", func(b *testing.B) {
		for b.Loop() {
			ed25519.Sign(private, digest)
		}
	})
	b.Run("verify/Ed25519", func(b *testing.B) {
		for b.Loop() {
			ed25519.Verify(public, digest, signature)
		}
	})
	for _, size := range benchSizes {
		benchBulk(b, make([]byte, size))
	}
}

func benchBulk(b *testing.B, data []byte) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	out, nonce := make([]byte, 0, len(data)+16), make([]byte, 12)
	for name, run := range map[string]func(){
		"SHA-256":     func() { sha256.Sum256(data) },
		"SHA-512":     func() { sha512.Sum512(data) },
		"AES-256-GCM": func() { gcm.Seal(out, nonce, data, nil) },
		"AES-256-CTR": func() { cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(out[:len(data)], data) },
	} {
		b.Run(fmt.Sprintf("%s/%dKiB", name, len(data)>>10), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				run()
			}
		})
	}
}

// BenchmarkArmor armors one delivery's message.
func BenchmarkArmor(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 10} {
		message := make([]byte, size)
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Armor(ArmorMessage, message)
			}
		})
	}
}
