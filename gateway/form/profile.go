package form

import (
	"slices"
	"time"
)

// Profile is an operation's own choice of the form. It can't change what a box
// code means. Nil is the form as it is.
type Profile struct {
	Use      []string                     `yaml:"use"`      // form types in use; empty for all
	Require  map[string][]string          `yaml:"require"`  // optional boxes made mandatory, by form type
	Restrict map[string][]string          `yaml:"restrict"` // codes allowed in a box
	Extra    []ExtraBox                   `yaml:"boxes"`    // X boxes
	Labels   map[string]map[string]string `yaml:"labels"`   // by language, then box code
}

// ExtraBox is a box that an operation adds, X1 to X99.
type ExtraBox struct {
	Code      string            `yaml:"code"`
	Labels    map[string]string `yaml:"labels"`  // by language
	Nominal   *bool             `yaml:"nominal"` // nil: nobody said, counts as nominal
	Sensitive bool              `yaml:"sensitive"`
}

// Context is what a check must know besides the form.
type Context struct {
	Profile  *Profile  // nil: every form type, no additions
	Phase    string    // preparation, operation, evaluation; "" where unknown
	Now      time.Time // for dates that lie ahead; zero: not checked
	Received bool      // a partner's form before the gateway filled in: what it supplies isn't missing
	Legal    string    // the operation's legal basis, for A17
}

// alwaysInUse are the form types that no profile can leave out.
var alwaysInUse = []string{"ACK", "NAK", "MSG", "TST", "TSR", "COR", "CAN", "KEY", "REG", "OPN", "SHF", "NWS"}

func (p *Profile) uses(typ string) bool {
	return p == nil || len(p.Use) == 0 || slices.Contains(p.Use, typ) || slices.Contains(alwaysInUse, typ)
}

func (p *Profile) extra(code string) (ExtraBox, bool) {
	if p != nil {
		for _, b := range p.Extra {
			if canonical(b.Code) == code {
				return b, true
			}
		}
	}
	return ExtraBox{}, false
}

func (p *Profile) required(typ string) []string {
	if p == nil {
		return nil
	}
	return p.Require[typ]
}

func (p *Profile) restricts(code string) []string {
	if p == nil {
		return nil
	}
	return p.Restrict[code]
}

// labels are the operation's own names of a box, by language.
func (p *Profile) labels(code string) map[string]string {
	if p == nil {
		return nil
	}
	if x, ok := p.extra(code); ok {
		return x.Labels
	}
	own := map[string]string{}
	for lang, labels := range p.Labels {
		if label := labels[code]; label != "" {
			own[lang] = label
		}
	}
	return own
}

// label is the name of a box in a language: the operation's own, else the
// catalogue's, else the code itself.
func (p *Profile) label(code, lang string) string {
	own := p.labels(code)
	if s := own[baseLanguage(lang)]; s != "" {
		return s
	}
	if _, ok := p.extra(code); ok {
		return inLanguage(own, lang, code)
	}
	return Label(code, lang)
}
