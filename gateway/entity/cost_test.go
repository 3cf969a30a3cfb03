package entity

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A list's footer around a signature around a mail of text and pictures: what people
// send lies some multiparts deep, and a large file is in each of them.
func TestALargeFileDeepInAMailIsRead(t *testing.T) {
	file := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 18<<20/78)
	nested := "Content-Type: image/png; name=photo.png\r\nContent-Disposition: attachment; filename=photo.png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file
	for _, b := range []string{"related", "mixed", "protected"} {
		nested = "Content-Type: multipart/mixed; boundary=" + b + "\r\n\r\n--" + b + "\r\nContent-Type: text/plain\r\n\r\n" + b + "\r\n--" + b + "\r\n" + nested + "\r\n--" + b + "--\r\n"
	}
	signed := "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=s\r\n\r\n--s\r\n" + nested + "\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nGOOD\r\n--s--\r\n"
	raw := "From: officer@vid.example\r\nContent-Type: multipart/mixed; boundary=list\r\n\r\n--list\r\n" + signed + "\r\n--list\r\nContent-Type: text/plain\r\n\r\n\r\n--list--\r\n"
	r := Read([]byte(raw), pretend{}, Limits{})
	if r.Kind != Message || r.Signature.Verdict != "good" || r.Covers != CoversAll || len(r.Attachments) != 1 {
		t.Errorf("Read of %d MB = %s, %s, covers %q, %d files, %v; want a signed message with its file", len(raw)>>20, r.Kind, r.Signature.Verdict, r.Covers, len(r.Attachments), r.Problems)
	}
}

func TestMarkersOfArmorThatAreNoneCostLittleMoreThanOtherText(t *testing.T) {
	quoted := "> " + beginMessage + "\n> yxR0AAAAyxR0AAAAyxR0AAAAyxR0AAAAyxR0%04d\n> -----END PGP MESSAGE-----\n"
	var many strings.Builder
	for i := range maxBlocks {
		fmt.Fprintf(&many, quoted, i)
	}
	const size = 6 << 20
	other := costs(strings.Repeat("and some words of a line here\n", size/30))
	for name, text := range map[string]string{
		"beginnings":                   strings.Repeat("-BEGIN PGP ", size/11),
		"markers without their dashes": strings.Repeat("xBEGIN PGP MESSAGE-", size/19),
		"ends":                         beginSigned + "\n" + strings.Repeat("-----END PGP MESSAGE-----\n", size/26),
		"quoted beside blank lines":    many.String() + strings.Repeat("\n", size),
		"quoted beside quoted lines":   many.String() + strings.Repeat("> and some words of a line here\n", size/32),
	} {
		took := costs(text)
		t.Logf("%s: %v, other text %v", name, took.Round(time.Millisecond), other.Round(time.Millisecond))
		if took > 40*other {
			t.Errorf("Read of %s took %v of processor time; other text as long takes %v", name, took, other)
		}
	}
}

// costs is the processor time of reading a mail of some text.
func costs(text string) time.Duration {
	start := spent()
	Read([]byte("From: officer@vid.example\n\n"+text), pretend{}, Limits{})
	return spent() - start
}
