package form

import (
	"bytes"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// ToUTF8 decodes a text whose charset nobody declared: UTF-8, UTF-16 with its
// mark, else the Windows charset that makes the best words of it, named in
// charset; a person should look at its letters then. A declared charset goes
// first, and is the caller's affair.
func ToUTF8(data []byte) (text, charset string) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return fromUTF16(data), ""
	}
	if utf8.Valid(data) {
		return string(data), ""
	}
	best := 0
	for _, c := range charsets {
		decoded, err := c.NewDecoder().String(string(data))
		if err != nil {
			continue
		}
		score := plausible(decoded, c.letters)
		if f, _ := ParseText(decoded); f != nil {
			score += c.home(f)
			if f.Get("A24") != "" && !f.Changed() {
				return decoded, c.String()
			}
		}
		if charset == "" || score > best {
			text, charset, best = decoded, c.String(), score
		}
	}
	return text, charset
}

func fromUTF16(data []byte) string {
	little := data[0] == 0xff
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i+1 < len(data); i += 2 {
		high, low := data[i], data[i+1]
		if little {
			high, low = low, high
		}
		units = append(units, uint16(high)<<8|uint16(low))
	}
	return string(utf16.Decode(units))
}

// national is a charset with the letters beyond ASCII for which it is used, and
// where: the countries and languages in the form speak for it.
type national struct {
	*charmap.Charmap
	letters string
	used    string
}

var charsets = []national{
	{charmap.Windows1252, "àâäæçèéêëîïñòóôõöøùúûüßåìíáãœÿ", ""},
	{charmap.Windows1257, "āčēģīķļņšūžąęėįųäöüõ", "LV LT EE lv lt et"},
	{charmap.Windows1250, "áčďéěíňóřšťúůýžąćęłńśźżőűöüäôľĺŕđăâîşţß", "PL CZ SK HU SI HR RO pl cs sk hu sl hr ro"},
	{charmap.Windows1251, "абвгдежзийклмнопрстуфхцчшщъьыэюяѝђјљњћџєіїґ", "BG RS MK UA MD bg sr mk uk ru"},
	{charmap.Windows1253, "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ", "GR CY el"},
}

// home says how much the form's sender, country and language speak for a charset.
func (n national) home(f *Form) (score int) {
	f = f.Normal()
	for _, box := range []string{"A6", "A19", "B3"} {
		if v := f.Get(box); v != "" && makesSense(n.used, v) {
			score += 10
		}
	}
	return score
}

// plausible says how much a text looks like words of an alphabet: most for words
// that our own labels have, least for letters among which it can't stand. Latin words have ASCII letters too.
func plausible(text, alphabet string) int {
	score := 0
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && r < 0x80 }) {
		if isASCII(word) {
			continue
		}
		if labelWords()[strings.ToLower(word)] {
			score += 20
		}
		latin, foreign := false, false
		solid := utf8.RuneCountInString(word) > 2 && !strings.ContainsFunc(word, func(r rune) bool { return r < 0x80 })
		for _, r := range word {
			switch {
			case r < 0x80 || unicode.Is(unicode.Latin, r):
				latin = true
			case unicode.IsLetter(r):
				foreign = true
			}
			switch {
			case r < 0x80 || strings.ContainsRune("–—‘’“”„«»°№…", r):
			case strings.ContainsRune(alphabet, unicode.ToLower(r)):
				score += 2
			default:
				score -= 3
			}
		}
		if latin && foreign || latin && solid {
			score -= 3 * utf8.RuneCountInString(word)
		}
	}
	return score
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// labelWords are the words of our labels that hold a letter beyond ASCII.
var labelWords = sync.OnceValue(func() map[string]bool {
	found := map[string]bool{}
	for _, w := range theWords() {
		for _, names := range []map[string]string{w.Boxes, w.Types} {
			for _, name := range names {
				for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
					if !isASCII(word) {
						found[strings.ToLower(word)] = true
					}
				}
			}
		}
	}
	return found
})
