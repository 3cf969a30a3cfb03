package agent

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// todo marks a folder for Exec before it lands, so that a crash between the two
// forgets nothing. Exec may therefore run twice for one form.
func (a *agent) todo(name string) error {
	if len(a.opt.Exec) == 0 {
		return nil
	}
	return writeWhole(filepath.Join(a.opt.Dir, "state", "todo", name), nil)
}

func (a *agent) wake() {
	select {
	case a.landed <- struct{}{}:
	default:
	}
}

// execute runs the command for each folder, one after the other, outside the
// channel: a command that hangs delays no form.
func (a *agent) execute(ctx context.Context) {
	if len(a.opt.Exec) == 0 {
		return
	}
	dir := filepath.Join(a.opt.Dir, "state", "todo")
	for {
		list, err := os.ReadDir(dir)
		if err != nil {
			a.opt.Log.Error("folders that wait for the command can't be listed", "error", err)
		}
		for _, e := range list {
			if ctx.Err() != nil {
				return
			}
			folder := filepath.Join(a.opt.Dir, "in", e.Name())
			if _, err := os.Stat(folder); err != nil || filepath.Ext(e.Name()) == ".tmp" {
				continue // not landed yet
			}
			a.command(ctx, folder)
			if ctx.Err() != nil {
				return // it may have been cut off: it runs again
			}
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
		select {
		case <-a.landed:
		case <-ctx.Done():
			return
		}
	}
}

// command runs once; what it prints may be content and goes nowhere.
func (a *agent) command(ctx context.Context, folder string) {
	ctx, cancel := context.WithTimeout(ctx, a.opt.ExecTimeout)
	defer cancel()
	args := append(append([]string{}, a.opt.Exec[1:]...), folder)
	cmd := exec.CommandContext(ctx, a.opt.Exec[0], args...)
	cmd.WaitDelay = 5 * time.Second // a grandchild that holds the pipes
	if err := cmd.Run(); err != nil {
		a.opt.Log.Error("the command for a received form failed", "command", a.opt.Exec[0], "folder", folder, "error", err)
	}
}
