package openpgp

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Lookup finds the certificates that hold a key, by key id and, where the
// signature names it, fingerprint ("" else). It may return none.
type Lookup func(keyID uint64, fp Fingerprint) []*Certificate

// Verdict is what a signature proves.
type Verdict string

// The verdicts. Only Good proves anything.
const (
	Good       Verdict = "good"
	Bad        Verdict = "bad"
	UnknownKey Verdict = "unknown-key"
	ExpiredKey Verdict = "expired-key"
	RevokedKey Verdict = "revoked-key"
	Weak       Verdict = "weak"
	None       Verdict = "none"
)

// Signature is a verdict with its evidence.
type Signature struct {
	Verdict     Verdict
	Fingerprint Fingerprint // of the signer's primary key; of an unknown signer what the signature says, maybe only a key id
	Made        time.Time
	Detail      string
}

// best picks the signature that speaks for a message: a good one if there is
// one, else the one that proves the most wrong, so that a bad signature is never
// hidden behind an unknown one.
//
// A good signature wins over a bad one beside it: each covers the whole message
// by itself, and if a second could spoil the first, anyone on the way could
// unsign a message by adding one. Of several good ones the innermost counts; who
// needs to know of all reads Opened.Signatures.
func best(all []Signature) Signature {
	order := []Verdict{Good, Bad, RevokedKey, ExpiredKey, Weak, UnknownKey}
	for _, v := range order {
		if i := slices.IndexFunc(all, func(s Signature) bool { return s.Verdict == v }); i >= 0 {
			return all[i]
		}
	}
	return Signature{Verdict: None}
}

// verdicts is the one function that interprets what the library says of a
// message's signatures. The body must have been read to its end. The library's
// IsVerified means only that it looked.
func verdicts(md *pgp.MessageDetails, ring *ring, at time.Time) []Signature {
	if !md.IsSigned {
		return nil
	}
	var out []Signature
	for _, c := range md.SignatureCandidates {
		s := Signature{Fingerprint: issuer(c), Verdict: Bad}
		if c.CorrespondingSig != nil {
			s.Made = c.CorrespondingSig.CreationTime
		}
		signer := ring.signer(c)
		if signer != nil {
			s.Fingerprint = fingerprintOf(signer.PrimaryKey)
		}
		s.Verdict, s.Detail = judge(md, c, signer, at)
		out = append(out, s)
	}
	if len(out) == 0 {
		out = append(out, Signature{Verdict: Bad, Detail: "the signature can't be read"})
	}
	return out
}

// judge gives the verdict on one signature. It asks in the order of what would
// be worst to miss:
//
//   - unknown-key: the signer is none that was looked up, whatever the library
//     says; our own secret keys don't count.
//   - weak: MD5, SHA-1 or RIPEMD, not even verified; or a key too weak to believe.
//   - revoked-key: the certificate, or the subkey that signed, is revoked at the
//     time of the verdict, though the signature may be older and sound. A thief
//     dates a signature as he likes; who revokes wants all of it doubted. Only a
//     revocation that itself begins after that time and gives a harmless reason
//     (retired, superseded) doesn't count yet.
//   - expired-key: the key had expired when the signature was made, by its own
//     date. A signature made in time stays good after the key's end.
//   - bad: everything else, also what is dated more than a day ahead of us or
//     outside the key's life.
func judge(md *pgp.MessageDetails, c *pgp.SignatureCandidate, signer *pgp.Entity, at time.Time) (Verdict, string) {
	err := c.SignatureError
	switch {
	case signer == nil:
		return UnknownKey, "no such certificate is registered"
	case weakHash(c.HashAlgorithm):
		return Weak, fmt.Sprintf("signed with %s", c.HashAlgorithm)
	case err == nil && (c.SignedBy == nil || !md.IsVerified || c.CorrespondingSig == nil):
		return Bad, "not verified"
	case err == nil && signer.Revoked(at):
		return RevokedKey, "the certificate is revoked"
	case err == nil && subkeyRevoked(signer, c.SignedBy, at):
		return RevokedKey, "the signing key is revoked"
	case err == nil && c.CorrespondingSig.CreationTime.After(at.Add(clockSkew)):
		return Bad, "signed in the future"
	case err == nil:
		return Good, ""
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return UnknownKey, "no such certificate is registered"
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return RevokedKey, "the certificate is revoked"
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return ExpiredKey, "the key had expired when it signed"
	}
	var weak pgperrors.WeakAlgorithmError
	if errors.As(err, &weak) {
		return Weak, "signed by a key too weak to believe"
	}
	if c.SignedBy == nil && c.CorrespondingSig != nil { // no key of the certificate would do; the library hides why
		switch reason(signer, Signing, c.CorrespondingSig.CreationTime) {
		case "revoked":
			return RevokedKey, "the signing key is revoked"
		case "expired":
			return ExpiredKey, "the key had expired when it signed"
		case "weak":
			return Weak, "signed by a key too weak to believe"
		}
	}
	return Bad, err.Error()
}

// subkeyRevoked reports whether a certificate revokes, at a time, the subkey that
// signed.
func subkeyRevoked(signer *pgp.Entity, by *pgp.Key, at time.Time) bool {
	return slices.ContainsFunc(signer.Subkeys, func(sub pgp.Subkey) bool {
		return bytes.Equal(sub.PublicKey.Fingerprint, by.PublicKey.Fingerprint) && sub.Revoked(by.SelfSignature, at)
	})
}

// clockSkew is how far a signer's clock may be ahead of ours.
const clockSkew = 24 * time.Hour

func weakHash(h crypto.Hash) bool {
	return h == crypto.SHA1 || h == crypto.MD5 || h == crypto.RIPEMD160
}

// issuer is whom an unknown signature names.
func issuer(c *pgp.SignatureCandidate) Fingerprint {
	if len(c.IssuerFingerprint) > 0 {
		return Fingerprint(strings.ToUpper(hex.EncodeToString(c.IssuerFingerprint)))
	}
	if c.CorrespondingSig != nil && len(c.CorrespondingSig.IssuerFingerprint) > 0 {
		return Fingerprint(strings.ToUpper(hex.EncodeToString(c.CorrespondingSig.IssuerFingerprint)))
	}
	return Fingerprint(fmt.Sprintf("%016X", c.IssuerKeyId))
}

// VerifyDetached verifies a detached signature, armored or binary, over data as
// it is and, since mail rewrites line ends, over data with CRLF.
func VerifyDetached(data, signature []byte, certs Lookup, at time.Time) Signature {
	if blocks := dearmorAll(signature, string(ArmorSignature), string(ArmorMessage)); len(blocks) > 0 {
		signature = blocks[0]
	}
	s := verify(data, signature, certs, at)
	if s.Verdict == Bad && bytes.Contains(data, []byte("\n")) {
		if canonical := crlf(data); !bytes.Equal(canonical, data) {
			if c := verify(canonical, signature, certs, at); c.Verdict != Bad {
				return c
			}
		}
	}
	return s
}

func verify(data, signature []byte, certs Lookup, at time.Time) Signature {
	ring := newRing(nil, certs, 0)
	defer ring.release()
	var md *pgp.MessageDetails
	err := bounded(func() (err error) {
		md, err = pgp.VerifyDetachedSignatureReader(ring, bytes.NewReader(data), bytes.NewReader(signature), reading(at))
		return err
	})
	if err != nil {
		return Signature{Verdict: Bad, Detail: "the signature can't be read"}
	}
	var sink [4096]byte
	for err == nil {
		_, err = md.UnverifiedBody.Read(sink[:])
	}
	md.IsSigned = true
	return best(verdicts(md, ring, at))
}

// crlf turns every line end into CRLF.
func crlf(data []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// ring lends the library one call's keys. The library's entities cache inside
// and may not be shared, so each call borrows its own copies.
type ring struct {
	lookup  Lookup
	secrets pgp.EntityList
	back    []func()
	found   map[uint64][]*pgp.Entity
	asked   int // how often the library asked for a key
	most    int
}

// signaturesMost is how many signatures a message may bear: the library hashes the
// whole message for each, and a few kilobytes can hold a hundred thousand.
const signaturesMost = 16

// recipientsMost is how many recipients are asked for beside: those of an algorithm
// that the library doesn't know it passes over, and their number is anybody's word.
const recipientsMost = 128

// errSignatures ends the library's reading, which has no such limit.
var errSignatures = errors.New("more signatures than anybody makes")

// newRing lends keys for one message, which is encrypted to so many recipients.
func newRing(keys []*SecretKey, lookup Lookup, recipients int) *ring {
	r := &ring{lookup: lookup, found: map[uint64][]*pgp.Entity{}, most: min(recipients, recipientsMost) + signaturesMost}
	for _, k := range keys {
		e, giveBack := k.borrow()
		if e != nil {
			r.secrets = append(r.secrets, e)
			r.back = append(r.back, giveBack)
		}
	}
	return r
}

// bounded runs a reading of the library's and ends it with errSignatures where the
// message bears too many.
func bounded(read func() error) (err error) {
	defer func() {
		if p := recover(); p == errSignatures {
			err = errSignatures
		} else if p != nil {
			panic(p)
		}
	}()
	return read()
}

func (r *ring) release() {
	for _, giveBack := range r.back {
		giveBack()
	}
}

func (r *ring) KeysById(id uint64) []pgp.Key { return r.secrets.KeysById(id) }

// EntitiesById serves both of the library's questions: who may decrypt (0 is a
// hidden recipient: any of ours), and whose signature it is. It asks once for each
// recipient and signature that it comes upon; see bounded.
func (r *ring) EntitiesById(id uint64) []*pgp.Entity {
	if r.asked++; r.asked > r.most {
		panic(errSignatures)
	}
	return append(r.secrets.EntitiesById(id), r.signers(id)...)
}

// signers are the certificates that were looked up: only they can be believed.
// Our own secret keys are not among them unless they are looked up too.
func (r *ring) signers(id uint64) []*pgp.Entity {
	if list, ok := r.found[id]; ok || r.lookup == nil || id == 0 {
		return list
	}
	var list, others []*pgp.Entity
	for _, c := range r.lookup(id, "") {
		if !slices.Contains(c.KeyIDs(), id) {
			continue
		}
		e, giveBack := c.borrow()
		if e == nil {
			continue
		}
		r.back = append(r.back, giveBack)
		if maySign(e, id) {
			list = append(list, e)
		} else {
			others = append(others, e)
		}
	}
	r.found[id] = append(list, others...) // the library asks the first alone
	return r.found[id]
}

// maySign reports whether a certificate's key of this id is its own to sign with, on
// whatever day. Anybody can bind another's key to their certificate as a subkey, but
// not with the key's own consent, which signing needs (RFC 9580, section 5.2.1.8).
func maySign(e *pgp.Entity, id uint64) bool {
	return e.PrimaryKey.KeyId == id || slices.ContainsFunc(e.Subkeys, func(sub pgp.Subkey) bool {
		if sub.PublicKey.KeyId != id {
			return false
		}
		binding, err := sub.LatestValidBindingSignature(time.Time{}, policy(e.PrimaryKey.CreationTime))
		return err == nil && binding.FlagsValid && binding.FlagSign
	})
}

// signer is the looked-up certificate that a candidate was verified with, or
// would be; nil is an unknown signer.
func (r *ring) signer(c *pgp.SignatureCandidate) *pgp.Entity {
	list := r.signers(c.IssuerKeyId)
	for _, e := range list {
		if c.SignedByEntity != nil && bytes.Equal(e.PrimaryKey.Fingerprint, c.SignedByEntity.PrimaryKey.Fingerprint) {
			return e
		}
	}
	if c.SignedByEntity == nil && len(list) > 0 {
		return list[0]
	}
	return nil
}

var _ pgp.KeyRing = (*ring)(nil)

// parseOne reads one entity from packets that we wrote ourselves.
func parseOne(raw []byte) *pgp.Entity {
	e, err := pgp.ReadEntity(packet.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil
	}
	return settle(e)
}
