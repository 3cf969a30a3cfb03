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

// reading is policy for verifying: the library's clock, which it asks about a
// message's own signature alone, is ahead by the skew that is allowed, or it would
// refuse what a signer whose clock is a second ahead of ours has just signed. How
// far ahead is too far is judged with the verdict; a message signature that ends
// by itself ends that much earlier.
func reading(at time.Time) *packet.Config { return policy(at.Add(clockSkew)) }
