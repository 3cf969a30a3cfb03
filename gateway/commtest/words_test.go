package commtest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// places are what a sentence wants to have filled in.
func places(s string) []string {
	list := regexp.MustCompile(`\{[a-z]+\}`).FindAllString(s, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

func TestEverySentenceIsThereInEveryLanguageWithTheSamePlaces(t *testing.T) {
	for key, in := range sentences() {
		for _, lang := range Languages {
			if in[lang] == "" {
				t.Errorf("%s has no sentence in %s", key, lang)
			}
			if got, want := places(in[lang]), places(in["en"]); !slices.Equal(got, want) {
				t.Errorf("%s in %s fills in %v; want %v", key, lang, got, want)
			}
		}
		for lang, s := range in {
			if !slices.Contains(Languages, lang) {
				t.Errorf("%s has a sentence in %s, which is no language here", key, lang)
			}
			if strings.Contains(s, "http") || strings.Contains(s, "www.") {
				t.Errorf("%s in %s has a link: scanners follow them", key, lang)
			}
		}
	}
}

func TestEveryCodeSaysWhatItMeansAndWhatToDo(t *testing.T) {
	for _, code := range []Code{Address, NoRoute, TLS, Login, NoKey, Unconfirmed, KeyExpired, KeyExpires, KeyRevoked, KeyWeak, Withheld, Bounce, Delayed, WSDown, WSAuth,
		Spam, AutoReply, NoAnswer, NoDecrypt, WrongKey, Replay, NoCode, Unsigned, BadSig, NotSender, WrongPerson, Echo, WrongChannel, CallBack, Clock, FormBroken,
		Charset, AttLost, Mangled, Nominal, NoForm, WrongMode, NoPerson, NoSecond, Disagree, TooLate, NotOnward, Style, OneWay} {
		for _, way := range []Way{There, Back} {
			f := Finding{Code: code, Way: way, Who: ByParticipant}
			for _, what := range []string{"means", "do"} {
				if !knows(f.key(what)) {
					t.Errorf("%s has no sentence %q", code, f.key(what))
				}
			}
		}
	}
}
