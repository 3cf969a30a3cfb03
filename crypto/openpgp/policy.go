package openpgp

import (
	"crypto"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// policy is what we accept and write: no SHA-1, MD5 or RIPEMD in message
// signatures, RSA from 2048 bits, no DSA or ElGamal, no message without
// integrity protection, AES-256, no compression (its length would tell about the
// content), no intended-recipient subpackets (the recipients of a sealed body
// differ, see Seal). The library's clock is the time handed in, never the wall's.
func policy(at time.Time) *packet.Config {
	recipients := false
	return &packet.Config{
		Time:                        func() time.Time { return at },
		DefaultCipher:               packet.CipherAES256,
		DefaultHash:                 crypto.SHA256,
		DefaultCompressionAlgo:      packet.CompressionNone,
		MinRSABits:                  2048,
		RejectMessageHashAlgorithms: map[crypto.Hash]bool{crypto.SHA1: true, crypto.MD5: true, crypto.RIPEMD160: true},
		AEADConfig:                  &packet.AEADConfig{ChunkSize: 4096},
		CheckIntendedRecipients:     &recipients,
	}
}
