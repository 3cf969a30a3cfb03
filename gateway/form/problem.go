package form

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed messages.yaml
var messagesYAML []byte

// Severity says whether a problem stops the form.
type Severity string

// An Error is answered with a NAK that names the box; a Warning travels with
// the form and is shown.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one thing wrong with a form. Message is English; In gives other
// languages, also after a trip through JSON.
type Problem struct {
	Code     int               `json:"code"` // NAK code, 12 to 92
	Severity Severity          `json:"severity"`
	Box      string            `json:"box,omitempty"` // address, "" for the form as a whole
	Message  string            `json:"message"`
	Key      string            `json:"key,omitempty"`  // of the sentence in messages.yaml
	Args     map[string]string `json:"args,omitempty"` // what fills the sentence's {names}
}

// NewProblem makes a problem with the general sentence of its code. The
// arguments "reason", "value" and "limit" are put into it.
func NewProblem(code int, severity Severity, box string, args map[string]string) Problem {
	return newProblem("nak-"+strconv.Itoa(code), code, severity, box, args)
}

func newProblem(key string, code int, severity Severity, box string, args map[string]string) Problem {
	p := Problem{Code: code, Severity: severity, Box: box, Key: key, Args: args}
	p.Message = p.In("en")
	return p
}

// In gives the message in a language, else in English.
func (p Problem) In(lang string) string {
	sentence := inLanguage(messages()[p.Key], lang, p.Message)
	pairs := []string{"{box}", p.Box, "{name}", Label(p.Box, lang)}
	for _, name := range []string{"value", "reason", "limit", "first", "second", "type", "example", "list"} {
		value := p.Args[name]
		if name == "type" && value != "" {
			value = TypeName(value, lang)
		}
		pairs = append(pairs, "{"+name+"}", value)
	}
	said := strings.NewReplacer(pairs...).Replace(sentence)
	return strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(said, ":  ", ": "), ": .", "."))
}

// HasErrors reports whether any of the problems stops the form.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// NAKText gives the words for a NAK code in a language, "" for a code that
// doesn't exist.
func NAKText(code int, lang string) string {
	p := Problem{Key: "nak-" + strconv.Itoa(code)}
	return p.In(lang)
}

var messages = sync.OnceValue(func() map[string]map[string]string {
	var m map[string]map[string]string
	if err := yaml.Unmarshal(messagesYAML, &m); err != nil {
		panic("messages.yaml: " + err.Error())
	}
	return m
})
