package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// outbox watches the folder out for what is finished.
type outbox struct {
	dir  string
	seen map[string]sight
}

// sight is how something in the folder looked, and how often in a row.
type sight struct {
	mark  string
	looks int
}

// How often something must look the same: what says itself that it is whole, and
// what doesn't.
const (
	looksWhole = 2
	looksElse  = 10
)

// handed is how names begin that are given by a rename: they are whole at once.
const handed = "submit-"

func newOutbox(dir string) *outbox { return &outbox{dir: dir, seen: make(map[string]sight)} }

// look returns what nobody writes any more: forms to take, by name, and what is
// none.
func (o *outbox) look() (forms, others []string, err error) {
	list, err := os.ReadDir(o.dir)
	if err != nil {
		return nil, nil, err
	}
	now := make(map[string]sight)
	for _, e := range list {
		name := e.Name()
		if passedOver(name) {
			continue
		}
		s := sight{mark(filepath.Join(o.dir, name)), 1}
		if before := o.seen[name]; before.mark == s.mark {
			s.looks = before.looks + 1
		}
		now[name] = s
		isForm := e.IsDir() || isJSON(name) || isText(name)
		switch {
		case s.mark == "": // empty: somebody only begins
		case !isForm && s.looks == looksElse:
			others = append(others, name)
		case isForm && (s.looks >= looksElse || strings.HasPrefix(name, handed) || s.looks >= looksWhole && !e.IsDir() && whole(filepath.Join(o.dir, name))):
			forms = append(forms, name)
		}
	}
	o.seen = now
	slices.Sort(forms)
	return forms, others, nil
}

func isJSON(name string) bool { return strings.EqualFold(filepath.Ext(name), ".json") }
func isText(name string) bool { return strings.EqualFold(filepath.Ext(name), ".txt") }

// passedOver reports whether a name is none that anybody drops: our own folders,
// and what programs leave while they write or look.
func passedOver(name string) bool {
	switch lower := strings.ToLower(name); {
	case name == "sent", name == "failed", lower == "thumbs.db", lower == "desktop.ini":
		return true
	case strings.HasPrefix(name, "."), strings.HasPrefix(name, "~"), strings.HasPrefix(name, "#"), strings.HasSuffix(name, "~"):
		return true
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp":
		return true
	}
	return false
}

// mark changes while something is being written; it is "" while there is nothing
// in it.
func mark(root string) string {
	var b strings.Builder
	size := int64(0)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil || e.IsDir() {
			return err
		}
		size += info.Size()
		fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	switch {
	case err != nil:
		return "unreadable: " + err.Error()
	case size == 0:
		return ""
	}
	return b.String()
}

// whole reports whether a file says itself that nothing is missing: a JSON text
// has its end, a text form its END line.
func whole(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > sourceLimit {
		return false
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	if isJSON(path) {
		return json.Valid(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")))
	}
	return bytes.Contains(bytes.ToUpper(data), []byte("JCOFORM/1 END"))
}
