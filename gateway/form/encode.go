package form

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// TextOptions say how a form is written as text.
type TextOptions struct {
	Lang     string                 // ISO 639-1; English where we don't have it
	Profile  *Profile               // labels and boxes of the operation; nil: the catalogue's
	Withhold func(addr string) bool // boxes shown as [*]; nil: none
	Words    bool                   // say what the codes mean, behind the form

	Blank bool // also write the empty boxes of the form's type, to be filled in, and how
	Long  bool // of a blank form: every box of its type, not the usual ones
	Rows  int  // of a blank form: rows of each repeated group; 0 is one
}

// Widths of a line. Mail programs leave shorter ones than shortLine alone, and
// folding values well before 72 leaves room for quote marks.
const (
	indent    = 2
	shortLine = 40
	foldAt    = 64
)

const (
	begin = "JCOFORM/1 BEGIN"
	end   = "JCOFORM/1 END"
)

// Text writes the form for a mail program: a box a line, its value inside
// brackets, A24 always and last. The form is written in normal form. Lines end
// in LF, none begins with a dash, a dot or "From ".
func (f *Form) Text(opt TextOptions) string {
	n := f.Normal()
	n.Set("A24")
	check := n.CheckValue()
	lines := append([]string{begin}, shortLines(sentence("write-inside", opt.Lang))...)
	must := mustOf(n.Type(), opt.Profile)
	if opt.Blank {
		lines = append(lines, shortLines(sentence("hint-must", opt.Lang))...)
	}
	boxes := n.textBoxes(opt)
	for _, addr := range boxes {
		a, _ := parseAddress(addr)
		value := n.textValue(a)
		if opt.withholds(addr) && value != "" {
			value = withheld
		}
		lines = append(lines, opt.line(a, value, opt.Blank && a.row == 1 && slices.Contains(must, a.code)))
	}
	if !opt.Blank && !slices.ContainsFunc(n.Addresses(), opt.withholds) {
		lines = append(lines, opt.line(address{"A24", 1}, check, false))
	}
	lines = append(lines, end)
	switch {
	case opt.Blank:
		lines = append(lines, opt.hints(boxes)...)
	case opt.Words:
		lines = append(lines, n.inWords(opt)...)
	}
	return strings.Join(append(lines, ""), "\n")
}

func (o TextOptions) withholds(addr string) bool { return o.Withhold != nil && o.Withhold(addr) }

// line is one box in text: its label, code and value; a star marks one that must
// be filled in. A label that makes the line long stands on a line of its own.
func (o TextOptions) line(a address, value string, must bool) string {
	label := labelText(o.Profile.label(a.code, o.Lang))
	if label == a.code {
		label = ""
	}
	if must {
		label = "* " + label
	}
	box := a.String() + ":" + unbroken + "[" + value + "]"
	whole := strings.TrimSpace(label + " " + box)
	if indent+utf8.RuneCountInString(whole) >= shortLine && indent+utf8.RuneCountInString(box) < shortLine {
		return foldLine(label) + "\n" + foldLine(box)
	}
	return foldLine(whole)
}

// labelText is a label without what would be read as structure.
func labelText(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("[]:\r\n\t ", r) }), " ")
}

func (f *Form) textValue(a address) string {
	b, _ := a.box()
	v := f.boxes[a.String()]
	text := joined(b, v)
	if b.Type == "locode" && locodeShape.MatchString(text) {
		return text[:2] + " " + text[2:] // as people write it: NL RTM
	}
	return escape(text)
}

var (
	locodeShape = regexp.MustCompile(`^[A-Z]{2}[A-Z2-9]{3}$`)
	shownPlace  = regexp.MustCompile(`^[A-Z]{2} [A-Z2-9]{3}$`)
)

// stripped is what a reader takes from the start of a line, so that no folded
// line may begin with it.
var stripped = regexp.MustCompile(`^(?:[>|¦]|[-*+•·‣⁃▪●○◦◆■□–—−§](?:\s|$)|o$|\(?(?:[0-9]{1,3}|[a-z])[.)]$|[.-]|From$)`)

// unbroken stands for a blank at which a line isn't folded; no value in normal
// form has one.
const unbroken = "\u00a0"

// foldLine breaks a line at blanks, never so that the reader or a mail program
// would take the next line's beginning for something else: such words stay
// with the one before them.
func foldLine(line string) string {
	var b strings.Builder
	width := 1
	for i, chunk := range chunks(line) {
		chunk = strings.ReplaceAll(chunk, unbroken, " ")
		long := utf8.RuneCountInString(chunk)
		if i > 0 && width+1+long > foldAt {
			b.WriteString("\n   ")
			width = 3
		}
		b.WriteString(" " + chunk)
		width += 1 + long
	}
	return " " + b.String()
}

// shortLines breaks our own words so that no mail program joins or breaks them.
func shortLines(words string) (lines []string) {
	line := ""
	for _, w := range strings.Fields(words) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) >= shortLine {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + w)
	}
	return append(lines, line)
}

// chunks are the words of a line, each with the words behind it that can't
// begin a line.
func chunks(line string) []string {
	var out []string
	for _, w := range strings.Split(line, " ") {
		if n := len(out); n > 0 && stripped.MatchString(w) {
			out[n-1] += " " + w
			continue
		}
		out = append(out, w)
	}
	return out
}
