package commtest

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// What the test says to people, a key for each sentence, every key in every
// language (a test sees to it).
//
//go:embed words.yaml
var wordsYAML []byte

//go:embed findings.yaml
var findingsYAML []byte

// Languages are those that people are spoken to in.
var Languages = []string{"en", "de", "fr", "lt", "lv", "el", "bg"}

var sentences = sync.OnceValue(func() map[string]map[string]string {
	all := map[string]map[string]string{}
	for name, data := range map[string][]byte{"words.yaml": wordsYAML, "findings.yaml": findingsYAML} {
		if err := yaml.Unmarshal(data, &all); err != nil {
			panic("gateway/commtest/" + name + ": " + err.Error()) // embedded: a test loads it
		}
	}
	return all
})

// say is a sentence in a language, English where we don't have it.
func say(lang, key string, args map[string]string) string {
	s := sentences()[key][lang]
	if s == "" {
		s = sentences()[key]["en"]
	}
	if len(args) == 0 {
		return s
	}
	pairs := make([]string, 0, 2*len(args))
	for k, v := range args {
		pairs = append(pairs, "{"+k+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// knows reports whether there is a sentence.
func knows(key string) bool { return sentences()[key] != nil }

// doneAs are codes whose cure is another's.
var doneAs = map[Code]Code{KeyExpires: KeyExpired, KeyWeak: KeyRevoked}

// Told is a finding in words.
type Told struct {
	Seen  string `json:"seen"`  // what was seen
	Means string `json:"means"` // what it means
	Do    string `json:"do"`    // what to do
	Who   string `json:"who"`   // who does it
}

// Tell says a finding in a language.
func (f Finding) Tell(lang string) Told {
	args := map[string]string{}
	for k, v := range f.Args {
		args[k] = v
	}
	if f.Cause != "" {
		args["cause"], args["detail"] = inWords(lang, "cause-", f.Cause), inWords(lang, "mangled-", f.Cause)
		if d := f.Args["detail"]; d != "" && f.Code != Mangled {
			args["detail"] = d
		}
	}
	return Told{Seen: say(lang, f.Seen, args), Means: say(lang, f.key("means"), args), Do: say(lang, f.key("do"), args), Who: say(lang, "who-"+string(f.Who), nil)}
}

// key names the sentence about what a finding means, or what to do.
func (f Finding) key(what string) string {
	code := f.Code
	if as := doneAs[code]; as != "" && what == "do" {
		code = as
	}
	if key := fmt.Sprintf("%s-%s-%s", code, f.Way, what); knows(key) {
		return key
	}
	return fmt.Sprintf("%s-%s", code, what)
}

// inWords says a cause; one that there is no word for stands as it is.
func inWords(lang, prefix, cause string) string {
	var out []string
	for _, c := range strings.Fields(cause) {
		if knows(prefix + c) {
			c = say(lang, prefix+c, nil)
		}
		out = append(out, c)
	}
	return strings.Join(out, "; ")
}

// Language is the first of these that people are spoken to in, English where
// none is.
func Language(wanted ...string) string {
	for _, w := range wanted {
		w, _, _ = strings.Cut(strings.ToLower(w), "-")
		for _, have := range Languages {
			if w == have {
				return have
			}
		}
	}
	return "en"
}
