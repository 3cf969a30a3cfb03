package form

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

var newlines = regexp.MustCompile(`[ \t]*\n\s*`)

// tidy brings any value into the shape that survives the text encoding: a line
// break becomes the paragraph mark.
func tidy(v string) string {
	if !asciiLine(v) {
		v = lineEnds(strings.ToValidUTF8(v, "\ufffd"))
		if strings.Contains(v, "\n") {
			v = newlines.ReplaceAllString(strings.Trim(v, "\n\t "), " // ")
		}
		v = foldText(v)
	}
	return strings.Join(strings.Fields(v), " ")
}

// lineEnds writes every kind of line end as a line feed.
func lineEnds(s string) string { return lineEnd.Replace(s) }

var lineEnd = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// asciiLine reports whether folding leaves a text as it is: printable ASCII and
// tabs.
func asciiLine(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < 0x20 && c != '\t' {
			return false
		}
	}
	return true
}

// foldText is rule 1 of the text reader: one encoding of every letter (NFC),
// full-width signs, brackets and blanks of every kind made plain, ligatures taken
// apart, invisible characters dropped. It keeps line feeds. It isn't the whole of
// NFKC, which makes 102 of 10², 51/2 of 5½ and No of №: plain does that, for boxes
// where only ASCII makes sense, and but for what would change a number.
func foldText(s string) string {
	if asciiLine(s) {
		return s
	}
	for range 2 {
		s = norm.NFC.String(ligatures.Replace(strings.Map(fold, s)))
	}
	return s
}

var ligatures = strings.NewReplacer("ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "st", "ﬆ", "st")

func fold(r rune) rune {
	switch r {
	case '【', '〔':
		return '['
	case '】', '〕':
		return ']'
	case '\n', '\t':
		return r
	case '\u034f', '\u115f', '\u1160', '\u3164', '\uffa0', '\ufffc':
		return -1
	}
	if narrow := width.LookupRune(r).Folded(); narrow != 0 {
		r = narrow
	}
	switch {
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Cc, r), unicode.Is(unicode.Variation_Selector, r):
		return -1
	case unicode.Is(unicode.Z, r):
		return ' '
	}
	return r
}

// plain writes a value of a box that only ASCII makes sense in: NFKC, dashes and
// quotes of every kind made plain, and letters that look like Latin ones made
// Latin where that makes all of it Latin. What NFKC would make another number of
// stays as it is.
func plain(v string) string {
	if asciiLine(v) {
		return v
	}
	var b strings.Builder
	for _, r := range v {
		switch {
		case strings.ContainsRune("‐‑‒–—―−﹘﹣", r):
			b.WriteByte('-')
		case strings.ContainsRune("‘’‚‛′ʼ´", r):
			b.WriteByte('\'')
		case strings.ContainsRune("“”„‟″«»", r):
			b.WriteByte('"')
		default:
			b.WriteString(compatible(r))
		}
	}
	v = foldText(b.String())
	if latin := lookAlike.Replace(strings.ToUpper(v)); asciiLine(latin) {
		return latin
	}
	return v
}

// compatible is NFKC of a letter or a decimal digit in another shape. A digit
// that stands raised, circled or in a fraction says another number than its NFKC.
func compatible(r rune) string {
	folded := norm.NFKC.String(string(r))
	if unicode.IsNumber(r) && !unicode.IsDigit(r) || strings.ContainsFunc(folded, func(f rune) bool { return !unicode.IsLetter(f) && !unicode.IsDigit(f) }) {
		return string(r)
	}
	return folded
}

// lookAlikes are Cyrillic and Greek letters that look like A B C E H K M O P T
// X, in either case: what stands on national keyboards where a code has a Latin
// letter.
const lookAlikes = "АВСЕНКМОРТХавсенкмортхΑΒΕΗΚΜΟΡΤΧαβεηκμορτχ"

// lookAlike makes them Latin, and in values also those like I J N S Y Z.
var lookAlike = strings.NewReplacer(
	"А", "A", "В", "B", "С", "C", "Е", "E", "Н", "H", "К", "K", "М", "M", "О", "O", "Р", "P", "Т", "T", "Х", "X", "І", "I", "Ј", "J", "Ѕ", "S", "У", "Y",
	"Α", "A", "Β", "B", "Ε", "E", "Η", "H", "Κ", "K", "Μ", "M", "Ο", "O", "Ρ", "P", "Τ", "T", "Χ", "X", "Ζ", "Z", "Ι", "I", "Ν", "N", "Υ", "Y")
