package form

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// readCode reads a code, or the words for it in any language that we have.
func readCode(b BoxInfo, v string) (string, bool) {
	code := strings.ToUpper(plain(v))
	if listed(b.List, code) {
		return code, true
	}
	if meant, ok := codeOfWord(b.List, v); ok {
		return meant, true
	}
	return code, true
}

func readLanguage(b BoxInfo, v string) (string, bool) {
	code := strings.ToLower(plain(v))
	if meant, ok := codeOfWord(b.List, v); ok && !listed(b.List, code) {
		return meant, true
	}
	return code, true
}

// readMarking takes a marking with or without "TLP:"; WHITE is the old name of
// CLEAR.
func readMarking(_ BoxInfo, v string) (string, bool) {
	v = strings.ReplaceAll(strings.ToUpper(plain(v)), " ", "")
	v = strings.TrimPrefix(strings.TrimPrefix(v, "TLP"), ":")
	if v == "WHITE" {
		v = "CLEAR"
	}
	return "TLP:" + v, true
}

func readCountry(b BoxInfo, v string) (string, bool) {
	code := strings.ToUpper(plain(v))
	if alias, ok := countryAliases[code]; ok {
		return alias, true
	}
	if meant, ok := codeOfWord(b.List, v); ok && len(code) > 2 {
		return meant, true
	}
	return code, true
}

func judgeListed(c *checker, a address, b BoxInfo, v string) {
	if !listed(b.List, v) {
		c.fail("not-in-list", 12, a.String(), map[string]string{"value": c.shown(a, v), "list": c.codes(b.List)})
	}
}

func judgeCountry(c *checker, a address, _ BoxInfo, v string) {
	if !isCountry(a.code, v) {
		c.fail("country", 12, a.String(), map[string]string{"value": c.shown(a, v)})
	}
}

// codeOfWord gives the code of a list that a word means in some language of
// ours.
func codeOfWord(list, word string) (string, bool) {
	code := meanings()[list][strings.ToLower(word)]
	return code, code != "" && code != contested
}

// meanings are the words for codes, by list. A word of several languages that
// means different codes means none.
var meanings = sync.OnceValue(func() map[string]map[string]string {
	all := map[string]map[string]string{}
	for list, entries := range theCatalogue().lists {
		all[list] = map[string]string{}
		for _, w := range theWords() {
			mean(all[list], w.meanings(list, entries))
		}
	}
	return all
})

// meanings are the words of one language for a list's codes. Where two codes
// share a word, it means the first.
func (w words) meanings(list string, entries []CodeInfo) map[string]string {
	out := map[string]string{}
	names := namesOf(list)
	for _, e := range entries {
		said := w.Codes[list][e.Code]
		if names != nil {
			said = names(language.Make(w.lang), e.Code)
		}
		for word := range strings.SplitSeq(said, "|") {
			if word = strings.ToLower(tidy(word)); word != "" && out[word] == "" {
				out[word] = e.Code
			}
		}
	}
	return out
}

// contested marks a word that means different codes in different languages.
const contested = "\x00"

func mean(all, more map[string]string) {
	for word, code := range more {
		if known := all[word]; known != "" && known != code {
			code = contested
		}
		all[word] = code
	}
}
