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
	Ask    []string          `yaml:"ask"`    // what a blank form asks for besides
	Answer string            `yaml:"answer"` // form type expected in answer, "" for none
	Names  map[string]string `yaml:"-"`      // by language
}

// BoxInfo describes a box.
type BoxInfo struct {
	Code    string            `yaml:"code"`
	Type    string            `yaml:"type"`    // how a value is written, as kindOf has it
	List    string            `yaml:"list"`    // name of the code list that its codes are in
	Max     int               `yaml:"max"`     // longest value in characters, 0 for the type's default
	Many    bool              `yaml:"many"`    // several values allowed
	One     bool              `yaml:"one"`     // exactly one, wherever its group or row is used
	Flag    string            `yaml:"flag"`    // N nominal, S sensitive, "" plain
	Nominal string            `yaml:"nominal"` // the rule by which what stands beside it makes it nominal
	Example string            `yaml:"example"` // a value, as messages show it
	Names   map[string]string `yaml:"-"`       // by language
}

// CodeInfo is one entry of a code list.
type CodeInfo struct {
	Code  string
	Names map[string]string // by language; none for countries and languages (CodeName has them) and currencies
}

type catalogue struct {
	Types   []TypeInfo `yaml:"types"`
	Boxes   []BoxInfo  `yaml:"boxes"`
	byCode  map[string]int
	byType  map[string]int
	lists   map[string][]CodeInfo
	members map[string]map[string]bool
}

// theCatalogue is read once; a broken one is a fault of the build, which the
// package's tests find, so it panics.
var theCatalogue = sync.OnceValue(func() *catalogue {
	c := &catalogue{byCode: map[string]int{}, byType: map[string]int{}, lists: map[string][]CodeInfo{}, members: map[string]map[string]bool{}}
	mustUnmarshal("catalogue.yaml", catalogueYAML, c)
	all := theWords()
	for i, b := range c.Boxes {
		c.byCode[b.Code] = i
		c.Boxes[i].Names = all.named(func(w words) string { return w.Boxes[b.Code] })
	}
	var types []string
	for i, t := range c.Types {
		c.byType[t.Code] = i
		c.Types[i].Names = all.named(func(w words) string { return w.Types[t.Code] })
		types = append(types, t.Code)
	}
	var lists map[string]string
	mustUnmarshal("codes.yaml", codesYAML, &lists)
	for name, text := range lists {
		c.list(name, splitList(text), func(w words, code string) string { return firstWord(w.Codes[name][code]) })
	}
	c.list("form-type", types, func(w words, code string) string { return w.Types[code] })
	return c
})

func mustUnmarshal(file string, data []byte, into any) {
	if err := yaml.Unmarshal(data, into); err != nil {
		panic(file + ": " + err.Error())
	}
}

// list adds a code list with its words.
func (c *catalogue) list(name string, codes []string, word func(w words, code string) string) {
	c.members[name] = map[string]bool{}
	for _, code := range codes {
		c.members[name][code] = true
		c.lists[name] = append(c.lists[name], CodeInfo{code, theWords().named(func(w words) string { return word(w, code) })})
	}
}

// firstWord is the name of a code; other words for it follow behind "|".
func firstWord(said string) string {
	word, _, _ := strings.Cut(said, "|")
	return strings.TrimSpace(word)
}

// splitList reads a code list: at commas where there is one, else at blanks.
func splitList(text string) []string {
	if !strings.Contains(text, ",") {
		return strings.Fields(text)
	}
	var out []string
	for code := range strings.SplitSeq(text, ",") {
		out = append(out, strings.TrimSpace(code))
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

// allows reports whether boxes of a group have a place in the form.
func (t TypeInfo) allows(group string) bool {
	return group == "A" || strings.Contains(t.Groups, group)
}

// Types lists the form types in the catalogue's order.
func Types() []TypeInfo { return slices.Clone(theCatalogue().Types) }

// Boxes lists the boxes in the catalogue's order.
func Boxes() []BoxInfo { return slices.Clone(theCatalogue().Boxes) }

// Codes lists a code list by its name, as BoxInfo.List gives it.
func Codes(list string) []CodeInfo { return slices.Clone(theCatalogue().lists[list]) }
