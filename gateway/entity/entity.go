// Package entity takes mail apart and puts it together: MIME, the OpenPGP
// somewhere in it, what a signature covers, reports of mail servers, and what
// in a reply the sender wrote.
//
// It is pure: no network, no files, no remote content, no key. Read never
// panics, and its cost is bounded by Limits whatever it is given. Cryptography
// is lent by an Opener. Only what is under the signature is the message;
// whatever stands outside is dropped and described in Reading.Outside.
//
// It does not decide who the signer is, whether there is a form in the text,
// or what follows. Read first: Read, then Reading.
package entity

import (
	"slices"
	"time"
)

// Opener opens OpenPGP messages and verifies signatures.
type Opener interface {
	// Open takes a binary message, or one that is signed as cleartext. What would
	// open to more than most bytes is an error, met before they are in memory.
	Open(message []byte, most int64) (Opened, error)
	// Verify checks a detached signature (RFC 3156, section 5).
	Verify(signed, signature []byte) Signature
}

// Opened is what came out of an OpenPGP message. Encrypted is true only if it was.
type Opened struct {
	Plaintext []byte
	Encrypted bool
	Signature Signature
	Text      bool
}

// Signature is a verdict in the words of "liaison inspect": good, bad,
// unknown-key, expired-key, revoked-key, none. "weak" and "" are read as bad and none.
type Signature struct {
	Verdict     string
	Fingerprint string
	Made        time.Time
}

const (
	verdictGood = "good"
	verdictBad  = "bad"
	verdictNone = "none"
)

func (s Signature) normal() Signature {
	switch s.Verdict {
	case "":
		s.Verdict = verdictNone
	case "weak":
		s.Verdict = verdictBad
	}
	return s
}

// Kind is what a mail is, decided by structure and headers alone.
type Kind string

// The kinds. A form is a Message here.
const (
	Message     Kind = "message"
	Bounce      Kind = "bounce"
	Delay       Kind = "delay"
	Delivered   Kind = "delivered"
	ReadReceipt Kind = "read-receipt"
	Feedback    Kind = "feedback"
	AutoReply   Kind = "auto-reply"
	Unreadable  Kind = "unreadable"
)

// What a signature covers.
const (
	CoversAll  = "all"
	CoversPart = "part"
)

// Limits bound what reading may cost; zero fields mean the defaults.
type Limits struct {
	Size  int64 // of the raw mail, bytes; 64 MiB. What is opened or decoded follows from the mail's own size
	Depth int   // of nesting; 100
	Parts int   // 1000
	Opens int   // OpenPGP messages tried; 16
}

func (l Limits) filled() Limits {
	if l.Size <= 0 {
		l.Size = 64 << 20
	}
	if l.Depth <= 0 {
		l.Depth = 100
	}
	if l.Parts <= 0 {
		l.Parts = 1000
	}
	if l.Opens <= 0 {
		l.Opens = 16
	}
	return l
}

// Attachment is a part that isn't the text. Type is lower case, without parameters.
type Attachment struct {
	Name    string
	Type    string
	Content []byte
	Inline  bool
}

// Recipient is the fate of one recipient in a report. Action is RFC 3464's
// word; Status an RFC 3463 code, "" where none was given; Cause one of
// mailbox-unknown, mailbox-full, host-unknown, refused, policy, too-large,
// spam, expired, tls, content, other. Final: the server won't try again.
type Recipient struct {
	Recipient  string `json:"recipient"`
	Action     string `json:"action"`
	Status     string `json:"status"`
	Cause      string `json:"cause"`
	Diagnostic string `json:"diagnostic"`
	Final      bool   `json:"final"`
}

// Problem is a numbered finding; Severity is "error" or "warning".
type Problem struct {
	Code     int
	Severity string
	Message  string
}

// Reading is what a mail turned out to be.
type Reading struct {
	Kind        Kind
	Header      Header  // outer headers: nothing in them is proven
	Protected   *Header // signed or encrypted headers (RFC 9788), nil where none
	Encrypted   bool
	Signature   Signature
	Covers      string // CoversAll, CoversPart, or "" without a signature
	Text        string // whole, with quotes
	Written     string // without quoted history, signature block, banners
	Attachments []Attachment
	Outside     []string // what was dropped, described, not quoted
	Bounce      []Recipient
	Original    *Header  // of the returned original in a report
	Keys        [][]byte // certificates that came along, armored or binary
	Problems    []Problem
	OpenErr     error
	Signed      []byte // exact bytes under the signature, or the opened plaintext
}

// Subject is the protected subject where there is one, else the outer one.
func (r *Reading) Subject() string {
	if r.Protected != nil && r.Protected.Subject != "" {
		return r.Protected.Subject
	}
	return r.Header.Subject
}

// Senders lists every address that the mail claims to be from: those in From,
// outer and protected, then those that their display names pretend to be. A signer
// must be entitled to all of them. Addresses are Canonical.
func (r *Reading) Senders() []string {
	list := r.Header.From
	if r.Protected != nil {
		list = append(append([]Address(nil), r.Protected.From...), list...)
	}
	out := addresses(list)
	for _, a := range list {
		for _, claimed := range claims(a.Name) {
			if !slices.Contains(out, claimed) {
				out = append(out, claimed)
			}
		}
	}
	return out
}

// Recipients lists every address that the outer headers say the mail went to.
func (r *Reading) Recipients() []string {
	h := r.Header
	list := append(append([]Address(nil), h.To...), h.Cc...)
	for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"} {
		for _, v := range h.All(name) {
			list = append(list, parseAddresses(v)...)
		}
	}
	return addresses(list)
}

func addresses(list []Address) []string {
	var out []string
	seen := map[string]bool{}
	for _, a := range list {
		addr := Canonical(a.Addr)
		if addr != "" && !seen[addr] {
			seen[addr] = true
			out = append(out, addr)
		}
	}
	return out
}
