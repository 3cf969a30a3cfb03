package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/willabides/kongplete"
)

// Exit codes, as interfaces promise them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong usage or configuration
	exitNo     = 3 // the answer is "no"
)

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// printed is standard output that keeps why it couldn't be written, as on a full disk:
// the command goes on, and fails at its end. Where nobody reads any more nothing is
// lost.
type printed struct {
	io.Writer
	mu  sync.Mutex // guards err
	err error
}

func (w *printed) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.err = fmt.Errorf("print the answer, which is not complete: %w", err)
	}
	return n, err
}

// lost is why something could not be written, nil where all was.
func (w *printed) lost() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// app is what every command gets: its context and streams.
type app struct {
	ctx context.Context
	streams
}

// print writes one line of facts.
func (a *app) print(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// json writes one object on a line.
func (a *app) json(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// jsonFlag lets a command print its facts as JSON.
type jsonFlag struct {
	JSON bool `help:"Print as JSON, one object a line."`
}

// fact prints one fact: as an object, or as a line for people.
func (j jsonFlag) fact(a *app, v any, format string, args ...any) {
	if j.JSON {
		_ = a.json(v) // as with print: printed keeps the error
		return
	}
	a.print(format, args...)
}

// say prints a line that is for people alone.
func (j jsonFlag) say(a *app, format string, args ...any) {
	if !j.JSON {
		a.print(format, args...)
	}
}

// plural is a number with its noun: "1 entry", "2 entries".
func plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// no is the answer "no": exit code 3.
type no struct{ reason string }

func (n no) Error() string { return n.reason }

// wrong is wrong usage or configuration: exit code 2.
type wrong struct{ err error }

func (w wrong) Error() string { return w.err.Error() }
func (w wrong) Unwrap() error { return w.err }

func wrongf(format string, args ...any) error { return wrong{fmt.Errorf(format, args...)} }

// commands is the whole command line.
type commands struct {
	Demo       demoCmd       `cmd:"" help:"The whole thing on one machine, with nothing to install."`
	Init       initCmd       `cmd:"" help:"Make a starter set-up in a folder."`
	Check      checkCmd      `cmd:"" help:"Find everything wrong with a set-up before starting."`
	Serve      serveCmd      `cmd:"" help:"Run the gateway."`
	Agent      agentCmd      `cmd:"" help:"Run a participant's end of the WebSocket channel."`
	Operation  operationCmd  `cmd:"" help:"Operations and participants: apply, list, show."`
	Key        keyCmd        `cmd:"" help:"OpenPGP keys and certificates."`
	Form       formCmd       `cmd:"" help:"The unified form, without a gateway: blank, encode, decode, check, schema."`
	Inspect    inspectCmd    `cmd:"" help:"Explain what the gateway would make of a mail, changing nothing."`
	Forms      formsCmd      `cmd:"" help:"What came in, from whom, where each delivery stands; decisions on held ones."`
	Test       testCmd       `cmd:"" help:"Communications tests: can everyone be reached, before the operation?"`
	Audit      auditCmd      `cmd:"" help:"The audit log: show, verify, export."`
	Store      storeCmd      `cmd:"" help:"The record itself: copy it, to back up or to move."`
	Bench      benchCmd      `cmd:"" help:"Measurements that anyone can repeat."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Completion completionCmd `cmd:"" help:"Print the lines that make a shell complete liaison's commands."`
}

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	var c commands
	out := &printed{Writer: s.out}
	a := &app{ctx: ctx, streams: streams{s.in, out, s.err}}
	code := -1
	parser, err := kong.New(&c, kong.Name("liaison"), kong.UsageOnError(), kong.Writers(s.out, s.err), kong.Bind(a),
		kong.Description("A secure messaging gateway for joint customs operations.\n\nStart with \"liaison demo\"; every command takes --help."),
		kong.Exit(func(n int) { code = n }), kong.PostBuild(layOutHelp), kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		fmt.Fprintln(s.err, "liaison:", err)
		return exitFailed
	}
	kongplete.Complete(parser) // answers a shell that asks, and says through Exit that it did
	if code >= 0 {
		return code
	}
	k, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(s.err, "liaison: %s; see \"liaison --help\"\n", oneLine(err))
		return exitUsage
	}
	if err = k.Run(a); err == nil {
		err = out.lost()
	}
	return exitCode(err, s.err)
}

// exitCode says an error as one line and turns it into an exit code.
func exitCode(err error, w io.Writer) int {
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(w, "liaison:", oneLine(err))
	var n no
	var u wrong
	switch {
	case errors.As(err, &n):
		return exitNo
	case errors.As(err, &u):
		return exitUsage
	}
	return exitFailed
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
