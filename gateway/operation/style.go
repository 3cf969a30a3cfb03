package operation

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// WithStyle is an operation file with another mail style of one channel; every
// other byte of it stays, comments and order too.
func WithStyle(data []byte, code ParticipantCode, channel int, style string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, errors.New("the file is empty")
	}
	ch := channelNode(doc.Content[0], code, channel)
	if ch == nil {
		return nil, fmt.Errorf("participant %s has no channel %d in it", code, channel+1)
	}
	for i := 0; i+1 < len(ch.Content); i += 2 {
		if ch.Content[i].Value == "style" {
			return spliced(data, ch.Content[i+1], ch.Content[i+1].Value, style)
		}
	}
	for i := 0; i+1 < len(ch.Content); i += 2 {
		key, value := ch.Content[i], ch.Content[i+1]
		switch {
		case key.Value != "kind":
		case ch.Style&yaml.FlowStyle != 0:
			return spliced(data, value, value.Value, value.Value+", style: "+style)
		default:
			return spliced(data, value, value.Value, value.Value+"\n"+strings.Repeat(" ", key.Column-1)+"style: "+style)
		}
	}
	return nil, errors.New("the channel has no kind")
}

// channelNode finds a participant's channel.
func channelNode(root *yaml.Node, code ParticipantCode, channel int) *yaml.Node {
	_, participants := child(root, "participants")
	if participants == nil {
		return nil
	}
	for _, p := range participants.Content {
		if p.Kind == yaml.AliasNode {
			p = p.Alias
		}
		if _, c := child(p, "code"); c == nil || c.Value != string(code) {
			continue
		}
		_, list := child(p, "channels")
		if list != nil && list.Kind == yaml.AliasNode {
			return nil // shared with others: a change would be theirs too
		}
		if list != nil && channel < len(list.Content) && list.Content[channel].Kind == yaml.MappingNode {
			return list.Content[channel]
		}
	}
	return nil
}

// spliced replaces a plain or quoted value where it stands.
func spliced(data []byte, at *yaml.Node, old, replacement string) ([]byte, error) {
	lines := strings.SplitAfter(string(data), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return nil, errors.New("the value's line isn't there")
	}
	runes := []rune(lines[at.Line-1])
	if at.Column < 1 || at.Column > len(runes) {
		return nil, errors.New("the value's column isn't there")
	}
	before, rest := string(runes[:at.Column-1]), string(runes[at.Column-1:])
	for _, quote := range []string{"", `"`, "'"} {
		if after, ok := strings.CutPrefix(rest, quote+old+quote); ok {
			lines[at.Line-1] = before + replacement + after
			return []byte(strings.Join(lines, "")), nil
		}
	}
	return nil, fmt.Errorf("line %d doesn't hold %q as it was read", at.Line, old)
}
