package mangle_test

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"liaison/crypto/openpgp"
	"liaison/gateway/entity"
)

const mib = 1 << 20

// size is by how much the hostile mails are smaller than with -full: making and
// reading forty mails of 40 MiB takes the race detector minutes.
func size() int {
	if *full {
		return 1
	}
	return 128
}

// spent is the processor time of this process: unlike the clock, it doesn't run
// while other programs have the processor.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // always there for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the most memory that do holds at once, in bytes above what was held
// before, and the processor time that it takes. What counts is what the collector
// finds in use; it runs whenever that may have grown by a fifth.
func peak(do func()) (most int64, took time.Duration) {
	old := debug.SetGCPercent(20)
	defer debug.SetGCPercent(old)
	runtime.GC()
	read := func() int64 {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	before := read()
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		top := before
		for {
			select {
			case <-stop:
				done <- top
				return
			case <-tick.C:
				top = max(top, read())
			}
		}
	}()
	start := spent()
	do()
	took = spent() - start
	close(stop)
	return <-done - before, took
}

// bomb is a compressed message that opens to n bytes (RFC 9580, section 5.6).
func bomb(n int64) []byte {
	var b bytes.Buffer
	b.Write([]byte{0xa3, 1}) // compressed, to the end; ZIP
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write([]byte{0xcb, 0xff, byte(n + 6>>24), byte((n + 6) >> 16), byte((n + 6) >> 8), byte(n + 6), 'b', 0, 0, 0, 0, 0})
	_, _ = io.CopyN(w, zeros{}, n)
	_ = w.Close()
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// sealedBomb is the same, encrypted to the reader.
func sealedBomb(t testing.TB, w *world, n int64) []byte {
	t.Helper()
	list, err := pgp.ReadKeyRing(bytes.NewReader(w.reader.Certificate().Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	config := &packet.Config{Time: func() time.Time { return at }}
	key, ok := list[0].EncryptionKey(at, config)
	if !ok {
		t.Fatal("no key to encrypt to")
	}
	var b bytes.Buffer
	session := random(32)
	err = packet.SerializeEncryptedKey(&b, key.PublicKey, packet.CipherAES256, session, config)
	var in io.WriteCloser
	if err == nil {
		in, err = packet.SerializeSymmetricallyEncrypted(&b, packet.CipherAES256, false, packet.CipherSuite{}, session, config)
	}
	if err == nil {
		_, err = in.Write(bomb(n))
	}
	if err == nil {
		err = in.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func wrapped(b []byte) string {
	s := base64.StdEncoding.EncodeToString(b)
	var out strings.Builder
	out.Grow(len(s) + len(s)/38)
	for len(s) > 76 {
		out.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	out.WriteString(s)
	return out.String()
}

// hostile are mails made to cost much.
func hostile(t testing.TB, w *world) map[string]func() string {
	from := "From: " + victim + "\r\nMIME-Version: 1.0\r\n"
	mib, large := mib/size(), int64(1<<30/size())
	typed := func(kind string) string { return from + "Content-Type: " + kind + "\r\n" }
	inBase64 := func(kind string, b []byte) string {
		return typed(kind) + "Content-Transfer-Encoding: base64\r\n\r\n" + wrapped(b)
	}
	armored := func(b []byte) string { return string(openpgp.Armor(openpgp.ArmorMessage, b)) }
	return map[string]func() string{
		"text":             func() string { return typed("text/plain") + "\r\n" + strings.Repeat("A1: [SEZ] and more\r\n", 2*mib) },
		"text in one line": func() string { return typed("text/plain") + "\r\n" + strings.Repeat("x", 40*mib) },
		"text in 8 bits":   func() string { return typed("text/plain") + "\r\n" + strings.Repeat("\xe4\xf6\r\n", 10*mib) },
		"quoted-printable": func() string {
			return typed("text/plain") + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("=C4=81=\r\n", 4*mib)
		},
		"HTML":           func() string { return typed("text/html") + "\r\n" + strings.Repeat("<div><p>x</p>", 2*mib) },
		"HTML entities":  func() string { return typed("text/html") + "\r\n" + strings.Repeat("&nbsp;&lt;", 3*mib) },
		"base64":         func() string { return inBase64("application/octet-stream", random(28*mib)) },
		"base64 of text": func() string { return inBase64("text/plain", bytes.Repeat([]byte("word "), 5*mib)) },
		"small bomb":     func() string { return from + "\r\n" + armored(bomb(large)) },
		"bomb in base64": func() string { return inBase64("application/octet-stream; name=m.pgp", bomb(large)) },
		"sealed bomb":    func() string { return from + "\r\n" + armored(sealedBomb(t, w, large)) },
		"many bombs":     func() string { return from + "\r\n" + strings.Repeat(armored(bomb(large/16)), 12) },
		"large armor":    func() string { return from + "\r\n" + armored(random(28*mib)) },
		"large sealed": func() string {
			return from + "\r\n" + w.seal(t, []byte(inBase64("application/octet-stream", random(20*mib))), w.victim, openpgp.SEIPDv1)
		},
		"armor without data": func() string { return from + "\r\n" + strings.Repeat("-----BEGIN PGP MESSAGE-----\r\n", mib) },
		"armor of words": func() string {
			return from + "\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n" + strings.Repeat("word\r\n", 6*mib)
		},
		"a million fields": func() string { return from + strings.Repeat("A: b\r\n", 1_000_000) + "\r\nhi" },
		"one long field":   func() string { return from + "Subject: " + strings.Repeat("x", 40*mib) + "\r\n\r\nhi" },
		"a long fold":      func() string { return from + "Subject: x" + strings.Repeat("\r\n x", 8*mib) + "\r\n\r\nhi" },
		"encoded words":    func() string { return from + "Subject:" + strings.Repeat(" =?utf-8?q?x?=\r\n", 15_000) + "\r\nhi" },
		"addresses":        func() string { return from + "To: " + strings.Repeat("a@b.example, ", 19_000) + "\r\n\r\nhi" },
		"parameters":       func() string { return typed("text/plain"+strings.Repeat("; a*0=b", 30_000)) + "\r\nhi" },
		"many parts": func() string {
			return typed("multipart/mixed; boundary=b") + "\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 2*mib)
		},
		"parts of headers": func() string {
			return typed("multipart/mixed; boundary=b") + "\r\n" + strings.Repeat("--b\r\n"+strings.Repeat("A: bbbbbbbbbbbbbbbbbbbb\r\n", 2000)+"\r\nx\r\n", 400)
		},
		"deep": func() string {
			var b strings.Builder
			b.WriteString(from)
			for i := range 3000 {
				fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
			}
			return b.String() + "\r\n" + strings.Repeat("x", 4*mib)
		},
		"deep and large": func() string {
			var b strings.Builder
			b.WriteString(from)
			for i := range 99 {
				fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
			}
			return b.String() + "\r\n" + strings.Repeat("--c\r\n", 6*mib)
		},
		"delimiters": func() string { return typed("multipart/mixed") + "\r\n" + strings.Repeat("--abc\r\n", 4*mib) },
		"uuencoded":  func() string { return from + "\r\n" + strings.Repeat("begin 644 a\r\n#0V%T\r\n`\r\nend\r\n", mib) },
		"winmail.dat": func() string {
			return inBase64("application/ms-tnef", append([]byte{0x78, 0x9f, 0x3e, 0x22, 1, 0}, bytes.Repeat([]byte{2, 2, 0x90, 6, 0, 1, 0, 0, 0, 0, 0, 0}, 2*mib)...))
		},
		"quotes": func() string { return from + "\r\n" + strings.Repeat("> ", 15*mib) },
		"bounce": func() string {
			return "Return-Path: <>\r\n" + from + "\r\n" + strings.Repeat("<a@b.example>: 550 5.1.1 unknown\r\n", mib)
		},
		"status": func() string {
			return "Return-Path: <>\r\n" + typed("message/delivery-status") + "\r\n" + strings.Repeat("Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n", mib/2)
		},
		"bare returns": func() string { return strings.ReplaceAll(from, "\r\n", "\r") + "\r" + strings.Repeat("word\r", 8*mib) },
	}
}

// slowest is far above what reading takes, a few seconds under the race detector
// and a collector that runs all the time, and far below anything quadratic.
const slowest = 30 * time.Second

func TestReadingTakesLittleMemoryAndTime(t *testing.T) {
	if testing.Short() {
		t.Skip("makes large mails")
	}
	w := newWorld(t)
	for name, make := range hostile(t, w) {
		t.Run(name, func(t *testing.T) {
			raw := []byte(make())
			limit := 3*int64(len(raw)) + 16*mib
			kind := entity.Kind("")
			most, took := peak(func() { kind = w.examine(raw).Kind })
			most += int64(len(raw))
			t.Logf("%-20s %4d MiB mail: %4d MiB held, %v, %s", name, len(raw)/mib, most/mib, took.Round(time.Millisecond), kind)
			if most > limit {
				t.Errorf("%d MiB held; want at most 3 × %d MiB + 16 MiB", most/mib, len(raw)/mib)
			}
			if took > slowest {
				t.Errorf("reading took %v of processor time; want under %v", took, slowest)
			}
		})
	}
}
