package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// execPauses is how long a command that failed waits before it runs again; after
// the last it is given up, and exec.failed.txt stays.
var execPauses = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour}

// failedFile tells in a form's folder that the command failed for it.
const failedFile = "exec.failed.txt"

// errand is state/todo/<folder>: the command waits for a folder.
type errand struct {
	Seq   int64     `json:"seq"` // in this order
	Tries int       `json:"tries"`
	Next  time.Time `json:"next"`

	name string
}

// todo notes a folder for Exec before it lands, so that a crash between the two
// forgets nothing. Exec may therefore run twice for one form.
func (a *agent) todo(name string, seq int64) error {
	if len(a.opt.Exec) == 0 {
		return nil
	}
	return a.postpone(errand{Seq: seq, name: name})
}

func (a *agent) postpone(e errand) error {
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return writeWhole(a.path("state", "todo", e.name), raw)
}

func (a *agent) wake() {
	select {
	case a.landed <- struct{}{}:
	default:
	}
}

// execute runs the command for each folder, one after the other in the order in
// which they came, outside the channel: a command that hangs delays no form, and
// one that fails no other folder.
func (a *agent) execute(ctx context.Context) {
	if len(a.opt.Exec) == 0 {
		return
	}
	for ctx.Err() == nil {
		list, err := a.errands()
		if err != nil {
			a.opt.Log.Error("folders that wait for the command can't be listed", "error", err)
		}
		wait := time.Hour
		for _, e := range list {
			if pause := e.Next.Sub(a.opt.Clock()); pause > 0 && pause <= execPauses[len(execPauses)-1] { // what is further off was noted by a wrong clock
				wait = min(wait, pause)
				continue
			}
			if next := a.attend(ctx, e); next > 0 {
				wait = min(wait, next)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-a.landed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// errands are the folders that wait, in their order.
func (a *agent) errands() ([]errand, error) {
	files, err := os.ReadDir(a.path("state", "todo"))
	if err != nil {
		return nil, err
	}
	landing, err := a.landingNow()
	if err != nil {
		return nil, err
	}
	var list []errand
	for _, f := range files {
		e := errand{name: f.Name()}
		if filepath.Ext(e.name) == ".tmp" || !exists(a.path("in", e.name)) {
			if e.name != landing.Name { // of a crash, or its folder was moved on
				_ = removeIfThere(a.path("state", "todo", e.name))
			}
			continue
		}
		raw, err := os.ReadFile(a.path("state", "todo", f.Name()))
		if err == nil {
			err = json.Unmarshal(raw, &e)
		}
		if err != nil {
			a.opt.Log.Warn("a note for the command is damaged; it runs", "folder", f.Name(), "error", err)
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(x, y errand) int { return int(x.Seq - y.Seq) })
	return list, nil
}

// attend runs the command for one folder and says after how long it runs again; 0
// for never.
func (a *agent) attend(ctx context.Context, e errand) time.Duration {
	folder := a.path("in", e.name)
	output, err := a.command(ctx, folder)
	if ctx.Err() != nil {
		return 0 // it may have been cut off: it runs again at the next start
	}
	report := filepath.Join(folder, failedFile)
	if err == nil {
		err = errors.Join(removeIfThere(report), removeIfThere(a.path("state", "todo", e.name)))
		if err != nil {
			a.opt.Log.Error("the command's end can't be noted; it will run again", "folder", folder, "error", err)
		}
		return 0
	}
	e.Tries++
	pause, again := time.Duration(0), "It is not run again for this form."
	if e.Tries <= len(execPauses) {
		pause = execPauses[e.Tries-1]
		e.Next = a.opt.Clock().Add(pause)
		again = "It runs again at " + e.Next.UTC().Format(time.RFC3339) + "."
	}
	a.opt.Log.Error("the command for a received form failed", "command", a.opt.Exec[0], "folder", folder, "try", e.Tries, "error", err, "again_in", pause)
	words := fmt.Sprintf("%s: try %d of %q failed: %v. %s\n%s", a.opt.Clock().UTC().Format(time.RFC3339), e.Tries, strings.Join(a.opt.Exec, " "), err, again, output)
	err = writeWhole(report, []byte(words))
	if pause == 0 {
		err = errors.Join(err, removeIfThere(a.path("state", "todo", e.name)))
	} else {
		err = errors.Join(err, a.postpone(e))
	}
	if err != nil {
		a.opt.Log.Error("the command's failure can't be noted", "folder", folder, "error", err)
	}
	return pause
}

// command runs once and returns the end of what it printed: that may be content
// and goes nowhere but into the form's own folder.
func (a *agent) command(ctx context.Context, folder string) (output string, err error) {
	limited, cancel := context.WithTimeout(ctx, a.opt.ExecTimeout)
	defer cancel()
	cmd := exec.CommandContext(limited, a.opt.Exec[0], append(slices.Clone(a.opt.Exec[1:]), folder)...)
	ownGroup(cmd)
	cmd.WaitDelay = 5 * time.Second // a grandchild that holds the pipes
	var printed tail
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err = cmd.Run(); errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well, and left something running
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("it took longer than %s and was ended", a.opt.ExecTimeout)
	}
	return printed.String(), err
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

const tailMost = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailMost; over > 0 {
		t.kept = bytes.Clone(t.kept[over:])
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.kept), "") }

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}
