package entity

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Canonical is the one form in which addresses are compared and shown: in lower
// case, the domain in its ASCII form (RFC 5891), so that a domain that only looks
// like another doesn't.
func Canonical(address string) string {
	address = strings.TrimSpace(address)
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return strings.ToLower(norm.NFC.String(address))
	}
	local := strings.ToLower(norm.NFC.String(address[:at]))
	// Lower case first: of some letters that are capitals IDNA knows the small ones alone.
	domain := strings.TrimRightFunc(strings.ToLower(address[at+1:]), func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return local + "@" + strings.TrimRight(domain, ".") // other scripts' dots are dots now
}

// Readable is an address with its domain in letters, as people write it.
func Readable(address string) string {
	local, domain, _ := strings.Cut(Canonical(address), "@")
	if readable, err := idna.ToUnicode(domain); err == nil {
		domain = readable
	}
	return local + "@" + domain
}

// LooksLike reports whether two addresses that differ look the same to a person:
// by letters of other scripts, digits for letters, letters that run together, or
// what is invisible (after UTS 39, section 4).
func LooksLike(a, b string) bool {
	a, b = Canonical(a), Canonical(b)
	return a != b && skeleton(a) == skeleton(b)
}

// skeleton is what an address looks like.
func skeleton(address string) string {
	s := strings.Map(func(r rune) rune {
		if invisibleRune(r) {
			return -1
		}
		if like, ok := confusables[r]; ok {
			return like
		}
		return r
	}, strings.ToLower(norm.NFKC.String(Readable(address))))
	return runTogether.Replace(s)
}

var runTogether = strings.NewReplacer("rn", "m", "vv", "w", "cl", "d")

func invisibleRune(r rune) bool {
	switch {
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0xfeff, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r >= 0xfe00 && r <= 0xfe0f:
		return true
	}
	return false
}

// confusables map letters to the Latin ones that they look like in common type:
// those of the scripts that people of the Union and its neighbours can type, and
// Latin ones that are easily overlooked.
var confusables = func() map[rune]rune {
	out := map[rune]rune{}
	for latin, like := range map[rune]string{
		'a': "аαɑӑ", 'b': "ЬьƄвβʙ", 'c': "сςϲƈⅽ", 'd': "ԁɗⅾժ", 'e': "еєεҽеɛ℮", 'f': "ƒſքϝ", 'g': "ɡցԍ", 'h': "һհнʜ", 'i': "іιıɩїíìïîӏƖ",
		'j': "јϳʝ", 'k': "кκᴋҝ", 'l': "1|ⅼӀІлɫłι", 'm': "мⅿᴍ", 'n': "пηոɴ", 'o': "0оοоօσ〇ø", 'p': "рρþ", 'q': "ԛզ", 'r': "гᴦɾ", 's': "ѕꜱƽş",
		't': "тτᴛţ", 'u': "υսцʋ", 'v': "ѵνᴠ", 'w': "ԝωшѡա", 'x': "хχ×ⅹ", 'y': "уүγỿу", 'z': "ᴢʐż",
	} {
		for _, r := range like {
			out[r] = latin
		}
	}
	return out
}()

// claims are the addresses that a display name pretends to be, written with
// whatever passes for "@".
func claims(name string) []string {
	if !strings.ContainsAny(norm.NFKC.String(name), "@") {
		return nil
	}
	var out []string
	for _, a := range addrSpec.FindAllString(strings.Map(func(r rune) rune {
		if invisibleRune(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(name)), 20) {
		out = append(out, Canonical(strings.Trim(a, ".'[]{}")))
	}
	return out
}
