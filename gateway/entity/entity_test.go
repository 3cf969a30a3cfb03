package entity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write want.json anew")

// pretend is an Opener without cryptography: what it opens says itself whether
// it was encrypted and how it was signed: "SEALEDxxxxxxxxxx|E|good|AA|" + text.
type pretend struct{}

const pretendMark = "\x85\x01\x0c\x03SEALED-IN-PLAY|"

func seal(flags, text string) []byte { return []byte(pretendMark + flags + "|" + text) }

func armored(flags, text string) string {
	data := base64.StdEncoding.EncodeToString(seal(flags, text))
	var b strings.Builder
	b.WriteString(beginMessage + "\n\n")
	for len(data) > 64 {
		b.WriteString(data[:64] + "\n")
		data = data[64:]
	}
	return b.String() + data + "\n-----END PGP MESSAGE-----\n"
}

func (pretend) Open(m []byte, _ int64) (Opened, error) {
	if s := string(m); strings.HasPrefix(s, beginSigned) {
		_, body, _ := strings.Cut(s, "\n\n")
		body, _, _ = strings.Cut(body, "\n-----BEGIN PGP SIGNATURE")
		return Opened{Plaintext: []byte(body), Text: true, Signature: Signature{Verdict: "good", Fingerprint: "AA"}}, nil
	}
	if _, body, ok := strings.Cut(string(m), "\n\n"); ok && bytes.HasPrefix(m, []byte(beginMessage)) {
		body, _, _ = strings.Cut(body, "\n-----END")
		body, _, _ = strings.Cut(body, "\n=") // a checksum isn't looked at
		m = decodeBase64([]byte(body))
	}
	parts := strings.SplitN(string(m), "|", 5)
	if len(parts) != 5 || parts[0]+"|" != pretendMark {
		return Opened{}, errors.New("no key for this message")
	}
	return Opened{Plaintext: []byte(parts[4]), Encrypted: parts[1] == "E", Signature: Signature{Verdict: parts[2], Fingerprint: parts[3]}}, nil
}

func (pretend) Verify(signed, signature []byte) Signature {
	if bytes.Contains(bytes.ReplaceAll(signed, []byte("\r\n"), nil), []byte("\n")) || !bytes.Contains(signature, []byte("GOOD")) {
		return Signature{Verdict: "bad"}
	}
	return Signature{Verdict: "good", Fingerprint: "AA"}
}

// seen is the part of a reading that golden tests compare.
type seen struct {
	Kind        Kind        `json:"kind"`
	From        []string    `json:"from"`
	Sender      []string    `json:"sender"`
	Subject     string      `json:"subject"`
	Encrypted   bool        `json:"encrypted"`
	Verdict     string      `json:"verdict"`
	Covers      string      `json:"covers"`
	Text        string      `json:"text"`
	Written     string      `json:"written"`
	Attachments []string    `json:"attachments"`
	Outside     []string    `json:"outside"`
	Bounce      []Recipient `json:"bounce"`
	Original    string      `json:"original"`
	Problems    []int       `json:"problems"`
}

func see(r *Reading) seen {
	s := seen{Kind: r.Kind, From: r.Senders(), Sender: addresses(r.Header.Sender), Subject: r.Subject(), Encrypted: r.Encrypted, Verdict: r.Signature.Verdict, Covers: r.Covers,
		Text: r.Text, Written: r.Written, Outside: r.Outside, Bounce: r.Bounce}
	for _, a := range r.Attachments {
		s.Attachments = append(s.Attachments, a.Name+" "+a.Type)
	}
	if r.Original != nil {
		s.Original = r.Original.MessageID
	}
	for _, p := range r.Problems {
		s.Problems = append(s.Problems, p.Code)
	}
	return s
}

func TestMailsReadAsTheirGoldenFilesSay(t *testing.T) {
	dirs, _ := filepath.Glob("testdata/[0-9]*")
	if len(dirs) < 60 {
		t.Fatalf("testdata has %d mails; want at least 60", len(dirs))
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, "in.eml"))
			if err != nil {
				t.Fatal(err)
			}
			got := see(Read(raw, pretend{}, Limits{}))
			file := filepath.Join(dir, "want.json")
			if *update {
				out, _ := json.MarshalIndent(got, "", " ")
				if err := os.WriteFile(file, append(out, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want seen
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("Read(%s) (-want +got):\n%s", dir, d)
			}
		})
	}
}

var draft = Draft{From: Address{"Invented Officer", "officer@vid.example"}, To: Address{Addr: "ocu@gateway.example"}, Subject: "OP-7K3 000123", MessageID: "<1@vid.example>"}

func TestEveryStyleComesBackAsItWasMade(t *testing.T) {
	inner := string(Inner("A1: [SEZ]\nŠalis — ok", []Attachment{{Name: "form.json", Type: "application/json", Content: []byte("{}")}}, "True subjéct"))
	for name, raw := range map[string][]byte{
		"pgp-mime":   PGPMIME(draft, []byte(armored("E|good|AA", inner))),
		"inline":     InlineMail(draft, armored("E|good|AA", inner), nil),
		"attachment": AttachmentMail(draft, "", []byte(armored("E|good|AA", inner))),
	} {
		r := Read(raw, pretend{}, Limits{})
		if r.Kind != Message || !r.Encrypted || r.Covers != CoversAll || r.Subject() != "True subjéct" || r.Text != "A1: [SEZ]\nŠalis — ok" || len(r.Attachments) != 1 {
			t.Errorf("Read(%s) = %+v; want the whole message under one signature", name, see(r))
		}
	}
}

func TestTextOutsideTheSignatureIsDroppedAndCoversPart(t *testing.T) {
	for _, raw := range [][]byte{
		AttachmentMail(draft, "Pay at once.", []byte(armored("E|good|AA", "hello"))),
		InlineMail(draft, "Pay at once.\n\n"+armored("E|good|AA", "hello"), nil),
		InlineMail(draft, armored("E|good|AA", "hello")+armored("E|good|BB", "pay"), nil),
	} {
		r := Read(raw, pretend{}, Limits{})
		if r.Covers != CoversPart || r.Text != "hello" || len(r.Outside) == 0 {
			t.Errorf("Read = %+v; want part, hello, something outside", see(r))
		}
	}
}

// slowest bounds the processor time of one Read: most takes well under a second
// under the race detector, and anything quadratic would take minutes.
const slowest = 5 * time.Second

// mostAllocated bounds all allocation of one Read, garbage included. The race
// detector multiplies it, since sync.Pool then drops what regexp would reuse.
const mostAllocated = 512 << 20

// spent is the processor time of this process: unlike the clock, it doesn't run
// while other programs have the processor.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // always there for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestWhatIsSealedInsideIsOpenedOrTheMailIsUnreadable(t *testing.T) {
	unopened := beginMessage + "\n\nbm90IG91cnM=\n-----END PGP MESSAGE-----\n"
	within := func(armor string) string {
		return "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=i\n\n--i\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--i\nContent-Type: application/octet-stream\n\n" + armor + "\n--i--\n"
	}
	beside := func(armor string) string {
		return "Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/plain\n\nsee the file\n--m\nContent-Type: application/octet-stream; name=list.csv.pgp\nContent-Disposition: attachment; filename=list.csv.pgp\n\n" + armor + "\n--m--\n"
	}
	signed := "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\n\n--s\n" + within(unopened) + "\n--s\nContent-Type: application/pgp-signature\n\nGOOD\n--s--\n"
	for _, c := range []struct {
		name, mail string
		kind       Kind
		text, file string
	}{
		{"opened twice", string(PGPMIME(Draft{}, []byte(armored("E|good|AA", within(armored("E|none|", "Content-Type: text/plain\n\nhello")))))), Message, "hello", ""},
		{"the inner one is somebody else's", string(PGPMIME(Draft{}, []byte(armored("E|good|AA", within(unopened))))), Unreadable, "", ""},
		{"the inner one is somebody else's, and nothing is signed", string(PGPMIME(Draft{}, []byte(armored("E|none|", within(unopened))))), Unreadable, "", ""},
		{"signed, and somebody else's inside", "From: a@b.example\nMIME-Version: 1.0\n" + signed, Unreadable, "", ""},
		{"a file that the same key signed and sealed", string(PGPMIME(Draft{}, []byte(armored("E|good|AA", beside(armored("E|good|AA", "an,invented,list")))))), Message, "see the file", "list.csv"},
		{"a file that another key signed", string(PGPMIME(Draft{}, []byte(armored("E|good|AA", beside(armored("E|good|BB", "an,invented,list")))))), Message, "see the file", "list.csv.pgp"},
		{"a file that nobody signed", string(PGPMIME(Draft{}, []byte(armored("E|good|AA", beside(armored("E|none|", "an,invented,list")))))), Message, "see the file", "list.csv.pgp"},
		{"a file beside one that is somebody else's", string(PGPMIME(Draft{}, []byte(armored("E|good|AA", strings.Replace(beside(unopened), "text/plain\n", "application/pdf; name=a.pdf\n", 1))))), Message, "", "a.pdf"},
		{"a file that is somebody else's", string(PGPMIME(Draft{}, []byte(armored("E|good|AA", beside(unopened))))), Message, "see the file", "list.csv.pgp"},
	} {
		r := Read([]byte(c.mail), pretend{}, Limits{})
		if r.Kind != c.kind || strings.TrimSpace(r.Text) != c.text {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, r.Kind, r.Text, c.kind, c.text)
		}
		if r.Kind == Unreadable && (len(r.Problems) != 1 || r.Problems[0].Code != 64) {
			t.Errorf("%s: %v; want problem 64", c.name, r.Problems)
		}
		if got := len(r.Attachments) > 0; c.file != "" && (!got || r.Attachments[0].Name != c.file) {
			t.Errorf("%s: files %v; want %s", c.name, r.Attachments, c.file)
		}
	}
}

// greedy is an Opener whose messages are as large as they may be.
type greedy struct {
	pretend
	files     int64 // bytes that came out of bombs
	unbounded bool  // asked for without a limit
}

func (g *greedy) Open(m []byte, most int64) (Opened, error) {
	o, err := g.pretend.Open(m, most)
	g.unbounded = g.unbounded || most <= 0
	if err == nil && strings.HasPrefix(string(o.Plaintext), "bomb") {
		g.files += most
		o.Plaintext = make([]byte, max(most, 0))
	}
	return o, err
}

func TestAllThatIsOpenedOfAMailIsBoundedTogether(t *testing.T) {
	inner := "Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/plain\n\nsee the files\n"
	for i := range 10 {
		inner += "--m\nContent-Type: application/octet-stream; name=b.zip.pgp\nContent-Disposition: attachment; filename=b.zip.pgp\n\n" + armored("E|good|AA", fmt.Sprint("bomb", i)) + "\n"
	}
	inner += "--m--\n"
	raw := PGPMIME(Draft{}, []byte(armored("E|good|AA", inner)))
	g := &greedy{}
	if r := Read(raw, g, Limits{}); r.Text != "see the files" {
		t.Errorf("Read = %+v; want its text", see(r))
	}
	if g.unbounded {
		t.Error("something was opened without a limit")
	}
	if g.files == 0 {
		t.Error("none of the files was opened; want as many as there is room for")
	}
	if most := 2 * (int64(len(raw)) + openedMore); g.files > most {
		t.Errorf("%d bytes were opened of a mail of %d; want at most %d", g.files, len(raw), most)
	}
}

func TestHostileMailIsBounded(t *testing.T) {
	var deep, many strings.Builder
	for i := range 3000 {
		b := "b" + strings.Repeat("x", i%50) + string(rune('a'+i%26))
		deep.WriteString("Content-Type: multipart/mixed; boundary=" + b + "\r\n\r\n--" + b + "\r\n")
	}
	many.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	many.WriteString(strings.Repeat("--b\r\n\r\nx\r\n", 200_000))
	for name, raw := range map[string]string{
		"deep": deep.String(), "many": many.String(),
		"header":  "From: a@b.example\r\nSubject: " + strings.Repeat("x", 60<<20) + "\r\n\r\nhi",
		"fields":  strings.Repeat("A: b\r\n", 1_000_000) + "\r\nhi",
		"html":    "Content-Type: text/html\r\n\r\n" + strings.Repeat("<div>", 1_000_000),
		"armor":   "From: a@b.example\r\n\r\n" + strings.Repeat(beginMessage+"\r\n", 100_000),
		"labels":  "From: a@b.example\r\n\r\n" + strings.Repeat("From: a\r\n", 100_000),
		"wrote":   "From: a@b.example\r\n\r\n" + strings.Repeat("On 1 a@b wrote:\r\n", 50_000),
		"dashes":  "Return-Path: <>\r\n\r\n" + strings.Repeat("--\r\n", 200_000),
		"quoted":  "From: a@b.example\r\n\r\n" + strings.Repeat("> ", 1_000_000),
		"address": "From: " + strings.Repeat("(", 60_000) + "\r\n\r\nhi",
	} {
		var before, after runtime.MemStats
		mail := []byte(raw)
		runtime.ReadMemStats(&before)
		start := spent()
		if r := Read(mail, pretend{}, Limits{}); r == nil {
			t.Errorf("Read(%s) = nil", name)
		}
		took := spent() - start
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-8s %d MB in %v, %d MB allocated", name, len(mail)>>20, took.Round(time.Millisecond), allocated>>20)
		if took > slowest {
			t.Errorf("Read(%s) took %v of processor time; want under %v", name, took, slowest)
		}
		if allocated > mostAllocated {
			t.Errorf("Read(%s) allocated %d MB; want under %d MB", name, allocated>>20, mostAllocated>>20)
		}
	}
}
