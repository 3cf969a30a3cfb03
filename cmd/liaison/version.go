package main

import (
	"runtime"
	"runtime/debug"
)

// version is set when a release is built.
var version = "0.1.0-dev"

type versionCmd struct {
	JSON bool `help:"Print as JSON."`
}

func (v versionCmd) Help() string { return "Example: liaison version" }

func (v versionCmd) Run(a *app) error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if v.JSON {
		return a.json(map[string]string{"version": version, "revision": revision, "go": runtime.Version()})
	}
	a.print("liaison %s %s", version, runtime.Version())
	return nil
}
