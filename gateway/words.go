package gateway

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// What the gateway itself says to people, in their language: one sentence a
// key, every key in every language (a test sees to it).
//
//go:embed words.yaml
var wordsYAML []byte

var phrases = sync.OnceValue(func() map[string]map[string]string {
	var m map[string]map[string]string
	if err := yaml.Unmarshal(wordsYAML, &m); err != nil {
		panic("gateway/words.yaml: " + err.Error()) // embedded: a test loads it
	}
	return m
})

// sayer returns a function that says the sentence of a key in a language,
// English where we don't have it.
func sayer(lang string) func(key string, args ...any) string {
	return func(key string, args ...any) string {
		sentence := phrases()[key][lang]
		if sentence == "" {
			sentence = phrases()[key]["en"]
		}
		if sentence == "" {
			return key
		}
		if len(args) == 0 {
			return sentence
		}
		return fmt.Sprintf(sentence, args...)
	}
}

// stateKey is a state as part of a key: "handed-over".
func stateKey(s State) string { return strings.ReplaceAll(string(s), " ", "-") }
