package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" // #nosec: SEIPD v1 (RFC 9580, section 5.13.1) prescribes it for its checksum
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/cloudflare/circl/dh/x25519"
	"github.com/cloudflare/circl/sign/ed25519"

	"liaison/crypto/openpgp"
)

type benchSealCmd struct {
	jsonFlag
	Recipients int `help:"So many recipients." default:"30"`
	Rounds     int `help:"So many repetitions; the least time counts." default:"200"`
}

func (benchSealCmd) Help() string {
	return "Example: liaison bench seal --recipients 30"
}

// sealResult is one size and version, in microseconds.
type sealResult struct {
	Version    int     `json:"version"`
	Bytes      int     `json:"bytes"`
	Recipients int     `json:"recipients"`
	OpenUS     float64 `json:"open_us"`
	SealUS     float64 `json:"seal_us"`     // sign and encrypt, and key packets for all
	SealOneUS  float64 `json:"seal_one_us"` // the same for one recipient
	FloorUS    float64 `json:"floor_us"`    // the primitives of opening and sealing for all
	Ratio      float64 `json:"ratio"`       // (open + seal) / floor
	FanOut     float64 `json:"fan_out"`     // seal for all / seal for one
}

func (c benchSealCmd) Run(a *app) error {
	c.say(a, "%s; least of %d rounds; microseconds", machine(), c.Rounds)
	c.say(a, "version    bytes  recipients      open      seal  seal for 1     floor  (open+seal)/floor  seal/seal for 1")
	for _, version := range []int{4, 6} {
		keys, err := benchKeys(version, c.Recipients)
		if err != nil {
			return err
		}
		for _, size := range []int{4 << 10, 1 << 20} {
			r, err := keys.measure(version, size, c.Rounds)
			if err != nil {
				return err
			}
			c.fact(a, r, "v%d     %9d  %10d  %8.0f  %8.0f  %10.0f  %8.0f  %17.2f  %15.2f", r.Version, r.Bytes, r.Recipients, r.OpenUS, r.SealUS, r.SealOneUS, r.FloorUS, r.Ratio, r.FanOut)
		}
	}
	return nil
}

// sealKeys are a sender, the gateway and its recipients.
type sealKeys struct {
	sender, gateway *openpgp.SecretKey
	recipients      []*openpgp.Certificate
}

func benchKeys(version, n int) (*sealKeys, error) {
	k := &sealKeys{}
	generate := func(name string) (*openpgp.SecretKey, error) {
		return openpgp.Generate(openpgp.KeyOptions{Name: name, Address: name + "@bench.example", Created: time.Now().Add(-time.Hour), Version: version})
	}
	var err error
	if k.sender, err = generate("sender"); err != nil {
		return nil, err
	}
	if k.gateway, err = generate("gateway"); err != nil {
		return nil, err
	}
	for i := range n {
		r, err := generate(fmt.Sprintf("r%d", i))
		if err != nil {
			return nil, err
		}
		k.recipients = append(k.recipients, r.Certificate())
	}
	return k, nil
}

func (k *sealKeys) measure(version, size, n int) (sealResult, error) {
	now := time.Now()
	plaintext := make([]byte, size)
	if _, err := rand.Read(plaintext); err != nil {
		return sealResult{}, err
	}
	arriving, err := openpgp.Seal(plaintext, k.sender, openpgp.SealedFormat(k.gateway.Certificate()), now)
	if err != nil {
		return sealResult{}, err
	}
	message, err := arriving.For(k.gateway.Certificate())
	if err != nil {
		return sealResult{}, err
	}
	certs := func(uint64, openpgp.Fingerprint) []*openpgp.Certificate {
		return []*openpgp.Certificate{k.sender.Certificate()}
	}
	var failed error
	open := func() {
		o, err := openpgp.Open(message, []*openpgp.SecretKey{k.gateway}, certs, now, openpgp.Limits{})
		if err != nil || o.Signature.Verdict != openpgp.Good || !bytes.Equal(o.Plaintext, plaintext) {
			failed = fmt.Errorf("open what was sealed: %v", err)
		}
	}
	seal := func(to []*openpgp.Certificate) func() {
		return func() {
			s, err := openpgp.Seal(plaintext, k.gateway, openpgp.SealedFormat(to...), now)
			if err == nil {
				_, err = s.For(to...)
			}
			if err != nil {
				failed = fmt.Errorf("seal: %w", err)
			}
		}
	}
	bare, err := newPrimitives()
	if err != nil {
		return sealResult{}, err
	}
	if size >= 1<<20 {
		n = max(10, n/10)
	}
	least := rounds(n, open, seal(k.recipients), seal(k.recipients[:1]), func() { bare.floor(plaintext, len(k.recipients)) })
	us := func(i int) float64 { return float64(least[i].Nanoseconds()) / 1000 }
	return sealResult{Version: version, Bytes: size, Recipients: len(k.recipients), OpenUS: us(0), SealUS: us(1), SealOneUS: us(2), FloorUS: us(3),
		Ratio: (us(0) + us(1)) / us(3), FanOut: us(1) / us(2)}, failed
}

// primitives are what the floor signs and verifies with.
type primitives struct {
	key       ed25519.PrivateKey
	public    ed25519.PublicKey
	signature []byte
	digest    [32]byte
}

func newPrimitives() (*primitives, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	p := &primitives{key: key, public: public}
	if err == nil {
		p.signature = ed25519.Sign(key, p.digest[:])
	}
	return p, err
}

// floor does what opening one signed and encrypted message and sealing it for n
// recipients can't do without, by the OpenPGP library's own primitives and as
// version 4 has them.
func (p *primitives) floor(data []byte, n int) {
	var secret, public, shared x25519.Key
	_, _ = rand.Read(secret[:]) // never fails (since Go 1.24)
	x25519.KeyGen(&public, &secret)

	// Open: the shared secret, the signature.
	x25519.Shared(&shared, &secret, &public)
	wrap(sha256.Sum256(shared[:]))
	ed25519.Verify(p.public, p.digest[:], p.signature)
	p.bulk(data, shared[:])

	// Seal: the signature; a fresh pair and a shared secret for each recipient.
	ed25519.Sign(p.key, p.digest[:])
	p.bulk(data, shared[:])
	for range n {
		var ephemeral, own x25519.Key
		_, _ = rand.Read(ephemeral[:])
		x25519.KeyGen(&own, &ephemeral)
		x25519.Shared(&shared, &ephemeral, &public)
		wrap(sha256.Sum256(shared[:]))
	}
}

// bulk is what every byte goes through on one way: the cipher, the checksum of
// SEIPD v1, the digest of the signature.
func (p *primitives) bulk(data, key []byte) {
	block, _ := aes.NewCipher(key) // 32 bytes are a key
	out := make([]byte, len(data))
	cipher.NewCFBEncrypter(block, key[:16]).XORKeyStream(out, data) //nolint:staticcheck // RFC 9580, section 5.13.1, prescribes CFB
	_ = sha1.Sum(data)                                              // #nosec
	p.digest = sha256.Sum256(data)
}

// wrap is the AES key wrap of 32 bytes (RFC 3394): six rounds over four blocks.
func wrap(kek [32]byte) {
	block, _ := aes.NewCipher(kek[:]) // 32 bytes are a key
	var half [16]byte
	for range 6 * 4 {
		block.Encrypt(half[:], half[:])
	}
}
