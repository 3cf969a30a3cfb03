package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"liaison/adapters/websocket"
)

// A job is a folder state/jobs/<submit id>. What is in it says how far it got:
//
//	source/      what was dropped, moved here
//	message.pgp  the bytes to submit: from here on id and bytes never change
//	answer.pgp   the gateway's answer, as it came
//
// The job ends when the source lies in out/sent or out/failed.

// dispatch takes what is dropped into out and submits it, one after the other.
// Jobs that a crash left behind go first.
func (a *agent) dispatch(ctx context.Context) {
	a.resume(ctx)
	ticker := time.NewTicker(a.opt.Scan)
	defer ticker.Stop()
	before := map[string]string{}
	for {
		now := a.scan()
		for name, mark := range now {
			if ctx.Err() != nil {
				return
			}
			// Twice the same size and time: whoever writes it has finished.
			if before[name] != mark || mark == "" {
				continue
			}
			id, err := a.adopt(name)
			if err != nil {
				a.opt.Log.Error("a dropped form can't be taken", "name", name, "error", err)
				continue
			}
			a.work(ctx, id)
		}
		before = now
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// resume works on all jobs in the order of their ids, which is that of time.
func (a *agent) resume(ctx context.Context) {
	jobs, err := os.ReadDir(filepath.Join(a.opt.Dir, "state", "jobs"))
	if err != nil {
		a.opt.Log.Error("jobs can't be listed", "error", err)
		return
	}
	for _, j := range jobs {
		if ctx.Err() != nil {
			return
		}
		a.work(ctx, j.Name())
	}
}

// scan returns what lies in out, each with a mark that changes while it is being
// written.
func (a *agent) scan() map[string]string {
	out := filepath.Join(a.opt.Dir, "out")
	list, err := os.ReadDir(out)
	if err != nil {
		a.opt.Log.Error("out can't be read", "error", err)
		return nil
	}
	found := make(map[string]string)
	for _, e := range list {
		name := e.Name()
		ext := strings.ToLower(filepath.Ext(name))
		switch {
		case name == "sent", name == "failed", strings.HasPrefix(name, "."), strings.HasPrefix(name, "~"), ext == ".tmp", ext == ".part":
		case e.IsDir(), ext == ".json", ext == ".txt":
			found[name] = mark(filepath.Join(out, name))
		}
	}
	return found
}

// mark is "" where something can't be read, or is empty.
func mark(root string) string {
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if !e.IsDir() {
			fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	if err != nil {
		return ""
	}
	return b.String()
}

// adopt moves a dropped form into a new job.
func (a *agent) adopt(name string) (string, error) {
	id := uuid.Must(uuid.NewV7()).String()
	source := filepath.Join(a.opt.Dir, "state", "jobs", id, "source")
	if err := os.MkdirAll(source, 0o700); err != nil {
		return "", err
	}
	if err := errors.Join(syncDir(filepath.Dir(source)), syncDir(filepath.Join(a.opt.Dir, "state", "jobs"))); err != nil {
		return "", err
	}
	_, err := moveInto(filepath.Join(a.opt.Dir, "out", name), source, name)
	return id, err
}

// work brings one job to its end, however often the connection breaks.
func (a *agent) work(ctx context.Context, id string) {
	for wait := a.opt.Scan; ; wait = min(2*wait, time.Minute) {
		err := a.advance(ctx, id)
		if err == nil || ctx.Err() != nil {
			return
		}
		a.opt.Log.Warn("a form is not submitted yet", "submit", id, "cause", err, "again_in", wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// failure is an end that trying again doesn't change; its words are for the
// person who dropped the form.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// advance takes a job from where it is to its end.
func (a *agent) advance(ctx context.Context, id string) error {
	job := filepath.Join(a.opt.Dir, "state", "jobs", id)
	entries, err := os.ReadDir(filepath.Join(job, "source"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) == 0 { // a crash before adopt's move, or after conclude's
		return os.RemoveAll(job)
	}
	source := filepath.Join(job, "source", entries[0].Name())
	result, err := a.submitJob(ctx, id, job, source)
	var bad *failure
	if errors.As(err, &bad) {
		return a.conclude(job, source, "failed", &verdict{text: bad.text})
	}
	if err != nil {
		return err
	}
	if result.refused {
		return a.conclude(job, source, "failed", result)
	}
	return a.conclude(job, source, "sent", result)
}

// verdict is what became of a submit.
type verdict struct {
	refused bool
	text    string
	json    []byte // the ACK or NAK form
}

// submitJob makes the message once, and submits it.
func (a *agent) submitJob(ctx context.Context, id, job, source string) (*verdict, error) {
	path := filepath.Join(job, "message.pgp")
	message, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if message, err = a.compose(source); err != nil {
			return nil, err
		}
		if err := a.step("composed"); err != nil {
			return nil, err
		}
		err = writeWhole(path, message)
	}
	if err != nil {
		return nil, err
	}
	if err := a.step("job written"); err != nil {
		return nil, err
	}
	return a.submit(ctx, id, message)
}

// submit sends a message and believes only the sealed answer.
func (a *agent) submit(ctx context.Context, id string, message []byte) (*verdict, error) {
	c, err := a.connection(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := c.Submit(ctx, id, message)
	var remote *websocket.RemoteError
	if errors.As(err, &remote) && remote.Final() {
		return nil, &failure{remote.Error()}
	}
	if err != nil {
		return nil, err
	}
	if err := a.step("answered"); err != nil {
		return nil, err
	}
	v := &verdict{refused: answer.Verdict == "rejected"}
	if len(answer.Sealed) == 0 {
		v.text = "The gateway took it (" + string(answer.Verdict) + ", " + answer.Reference + "); no answer is due.\n"
		return v, nil
	}
	got, err := a.verify(answer.Sealed)
	if err != nil {
		return nil, fmt.Errorf("the answer can't be believed, asking again: %w", err)
	}
	v.text, v.json = got.text, got.formJSON
	// The frame's type is outside the signature; the form inside decides.
	v.refused = got.relay.Type == "NAK"
	return v, nil
}

// conclude puts the answer beside the source in out/sent or out/failed, and ends
// the job. The source moves last: while it is in the job, all is done again.
func (a *agent) conclude(job, source, where string, v *verdict) error {
	dir := filepath.Join(a.opt.Dir, "out", where)
	name := free(dir, filepath.Base(source))
	stem := filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name)))
	if err := writeWhole(stem+".answer.txt", []byte(v.text)); err != nil {
		return err
	}
	if v.json != nil {
		if err := writeWhole(stem+".answer.json", v.json); err != nil {
			return err
		}
	}
	if err := a.step("answer written"); err != nil {
		return err
	}
	if _, err := moveInto(source, dir, name); err != nil {
		return err
	}
	if err := a.step("moved"); err != nil {
		return err
	}
	a.opt.Log.Info("form submitted", "name", name, "result", where)
	return os.RemoveAll(job)
}
