package openpgp

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// jsKinds are the keys that OpenPGP.js can make, and what they say they read.
var jsKinds = []struct {
	name    string
	options asking
	version int
	reads   Format
}{
	{"v4", asking{"type": "ecc", "curve": "curve25519Legacy"}, 4, SEIPDv1},
	{"v4-rsa", asking{"type": "rsa"}, 4, SEIPDv1},
	{"v4-p256", asking{"type": "ecc", "curve": "nistP256"}, 4, SEIPDv1},
	{"v4-newcurve", asking{"type": "curve25519"}, 4, SEIPDv1},
	{"v4-aead", asking{"type": "ecc", "curve": "curve25519Legacy", "seipdv2": true}, 4, SEIPDv2},
	{"v4-448-aead", asking{"type": "curve448", "seipdv2": true}, 4, SEIPDv2},
	{"v6", asking{"type": "curve25519", "v6": true}, 6, SEIPDv1},
	{"v6-aead", asking{"type": "curve25519", "v6": true, "seipdv2": true}, 6, SEIPDv2},
	{"v6-rsa-aead", asking{"type": "rsa", "v6": true, "seipdv2": true}, 6, SEIPDv2},
	{"v6-p384", asking{"type": "ecc", "curve": "nistP384", "v6": true}, 6, SEIPDv1},
	{"v6-448-aead", asking{"type": "curve448", "v6": true, "seipdv2": true}, 6, SEIPDv2},
}

// generateKinds makes a key of each kind, for two days.
func (p *js) generateKinds(t *testing.T) map[string]jsKey {
	t.Helper()
	keys := map[string]jsKey{}
	for _, kind := range jsKinds {
		request := asking{"name": kind.name, "days": 2}
		maps.Copy(request, kind.options)
		keys[kind.name] = p.generate(t, request)
	}
	return keys
}

// keyNow is a key of ours that is valid on the day of the test.
func keyNow(t testing.TB, version int) *SecretKey {
	t.Helper()
	k, err := Generate(KeyOptions{Name: "Our Gateway", Address: "gateway@customs.example", Created: time.Now().Add(-time.Hour), Expires: 48 * time.Hour, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// holders is the lookup of some certificates.
func holders(certs ...*Certificate) Lookup {
	return func(id uint64, _ Fingerprint) (out []*Certificate) {
		for _, c := range certs {
			if slices.Contains(c.KeyIDs(), id) {
				out = append(out, c)
			}
		}
		return out
	}
}

func TestCertificatesOfOpenPGPJSAreRead(t *testing.T) {
	p := startJS(t)
	keys := p.generateKinds(t)
	for _, kind := range jsKinds {
		key := keys[kind.name]
		c := onlyCertificate(t, []byte(key.Certificate))
		if c.Fingerprint() != key.Fingerprint || c.Version() != kind.version || c.Reads() != kind.reads {
			t.Errorf("%s: %s, version %d, reads %d; want %s, %d, %d", kind.name, c.Fingerprint(), c.Version(), c.Reads(), key.Fingerprint, kind.version, kind.reads)
		}
		if want := []string{kind.name + "@js.example"}; !slices.Equal(c.Addresses(), want) {
			t.Errorf("%s: addresses %q; want %q", kind.name, c.Addresses(), want)
		}
		for _, purpose := range []Purpose{Signing, Encryption} {
			until, forever := c.ValidUntil(purpose, time.Now().Add(time.Minute))
			if days := time.Until(until).Hours() / 24; forever || days < 1.9 || days > 2.1 {
				t.Errorf("%s: %s until %v (forever: %v); want two days", kind.name, purpose, until, forever)
			}
		}
		var revoked jsKey
		p.ask(t, asking{"do": "revoke", "certificate": key.Certificate, "revocation": key.Revocation}, &revoked)
		merged, err := c.Merge(onlyCertificate(t, []byte(revoked.Certificate)))
		if err != nil || !merged.Revoked(time.Now()) || c.Revoked(time.Now()) {
			t.Errorf("%s: its revocation is not seen (%v)", kind.name, err)
		}
	}
	nameless := onlyCertificate(t, []byte(p.generate(t, asking{"type": "curve25519", "v6": true}).Certificate))
	if len(nameless.UserIDs()) != 0 || nameless.Valid(Encryption, time.Now().Add(time.Minute)) != nil {
		t.Errorf("a version 6 certificate without a user ID: %q, %v", nameless.UserIDs(), nameless.Valid(Encryption, time.Now()))
	}
}

func TestWhatOpenPGPJSSealsWeOpen(t *testing.T) {
	p := startJS(t)
	theirs := p.generateKinds(t)
	four, six := keyNow(t, 4), keyNow(t, 6)
	toFour, toSix := string(four.Certificate().Armored()), string(six.Certificate().Armored())
	plaintext := []byte("JCOFORM invented: Rīga – Gdańsk\r\nsecond line \n" + strings.Repeat("0123456789abcdef\n", 300))
	addressed := []struct {
		to         string
		recipients []string
		keys       []*SecretKey
	}{
		{"our v4", []string{toFour}, []*SecretKey{four}},
		{"our v6", []string{toSix}, []*SecretKey{six}},
		{"both of ours", []string{toFour, toSix}, []*SecretKey{four, six}},
		{"one of theirs and both of ours", []string{theirs["v4-aead"].Certificate, toSix, toFour}, []*SecretKey{four, six}},
	}
	ways := []asking{{}, {"chunk": 0}, {"compress": true}, {"text": true}}
	for i, kind := range jsKinds {
		cert := onlyCertificate(t, []byte(theirs[kind.name].Certificate))
		for j, c := range addressed {
			for k, force := range []string{"", "mdc", "eax", "ocb", "gcm"} {
				way := ways[(i+j+k)%len(ways)]
				request := asking{"do": "seal", "plaintext": plaintext, "signers": []string{theirs[kind.name].Secret}, "recipients": c.recipients, "force": force}
				maps.Copy(request, way)
				message := p.message(t, request)
				want := plaintext
				if way["text"] == true {
					want = crlf(plaintext) // so is text signed
				}
				for _, key := range c.keys {
					what := fmt.Sprintf("by %s, to %s, format %q %v", kind.name, c.to, force, way)
					o, err := Open(message, []*SecretKey{key}, holders(cert), time.Now(), Limits{})
					if err != nil {
						t.Errorf("Open %s: %v (%v)", what, err, err.(*OpenError).Err)
						continue
					}
					if o.Signature.Verdict != Good || o.Signature.Fingerprint != cert.Fingerprint() || !o.Encrypted || !bytes.Equal(o.Plaintext, want) {
						t.Errorf("Open %s = %+v, %d bytes; want good, %d bytes", what, o.Signature, len(o.Plaintext), len(want))
					}
					if aead := force != "mdc" && (force != "" || c.to == "our v6"); (o.Format == SEIPDv2) != aead {
						t.Errorf("Open %s: format %d; want AEAD: %v", what, o.Format, aead)
					}
				}
			}
		}
	}
}

func TestWhatWeSealOpenPGPJSOpens(t *testing.T) {
	p := startJS(t)
	theirs := p.generateKinds(t)
	plaintext := []byte("JCOFORM invented: Rīga – Gdańsk\r\nsecond line \n" + strings.Repeat("0123456789abcdef\n", 2000))
	var everyone []*Certificate
	for _, kind := range jsKinds {
		everyone = append(everyone, onlyCertificate(t, []byte(theirs[kind.name].Certificate)))
	}
	for _, version := range []int{4, 6} {
		signer := keyNow(t, version)
		for i, kind := range jsKinds {
			for to, recipients := range map[string][]*Certificate{"it": everyone[i : i+1], "all": everyone} {
				sealed, err := Seal(plaintext, signer, SealedFormat(recipients...), time.Now())
				if err != nil {
					t.Fatal(err)
				}
				message, err := sealed.For(recipients...)
				if err != nil {
					t.Fatal(err)
				}
				for _, armored := range []bool{false, true} {
					m := message
					if armored {
						m = Armor(ArmorMessage, message)
					}
					got, verdict := p.open(t, m, armored, theirs[kind.name], signer.Certificate())
					if !verdict.Good || verdict.Version != version || !bytes.Equal(got, plaintext) {
						t.Errorf("%s opened our v%d message to %s to %d bytes, %+v; want %d, good", kind.name, version, to, len(got), verdict, len(plaintext))
					}
				}
			}
		}
	}
}

func TestSignaturesTravelBetweenUsAndOpenPGPJS(t *testing.T) {
	p := startJS(t)
	theirs := p.generateKinds(t)
	data, other := []byte("A1: SEZ\r\nC2: – dashes\r\n trailing \r\n"), []byte("A1: WRN\r\n")
	for _, kind := range jsKinds {
		cert := onlyCertificate(t, []byte(theirs[kind.name].Certificate))
		for _, how := range []string{"detached", "cleartext", "inline"} {
			signature := p.message(t, asking{"do": "sign", "plaintext": data, "signers": []string{theirs[kind.name].Secret}, "how": how})
			if how == "detached" {
				if s := VerifyDetached(data, signature, holders(cert), time.Now()); s.Verdict != Good {
					t.Errorf("%s: detached signature: %s (%s)", kind.name, s.Verdict, s.Detail)
				}
				if s := VerifyDetached(other, signature, holders(cert), time.Now()); s.Verdict != Bad {
					t.Errorf("%s: detached signature over other data: %s", kind.name, s.Verdict)
				}
				continue
			}
			o, err := Open(signature, nil, holders(cert), time.Now(), Limits{})
			if err != nil || o.Encrypted || o.Signature.Verdict != Good || !strings.HasPrefix(string(o.Plaintext), "A1: SEZ") {
				t.Errorf("%s: %s: %+v, %v; want good, not encrypted", kind.name, how, o, err)
			}
			if o, err = Open(bytes.Replace(signature, []byte("A1: SEZ"), []byte("A1: WRN"), 1), nil, holders(cert), time.Now(), Limits{}); how == "cleartext" && (err != nil || o.Signature.Verdict != Bad) {
				t.Errorf("%s: changed cleartext: %+v, %v; want bad", kind.name, o, err)
			}
		}
	}
	for _, version := range []int{4, 6} {
		signer := keyNow(t, version)
		signature, err := SignArmored(data, signer, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for good, plaintext := range map[bool][]byte{true: data, false: other} {
			var a struct{ Signatures []jsVerdict }
			p.ask(t, asking{"do": "verify", "plaintext": plaintext, "signature": string(signature), "signers": []string{string(signer.Certificate().Armored())}}, &a)
			if len(a.Signatures) != 1 || a.Signatures[0].Good != good || a.Signatures[0].Version != version {
				t.Errorf("OpenPGP.js on our v%d detached signature: %+v; want good: %v", version, a.Signatures, good)
			}
		}
	}
}

func TestSecretKeysTravelBetweenUsAndOpenPGPJS(t *testing.T) {
	p := startJS(t)
	passphrase := "correct horse battery"
	for name, options := range map[string]asking{
		"v4": {}, "v4, AEAD and Argon2": {"locksWithAEAD": true}, "v6, AEAD and Argon2": {"v6": true, "locksWithAEAD": true},
	} {
		options["name"], options["passphrase"] = "locked", passphrase
		key := p.generate(t, options)
		got, err := ParseSecretKeys([]byte(key.Secret), []byte(passphrase))
		if err != nil || got[0].Certificate().Fingerprint() != key.Fingerprint {
			t.Errorf("%s: ParseSecretKeys = %v, %v", name, got, err)
		}
		if _, err := ParseSecretKeys([]byte(key.Secret), []byte("wrong")); err != ErrPassphrase {
			t.Errorf("%s: wrong passphrase: %v; want ErrPassphrase", name, err)
		}
	}
	for _, version := range []int{4, 6} {
		key := keyNow(t, version)
		locked, err := key.Armored([]byte(passphrase))
		if err != nil {
			t.Fatal(err)
		}
		var unlocked jsKey
		p.ask(t, asking{"do": "unlock", "secret": string(locked), "passphrase": passphrase}, &unlocked)
		sealed, err := Seal([]byte("for the desk"), key, SealedFormat(key.Certificate()), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		message, err := sealed.For(key.Certificate())
		if err != nil {
			t.Fatal(err)
		}
		if got, verdict := p.open(t, message, false, unlocked, key.Certificate()); string(got) != "for the desk" || !verdict.Good {
			t.Errorf("OpenPGP.js with our locked v%d key: %q, %+v", version, got, verdict)
		}
		if failed := p.try(t, asking{"do": "unlock", "secret": string(locked), "passphrase": "wrong"}, nil); failed == "" {
			t.Errorf("OpenPGP.js unlocked our v%d key with a wrong passphrase", version)
		}
	}
}

// chunks is a body of SEIPD version 2 taken apart (RFC 9580, section 5.13.2).
type chunks struct {
	header []byte
	each   [][]byte // with its authentication tag
	final  []byte   // the tag over all
}

func cutChunks(body []byte, size int) (c chunks) {
	c.header, body = body[:36], body[36:]
	body, c.final = body[:len(body)-16], body[len(body)-16:]
	for ; len(body) > 0; body = body[min(len(body), size+16):] {
		c.each = append(c.each, body[:min(len(body), size+16)])
	}
	return c
}

func (c chunks) join(each [][]byte, final []byte) []byte {
	return slices.Concat(c.header, slices.Concat(each...), final)
}

func TestWhatIsWrongWithAMessageOfOpenPGPJSIsNoticed(t *testing.T) {
	p := startJS(t)
	signer, stranger := p.generate(t, asking{"name": "lv", "v6": true}), p.generate(t, asking{"name": "pl", "v6": true})
	cert, other := onlyCertificate(t, []byte(signer.Certificate)), onlyCertificate(t, []byte(stranger.Certificate))
	plaintext := bytes.Repeat([]byte("nominal "), 40)
	for _, version := range []int{4, 6} {
		ours := keyNow(t, version)
		seal := func(force string) (session, body *packet.OpaquePacket) {
			packets, err := Dearmor(p.message(t, asking{
				"do": "seal", "plaintext": plaintext, "signers": []string{signer.Secret}, "recipients": []string{string(ours.Certificate().Armored())}, "force": force, "chunk": 0}))
			if err != nil {
				t.Fatal(err)
			}
			reader := packet.NewOpaqueReader(bytes.NewReader(packets))
			if session, err = reader.Next(); err == nil {
				body, err = reader.Next()
			}
			if err != nil || body.Tag != 18 {
				t.Fatalf("the body is packet %v, %v", body, err)
			}
			return session, body
		}
		join := func(session *packet.OpaquePacket, tag uint8, contents []byte) []byte {
			var out bytes.Buffer
			for _, op := range []*packet.OpaquePacket{session, {Tag: tag, Contents: contents}} {
				if err := op.Serialize(&out); err != nil {
					t.Fatal(err)
				}
			}
			return out.Bytes()
		}
		refused := func(what string, message []byte, want string) {
			t.Helper()
			o, err := Open(message, []*SecretKey{ours}, holders(cert), time.Now(), Limits{})
			if oe, ok := err.(*OpenError); !ok || oe.Reason != want {
				t.Errorf("to v%d, %s: Open = %+v, %v; want %s", version, what, o, err, want)
			}
		}
		for _, mode := range []string{"ocb", "gcm", "eax"} {
			session, body := seal(mode)
			c := cutChunks(body.Contents, 64)
			if len(c.each) < 5 || !bytes.Equal(c.join(c.each, c.final), body.Contents) {
				t.Fatalf("%s: %d chunks", mode, len(c.each))
			}
			last := len(c.each) - 1
			for what, contents := range map[string][]byte{
				"a bit of a chunk turned":            c.join(slices.Concat(c.each[:2], [][]byte{flipped(c.each[2])}, c.each[3:]), c.final),
				"a bit of the last tag turned":       c.join(c.each, flipped(c.final)),
				"without the last tag":               c.join(c.each, nil),
				"cut in the middle of a chunk":       c.join(c.each[:3], nil)[:36+2*80+40],
				"cut between two chunks":             c.join(c.each[:3], nil),
				"a chunk left out":                   c.join(slices.Delete(slices.Clone(c.each), 2, 3), c.final),
				"the last chunk left out":            c.join(c.each[:last], c.final),
				"two chunks swapped":                 c.join(slices.Concat([][]byte{c.each[1], c.each[0]}, c.each[2:]), c.final),
				"a chunk twice":                      c.join(slices.Insert(slices.Clone(c.each), 1, c.each[1]), c.final),
				"another chunk size in the header":   append(append(bytes.Clone(body.Contents[:3]), 1), body.Contents[4:]...),
				"an absurd chunk size in the header": append(append(bytes.Clone(body.Contents[:3]), 200), body.Contents[4:]...),
				"another salt":                       append(append(bytes.Clone(body.Contents[:35]), body.Contents[35]^1), body.Contents[36:]...),
				"another mode in the header":         append(append(bytes.Clone(body.Contents[:2]), body.Contents[2]%3+1), body.Contents[3:]...),
				"nothing after the header":           body.Contents[:36],
				"said to be of version 1":            append([]byte{1}, body.Contents[1:]...),
			} {
				refused(mode+", "+what, join(session, 18, contents), "corrupt")
			}
			refused(mode+", said to be of tag 9", join(session, 9, body.Contents), "no-integrity")
			if o, err := Open(join(session, 18, body.Contents), []*SecretKey{ours}, holders(cert), time.Now(), Limits{}); err != nil || o.Signature.Verdict != Good {
				t.Errorf("to v%d, %s, put together again: %+v, %v", version, mode, o, err)
			}
		}
		session, body := seal("mdc")
		refused("without the MDC", join(session, 18, body.Contents[:len(body.Contents)-22]), "corrupt")
		refused("a bit turned", join(session, 18, flipped(body.Contents)), "corrupt")
		refused("tag 9", join(session, 9, body.Contents[1:]), "no-integrity")
		refused("tag 9 without the MDC", join(session, 9, body.Contents[1:len(body.Contents)-22]), "no-integrity")

		whole := join(session, 18, body.Contents)
		for what, c := range map[string]struct {
			certs []*Certificate
			want  Verdict
		}{"nobody is known": {nil, UnknownKey}, "another is known": {[]*Certificate{other}, UnknownKey}, "both are known": {[]*Certificate{other, cert}, Good}} {
			o, err := Open(whole, []*SecretKey{ours}, holders(c.certs...), time.Now(), Limits{})
			if err != nil || o.Signature.Verdict != c.want {
				t.Errorf("to v%d, %s: %+v, %v; want %s", version, what, o, err, c.want)
			}
		}
		if o, err := Open(whole, []*SecretKey{keyNow(t, version)}, holders(cert), time.Now(), Limits{}); err == nil || err.(*OpenError).Reason != "no-key" {
			t.Errorf("to another key: %+v, %v; want no-key", o, err)
		}
	}
}
