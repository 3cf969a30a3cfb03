package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"liaison/gateway"
	"liaison/gateway/operation"
)

// rows are what a terminal so wide shows of what is written to it.
func rows(written string, width int) (shown []string) {
	wraps, row, column := true, 0, 0
	for rest := written; rest != ""; {
		var up int
		switch {
		case strings.HasPrefix(rest, "\x1b[?7l"), strings.HasPrefix(rest, "\x1b[?7h"):
			wraps, rest = rest[4] == 'h', rest[5:]
			continue
		case strings.HasPrefix(rest, "\x1b[J"):
			shown, rest = shown[:row], rest[3:]
			continue
		case strings.HasPrefix(rest, "\x1b["):
			fmt.Sscanf(rest, "\x1b[%dA", &up)
			row, rest = max(0, row-up), rest[strings.Index(rest, "A")+1:]
			continue
		case rest[0] == '\n':
			row, column, rest = row+1, 0, rest[1:]
			continue
		case column == width && wraps:
			row, column = row+1, 0
		}
		for len(shown) <= row {
			shown = append(shown, "")
		}
		if column < width {
			shown[row], column = shown[row]+rest[:1], column+1
		}
		rest = rest[1:]
	}
	return shown
}

func TestTheMatrixIsDrawnOverItselfOnANarrowTerminal(t *testing.T) {
	var out bytes.Buffer
	b := &testBench{app: &app{t.Context(), streams{nil, &out, nil}}, s: &setup{}, op: &operation.Operation{Title: "Tobacco on the eastern road corridor"}}
	v := newView(b, jsonFlag{})
	for range 3 {
		v.draw(gateway.TestRun{ID: "OP-7K3-T001"}, nil)
	}
	for _, width := range []int{40, 200} {
		if got := rows(out.String(), width); len(got) != 1 {
			t.Errorf("a line drawn three times on a terminal of %d columns fills %d rows; want 1\n%s", width, len(got), strings.Join(got, "\n"))
		}
	}
}
