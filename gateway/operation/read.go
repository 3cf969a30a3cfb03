package operation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Lines knows on which line of a YAML file a key stands.
type Lines struct{ root *yaml.Node }

// Of returns the line of the value at a path of keys (string) and places in
// lists (int), or of what encloses it where the file has no such key; 0 where
// nothing is known.
func (l *Lines) Of(path ...any) int {
	if l == nil || l.root == nil {
		return 0
	}
	n, line := l.root, l.root.Line
	for _, step := range path {
		at, next := child(n, step)
		if next == nil {
			break
		}
		n, line = next, at
	}
	return line
}

// child returns a node's child and the line that names it.
func child(n *yaml.Node, step any) (int, *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch s := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && s < len(n.Content) {
			return n.Content[s].Line, n.Content[s]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == s {
				return n.Content[i].Line, n.Content[i+1]
			}
		}
	}
	return 0, nil
}

// Decode reads the one YAML document of a file into a struct and returns every
// problem at once: keys that don't exist, values of the wrong kind, a second
// document, an empty file. The struct is only to be used where there are none.
func Decode(data []byte, file string, into any) (*Lines, []Problem) {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	err := d.Decode(&doc)
	if err == io.EOF || err == nil && doc.Content[0].ShortTag() == "!!null" {
		return nil, []Problem{{File: file, Line: 1, Severity: "error", Code: "empty", Message: "the file is empty; begin with the example"}}
	}
	if err != nil {
		return nil, decodeProblems(err, file, nil)
	}
	root := doc.Content[0]
	var out []Problem
	if err := d.Decode(&second); err == nil {
		out = append(out, Problem{File: file, Line: second.Line, Severity: "error", Code: "second-document",
			Message: "a second document begins here; put it into a file of its own"})
	} else if err != io.EOF {
		out = append(out, decodeProblems(err, file, nil)...)
	}
	strict := yaml.NewDecoder(bytes.NewReader(data))
	strict.KnownFields(true)
	if err := strict.Decode(into); err != nil {
		out = append(decodeProblems(err, file, root), out...)
	}
	return &Lines{root: root}, out
}

var (
	linePattern  = regexp.MustCompile(`line (\d+): `)
	fieldPattern = regexp.MustCompile(`field (\S+) (not found|already set) in type \S+`)
	kindPattern  = regexp.MustCompile("cannot unmarshal !!(\\S+) (?:`(.*)` )?into (\\S+)")
)

// decodeProblems turns the decoder's errors into ours: the key and its line.
func decodeProblems(err error, file string, root *yaml.Node) []Problem {
	messages := []string{err.Error()}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		messages = te.Errors
	}
	var out []Problem
	for _, m := range messages {
		p := Problem{File: file, Severity: "error", Code: "yaml"}
		if match := linePattern.FindStringSubmatch(m); match != nil {
			p.Line, _ = strconv.Atoi(match[1])
			m = strings.Replace(m, match[0], "", 1)
		}
		p.Message = strings.TrimPrefix(m, "yaml: ")
		if match := fieldPattern.FindStringSubmatch(m); match != nil {
			p.Code, p.Message = "unknown-key", fmt.Sprintf("there is no key %q here; check the spelling against the example", match[1])
			if match[2] == "already set" {
				p.Code, p.Message = "yaml", fmt.Sprintf("the key %q is there twice", match[1])
			}
		} else if match := kindPattern.FindStringSubmatch(m); match != nil {
			p.Message = keyAt(root, p.Line, match[2]) + wrongKind(match[1], match[2], match[3])
		} else if match := quotedPattern.FindStringSubmatch(m); match != nil {
			p.Message = keyAt(root, p.Line, match[1]) + p.Message
		}
		out = append(out, p)
	}
	return out
}

var quotedPattern = regexp.MustCompile(`^"(.*)" is not a `)

var kinds = map[string]string{"seq": "a list", "map": "a group of keys", "bool": "yes or no (true, false)", "int": "a whole number", "string": "a text",
	"time.Duration": "a time span such as 10m or 2h"}

// wrongKind says what stands there and what is wanted instead.
func wrongKind(tag, value, into string) string {
	found, want := kinds[tag], kinds[into]
	if value != "" {
		found = strconv.Quote(value)
	}
	switch {
	case found == "":
		found = "this"
	case want == "" && strings.HasPrefix(into, "[]"):
		want = kinds["seq"]
	}
	if want == "" {
		want = kinds["map"]
		if strings.HasSuffix(into, "Code") || strings.HasSuffix(into, "Kind") {
			want = kinds["string"]
		}
	}
	return fmt.Sprintf("%s is not %s, which belongs here", found, want)
}

// keyAt names the key whose value stands on a line, "nominal.send.operation: ";
// the decoder shortens long values to a beginning and dots.
func keyAt(n *yaml.Node, line int, value string) string {
	if key := keyOf(n, line, strings.TrimSuffix(value, "...")); key != "" {
		return key + ": "
	}
	return ""
}

func keyOf(n *yaml.Node, line int, value string) string {
	if n == nil {
		return ""
	}
	for i, c := range n.Content {
		name, pair := "", n.Kind == yaml.MappingNode
		if pair && i%2 == 0 {
			continue
		} else if pair {
			name = n.Content[i-1].Value
		}
		if deeper := keyOf(c, line, value); deeper != "" {
			return strings.TrimPrefix(name+"."+deeper, ".")
		}
		if pair && c.Line == line && (c.Kind != yaml.ScalarNode && value == "" || c.Kind == yaml.ScalarNode && value != "" && strings.HasPrefix(c.Value, value)) {
			return name
		}
	}
	return ""
}
