package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"liaison/gateway/store"
)

// serveJumping is "liaison serve" on a clock that somebody else turns, in a child
// process: the file says by how many milliseconds it is ahead. Leases go by the
// store's own clock, as they do in the program.
func serveJumping(config, file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	a := &app{ctx, streams{os.Stdin, os.Stdout, os.Stderr}}
	s, err := configFlag{Config: config}.load()
	if err != nil {
		return err
	}
	s.opt.Log = slog.New(slog.NewTextHandler(a.err, nil))
	st, err := store.Open(a.ctx, s.dsn, s.opt)
	if err != nil {
		return err
	}
	defer st.Close()
	s.opt.Clock = turned(file)
	if err := applyChanged(a, s, st, jsonFlag{}); err != nil {
		return err
	}
	n, err := newNode(a.ctx, s, st, st)
	if err != nil {
		return err
	}
	return n.run(a)
}

// turned is a clock that goes by a file, which it reads now and then.
func turned(file string) func() time.Time {
	var ahead atomic.Int64
	look := func() {
		if text, err := os.ReadFile(file); err == nil { // else the last value holds
			if ms, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
				ahead.Store(ms)
			}
		}
	}
	look()
	go func() { // as long as the process
		for range time.Tick(100 * time.Millisecond) {
			look()
		}
	}()
	return func() time.Time { return time.Now().Add(time.Duration(ahead.Load()) * time.Millisecond) }
}

// kept is a process that is started again whenever it ends, as a service manager
// does.
type kept struct {
	t    *testing.T
	name string
	make func() *exec.Cmd
	log  *os.File

	awake sync.Mutex // held by who lets it sleep, or needs it awake

	mu     sync.Mutex // guards what follows
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has
	kills  int
	starts int
}

// keep runs a process until ctx ends; wait returns once it is gone.
func keep(ctx context.Context, t *testing.T, name, dir string, command func() *exec.Cmd) (k *kept, wait func()) {
	t.Helper()
	log, err := os.CreateTemp(dir, name+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	k = &kept{t: t, name: name, make: command, log: log}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer log.Close()
		runtime.LockOSThread() // the child dies with this very thread
		for ctx.Err() == nil {
			k.once(ctx)
		}
	}()
	return k, func() { <-over }
}

// once runs the process to its end.
func (k *kept) once(ctx context.Context) {
	c := k.make()
	c.Stdout, c.Stderr = k.log, k.log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	k.mu.Lock()
	err := c.Start()
	ended := make(chan struct{})
	defer close(ended)
	k.cmd, k.ended = c, ended
	k.starts++
	k.mu.Unlock()
	if err != nil {
		k.t.Errorf("start %s: %v", k.name, err)
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Process.Kill() })
	defer stop()
	err = c.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitUsage {
		k.t.Errorf("%s finds its set-up wrong: %v", k.name, err)
	}
	select {
	case <-time.After(200 * time.Millisecond): // a service manager pauses too
	case <-ctx.Done():
	}
}

// kill is kill -9.
func (k *kept) kill() { k.signal(syscall.SIGKILL) }

func (k *kept) signal(s syscall.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cmd != nil && k.cmd.Process != nil {
		_ = k.cmd.Process.Signal(s) // it may be gone already
		if s == syscall.SIGKILL {
			k.kills++
		}
	}
}

// freeze stops the process for a while, as a machine that swaps or a hypervisor
// that moves it does.
func (k *kept) freeze(ctx context.Context, d time.Duration) {
	k.awake.Lock()
	defer k.awake.Unlock()
	k.signal(syscall.SIGSTOP)
	defer k.signal(syscall.SIGCONT)
	rest(ctx, d)
}

// tell tells the process to stop, which it does within stopMost and what a machine
// full of faults needs beside.
func (k *kept) tell() {
	k.awake.Lock()
	defer k.awake.Unlock()
	k.mu.Lock()
	ended := k.ended
	k.mu.Unlock()
	if ended == nil {
		return
	}
	k.signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopMost + busy):
		k.t.Errorf("%s doesn't stop", k.name)
	}
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// complaints are the lines of a log that no process may ever write.
func complaints(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		for _, bad := range []string{"panic:", "fatal error:", "DATA RACE", "goroutine 1 ["} {
			if strings.Contains(line, bad) {
				out = append(out, strings.TrimSpace(line))
			}
		}
	}
	return out
}

// program runs a command line of the program under test.
func program(args ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		c := exec.Command(os.Args[0], args...)
		c.Env = append(os.Environ(), "LIAISON_MAIN=1")
		return c
	}
}
