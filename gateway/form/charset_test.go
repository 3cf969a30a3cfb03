package form

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

func TestUndeclaredCharsetIsToldByItsWords(t *testing.T) {
	charsetOf := map[string]*charmap.Charmap{"de": charmap.Windows1252, "fr": charmap.Windows1252, "lt": charmap.Windows1257, "lv": charmap.Windows1257, "el": charmap.Windows1253, "bg": charmap.Windows1251}
	places := map[string]string{"de": "Würzburg, Große Straße", "fr": "Besançon, côté forêt", "lt": "Šiauliai, Žaliūkių g.", "lv": "Rēzekne, Ģertrūdes iela", "el": "Θεσσαλονίκη", "bg": "Пловдив"}
	senders := map[string]string{"de": "AT", "fr": "FR", "lt": "LT", "lv": "LV", "el": "GR", "bg": "BG"}
	checkLine := regexp.MustCompile(`\n.*A24: \[.*`)
	for lang, charset := range charsetOf {
		f := mustJSON(t, minimalSEZ)
		f.Set("B5", places[lang])
		f.Set("A6", senders[lang])
		labelled, english := f.Text(TextOptions{Lang: lang}), f.Text(TextOptions{})
		for name, text := range map[string]string{"with labels": labelled, "English labels": english,
			"labels, no check value": checkLine.ReplaceAllString(labelled, ""), "English, no check value": checkLine.ReplaceAllString(english, "")} {
			data, err := charset.NewEncoder().Bytes([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			got, guessed := ToUTF8(data)
			if got != text || guessed != charset.String() {
				t.Errorf("%s %s: read as %q: %s", lang, name, guessed, got)
			}
		}
	}
}

func TestUnicodeFilesNeedNoGuess(t *testing.T) {
	const text = "Vieta B5: [Rīga] 🙂"
	var little, big strings.Builder
	little.WriteString("\xff\xfe")
	big.WriteString("\xfe\xff")
	for _, u := range utf16.Encode([]rune(text)) {
		little.WriteString(string([]byte{byte(u), byte(u >> 8)}))
		big.WriteString(string([]byte{byte(u >> 8), byte(u)}))
	}
	for _, data := range []string{text, "\xef\xbb\xbf" + text, little.String(), big.String()} {
		if got, charset := ToUTF8([]byte(data)); got != text || charset != "" {
			t.Errorf("ToUTF8(%q) = %q, %q", data, got, charset)
		}
	}
}

func FuzzToUTF8(f *testing.F) {
	f.Add([]byte("B5: [R\xeega]"))
	f.Add([]byte("\xff\xfe\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { ToUTF8(data) })
}
