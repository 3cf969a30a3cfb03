package entity

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// alphabets are the letters outside ASCII of the languages of the Union and of
// some neighbours, common ones first.
var alphabets = []string{
	"аеиотнрсвлкдпмзбчугяцъжщшхйюфь", // Bulgarian
	"čšžćđ",           // Croatian, Slovene
	"íáéěřýžčšůúťďňó", // Czech
	"æøåé",            // Danish, Norwegian
	"ëéïöüè",          // Dutch
	"äüõöšž",          // Estonian
	"äöå",             // Finnish, Swedish
	"éèàêçôùîûâëïœ",   // French
	"üäöß",            // German
	"αοιετσνηυρπκμλςάωίόέδγχήθύφβξώζψϊΐϋΰ", // Greek
	"áéóöíőüúű",         // Hungarian
	"áéíóú",             // Irish
	"àèéìòù",            // Italian
	"āīēšūņļžķģč",       // Latvian
	"ėšųžįąūęč",         // Lithuanian
	"ħċġż",              // Maltese
	"łąęóśżźćń",         // Polish
	"ãçáéíóêõâúàª",      // Portuguese
	"ăîâşșţț",           // Romanian
	"áíéčšžýúľťňôäďĺŕó", // Slovak
	"óíáñúéü",           // Spanish
	"ışüçöğİ",           // Turkish
	"áðíéöóúþæý",        // Icelandic
	"оаеинтрсвлкдмпуяыьзбгчйхжшюцщэфъё", // Russian
	"оанивтерсікдлпмузяьбгчйхцєїжшюфщґ", // Ukrainian
	"аоиенрјтсвукдлмпзбгчшцћжхљњђфџ",    // Serbian, Macedonian
}

// codePages are the encodings that a guess chooses from; of equals the first.
var codePages = []encoding.Encoding{
	charmap.Windows1252, charmap.Windows1250, charmap.Windows1257, charmap.Windows1251, charmap.Windows1253, charmap.Windows1254,
	charmap.ISO8859_2, charmap.ISO8859_15, charmap.ISO8859_13, charmap.ISO8859_5, charmap.ISO8859_7, charmap.KOI8R, charmap.KOI8U, charmap.ISO8859_3, charmap.ISO8859_16,
	charmap.CodePage852, charmap.CodePage850, charmap.CodePage866,
}

// dosPages are the last of codePages.
const dosPages = 3

// letterWeights says for each alphabet what a letter is worth: more where it is
// common, more too in an alphabet of few, since all of them turn up.
var letterWeights = func() []map[rune]float64 {
	var out []map[rune]float64
	for _, a := range alphabets {
		w := map[rune]float64{}
		letters := []rune(a)
		for i, r := range letters {
			w[r] = 3 - 2*float64(i)/float64(len(letters))
			if up := unicode.ToUpper(r); up != r {
				w[up] = w[r]
			}
		}
		out = append(out, w)
	}
	return out
}()

// maxGuessed is how much of a text a guess looks at.
const maxGuessed = 8 << 10

// guess finds the code page in which bytes read like a language. What was
// declared stays unless another is plainly better.
func guess(b []byte, declared encoding.Encoding) encoding.Encoding {
	sample := around(b)
	best, most := encoding.Encoding(charmap.Windows1252), plausible(sample, charmap.Windows1252)
	if declared == charmap.Windows1252 {
		most = max(most+1, 0.5) // its word counts for something
	}
	pages := codePages
	if declared != nil {
		pages = pages[:len(pages)-dosPages] // what has a label wasn't written there
	}
	for _, page := range pages {
		if p := plausible(sample, page); p > most+0.01 {
			best, most = page, p
		}
	}
	return best
}

// around is a sample of a text that begins where it stops being ASCII.
func around(b []byte) []byte {
	for i, c := range b {
		if c >= 0x80 {
			b = b[max(0, i-64):]
			break
		}
	}
	return b[:min(len(b), maxGuessed)]
}

// plausible is how well bytes read in a code page, on average of their
// characters outside ASCII, in the language that fits best.
func plausible(b []byte, page encoding.Encoding) float64 {
	text, err := page.NewDecoder().Bytes(b)
	if err != nil {
		return -10
	}
	letters := map[rune]int{}
	common, n := 0.0, 0
	last := ' '
	for at, r := range string(text) {
		if isLetter(r) && isLetter(last) && isLatin(r) != isLatin(last) {
			common -= 6 // nor mixes scripts in a word
		}
		if r >= 0x80 {
			n++
			if isLetter(r) || r == 'ª' {
				letters[r]++
			} else {
				next, _ := utf8.DecodeRune(text[at+utf8.RuneLen(r):])
				common += signWeight(last, r, next)
			}
		}
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			common -= 4 // no language writes so
		}
		last = r
	}
	if n == 0 {
		return 0
	}
	most := -10.0 * float64(n)
	for _, w := range letterWeights {
		sum := 0.0
		for r, times := range letters {
			if worth, ok := w[r]; ok {
				sum += worth * float64(times)
			} else {
				sum -= 4 * float64(times)
			}
		}
		most = max(most, sum)
	}
	return (most + common) / float64(n)
}

func isLatin(r rune) bool { return unicode.Is(unicode.Latin, r) }

func isLetter(r rune) bool { return unicode.IsLetter(r) && r != 'µ' } // that one is a unit

// signWeight is what a character that is no letter is worth between two others:
// as much as a common letter where such a sign belongs, little where it may be
// half a word in another code page.
func signWeight(before, r, after rune) float64 {
	opens, closes := !isLetter(before), !isLetter(after)
	belongs, elsewhere := opens && closes, -2.0
	switch r {
	case '\u00a0':
		return 3
	case '–', '—', '€', '№':
		elsewhere = 1
	case '«', '„', '‘':
		belongs, elsewhere = opens, 1
	case '»', '”', '’', '…':
		belongs, elsewhere = closes, 1
	case '“': // it opens in English and closes in German
		belongs, elsewhere = opens || closes, 1
	case '²', '³':
		belongs = closes && (opens || before == 'm')
	case '°':
		belongs = opens && (closes || after == 'C')
	case '®', '™':
		belongs = closes
	case '©', 'µ', '¿', '¡':
		belongs = opens
	case '‚', '•', '·', '§', '£', '¼', '½', '¾', '±', '×', '÷', '¶', '†', '‰':
	case '\ufffd':
		return -10
	default:
		if r < 0xa0 {
			return -10
		}
		return -3
	}
	if belongs {
		return 3
	}
	return elsewhere
}
