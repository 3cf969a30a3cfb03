package form

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

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
	Key      string            `json:"key,omitempty"`  // of the sentence in lang/*.yaml
	Args     map[string]string `json:"args,omitempty"` // what fills the sentence's {names}
}

// NewProblem makes a problem with the general sentence of its code. The
// arguments "reason", "value" and "limit" are put into it: "value" is what was sent,
// the others are words of our own.
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
	said := sentence(p.Key, lang)
	if said == "" {
		said = p.Message
	}
	args := maps.Clone(p.Args)
	if args == nil {
		args = map[string]string{}
	}
	if t := args["type"]; t != "" {
		args["type"] = TypeName(t, lang)
	}
	args["box"] = p.Box
	args["name"] = Label(p.Box, lang)
	for _, own := range []string{"name.en", "name." + baseLanguage(lang)} {
		if args[own] != "" {
			args["name"] = args[own]
		}
	}
	said = fill(said, args)
	return strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(said, ":  ", ": "), ": .", "."))
}

// unsaid stands where nothing of what was sent may be repeated.
const unsaid = "[" + withheld + "]"

// Unsaid is the problem as it may be told where others can read along: it names the
// box and says what belongs there, and repeats nothing of what was sent. [*] stands
// for it, also for the code of a box that neither the form nor the profile knows.
func (p Problem) Unsaid(profile *Profile) Problem {
	if p.Box != "" && !profile.holds(p.Box) {
		p.Box = unsaid
	}
	if sentence(p.Key, "en") == "" { // its message may hold anything
		p.Key = "nak-" + strconv.Itoa(p.Code)
	}
	args := map[string]string{}
	for name, value := range p.Args {
		if args[name] = unsaid; ownArgument(p.Key, name) {
			args[name] = value
		}
	}
	if own := p.Key + "-unsaid"; sentence(own, "en") != "" { // the usual one says nothing without the value
		p.Key = own
	}
	p.Args, p.Message = args, ""
	p.Message = p.In("en")
	return p
}

// ownArgument reports whether an argument of a sentence is ours: an example, a limit,
// a list of codes, a label of the operation's. Every other one may hold what was sent.
func ownArgument(key, name string) bool {
	switch name {
	case "list": // of boxes, in these
		return key != "beside-form" && key != "not-normal"
	case "example", "limit", "reason":
		return true
	}
	return strings.HasPrefix(name, "name.")
}

// sentence is a message of lang/*.yaml in a language, else in English, else "".
func sentence(key, lang string) string {
	english := ""
	for _, w := range theWords() {
		if w.lang == baseLanguage(lang) && w.Messages[key] != "" {
			return w.Messages[key]
		}
		if w.lang == "en" {
			english = w.Messages[key]
		}
	}
	return english
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// fill puts arguments where a sentence names them.
func fill(sentence string, args map[string]string) string {
	return placeholder.ReplaceAllStringFunc(sentence, func(name string) string { return args[strings.Trim(name, "{}")] })
}

// NoForm says that a text holds no box at all.
func NoForm() Problem { return newProblem("no-box", 18, Error, "", nil) }

// GuessedCharset warns that ToUTF8 had to guess.
func GuessedCharset(charset string) Problem {
	return newProblem("charset", 14, Warning, "", map[string]string{"value": charset})
}

// CheckValueProblem warns of a form that Changed.
func CheckValueProblem() Problem { return newProblem("changed", 14, Warning, "A24", nil) }

// OtherSigner says that box A6 names another sender than the one who signed.
func OtherSigner(a6, signer string) Problem {
	return newProblem("other-signer", 62, Error, "A6", map[string]string{"value": a6, "limit": signer})
}

// OtherSender says that box A6 names another sender than the one whom the form, which
// nobody signed, came from.
func OtherSender(a6, sender string) Problem {
	return newProblem("other-sender", 62, Error, "A6", map[string]string{"value": a6, "limit": sender})
}

// OtherOperation says that box A3 names another operation than that of the session
// over which the form came.
func OtherOperation(a3, session string) Problem {
	return newProblem("other-operation", 60, Error, "A3", map[string]string{"value": a3, "limit": session})
}

// NotYours says that a correction or cancellation names, in box A5, no form that its
// sender sent.
func NotYours(a5 string) Problem {
	return newProblem("not-yours", 12, Error, "A5", map[string]string{"value": a5})
}

// WasCancelled says that a correction or cancellation names, in box A5, a form that is
// cancelled already.
func WasCancelled(a5 string) Problem {
	return newProblem("was-cancelled", 14, Error, "A5", map[string]string{"value": a5})
}

// Say is the message as people read it, words first and codes last: "Quantity
// (box C4) is empty. … (error 13 C4)".
func (p Problem) Say(lang string) string {
	code := sentence("severity-"+string(p.Severity), lang) + " " + strconv.Itoa(p.Code)
	if p.Box != "" {
		code += " " + p.Box
	}
	return p.In(lang) + " (" + code + ")"
}

// Verdict says in a language whether a form with these problems is valid.
func Verdict(problems []Problem, lang string) string {
	if HasErrors(problems) {
		return sentence("form-invalid", lang)
	}
	return sentence("form-valid", lang)
}

// HasErrors reports whether any of the problems stops the form.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// NAKText gives the words for a NAK code in a language, "" for a code that
// doesn't exist.
func NAKText(code int, lang string) string {
	return Problem{Key: "nak-" + strconv.Itoa(code)}.In(lang)
}
