package form

import (
	"embed"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

//go:embed lang/*.yaml
var langFiles embed.FS

// words are all that people read, in one language.
type words struct {
	lang     string
	Types    map[string]string            `yaml:"types"`
	Boxes    map[string]string            `yaml:"boxes"`
	Codes    map[string]map[string]string `yaml:"codes"` // by list, then code
	Messages map[string]string            `yaml:"messages"`
}

// dictionary are the words of every language, English first.
type dictionary []words

var theWords = sync.OnceValue(func() dictionary {
	files, err := langFiles.ReadDir("lang")
	if err != nil {
		panic("lang: " + err.Error()) // embedded: a fault of the build
	}
	var d dictionary
	for _, f := range files {
		w := words{lang: strings.TrimSuffix(f.Name(), ".yaml")}
		data, err := langFiles.ReadFile(path.Join("lang", f.Name()))
		if err != nil {
			panic(f.Name() + ": " + err.Error())
		}
		mustUnmarshal(f.Name(), data, &w)
		d = append(d, w)
	}
	slices.SortStableFunc(d, func(a, b words) int { return b.english() - a.english() })
	return d
})

func (w words) english() int {
	if w.lang == "en" {
		return 1
	}
	return 0
}

// named gives a name by language, as far as there is one.
func (d dictionary) named(name func(words) string) map[string]string {
	names := make(map[string]string, len(d))
	for _, w := range d {
		if s := name(w); s != "" {
			names[w.lang] = s
		}
	}
	return names
}

// Languages lists the languages that every label and message exists in (ISO
// 639-1), English first.
func Languages() []string {
	var out []string
	for _, w := range theWords() {
		out = append(out, w.lang)
	}
	return out
}

// baseLanguage is "lv" of "lv-LV".
func baseLanguage(lang string) string {
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	return lang
}

func inLanguage(names map[string]string, lang, otherwise string) string {
	if s := names[baseLanguage(lang)]; s != "" {
		return s
	}
	if s := names["en"]; s != "" {
		return s
	}
	return otherwise
}

// Label is the name of a box ("C4", "C4.2") in a language, else in English,
// else the code itself.
func Label(addr, lang string) string {
	a, ok := parseAddress(addr)
	if !ok {
		return addr
	}
	b, _ := boxOf(a.code)
	return inLanguage(b.Names, lang, a.code)
}

// TypeName is the name of a form type in a language, else in English, else the
// code itself.
func TypeName(typ, lang string) string {
	t, _ := typeOf(typ)
	return inLanguage(t.Names, lang, typ)
}

// CodeName says a code of a list in words, in a language, else in English, else
// the code itself.
func CodeName(list, code, lang string) string {
	if names := namesOf(list); names != nil {
		for _, l := range []string{baseLanguage(lang), "en"} {
			if s := names(language.Make(l), code); s != "" {
				return s
			}
		}
		return code
	}
	for _, e := range theCatalogue().lists[list] {
		if e.Code == code {
			return inLanguage(e.Names, lang, code)
		}
	}
	return code
}

// namesOf gives the source of names of a list that the CLDR names.
func namesOf(list string) func(language.Tag, string) string {
	switch list {
	case "country":
		return func(t language.Tag, code string) string {
			r, err := language.ParseRegion(code)
			if n := display.Regions(t); err == nil && n != nil {
				return n.Name(r)
			}
			return ""
		}
	case "language":
		return func(t language.Tag, code string) string {
			if n := display.Languages(t); n != nil {
				return n.Name(language.Make(code))
			}
			return ""
		}
	}
	return nil
}
