package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// disk is a file system of its own that can be full. Where none can be mounted it
// is an ordinary folder that never is.
type disk struct {
	t       *testing.T
	dir     string
	mounted bool
}

// roomy is the size of a disk that isn't full, in bytes; memory is taken by what
// lies in it alone.
const roomy = 8 << 30

func newDisk(t *testing.T) *disk {
	t.Helper()
	dir, err := os.MkdirTemp("", "disk") // short: a socket may lie in it
	if err != nil {
		t.Fatal(err)
	}
	d := &disk{t: t, dir: dir}
	err = syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=1777", int64(roomy)))
	if err != nil {
		t.Logf("no disk gets full in this run: mounting one needs root (%v)", err)
	}
	d.mounted = err == nil
	t.Cleanup(func() {
		if d.mounted {
			_ = syscall.Unmount(dir, syscall.MNT_DETACH) // the last file closes it
		}
		os.RemoveAll(dir)
	})
	return d
}

func (d *disk) resize(bytes int64) error {
	return syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes))
}

// fill leaves the disk as it is, but for a little that more fits on it.
func (d *disk) fill() error {
	var err error
	for little := int64(4 << 10); little <= 4<<20; little *= 4 { // others write meanwhile
		var s syscall.Statfs_t
		if err := syscall.Statfs(d.dir, &s); err != nil {
			return err
		}
		if err = d.resize(int64(s.Blocks-s.Bfree)*s.Bsize + little); !errors.Is(err, syscall.EINVAL) {
			return err
		}
	}
	return err
}

// faults: the disk is full for a while; after is done once it has room again.
func (d *disk) faults(after func() error) []fault {
	if !d.mounted {
		return nil
	}
	return []fault{{"disk full", func(ctx context.Context, s *strike) error {
		err := d.fill()
		if err == nil {
			rest(ctx, s.while)
		}
		return errors.Join(err, d.resize(roomy), after())
	}}}
}
