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
	Withhold func(addr string) bool // boxes shown as [*]; nil: none
	Blank    bool                   // also write the empty boxes of the form's type, to be filled in
	Profile  *Profile               // labels of the operation; nil: the catalogue's
}

// Widths of a line: two boxes don't share one; longer values fold at blanks.
// Folding well before 72 leaves room for quote marks.
const foldAt = 64

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
	lines := []string{begin, "  " + (Problem{Key: "write-inside"}).In(opt.Lang)}
	for _, addr := range n.textBoxes(opt) {
		a, _ := parseAddress(addr)
		value := n.textValue(a)
		if opt.Withhold != nil && n.Get(addr) != "" && opt.Withhold(addr) {
			value = withheld
		}
		lines = append(lines, foldLine("  "+opt.label(a)+addr+": ["+value+"]"))
	}
	if !opt.Blank && (opt.Withhold == nil || !slices.ContainsFunc(n.Addresses(), opt.Withhold)) {
		lines = append(lines, "  "+opt.label(address{"A24", 1})+"A24: ["+check+"]")
	}
	return strings.Join(append(lines, end, ""), "\n")
}

// label gives the words before a code, with a blank behind; letters that would
// be read as structure are left out.
func (o TextOptions) label(a address) string {
	name := Label(a.code, o.Lang)
	if o.Profile != nil {
		if own := o.Profile.Labels[o.Lang][a.code]; own != "" {
			name = own
		}
		if x, ok := o.Profile.extra(a.code); ok {
			name = inLanguage(x.Labels, o.Lang, a.code)
		}
	}
	if name == a.code {
		return ""
	}
	return labelText(name) + " "
}

// labelText is a label without what would be read as structure.
func labelText(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("[]:\r\n\t ", r) }), " ")
}

// textBoxes are the boxes to write: the filled ones and, in a blank form, those
// that its type asks for.
func (f *Form) textBoxes(opt TextOptions) []string {
	addrs := f.Addresses()
	if !opt.Blank {
		return addrs
	}
	blank := f.Clone()
	t, _ := typeOf(f.Type())
	for _, addr := range slices.Concat([]string{"A1", "A3", "A4", "A6", "A7", "A9"}, t.Must, opt.Profile.required(f.Type())) {
		if blank.Get(addr) == "" {
			blank.Set(addr, "")
		}
	}
	return blank.Addresses()
}

func (p *Profile) required(typ string) []string {
	if p == nil {
		return nil
	}
	return p.Require[typ]
}

func (f *Form) textValue(a address) string {
	b, _ := a.box()
	v := strings.Join(f.boxes[a.String()], manySeparator(b))
	return strings.NewReplacer("[", "((", "]", "))").Replace(v)
}

// stripped is what the reader takes from the start of a line, so that no folded
// line may begin with it.
var stripped = regexp.MustCompile(`^(?:[>|]|[-*•·‣▪◦–—−](?:\s|$)|[0-9]{1,3}[.)](?:\s|$)|[.-]|From$)`)

// foldLine breaks a line at blanks, never so that the reader or a mail program
// would take the next line's beginning for something else: such words stay
// with the one before them.
func foldLine(line string) string {
	var b strings.Builder
	width := 1
	for i, chunk := range chunks(strings.TrimLeft(line, " ")) {
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
