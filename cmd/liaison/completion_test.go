package main

import (
	"strings"
	"testing"
)

func TestCompletionLeavesFileNamesToTheShell(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete -o bashdefault -o default -C ", "zsh": "complete -o bashdefault -o default -C ", "fish": "complete -c liaison -a "} {
		if out, code := command(t, "", "completion", shell); code != exitDone || !strings.Contains(out, want) {
			t.Errorf("completion %s = exit code %d; want %q\n%s", shell, code, want, out)
		}
	}
}
