package form

import (
	"strconv"
	"strings"
)

// address is a box's place: code C4 and row 1 upwards.
type address struct {
	code string
	row  int
}

// parseAddress reads "C4", "C4.2" or "c04.02".
func parseAddress(s string) (address, bool) {
	code, row, dotted := strings.Cut(strings.ToUpper(strings.TrimSpace(s)), ".")
	letters := 0
	for letters < len(code) && 'A' <= code[letters] && code[letters] <= 'Z' {
		letters++
	}
	if letters < 1 || letters > 2 || !shortNumber(code[letters:]) || (dotted && !shortNumber(row)) {
		return address{}, false
	}
	a := address{code: code, row: 1}
	if code[letters] == '0' {
		n, _ := strconv.Atoi(code[letters:])
		a.code = code[:letters] + strconv.Itoa(n)
	}
	if dotted {
		a.row, _ = strconv.Atoi(row)
	}
	return a, a.row > 0
}

func shortNumber(s string) bool {
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	return len(s) == 1 && digit(s[0]) || len(s) == 2 && digit(s[0]) && digit(s[1])
}

// canonical is the key under which a box is kept; "" for no address.
func canonical(addr string) string {
	if a, ok := parseAddress(addr); ok {
		return a.String()
	}
	return ""
}

func (a address) String() string {
	if a.row <= 1 {
		return a.code
	}
	return a.code + "." + strconv.Itoa(a.row)
}

// group is the letter part: "C" of C4.2.
func (a address) group() string {
	n := len(a.code)
	for n > 0 && '0' <= a.code[n-1] && a.code[n-1] <= '9' {
		n--
	}
	return a.code[:n]
}

func (a address) number() int {
	n, _ := strconv.Atoi(a.code[len(a.group()):])
	return n
}

// grouped reports whether the box belongs to a repeated group.
func (a address) grouped() bool {
	g := a.group()
	return g == "C" || g == "E" || g == "G"
}

// removesRow reports whether it is the made-up box that deletes a whole row.
func (a address) removesRow() bool { return a.grouped() && a.number() == 0 }

func (a address) box() (BoxInfo, bool) { return boxOf(a.code) }

// compare orders by catalogue: groups A B C … then unknown ones, rows within a
// group, boxes within a row.
func (a address) compare(b address) int {
	if d := groupRank(a.group()) - groupRank(b.group()); d != 0 {
		return d
	}
	if d := strings.Compare(a.group(), b.group()); d != 0 {
		return d
	}
	if a.grouped() && a.row != b.row {
		return a.row - b.row
	}
	if d := a.number() - b.number(); d != 0 {
		return d
	}
	return a.row - b.row
}

func groupRank(group string) int {
	if i := strings.Index("ABCDEFGHKPTQ", group); i >= 0 && len(group) == 1 {
		return i
	}
	return 100
}
