package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// capPeriod is how finely a cap is kept: within each a process gets its share.
const capPeriod = 100 * time.Millisecond

// capped limits processes to a share of one processor each; how says by what means,
// free is called when they have ended. The kernel does it where control groups may be written,
// else they are stopped whenever they have had their share.
func capped(ctx context.Context, share float64, list []process) (how string, free func(), err error) {
	for _, kind := range []struct {
		how, root string
		limit     map[string]string
	}{
		{"cgroup v2, cpu.max", "/sys/fs/cgroup", map[string]string{"cpu.max": fmt.Sprintf("%d %d", int64(share*float64(capPeriod.Microseconds())), capPeriod.Microseconds())}},
		{"cgroup v1, cpu.cfs_quota_us", "/sys/fs/cgroup/cpu", map[string]string{"cpu.cfs_period_us": strconv.FormatInt(capPeriod.Microseconds(), 10),
			"cpu.cfs_quota_us": strconv.FormatInt(int64(share*float64(capPeriod.Microseconds())), 10)}},
	} {
		if free, err := controlGroups(kind.root, kind.limit, list); err == nil {
			return kind.how, free, nil
		}
	}
	ctx, free = context.WithCancel(ctx)
	for _, p := range list {
		go stopAndGo(ctx, share, p)
	}
	return "stopped whenever it has had its share: no control group may be written", free, nil
}

// controlGroups puts each process into a group of its own; free takes the groups
// away when the processes have ended.
func controlGroups(root string, limit map[string]string, list []process) (func(), error) {
	var made []string
	free := func() {
		for _, dir := range made {
			_ = os.Remove(dir) // an empty group that stays harms nobody
		}
	}
	for _, p := range list {
		dir := filepath.Join(root, fmt.Sprintf("liaison-bench-%d", p.Process.Pid))
		if err := os.Mkdir(dir, 0o755); err != nil {
			free()
			return nil, err
		}
		made = append(made, dir)
		var err error
		for name, value := range limit {
			err = errors.Join(err, rewrite(filepath.Join(dir, name), value))
		}
		if err = errors.Join(err, rewrite(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(p.Process.Pid))); err != nil {
			free()
			return nil, err
		}
	}
	return free, nil
}

// rewrite writes a file that is there already: a folder that is no control group
// has none.
func rewrite(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// stopAndGo stops a process whenever it has used up its share. What it doesn't use
// is kept for it for a period and no longer.
func stopAndGo(ctx context.Context, share float64, p process) {
	defer func() { _ = p.Process.Signal(syscall.SIGCONT) }() // it may have ended
	tick := time.NewTicker(capPeriod / 10)
	defer tick.Stop()
	var left time.Duration
	for before, used := time.Now(), p.cpu(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, busy := time.Now(), p.cpu()
		left = min(left+time.Duration(share*float64(now.Sub(before)))-(busy-used), time.Duration(share*float64(capPeriod)))
		before, used = now, busy
		signal := syscall.SIGCONT
		if left < 0 {
			signal = syscall.SIGSTOP
		}
		if p.Process.Signal(signal) != nil {
			return
		}
	}
}
