package mailtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// T is what the helpers need of a test, *testing.T or testing.TB.
type T interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Cleanup(func())
	Failed() bool
}

// How long a real mail server may take to start, where much else is going on, and
// to stop.
const (
	startPatience = time.Minute
	stopPatience  = 5 * time.Second
)

// missing skips on a person's machine, and fails in CI.
func missing(t T, what, install string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: CI needs it; apt-get install %s", what, install)
	}
	t.Skipf("%s: apt-get install %s", what, install)
}

// needs finds a program that must be run as root.
func needs(t T, program, install string) string {
	t.Helper()
	path := "/usr/sbin/" + program
	if _, err := os.Stat(path); err != nil {
		missing(t, program+" is not installed", install)
	}
	if os.Geteuid() != 0 {
		missing(t, "starting "+program+" needs root", install)
	}
	return path
}

// folder is a short-named temporary folder that other users may enter: a
// socket's path has 107 bytes, and mail servers give up root.
func folder(t T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", name)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatalf("make a folder for %s: %v", name, err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// folders makes folders under dir that other users may enter.
func folders(t T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatalf("make a folder: %v", err)
		}
	}
}

// freePort returns a loopback port that was free just now.
func freePort(t T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func write(t T, name string, mode os.FileMode, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatalf("write %s: %v", name, err)
	}
}

// own gives a file or folder to a user.
func own(t T, path, name string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("find user %s: %v", name, err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatalf("give %s to %s: %v", path, name, err)
	}
}

// process is a server in the foreground.
type process struct {
	command []string
	address string // where it answers
	log     string // its own
	output  string // what it says beside that
	pidFile string // of a master that leaves its parent's process group; "" where there is none

	mu   sync.Mutex // guards what follows
	cmd  *exec.Cmd
	over chan struct{}
}

// run starts a server and waits until its port answers. The test's end stops it,
// and shows its log where the test failed.
func run(t T, p *process) {
	t.Helper()
	p.output = filepath.Join(filepath.Dir(p.log), "output")
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			show(t, p.log, p.output)
		}
	})
	if err := p.start(); err != nil {
		show(t, p.log, p.output)
		t.Fatalf("%v", err)
	}
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := os.OpenFile(p.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.command[0], err)
	}
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // where the test itself is killed
	if err := cmd.Start(); err != nil {
		out.Close()
		return fmt.Errorf("start %s: %w", p.command[0], err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = cmd.Wait() // it is stopped by a signal
		out.Close()
	}()
	p.cmd, p.over = cmd, over
	if err := answers(p.address, over); err != nil {
		return fmt.Errorf("%s: %w", p.command[0], err)
	}
	return nil
}

func (p *process) stop(t T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	if p.pidFile != "" {
		defer stopMaster(t, p.pidFile)
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.over:
	case <-time.After(stopPatience):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.over
	}
}

// crash is kill -9 of the server and of what it started. It returns when all of
// it is gone.
func (p *process) crash() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidFile != "" {
		if pid, err := readPID(p.pidFile); err == nil {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // its children are of its group
		}
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may be gone already
	select {
	case <-p.over:
		return nil
	case <-time.After(stopPatience):
		return fmt.Errorf("%s survives kill -9", p.command[0])
	}
}

func readPID(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && pid < 2 {
		err = fmt.Errorf("%q is no process", text)
	}
	return pid, err
}

func answers(address string, over <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			conn.Close()
			return nil
		}
		select {
		case <-tick.C:
		case <-over:
			return fmt.Errorf("it ended before it listened on %s", address)
		case <-ctx.Done():
			return fmt.Errorf("it doesn't listen on %s: %w", address, ctx.Err())
		}
	}
}

// show logs the files' ends.
func show(t T, files ...string) {
	const most = 4 << 10
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && len(text) > 0 {
			t.Logf("%s:\n%s", f, text[max(0, len(text)-most):])
		}
	}
}
