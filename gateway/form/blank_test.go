package form

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestBlankFormsCanBeFilledIn: of every type in every language, short and long,
// comes back as it is, and is valid once its starred boxes are filled.
func TestBlankFormsCanBeFilledIn(t *testing.T) {
	star := regexp.MustCompile(`(?m)^  \* (?:[^\n\[]*\n? *)([A-Z]{1,2}[0-9]{1,2}): \[\]`)
	for _, typ := range Types() {
		for _, lang := range Languages() {
			for _, long := range []bool{false, true} {
				text := New(typ.Code).Text(TextOptions{Lang: lang, Blank: true, Long: long, Rows: 2})
				f, problems := ParseText(text)
				if len(problems) > 0 || string(f.JSON()) != `{"A1":"`+typ.Code+`","A2":"1.0"}` {
					t.Errorf("blank %s in %s reads as %s, %v", typ.Code, lang, f.JSON(), problems)
				}
				filled := star.ReplaceAllStringFunc(text, func(line string) string {
					code := star.FindStringSubmatch(line)[1]
					b, _ := boxOf(code)
					value := b.example()
					switch {
					case code == "P8":
						value = someHash[:40]
					case value == "":
						value = "as found"
					}
					return strings.Replace(line, "[]", "["+value+"]", 1)
				})
				f, problems = ParseText(filled)
				problems = append(problems, Check(f, Context{Received: true})...)
				if HasErrors(problems) {
					t.Errorf("%s in %s with its starred boxes filled: %v\n%s", typ.Code, lang, problems, filled)
				}
			}
		}
	}
}

func TestLongBlankFormHasEveryBoxOfItsType(t *testing.T) {
	text := New("SEZ").Text(TextOptions{Blank: true, Long: true})
	for _, b := range Boxes() {
		has := strings.Contains(text, " "+b.Code+": [")
		want := strings.ContainsAny(b.Code[:1], "ABCDEFGH") && b.Code != "A24"
		if has != want {
			t.Errorf("box %s is there: %v", b.Code, has)
		}
	}
}

// TestShortBoxesStayOnShortLines: mail programs join lines of 40 and more
// characters, and break those over 72.
func TestShortBoxesStayOnShortLines(t *testing.T) {
	for _, lang := range Languages() {
		for _, b := range Boxes() {
			f := &Form{}
			f.Set(b.Code, newSampler(5).value(b, "en"))
			if f.Normal().Get(b.Code) == "" {
				continue
			}
			value := f.Normal().textValue(address{b.Code, 1})
			for line := range strings.Lines(f.Text(TextOptions{Lang: lang})) {
				n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
				if n >= shortLine && utf8.RuneCountInString(value) <= 16 {
					t.Errorf("%s in %s: %q is %d characters", b.Code, lang, line, n)
				}
				if n > 72 && utf8.RuneCountInString(value) < 60 {
					t.Errorf("%s in %s: %q is %d characters", b.Code, lang, line, n)
				}
			}
		}
	}
}

// TestOurOwnWordsAreMailSafe: ASCII punctuation, nothing that reads as structure.
func TestOurOwnWordsAreMailSafe(t *testing.T) {
	for _, w := range theWords() {
		for _, names := range []map[string]string{w.Boxes, w.Types} {
			for code, name := range names {
				mailSafe(t, w.lang+" "+code, name)
				if strings.ContainsAny(name, "[]:0123456789") {
					t.Errorf("%s %s: %q reads as structure", w.lang, code, name)
				}
			}
		}
		for list, codes := range w.Codes {
			for code, said := range codes {
				mailSafe(t, w.lang+" "+list+" "+code, firstWord(said))
			}
		}
		for _, key := range []string{"write-inside", "hint-must", "hint-codes", "hint-several", "hint-rows", "hint-example"} {
			mailSafe(t, w.lang+" "+key, w.Messages[key])
		}
	}
}

var oddPunctuation = regexp.MustCompile(`[‐-―‘-‟…«»\x{00a0}\t]|--`)

func mailSafe(t *testing.T, where, said string) {
	t.Helper()
	if oddPunctuation.MatchString(said) || strings.TrimSpace(said) != said {
		t.Errorf("%s: %q holds what mail programs change", where, said)
	}
}

func TestWordsBehindAFormSayWhatItsCodesMeanButWithheldOnes(t *testing.T) {
	f := mustJSON(t, `{"A1":"SEZ","B3":"LV","C":[{"C1":"TOBA","C5":"KGM","C9":"12 CT"}],"G":[{"G9":"F"}]}`)
	text := f.Text(TextOptions{Lang: "de", Words: true, Withhold: func(addr string) bool { return addr == "G9" }})
	for _, want := range []string{"C1 TOBA = Tabak", "C5 KGM = Kilogramm", "C9 CT = Karton", "B3 LV = Lettland", "A1 SEZ = Sicherstellung"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "weiblich") || !strings.Contains(text, "G9: [*]") {
		t.Errorf("a withheld code is said in\n%s", text)
	}
	back, problems := ParseText(text)
	f.Set("G9")
	if len(problems) > 0 || !withoutCheck(back).Equal(f) {
		t.Errorf("%s, %v", back.JSON(), problems)
	}
}
