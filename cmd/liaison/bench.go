package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// benchCmd is measurements that anyone can repeat. Each prints what it measured
// beside what bounds it on this machine, in the same run.
type benchCmd struct {
	Seal    benchSealCmd    `cmd:"" help:"Open one form and seal it for many, beside the bare primitives."`
	Flow    benchFlowCmd    `cmd:"" help:"Forms by mail through a whole gateway to many recipients, with full durability."`
	Fanout  benchFanoutCmd  `cmd:"" help:"One form to many recipients, by their number and its size."`
	Accept  benchAcceptCmd  `cmd:"" help:"Forms accepted and delivered a second, by store, producers and recipients."`
	Nodes   benchNodesCmd   `cmd:"" help:"What several gateways on one PostgreSQL carry, beside one."`
	Growth  benchGrowthCmd  `cmd:"" help:"What grows with the number of forms: memory, the record, the time of each."`
	Latency benchLatencyCmd `cmd:"" help:"How long a form takes from one agent to another."`
	Idle    benchIdleCmd    `cmd:"" help:"What agents cost that are connected and do nothing."`
	Inspect benchInspectCmd `cmd:"" help:"Mails of every kind, taken apart and explained."`
	Test    benchTestCmd    `cmd:"" help:"A communications test with a crowd of participants who answer at once."`
}

// rounds runs several things in turn, so that a busy moment of the machine hits
// all of them, and returns the least time of each: what it takes undisturbed.
func rounds(n int, what ...func()) []time.Duration {
	least := make([]time.Duration, len(what))
	for range n {
		for i, f := range what {
			began := time.Now()
			f()
			if took := time.Since(began); least[i] == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least
}

// benchFolder makes the folder to measure in, a temporary one where none is named,
// which remove takes away.
func benchFolder(named string) (dir string, remove func(), err error) {
	if named != "" {
		return named, func() {}, os.MkdirAll(named, 0o700)
	}
	dir, err = os.MkdirTemp("", "liaison-bench-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

// fsyncTime is how long the disk of a folder takes to make 4 KiB durable.
func fsyncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "fsync-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()); f.Close() }() // nothing in it matters
	block := make([]byte, 4096)
	var took []time.Duration
	for range 100 {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	return percentile(took, 50), nil
}

// percentile sorts the list.
func percentile(list []time.Duration, p int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)-1, len(list)*p/100)]
}

// peakMemory is the most memory that this process had resident, in bytes; 0
// where the system doesn't say.
func peakMemory() int64 { return memoryOf("self", "VmHWM") }

// memoryOf is one figure of a process's memory, in bytes; 0 where the system
// doesn't say.
func memoryOf(process, name string) int64 {
	data, err := os.ReadFile(filepath.Join("/proc", process, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machine says on what it was measured.
func machine() string { return strconv.Itoa(runtime.GOMAXPROCS(0)) + " cores, " + runtime.Version() }
