//go:build unix

package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrInUse says that another agent serves the folder.
var ErrInUse = errors.New("another agent serves this folder; stop it first, or give this one a folder of its own")

// folderLock is an advisory lock that the system gives back when the process
// ends, however it ends.
type folderLock struct{ f *os.File }

func lockFolder(dir string) (*folderLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(f.Name())
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock folder %s: %w", dir, err)
		}
		return nil, fmt.Errorf("process %s: %w", strings.TrimSpace(string(holder)), ErrInUse)
	}
	if err := errors.Join(f.Truncate(0), write(f, []byte(fmt.Sprintln(os.Getpid())))); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	return &folderLock{f}, nil
}

func (l *folderLock) release() error { return l.f.Close() }
