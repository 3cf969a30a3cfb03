package operation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Problem is something wrong with a file. Errors stop it from being applied,
// warnings never do.
type Problem struct {
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Severity string `json:"severity"` // error · warning
	Code     string `json:"code"`     // what to name in "justified"
	Message  string `json:"message"`
}

func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where += ":" + strconv.Itoa(p.Line)
	}
	return strings.TrimSpace(where + ": " + p.Severity + ": " + p.Message)
}

// Date is a day, 2026-11-02, kept as its first moment in UTC.
type Date struct{ time.Time }

// UnmarshalYAML reads 2026-11-02.
func (d *Date) UnmarshalYAML(n *yaml.Node) error {
	t, err := time.Parse(time.DateOnly, n.Value)
	if err != nil {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a date; write it as 2026-11-02", n.Line, n.Value)}}
	}
	d.Time = t
	return nil
}

// MarshalYAML writes 2026-11-02.
func (d Date) MarshalYAML() (any, error) { return d.Format(time.DateOnly), nil }

// Duration is a time span, "10m", "2h", "24h".
type Duration struct{ time.Duration }

// UnmarshalYAML reads 10m.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v <= 0 {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a time span; write it as 10m or 2h", n.Line, n.Value)}}
	}
	d.Duration = v
	return nil
}

// Parse reads an operation and fills in the defaults. The operation is nil
// where the file can't be read as one; problems name every unknown key and
// wrong value with its line, all at once.
func Parse(data []byte, file string) (*Operation, []Problem) {
	o := &Operation{
		Priorities: Priorities{Urgent: Duration{10 * time.Minute}, Priority: Duration{2 * time.Hour}, Routine: Duration{24 * time.Hour}},
		Policy:     Policy{Unsigned: "held", Unconfirmed: "held"},
	}
	lines, problems := Decode(data, file, o)
	for i, p := range o.Participants {
		if p == nil {
			problems = append(problems, Problem{File: file, Line: lines.Of("participants", i), Severity: "error", Code: "empty",
				Message: fmt.Sprintf("participants: entry %d is empty; remove the lone hyphen or fill it in", i+1)})
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	o.lines = lines
	for _, p := range o.Participants {
		for i := range p.Channels {
			p.Channels[i].defaults()
		}
	}
	for i := range o.Desk.Channels {
		o.Desk.Channels[i].defaults()
	}
	return o, nil
}

// Forget drops where everything stands in the file, which takes ten times what the
// operation itself does: for one that is kept, and not checked again.
func (o *Operation) Forget() { o.lines = nil }

func (c *Channel) defaults() {
	if c.Kind == PGPMail && c.Style == "" {
		c.Style = "pgp-mime"
	}
	if c.Kind == Mail && c.Fallback == "" {
		c.Fallback = "notice"
	}
	if c.Kind == Mail && c.Trust == "" {
		c.Trust = "dmarc"
	}
}
