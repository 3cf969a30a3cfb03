package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// process is a gateway in a process of its own, "liaison serve".
type process struct {
	*exec.Cmd
}

// startServe starts a gateway and waits until it takes connections at address. What
// it says goes to a file beside its configuration.
func startServe(ctx context.Context, config, address string) (process, error) {
	self, err := os.Executable()
	if err != nil {
		return process{}, err
	}
	p := process{exec.Command(self, "serve", "-c", config)}
	log, err := os.Create(strings.TrimSuffix(config, filepath.Ext(config)) + ".log")
	if err != nil {
		return process{}, err
	}
	defer log.Close()
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		return process{}, err
	}
	for range 600 {
		if conn, err := net.Dial("tcp", address); err == nil {
			return p, conn.Close()
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			p.stop()
			return process{}, ctx.Err()
		}
	}
	p.stop()
	said, _ := os.ReadFile(log.Name())
	return process{}, fmt.Errorf("the gateway doesn't listen: %s", said)
}

// stop ends the process at once: nobody needs its record any more.
func (p process) stop() {
	_ = p.Process.Kill()
	_ = p.Wait() // it was killed
}

// memory is one figure of the process, in bytes; 0 where the system doesn't say.
func (p process) memory(name string) int64 {
	return memoryOf(strconv.Itoa(p.Process.Pid), name)
}

// cpu is what the process has used of the processors; 0 where the system doesn't
// say (proc_pid_stat(5): fields 14 and 15, in hundredths of a second).
func (p process) cpu() time.Duration {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.Process.Pid), "stat"))
	_, after, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// freeAddress is an address on loopback that nothing listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
