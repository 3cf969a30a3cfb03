package main

import (
	"fmt"
	"os"
)

type completionCmd struct {
	Shell string `arg:"" help:"bash, zsh or fish." enum:"bash,zsh,fish"`
}

func (completionCmd) Help() string {
	return "Example: liaison completion bash >> ~/.bashrc"
}

// Each shell asks the program itself what may follow, and completes names of files
// where the program has nothing to say.
var completionLines = map[string]string{
	"bash": "complete -o bashdefault -o default -C %[1]q liaison",
	"zsh":  "autoload -U +X bashcompinit && bashcompinit\ncomplete -o bashdefault -o default -C %[1]q liaison",
	"fish": "function __complete_liaison\n    set -lx COMP_LINE (commandline -cp)\n    test -z (commandline -ct)\n    and set COMP_LINE \"$COMP_LINE \"\n    %[1]q\nend\ncomplete -c liaison -a \"(__complete_liaison)\"",
}

func (c completionCmd) Run(a *app) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	a.print(completionLines[c.Shell], program)
	return nil
}
