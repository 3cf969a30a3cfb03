package form

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed catalogue.yaml
var catalogueYAML []byte

//go:embed codes.yaml
var codesYAML []byte

// TypeInfo describes a form type.
type TypeInfo struct {
	Code   string            `yaml:"code"`
	Phases []string          `yaml:"phases"` // preparation, operation, evaluation; empty for any
	Groups string            `yaml:"groups"` // letters of the box groups that may be filled
	Must   []string          `yaml:"must"`   // boxes that must be filled, besides A1 A3 A4 A6
	Answer string            `yaml:"answer"` // form type expected in answer, "" for none
	Names  map[string]string `yaml:"names"`
}

// BoxInfo describes a box.
type BoxInfo struct {
	Code  string            `yaml:"code"`
	Type  string            `yaml:"type"` // code an text dec int date dt ctry ref time, or a check of its own
	List  string            `yaml:"list"` // name of the code list for type code
	Max   int               `yaml:"max"`  // longest value in characters, 0 for the type's default
	Many  bool              `yaml:"many"` // several values allowed
	Flag  string            `yaml:"flag"` // N nominal, S sensitive, "" plain
	Names map[string]string `yaml:"names"`
}

// CodeInfo is one entry of a code list.
type CodeInfo struct {
	Code  string
	Names map[string]string // may lack languages; en is always there
}

type catalogue struct {
	Languages []string   `yaml:"languages"`
	Types     []TypeInfo `yaml:"types"`
	Boxes     []BoxInfo  `yaml:"boxes"`
	byCode    map[string]int
	byType    map[string]int
	lists     map[string][]CodeInfo
	members   map[string]map[string]bool
}

// theCatalogue is read once; a broken one is a fault of the build, which the
// package's tests find, so it panics.
var theCatalogue = sync.OnceValue(func() *catalogue {
	c := &catalogue{byCode: map[string]int{}, byType: map[string]int{}, lists: map[string][]CodeInfo{}, members: map[string]map[string]bool{}}
	if err := yaml.Unmarshal(catalogueYAML, c); err != nil {
		panic("catalogue.yaml: " + err.Error())
	}
	for i, b := range c.Boxes {
		c.byCode[b.Code] = i
	}
	for i, t := range c.Types {
		c.byType[t.Code] = i
	}
	var lists map[string]string
	if err := yaml.Unmarshal(codesYAML, &lists); err != nil {
		panic("codes.yaml: " + err.Error())
	}
	for name, text := range lists {
		c.lists[name] = parseList(text)
	}
	for _, t := range c.Types {
		c.lists["form-type"] = append(c.lists["form-type"], CodeInfo{t.Code, t.Names})
	}
	for name, list := range c.lists {
		c.members[name] = map[string]bool{}
		for _, e := range list {
			c.members[name][e.Code] = true
		}
	}
	return c
})

// parseList reads a code list: an entry a line, "CODE = words", or entries of a
// line separated by blanks where no line has words.
func parseList(text string) []CodeInfo {
	var out []CodeInfo
	for line := range strings.Lines(text) {
		if code, words, ok := strings.Cut(line, "="); ok {
			out = append(out, CodeInfo{strings.TrimSpace(code), map[string]string{"en": strings.TrimSpace(words)}})
			continue
		}
		for _, code := range strings.Fields(line) {
			out = append(out, CodeInfo{code, map[string]string{"en": code}})
		}
	}
	return out
}

func boxOf(code string) (BoxInfo, bool) {
	c := theCatalogue()
	i, ok := c.byCode[code]
	if !ok {
		return BoxInfo{Code: code}, false
	}
	return c.Boxes[i], true
}

func typeOf(code string) (TypeInfo, bool) {
	c := theCatalogue()
	i, ok := c.byType[code]
	if !ok {
		return TypeInfo{}, false
	}
	return c.Types[i], true
}

func listed(list, code string) bool { return theCatalogue().members[list][code] }

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

func inLanguage(names map[string]string, lang, otherwise string) string {
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	if s := names[lang]; s != "" {
		return s
	}
	if s := names["en"]; s != "" {
		return s
	}
	return otherwise
}

// Types lists the form types in the catalogue's order.
func Types() []TypeInfo { return slices.Clone(theCatalogue().Types) }

// Boxes lists the boxes in the catalogue's order.
func Boxes() []BoxInfo { return slices.Clone(theCatalogue().Boxes) }

// Codes lists a code list by its name, as BoxInfo.List gives it.
func Codes(list string) []CodeInfo { return slices.Clone(theCatalogue().lists[list]) }

// Languages lists the languages that every label and message exists in (ISO
// 639-1), English first.
func Languages() []string { return slices.Clone(theCatalogue().Languages) }
