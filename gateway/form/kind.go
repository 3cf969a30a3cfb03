package form

import (
	"regexp"
	"strings"
)

// kind is how the values of one type of box are written, read and judged.
type kind struct {
	// read gives a value in normal form; false where it can't be read for
	// certain, and then the value stays as it is. Nil: any text is a value.
	read func(b BoxInfo, v string) (string, bool)
	// judge names what is wrong with a value in normal form. Nil: what can't be
	// read breaks a rule (14), said by the sentence "shape-TYPE".
	judge func(c *checker, a address, b BoxInfo, v string)
	// pattern is what every value in normal form matches, for the schema.
	pattern string
	// between are the signs that stand between several values in text.
	between string
	// free: such a sign may stand inside a value too, so only text is split.
	free    bool
	example string
}

// kindOf gives the kind of a type of box; an unknown type is text.
func kindOf(typ string) kind {
	switch typ {
	case "code":
		return kind{read: readCode, judge: judgeListed, between: ",;"}
	case "language":
		return kind{read: readLanguage, judge: judgeListed, between: ",; ", example: "lv"}
	case "marking":
		return kind{read: readMarking, judge: judgeListed}
	case "ctry":
		return kind{read: readCountry, judge: judgeCountry, between: ",;", example: "LV"}
	case "dec":
		return kind{read: readDecimal, judge: judgeDecimal, pattern: `[0-9]+(\.[0-9]+)?`, example: "120"}
	case "int":
		return kind{read: readDecimal, judge: judgeInteger, pattern: `[0-9]{1,12}`, example: "12"}
	case "date":
		return kind{read: readPlain(readDate), judge: judgeDate, pattern: datePattern, example: "2027-01-15"}
	case "dt":
		return kind{read: readPlain(readTime), pattern: datePattern + `T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`, example: "2027-01-15T10:15:00Z"}
	case "time":
		return kind{read: readPlain(readClock), pattern: `([01][0-9]|2[0-3]):[0-5][0-9]`, example: "14:30"}
	case "hs":
		return kind{read: readPlain(readCommodity), judge: judgeCommodity, pattern: commodityPattern, example: "240220"}
	}
	k, ok := solidKinds[typ]
	switch {
	case typ == "ref":
		k.judge = judgeReference
	case typ == "locode":
		k.judge = judgePlace
	case typ == "container":
		k.judge = judgeContainer
	case !ok:
		return innerKind(typ)
	}
	return k
}

// solidKinds are written in capitals and digits without a blank.
var solidKinds = map[string]kind{
	"operation":   solid(`[A-Z0-9][A-Z0-9-]{0,15}`, "", "OP-7K3"),
	"ref":         solid(`[A-Z0-9]{2,12}(-[A-Z0-9]{1,12}){1,3}-[0-9]{4}-[0-9]{1,9}`, ",; ", "LV-VID-2027-000017"),
	"part":        solid(`[A-Z0-9][A-Z0-9+._-]{0,19}`, ",; ", "LV"),
	"office":      solid(`[A-Z]{2}[A-Z0-9]{6}`, "", "GB000060"),
	"locode":      solid(`[A-Z]{2}[A-Z2-9]{3}`, "", "LVRIX"),
	"fingerprint": solid(`[0-9A-F]{40}|[0-9A-F]{64}`, ",;", "40 x 0-9 A-F"),
	"container":   {read: readSolid, between: ",;", example: "CSQU3054383"},
	"check":       {read: readSolid, judge: accept},
}

func solid(pattern, between, example string) kind {
	whole := regexp.MustCompile("^(" + pattern + ")$")
	return kind{pattern: pattern, between: between, example: example, read: func(b BoxInfo, v string) (string, bool) {
		v, _ = readSolid(b, v)
		return v, whole.MatchString(v)
	}}
}

// accept takes every value: what is wrong with it is judged elsewhere.
func accept(*checker, address, BoxInfo, string) {}

// readSolid drops the blanks of a value in capitals and digits, and of a
// container number its hyphens and slashes.
func readSolid(b BoxInfo, v string) (string, bool) {
	v = strings.ToUpper(plain(v))
	if strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -/") != "" {
		return v, true
	}
	if b.Type == "container" {
		v = strings.NewReplacer("-", "", "/", "").Replace(v)
	}
	return strings.ReplaceAll(v, " ", ""), true
}

// readPlain makes a reader of one that knows ASCII alone.
func readPlain(read func(string) (string, bool)) func(BoxInfo, string) (string, bool) {
	return func(_ BoxInfo, v string) (string, bool) { return read(plain(v)) }
}

// normalValue writes a value as its box's type wants it.
func normalValue(b BoxInfo, v string) string {
	k := kindOf(b.Type)
	if k.read == nil {
		return v
	}
	if n, ok := k.read(b, v); ok {
		return n
	}
	return v
}

// example is a value of a box, as messages show it; "" where any words will do.
func (b BoxInfo) example() string {
	switch k := kindOf(b.Type); {
	case b.Example != "":
		return b.Example
	case k.example != "":
		return k.example
	case b.List != "":
		return Codes(b.List)[0].Code
	}
	return ""
}
