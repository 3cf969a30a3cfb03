package gateway

import (
	"strings"
	"testing"
)

func TestEverySentenceIsThereInEveryLanguage(t *testing.T) {
	for key, sentences := range phrases() {
		for _, lang := range []string{"en", "de", "fr", "lt", "lv", "el", "bg"} {
			s := sentences[lang]
			if s == "" {
				t.Errorf("%s has no sentence in %s", key, lang)
			}
			if got, want := strings.Count(s, "%"), strings.Count(sentences["en"], "%"); got != want {
				t.Errorf("%s in %s fills in %d values; want %d", key, lang, got, want)
			}
		}
	}
}
