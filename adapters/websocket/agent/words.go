package agent

import (
	_ "embed"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed words.yaml
var wordsYAML []byte

// words are the sentences by key and language.
var words = sync.OnceValue(func() map[string]map[string]string {
	var m map[string]map[string]string
	if err := yaml.Unmarshal(wordsYAML, &m); err != nil {
		panic("words.yaml: " + err.Error())
	}
	return m
})

// say gives a sentence in a language, else in English, with its {names} filled in
// from pairs of name and value.
func say(lang, key string, pairs ...string) string {
	sentence := words()[key][lang]
	if sentence == "" {
		sentence = words()[key]["en"]
	}
	if sentence == "" {
		return key
	}
	var fill []string
	for i := 0; i+1 < len(pairs); i += 2 {
		fill = append(fill, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(fill...).Replace(sentence)
}
