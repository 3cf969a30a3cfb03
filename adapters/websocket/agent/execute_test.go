package agent

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a shell script and makes it the agent's command.
func (b *bench) script(body string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "command")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		b.t.Fatal(err)
	}
	b.opt.Exec = []string{"/bin/sh", path, "an argument"}
}

// executing runs the command's loop until the test ends.
func (b *bench) executing(a *agent) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); a.execute(ctx) }()
	stop = func() { cancel(); <-over }
	b.t.Cleanup(stop)
	return stop
}

const pl2 = "PL-KAS-2026-000002"

func TestCommandRunsOncePerFormInTheirOrder(t *testing.T) {
	b := newBench(t)
	b.script(`echo "$1 $(basename "$2") $(cat "$2"/delivery)" >> ` + b.path("ran"))
	a := b.open()
	b.take(a, b.form(1, "d1", pl2)) // came first, sorts last
	b.take(a, b.form(2, "d2", pl1))
	b.executing(a)
	want := "an argument " + pl2 + " d1\nan argument " + pl1 + " d2\n"
	eventually(t, "both ran", func() bool { data, _ := os.ReadFile(b.path("ran")); return string(data) == want })
	eventually(t, "nothing waits", func() bool { return len(b.names("state", "todo")) == 0 })
}

func TestCommandThatFailsIsToldAndRunsAgainAndHoldsNoOtherUp(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	b.opt.Clock = func() time.Time { return now }
	b.script(`case "$2" in *1) echo "the database is away"; test -e ` + b.path("healed") + ` || exit 7;; esac`)
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	b.take(a, b.form(2, "d2", pl2))
	stop := b.executing(a)
	eventually(t, "the other ran", func() bool { return len(b.names("state", "todo")) == 1 })
	b.waitFor("in", pl1, failedFile)
	if got := b.read("in", pl1, failedFile); !strings.Contains(got, "exit status 7") || !strings.Contains(got, "the database is away") || !strings.Contains(got, "try 1") {
		t.Errorf("report = %q; want how it ended and what it said", got)
	}
	stop()
	for range len(execPauses) + 5 {
		list, err := a.errands()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if now = now.Add(24 * time.Hour); a.attend(t.Context(), e) < 0 {
				t.Fatal("a negative pause")
			}
		}
	}
	if got := b.read("in", pl1, failedFile); !strings.Contains(got, "try 8") || !strings.Contains(got, "not run again") || len(b.names("state", "todo")) != 0 {
		t.Errorf("report = %q; want it given up after 8 tries", got)
	}
	// One that comes round leaves no report.
	b.take(a, b.form(3, "d3", "PL-KAS-2026-000011"))
	list, _ := a.errands()
	a.attend(t.Context(), list[0])
	put(t, b.opt.Dir, "healed", "x")
	list, _ = a.errands()
	if a.attend(t.Context(), list[0]); exists(b.path("in", "PL-KAS-2026-000011", failedFile)) || len(b.names("state", "todo")) != 0 {
		t.Error("the report of a command that came round is still there")
	}
}

func TestCommandThatHangsIsEndedWithAllItStarted(t *testing.T) {
	b := newBench(t)
	b.opt.ExecTimeout = 100 * time.Millisecond
	b.script("sleep 600 & echo $! > " + b.path("child") + "; wait")
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	b.executing(a)
	b.waitFor("in", pl1, failedFile)
	if got := b.read("in", pl1, failedFile); !strings.Contains(got, "longer than 100ms") {
		t.Errorf("report = %q; want the time limit named", got)
	}
	child := strings.TrimSpace(b.read("child"))
	eventually(t, "the child is gone", func() bool {
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func TestCommandThatLeavesSomethingRunningHasDoneItsWork(t *testing.T) {
	b := newBench(t)
	b.script("sleep 600 & echo $! > " + b.path("child"))
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	list, err := a.errands()
	if err != nil {
		t.Fatal(err)
	}
	again := a.attend(t.Context(), list[0])
	if child, err := strconv.Atoi(strings.TrimSpace(b.read("child"))); err == nil {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	if again != 0 || exists(b.path("in", pl1, failedFile)) || len(b.names("state", "todo")) != 0 {
		t.Errorf("it runs again after %s, waiting = %v; want it done", again, b.names("state", "todo"))
	}
}

func TestCommandThatFailedUnderAWrongClockDoesNotWaitForThatTime(t *testing.T) {
	b := newBench(t)
	b.opt.Exec = []string{"false"}
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	list, err := a.errands()
	if err != nil {
		t.Fatal(err)
	}
	a.opt.Clock = func() time.Time { return time.Now().AddDate(12, 0, 0) }
	a.attend(t.Context(), list[0])
	a.opt.Clock, a.opt.Exec = time.Now, []string{"true"}
	b.executing(a)
	eventually(t, "it ran again", func() bool { return len(b.names("state", "todo")) == 0 })
}

func TestCommandThatDoesNotExistIsTold(t *testing.T) {
	b := newBench(t)
	b.opt.Exec = []string{"/nonexistent/command"}
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	b.executing(a)
	b.waitFor("in", pl1, failedFile)
	if got := b.read("in", pl1, failedFile); !strings.Contains(got, "no such file") {
		t.Errorf("report = %q; want what is missing", got)
	}
}

func TestFolderThatWasMovedOnNeedsNoCommand(t *testing.T) {
	b := newBench(t)
	b.opt.Exec = []string{"false"}
	a := b.open()
	b.take(a, b.form(1, "d1", pl1))
	b.take(a, b.form(2, "d2", pl2))
	if err := os.Rename(b.path("in", pl1), b.path("archived")); err != nil {
		t.Fatal(err)
	}
	list, err := a.errands()
	if err != nil || len(list) != 1 || list[0].name != pl2 || exists(b.path("state", "todo", pl1)) {
		t.Errorf("errands = %v, %v; want the one that is there", list, err)
	}
}
