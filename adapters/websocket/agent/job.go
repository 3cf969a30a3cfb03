package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
)

// A job is a folder state/jobs/<submit id>. What is in it says how far it got:
//
//	source/      what was dropped, moved here
//	about.json   what of it must be known again
//	message.pgp  the bytes to submit: from here on id and bytes never change
//
// The job ends when the source lies in out/sent or out/failed.
type job struct {
	id    string
	about about
	ready bool // its message lies there

	tries int
	next  time.Time // not before
}

// about is about.json, written before message.pgp.
type about struct {
	Reference string `json:"reference"`          // A4
	Assigned  bool   `json:"assigned,omitempty"` // by this agent
	Urgent    bool   `json:"urgent,omitempty"`
	Answers   string `json:"answers,omitempty"` // the test call that this is the machine's answer to
	Asked     string `json:"asked,omitempty"`   // the test call that this is a person's answer to
	Renewed   int    `json:"renewed,omitempty"` // how often its reference was taken already
	As        string `json:"as,omitempty"`      // its name in out/sent or out/failed
}

func (a *agent) jobPath(id string, elements ...string) string {
	return a.path(append([]string{"state", "jobs", id}, elements...)...)
}

// stage makes a job of what put places in its source folder: all of it or, after
// a crash, nothing.
func (a *agent) stage(id string, put func(source string) error) error {
	temp := a.path("state", "staging-"+id)
	if err := os.MkdirAll(filepath.Join(temp, "source"), 0o700); err != nil {
		return err
	}
	if err := put(filepath.Join(temp, "source")); err != nil {
		_ = os.RemoveAll(temp)
		return err
	}
	if err := errors.Join(syncDir(filepath.Join(temp, "source")), syncDir(temp)); err != nil {
		return err
	}
	return move(temp, a.jobPath(id))
}

// adopt makes a job of what was dropped. The job's folder is there before the
// dropped one is moved, which is one step.
func (a *agent) adopt(name string) (*job, error) {
	id := uuid.Must(uuid.NewV7()).String()
	if err := a.stage(id, func(string) error { return nil }); err != nil {
		return nil, err
	}
	if err := a.step("staged"); err != nil {
		return nil, err
	}
	if err := move(a.path("out", name), a.jobPath(id, "source", name)); err != nil {
		return nil, err // the form may have moved all the same: its job is among those that are found, an empty one ends there
	}
	return &job{id: id}, nil
}

// sweep takes away what a crash left half-staged.
func (a *agent) sweep() error {
	left, err := filepath.Glob(a.path("state", "staging-*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// source finds what a job is about; "" where it has ended or never began.
func (a *agent) source(j *job) (string, error) {
	entries, err := os.ReadDir(a.jobPath(j.id, "source"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return a.jobPath(j.id, "source", entries[0].Name()), nil
}

// prepareJob makes the message, once. A failure is an end.
func (a *agent) prepareJob(j *job, source string) error {
	raw, err := readIfThere(a.jobPath(j.id, "about.json"))
	if err != nil {
		return err
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &j.about); err != nil {
			return fmt.Errorf("read job %s: %w", j.id, err)
		}
	}
	if !exists(a.jobPath(j.id, "message.pgp")) {
		if err := a.makeMessage(j, source); err != nil {
			return err
		}
	}
	j.ready = true
	return nil
}

func (a *agent) makeMessage(j *job, source string) error {
	message, err := a.compose(source, &j.about)
	if err != nil {
		return err
	}
	if err := a.step("composed"); err != nil {
		return err
	}
	if err := a.writeAbout(j); err != nil {
		return err
	}
	if err := writeWhole(a.jobPath(j.id, "message.pgp"), message); err != nil {
		return err
	}
	return a.step("job written")
}

func (a *agent) writeAbout(j *job) error {
	raw, err := json.Marshal(j.about)
	if err != nil {
		return err
	}
	return writeWhole(a.jobPath(j.id, "about.json"), raw)
}

// renewedMost is how often a reference that was taken already is given anew.
const renewedMost = 12

// renew gives a job whose reference the gateway knows with other content, which
// happens when the agent's state was lost, another id, and with it other bytes.
func (a *agent) renew(j *job, source string) (*job, error) {
	n := &job{id: uuid.Must(uuid.NewV7()).String(), about: about{Renewed: j.about.Renewed + 1}}
	if err := a.stage(n.id, func(string) error { return nil }); err != nil {
		return nil, err
	}
	if err := a.writeAbout(n); err != nil {
		return nil, err
	}
	if err := move(source, a.jobPath(n.id, "source", filepath.Base(source))); err != nil {
		return nil, err
	}
	return n, os.RemoveAll(a.jobPath(j.id))
}
