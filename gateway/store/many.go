package store

import (
	"strconv"
	"strings"
)

// manyMost is how many rows one statement carries. Fewer go one by one, so that
// two texts are prepared and no more.
const manyMost = 50

// many gathers rows of which nobody waits for one into statements of fifty.
type many struct {
	t                  *tx
	before, row, after string // row has a ? for each value
	values             []any
}

func (m *many) put(values ...any) error {
	m.values = append(m.values, values...)
	if len(m.values) < manyMost*len(values) {
		return nil
	}
	all := m.values
	m.values = nil
	return m.t.put(m.text(manyMost), all...)
}

// flush puts what is left.
func (m *many) flush() error {
	per := strings.Count(m.row, "?")
	for ; len(m.values) > 0; m.values = m.values[per:] {
		if err := m.t.put(m.text(1), m.values[:per]...); err != nil {
			return err
		}
	}
	return nil
}

// text is the statement for so many rows.
func (m *many) text(rows int) string {
	var b strings.Builder
	b.WriteString(m.before)
	n := 0
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		for _, c := range m.row {
			if c != '?' {
				b.WriteRune(c)
				continue
			}
			n++
			b.WriteString("$" + strconv.Itoa(n))
		}
	}
	b.WriteString(m.after)
	return b.String()
}
