package form

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Normal gives the form in normal form: NFKC, single blanks, decimals with a
// point and no grouping, ISO dates in UTC, upper-case codes, empty boxes left
// out. What can't be read for certain stays as it is, for Check to name.
func (f *Form) Normal() *Form {
	n := &Form{boxes: map[string][]string{}}
	if f == nil {
		return n
	}
	n.seal = f.seal
	for key, values := range f.boxes {
		a, _ := parseAddress(key)
		if v := normalValues(a, values); len(v) > 0 {
			n.boxes[key] = v
		}
	}
	n.units()
	return n
}

// IsNormal reports whether Normal would change nothing.
func (f *Form) IsNormal() bool { return f.Equal(f.Normal()) }

func normalValues(a address, values []string) []string {
	b, known := a.box()
	if known && b.Many {
		return normalMany(b, values)
	}
	v := settle(b, known, strings.Join(values, ", "))
	if blank(v) || v == withheld {
		return nil
	}
	return []string{v}
}

// settle tidies and writes a value as its type wants it until nothing changes:
// a blank dropped can bring letters together that NFKC then composes.
func settle(b BoxInfo, known bool, v string) string {
	for range 8 {
		was := v
		v = tidy(v)
		if known && v != remove && !blank(v) && v != withheld {
			v = normalValue(b, v)
		}
		if v == was {
			break
		}
	}
	return v
}

func normalMany(b BoxInfo, values []string) []string {
	var out []string
	for _, v := range values {
		for _, item := range splitMany(b, tidy(v)) {
			item = settle(b, true, item)
			if item == remove && len(values) == 1 {
				return []string{remove}
			}
			if !filled(item) {
				continue
			}
			if !slices.Contains(out, item) {
				out = append(out, item)
			}
		}
	}
	return out
}

// manySeparator is what the text encoder writes between the values of a box;
// attachments' names may hold commas, so they get the paragraph mark.
func manySeparator(b BoxInfo) string {
	if b.Code == "A22" {
		return " // "
	}
	return ", "
}

// paragraphs splits at words that are a paragraph mark.
func paragraphs(v string) []string {
	out := []string{""}
	for _, w := range strings.Fields(v) {
		if w == "//" {
			out = append(out, "")
			continue
		}
		out[len(out)-1] += " " + w
	}
	return out
}

func splitMany(b BoxInfo, v string) []string {
	if b.Code == "A22" {
		return paragraphs(v)
	}
	return strings.FieldsFunc(v, func(r rune) bool {
		switch {
		case r == ',':
			return true
		case r == ';':
			return b.Type != "text" && b.Type != "group"
		}
		return r == ' ' && (b.Type == "ctry" || b.Type == "part" || b.Type == "ref")
	})
}

var (
	spaces   = regexp.MustCompile(`[\s\p{Z}]+`)
	newlines = regexp.MustCompile(`[ \t\r]*[\n\x{2028}\x{2029}][\s]*`)
)

// tidy brings any value into the shape that survives the text encoding.
func tidy(v string) string {
	v = strings.ToValidUTF8(v, "�")
	if strings.ContainsRune(v, '\n') {
		v = newlines.ReplaceAllString(strings.Trim(v, "\r\n\t "), " // ")
	}
	v = foldText(v)
	v = strings.NewReplacer("((", "[", "))", "]").Replace(v)
	v = strings.NewReplacer("([", "( [", ")]", ") ]").Replace(v)
	return strings.TrimSpace(spaces.ReplaceAllString(v, " "))
}

// foldText is rule 1 of the text reader: NFKC, brackets and blanks of every
// kind made plain, invisible characters dropped. It keeps line ends.
func foldText(s string) string {
	if ascii(s) {
		return s
	}
	s = norm.NFKC.String(strings.Map(fold, s))
	return norm.NFKC.String(strings.Map(fold, s))
}

func ascii(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

func fold(r rune) rune {
	switch r {
	case '［', '【', '〔':
		return '['
	case '］', '】', '〕':
		return ']'
	case '：':
		return ':'
	case '\n', '\t', '\r':
		return r
	case '\u2028', '\u2029', '\u0085':
		return ' '
	case '\u034f', '\u115f', '\u1160', '\u3164', '\uffa0':
		return -1
	}
	if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Variation_Selector, r) {
		return -1
	}
	if unicode.Is(unicode.Z, r) {
		return ' '
	}
	return r
}

// blank: nothing, dots or underscores.
func blank(v string) bool { return strings.Trim(v, " ._…") == "" }

// normalValue writes a value as its box's type wants it.
func normalValue(b BoxInfo, v string) string {
	if strings.ContainsAny(v, "[]()") {
		return v // no type has them, and a blank dropped between two changes their meaning
	}
	switch b.Type {
	case "dec", "int":
		if n, unclear := readNumber(v); n != "" && !unclear {
			return n
		}
	case "date":
		if d, ok := readDate(v); ok {
			return d
		}
	case "dt":
		if d, ok := readTime(v); ok {
			return d
		}
	case "time":
		if clock := strings.Replace(v, ".", ":", 1); clockShape.MatchString(clock) {
			return clock
		}
	case "ctry", "citizen":
		return normalCountry(v)
	case "code":
		return normalCode(b, v)
	case "hs":
		return strings.NewReplacer(" ", "", ".", "").Replace(v)
	case "locode", "ref", "part", "office", "container", "unit", "currency", "yn", "check":
		return strings.ToUpper(dropSpaces(b, v))
	}
	return v
}

func dropSpaces(b BoxInfo, v string) string {
	if strings.Trim(strings.ToUpper(v), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -/") != "" {
		return v
	}
	switch b.Type {
	case "container":
		return strings.NewReplacer(" ", "", "-", "", "/", "").Replace(v)
	case "ref", "office", "locode", "check":
		return strings.ReplaceAll(v, " ", "")
	}
	return v
}

func normalCode(b BoxInfo, v string) string {
	v = strings.ToUpper(v)
	switch b.Code {
	case "A13":
		v = strings.ReplaceAll(v, " ", "")
		if !strings.HasPrefix(v, "TLP:") && listed(b.List, "TLP:"+v) || v == "WHITE" {
			v = "TLP:" + v
		}
		if v == "TLP:WHITE" {
			v = "TLP:CLEAR"
		}
	case "A19", "P9", "Q2":
		v = strings.ToLower(v)
	case "E1":
		if code, ok := modeWords[v]; ok {
			return code
		}
	}
	return v
}

// modeWords are what records say for the mode of transport.
var modeWords = map[string]string{
	"COMMERCIAL AIR": "4", "PRIVATE AIR": "4", "AIR": "4", "COMMERCIAL LAND": "3", "COMMERCIAL ROAD": "3",
	"PRIVATE ROAD": "3", "PRIVATE LAND": "3", "ROAD": "3", "LAND": "3", "SEA": "1", "COMMERCIAL SEA": "1", "PRIVATE SEA": "1",
	"RAIL": "2", "RIVER": "8", "MAIL": "5", "POST": "5", "PEDESTRIAN": "9",
}
