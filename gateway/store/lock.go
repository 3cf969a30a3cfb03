//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// fileLock is an advisory lock that the system gives back when the process
// ends, however it ends.
type fileLock struct{ f *os.File }

var errLocked = errors.New("another gateway serves this file; stop it first, or use PostgreSQL for several")

func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is locked: %w", path, errLocked)
	}
	return &fileLock{f}, nil
}

// readableAndWritable says what is wrong with a file that is there, without
// opening it.
func readableAndWritable(path string) error {
	const read, write = 4, 2 // access(2)
	if err := syscall.Access(path, read|write); err != nil {
		return fmt.Errorf("%s: %w (whose file is it? liaison must read and write it)", path, err)
	}
	return nil
}

func (l *fileLock) release() error { return l.f.Close() }
