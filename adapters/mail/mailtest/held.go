package mailtest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// Held counts the mails that the server has taken and not handed on: those in
// Postfix's queue that no try failed for yet, and those in the INBOXes of
// Dovecot's accounts.
func (r *Real) Held() (int, error) {
	dir := filepath.Dir(r.process.log)
	// In the order of the way, so that none is missed while it moves on.
	queued, err := files(filepath.Join(dir, "queue"), "maildrop", "incoming", "active")
	if err != nil {
		return 0, err
	}
	tried, err := files(filepath.Join(dir, "queue"), "defer") // a log for each mail that a try failed for
	if err != nil {
		return 0, err
	}
	mails, err := filepath.Glob(filepath.Join(dir, "mail/*/Maildir/new/*"))
	if err != nil {
		return 0, err
	}
	read, err := filepath.Glob(filepath.Join(dir, "mail/*/Maildir/cur/*"))
	if err != nil {
		return 0, err
	}
	n := len(mails) + len(read)
	for name := range queued {
		if !tried[name] {
			n++
		}
	}
	return n, nil
}

// files are the names of the files under some folders of another; what goes
// while they are counted isn't there.
func files(dir string, under ...string) (map[string]bool, error) {
	names := map[string]bool{}
	for _, sub := range under {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !d.IsDir() && !strings.HasPrefix(d.Name(), ".") {
				names[d.Name()] = true
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}
