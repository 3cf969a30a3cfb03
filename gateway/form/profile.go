package form

import "time"

// Profile is an operation's own choice of the form. It can't change what a box
// code means.
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
