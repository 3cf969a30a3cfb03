package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// layOutHelp has every command's help laid out, which else would run together
// into one paragraph.
func layOutHelp(k *kong.Kong) error {
	return kong.Visit(k.Model, func(v kong.Visitable, next kong.Next) error {
		switch v := v.(type) {
		case *kong.Application:
			v.Detail = layOut(v.Detail)
		case *kong.Node:
			v.Detail = layOut(v.Detail)
		}
		return next(nil)
	})
}

// layOut makes a paragraph of each line, and puts an example on a line of its own,
// as it is typed. Indented lines stay as they are.
func layOut(detail string) string {
	var out strings.Builder
	indented := false
	add := func(line string) {
		before := indented
		if indented = strings.HasPrefix(line, "  "); out.Len() > 0 {
			out.WriteString("\n")
			if !indented || !before {
				out.WriteString("\n")
			}
		}
		out.WriteString(line)
	}
	for line := range strings.SplitSeq(detail, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if example, ok := strings.CutPrefix(line, "Example: "); ok {
			add("Example:")
			line = "  " + example
		}
		add(line)
	}
	return out.String()
}
