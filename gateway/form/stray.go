package form

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// maxStray is how much of the text between two boxes is looked at, in bytes.
const maxStray = 2000

// links are brackets that programs write, not people.
var links = regexp.MustCompile(`\[(?:mailto:|cid:|https?:|image|external|extern)[^\]]*\]`)

// bareCode is a code with its colon where no bracket follows.
var bareCode = regexp.MustCompile(`(?:^|[^\pL\pN.])([A-Za-z` + lookAlikes + `]{1,2}[0-9]{1,2}(?:\.[0-9]{1,2})?)\s*:\s*`)

// between looks at what stands between two boxes of a form: text beside the
// brackets, a bracket too many, a box that lost its brackets.
func (r *reader) between(b, next box) {
	text := r.brackets(b, clip(b.after, maxStray))
	if !r.bare(text, next) && !r.nameless(b, text) {
		r.beside(b, text, next)
	}
}

// nameless names a value in brackets beside a box that has no code.
func (r *reader) nameless(b box, text string) bool {
	if !strings.Contains(text, "[") {
		return false
	}
	r.problem("no-code", 18, Error, b.addr, nil)
	return true
}

// behind looks at what stands behind the last box: up to the END mark or, where
// there is none, the end of the line.
func (r *reader) behind(b box, ended bool) {
	text := clip(b.after, maxStray)
	if !ended {
		text, _, _ = strings.Cut(text, "\n")
	}
	text = r.brackets(b, text)
	if ended && (r.bare(text, box{}) || r.nameless(b, text)) {
		return
	}
	if r.empty(b) && (leadingDigits.MatchString(text) || ended && wordy(text)) {
		r.stray(b.addr, text)
	}
}

// brackets loses a box behind which a bracket closes once more, since nobody
// knows which ends its value, and gives the text without programs' links.
func (r *reader) brackets(b box, text string) string {
	text = links.ReplaceAllString(text, "")
	if closing := strings.IndexByte(text, ']'); closing >= 0 && !strings.Contains(text[:closing], "[") {
		r.lose(b.addr)
	}
	return text
}

func (r *reader) empty(b box) bool { return blank(tidy(b.inside)) }

var leadingDigits = regexp.MustCompile(`^[^\pL]{0,3}[0-9]`)

// bare notes boxes that lost their brackets: "C4: 120". Where the next box
// follows at once ("C4: C5: [120]"), nobody knows whose its value is.
func (r *reader) bare(text string, next box) (noted bool) {
	found := bareCode.FindAllStringSubmatchIndex(text, maxValues)
	for i, m := range found {
		a, ok := parseAddress(codeOf(text[m[2]:m[3]]))
		if _, known := a.box(); !ok || !known {
			continue
		}
		until := len(text)
		if i+1 < len(found) {
			until = found[i+1][0]
		}
		noted = true
		said := strings.TrimSpace(text[m[1]:until])
		r.outside[a.String()] = said
		if said == "" && next.known {
			r.lose(next.addr)
		}
	}
	return noted
}

// beside notes text behind a box that isn't the next box's label. Behind an
// empty box it is probably its value. A label we don't know can't be told from
// it, so there only digits count, or words that the line ends in.
func (r *reader) beside(b box, text string, next box) {
	rest, labelled := withoutLabel(text, next.addr.code)
	line, _, wrapped := strings.Cut(text, "\n")
	switch {
	case labelled && wordy(rest):
	case labelled || !r.empty(b):
		return
	case strings.ContainsFunc(text, unicode.IsDigit):
		rest = text
	case wrapped && wordy(line):
		rest = line
	default:
		return
	}
	if r.empty(b) {
		r.stray(b.addr, rest)
		return
	}
	r.problem("beside", 14, Warning, b.addr, map[string]string{"outside": outsideText(rest)})
}

// withoutLabel takes the next box's label, in whatever language of ours, off the
// end of a text.
func withoutLabel(text, code string) (rest string, found bool) {
	text = tidy(strings.ReplaceAll(text, "\n", " "))
	for _, w := range theWords() {
		if rest, found = strings.CutSuffix(text, labelText(w.Boxes[code])); found && w.Boxes[code] != "" {
			return rest, true
		}
	}
	return text, false
}

func wordy(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

func (r *reader) stray(a address, text string) {
	if key := a.String(); r.outside[key] == "" {
		r.outside[key] = text
	}
}

// strayed names the boxes whose value stands outside brackets, and offers it to
// the operator. One that was read elsewhere isn't among them.
func (r *reader) strayed() {
	boxes := make([]string, 0, len(r.outside))
	for key := range r.outside {
		if len(r.f.boxes[key]) == 0 && !r.lost[key] && !r.clash[key] {
			boxes = append(boxes, key)
		}
	}
	slices.SortFunc(boxes, func(a, b string) int { x, _ := parseAddress(a); y, _ := parseAddress(b); return x.compare(y) })
	for _, key := range boxes {
		a, _ := parseAddress(key)
		r.problem("outside", 14, Warning, a, map[string]string{"outside": outsideText(r.outside[key])})
	}
}

// outsideText is what an operator sees of stray text; no sentence shows it.
func outsideText(s string) string {
	return clip(tidy(strings.ReplaceAll(s, "\n", " ")), 200)
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
