package agent

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"liaison/adapters/websocket"
)

// dispatch takes what is dropped into out, makes messages of it, and submits
// them, one after the other: urgent ones first, others in the order in which they
// were taken. One that fails by itself lets the others go first.
func (a *agent) dispatch(ctx context.Context) {
	box := newOutbox(a.path("out"))
	var queue []*job
	ticker := time.NewTicker(a.opt.Scan)
	defer ticker.Stop()
	var quiet muffler
	for ctx.Err() == nil {
		taken, err := a.takeDropped(box)
		quiet.log(a.opt.Log, "what is dropped into out can't be taken", err)
		queue = append(queue, taken...)
		queue = append(queue, a.newJobs(queue)...)
		queue = a.work(ctx, queue)
		select {
		case <-ticker.C:
		case <-a.up:
		case <-ctx.Done():
		}
	}
}

// takeDropped makes jobs of what lies finished in out, and says of what is no form
// that it stays there.
func (a *agent) takeDropped(box *outbox) ([]*job, error) {
	forms, others, err := box.look()
	if err != nil {
		return nil, err
	}
	var jobs []*job
	for _, name := range forms {
		if j, failed := a.adopt(name); failed != nil {
			err = errors.Join(err, failed)
		} else {
			jobs = append(jobs, j)
		}
	}
	for _, name := range others {
		note := a.path("out", "failed", shortName(name, nameMost)+answerEnding)
		if !exists(note) {
			err = errors.Join(err, writeWhole(note, []byte(say(a.opt.Language, "not-taken", "name", name)+"\n")))
		}
	}
	return jobs, err
}

// newJobs are those that lie in the folder and aren't in the queue: what an
// earlier process left, and answers to test calls, which landing makes.
func (a *agent) newJobs(queue []*job) []*job {
	all, err := os.ReadDir(a.path("state", "jobs"))
	if err != nil {
		return nil // it is looked at again
	}
	known := make(map[string]bool)
	for _, j := range queue {
		known[j.id] = true
	}
	var fresh []*job
	for _, e := range all {
		if !known[e.Name()] {
			fresh = append(fresh, &job{id: e.Name()})
		}
	}
	return fresh
}

// work brings jobs forward as far as they go now, and returns those that aren't
// at their end. It comes back after a while even where there is more, so that an
// urgent form needn't wait for all that were dropped before it.
func (a *agent) work(ctx context.Context, queue []*job) []*job {
	var open []*job
	for _, j := range queue { // what is no form is told so without a connection
		if !a.prepared(ctx, j) {
			continue
		}
		open = append(open, j)
	}
	slices.SortStableFunc(open, func(x, y *job) int {
		if x.about.Urgent != y.about.Urgent {
			return cmp.Compare(rank(x), rank(y))
		}
		return strings.Compare(x.id, y.id)
	})
	var left []*job
	enough := time.Now().Add(a.opt.Scan)
	for _, j := range open {
		c, now := a.connection(), time.Now()
		if c == nil || ctx.Err() != nil || now.Before(j.next) || now.After(enough) {
			left = append(left, j)
			continue
		}
		if renewed, done := a.advance(ctx, c, j); renewed != nil {
			left = append(left, renewed)
		} else if !done {
			left = append(left, j)
		}
	}
	return left
}

func rank(j *job) int {
	if j.about.Urgent {
		return 0
	}
	return 1
}

// prepared reports whether a job waits to be submitted; it is over where it isn't
// a form, or had ended before.
func (a *agent) prepared(ctx context.Context, j *job) bool {
	if ctx.Err() != nil || time.Now().Before(j.next) || j.ready {
		return true
	}
	source, err := a.source(j)
	switch {
	case err != nil:
	case source == "": // a crash after its end, or before its beginning
		if err = os.RemoveAll(a.jobPath(j.id)); err == nil {
			return false
		}
	default:
		err = a.prepareJob(j, source)
	}
	var bad *failure
	if errors.As(err, &bad) {
		if err = a.conclude(j, source, "failed", &verdict{text: bad.text}); err == nil {
			return false
		}
	}
	if err != nil {
		a.again(j, err)
	}
	return true
}

// failure is an end that trying again doesn't change; its words are for the
// person who dropped the form.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// again lets a job wait, longer each time.
func (a *agent) again(j *job, cause error) {
	wait := min(a.opt.Scan<<min(j.tries, 10), time.Minute)
	j.tries++
	j.next = time.Now().Add(wait)
	a.opt.Log.Warn("a form is not submitted yet", "submit", j.id, "reference", j.about.Reference, "cause", cause, "again_in", wait)
}

// advance submits a job and brings it to its end. It may have to go on as another.
func (a *agent) advance(ctx context.Context, c *websocket.Client, j *job) (renewed *job, done bool) {
	source, err := a.source(j)
	if err == nil && source == "" { // it was at its end but for this
		err = os.RemoveAll(a.jobPath(j.id))
		done = err == nil
	}
	if done || err != nil {
		if err != nil {
			a.again(j, err)
		}
		return nil, done
	}
	v, err := a.submit(ctx, c, j)
	var bad *failure
	switch {
	case errors.As(err, &bad):
		v, err = &verdict{refused: true, text: bad.text}, nil
	case err == nil && v.taken26 && j.about.Assigned && j.about.Renewed < renewedMost:
		if renewed, err = a.renew(j, source); err == nil {
			return renewed, false
		}
	}
	if err == nil {
		where := "sent"
		if v.refused {
			where = "failed"
		}
		if err = a.conclude(j, source, where, v); err == nil {
			return nil, true
		}
	}
	if ctx.Err() == nil {
		a.again(j, err)
	}
	return nil, false
}
