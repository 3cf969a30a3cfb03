package agent

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEverySentenceIsThereInEveryLanguage(t *testing.T) {
	name := regexp.MustCompile(`\{[a-z]+\}`)
	for key, sentences := range words() {
		want := name.FindAllString(sentences["en"], -1)
		slices.Sort(want)
		want = slices.Compact(want)
		for _, lang := range []string{"en", "de", "fr", "lt", "lv", "el", "bg"} {
			got := name.FindAllString(sentences[lang], -1)
			slices.Sort(got)
			if got = slices.Compact(got); sentences[lang] == "" || !slices.Equal(got, want) {
				t.Errorf("%s in %s = %q; want a sentence with %v", key, lang, sentences[lang], want)
			}
			if strings.ContainsAny(sentences[lang], "[]") {
				t.Errorf("%s in %s has brackets, which are read as boxes", key, lang)
			}
		}
	}
}
