package mailtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
)

// state is a mailbox's file beside its messages, which are UID.eml with the time
// of arrival as the file's.
type state struct {
	UIDValidity uint32              `json:"uidvalidity"`
	UIDNext     imap.UID            `json:"uidnext"`
	Flags       map[string][]string `json:"flags,omitempty"`
}

const stateFile = "mailbox.json"

func (a *account) folder(m *mailbox) string { return filepath.Join(a.dir, url.PathEscape(m.name)) }

func (a *account) file(m *mailbox, msg *message) string {
	return filepath.Join(a.folder(m), fmt.Sprintf("%010d.eml", msg.uid))
}

// keepState writes UIDVALIDITY, UIDNEXT and flags.
func (a *account) keepState(m *mailbox) error {
	if a.dir == "" {
		return nil
	}
	s := state{UIDValidity: m.validity, UIDNext: m.next, Flags: make(map[string][]string)}
	for _, msg := range m.list {
		for _, f := range msg.flags {
			key := strconv.FormatUint(uint64(msg.uid), 10)
			s.Flags[key] = append(s.Flags[key], string(f))
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.folder(m), 0o700); err != nil {
		return err
	}
	return replace(filepath.Join(a.folder(m), stateFile), data)
}

// keepMessage writes UIDNEXT first: a UID must not be given twice.
func (a *account) keepMessage(m *mailbox, msg *message) error {
	if a.dir == "" {
		return nil
	}
	if err := a.keepState(m); err != nil {
		return err
	}
	if err := replace(a.file(m, msg), msg.raw); err != nil {
		return err
	}
	return os.Chtimes(a.file(m, msg), msg.at, msg.at)
}

func (a *account) dropMessage(m *mailbox, msg *message) error {
	if a.dir == "" {
		return nil
	}
	return os.Remove(a.file(m, msg))
}

// replace writes a file as a whole or not at all.
func replace(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// load reads the account's folder.
func (a *account) load() error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, err := url.PathUnescape(e.Name())
		if err != nil || !e.IsDir() {
			continue
		}
		m := &mailbox{name: name, sessions: make(map[*session]struct{})}
		if err := a.loadBox(m); err != nil {
			return fmt.Errorf("mailbox %s: %w", name, err)
		}
		m.tracker = imapserver.NewMailboxTracker(uint32(len(m.list)))
		a.boxes[name] = m
		a.lastMade = max(a.lastMade, m.validity)
	}
	return nil
}

func (a *account) loadBox(m *mailbox) error {
	data, err := os.ReadFile(filepath.Join(a.folder(m), stateFile))
	if err != nil {
		return err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	m.validity, m.next = s.UIDValidity, s.UIDNext
	files, err := filepath.Glob(filepath.Join(a.folder(m), "*.eml"))
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, file := range files {
		number := strings.TrimSuffix(filepath.Base(file), ".eml")
		uid, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		msg := &message{uid: imap.UID(uid), raw: raw, at: info.ModTime()}
		for _, f := range s.Flags[strconv.FormatUint(uid, 10)] {
			msg.flags = append(msg.flags, imap.Flag(f))
		}
		m.list = append(m.list, msg)
	}
	return nil
}
