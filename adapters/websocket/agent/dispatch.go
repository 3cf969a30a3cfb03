package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"liaison/adapters/websocket"
	"liaison/gateway/form"
)

// dispatch takes what is dropped into out, makes messages of it, and submits
// them, one after the other: urgent ones first, others in the order in which they
// were taken. One that fails by itself lets the others go first.
func (a *agent) dispatch(ctx context.Context) {
	box := newOutbox(a.path("out"))
	queue, err := a.jobs()
	if err != nil {
		a.opt.Log.Error("jobs can't be listed", "error", err)
	}
	ticker := time.NewTicker(a.opt.Scan)
	defer ticker.Stop()
	var quiet muffler
	for ctx.Err() == nil {
		taken, err := a.takeDropped(box)
		quiet.log(a.opt.Log, "what is dropped into out can't be taken", err)
		queue = append(queue, append(taken, a.newJobs(queue, taken)...)...)
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
		j, err := a.adopt(name)
		if err != nil {
			return jobs, err
		}
		jobs = append(jobs, j)
	}
	for _, name := range others {
		note := a.path("out", "failed", name+".answer.txt")
		if !exists(note) {
			err = errors.Join(err, writeWhole(note, []byte(say(a.opt.Language, "not-taken", "name", name)+"\n")))
		}
	}
	return jobs, err
}

// newJobs are those that lie in the folder and are in neither list: answers to
// test calls, which landing makes.
func (a *agent) newJobs(queue, taken []*job) []*job {
	all, err := os.ReadDir(a.path("state", "jobs"))
	if err != nil {
		return nil
	}
	known := make(map[string]bool)
	for _, j := range slices.Concat(queue, taken) {
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
// at their end.
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
	for _, j := range open {
		c := a.connection()
		if c == nil || ctx.Err() != nil || time.Now().Before(j.next) {
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

// verdict is what became of a submit.
type verdict struct {
	refused bool
	taken26 bool // its reference is taken by a form with other content
	text    string
	json    []byte // the ACK or NAK form
}

// answerTime is how long one submit waits for its answer.
const answerTime = 3 * time.Minute

// submit sends a job's message and believes only the sealed answer, and only one
// that speaks of this very form.
func (a *agent) submit(ctx context.Context, c *websocket.Client, j *job) (*verdict, error) {
	message, err := os.ReadFile(a.jobPath(j.id, "message.pgp"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err := c.Submit(ctx, j.id, message)
	var remote *websocket.RemoteError
	if errors.As(err, &remote) && remote.Final() {
		return nil, &failure{say(a.opt.Language, "refused", "reason", remote.Message) + "\n"}
	}
	if err != nil {
		return nil, err
	}
	if err := a.step("answered"); err != nil {
		return nil, err
	}
	if len(answer.Sealed) == 0 {
		v := &verdict{refused: answer.Verdict == "rejected", text: say(a.opt.Language, "no-answer-due", "verdict", string(answer.Verdict), "reference", answer.Reference) + "\n"}
		if v.refused {
			v.text = say(a.opt.Language, "rejected-silently") + "\n"
		}
		return v, nil
	}
	got, err := a.verify(answer.Sealed)
	if err != nil {
		return nil, fmt.Errorf("the answer can't be believed, asking again: %w", err)
	}
	if got.relay.Answers != "" && !strings.EqualFold(got.relay.Answers, j.about.Reference) {
		return nil, fmt.Errorf("the answer speaks of another form (%s), asking again", got.relay.Answers)
	}
	// The frame's type is outside the signature; the form inside decides.
	return &verdict{refused: got.relay.Type == "NAK", text: got.text, json: got.formJSON,
		taken26: slices.ContainsFunc(got.relay.Problems, func(p form.Problem) bool { return p.Code == 26 })}, nil
}

// conclude puts the answer beside the source in out/sent or out/failed, and ends
// the job. The source moves last: while it is in the job, all is done again, under
// the name that was chosen first.
func (a *agent) conclude(j *job, source, where string, v *verdict) error {
	dir := a.path("out", where)
	if j.about.As == "" {
		j.about.As = freeWithAnswer(dir, filepath.Base(source))
		if err := a.writeAbout(j); err != nil {
			return err
		}
	}
	stem := stemOf(j.about.As)
	if err := writeWhole(filepath.Join(dir, stem+answerEnding), []byte(v.text)); err != nil {
		return err
	}
	if v.json != nil {
		if err := writeWhole(filepath.Join(dir, stem+".answer.json"), v.json); err != nil {
			return err
		}
	}
	if where == "sent" {
		if err := a.noteSent(j, stem); err != nil {
			return err
		}
	}
	if err := a.answered(j); err != nil {
		return err
	}
	if err := a.step("answer written"); err != nil {
		return err
	}
	if err := move(source, filepath.Join(dir, j.about.As)); err != nil {
		return err
	}
	if err := a.step("moved"); err != nil {
		return err
	}
	a.opt.Log.Info("form submitted", "name", j.about.As, "reference", j.about.Reference, "result", where)
	return os.RemoveAll(a.jobPath(j.id))
}

const answerEnding = ".answer.txt"

func stemOf(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

// freeWithAnswer is the first name that is free together with its answer's: a.txt
// and a.json have the same.
func freeWithAnswer(dir, name string) string {
	for n := 1; ; n++ {
		try := variant(name, n)
		if !exists(filepath.Join(dir, try)) && !exists(filepath.Join(dir, stemOf(try)+answerEnding)) {
			return try
		}
	}
}

// noteSent lets a later status find the form, and takes a question to a person
// away that was answered.
func (a *agent) noteSent(j *job, stem string) error {
	if j.about.Reference != "" {
		if err := writeWhole(a.path("state", "sent", safeName(j.about.Reference)), []byte(stem+"\n")); err != nil {
			return err
		}
	}
	if j.about.Asked != "" {
		return removeIfThere(a.askPath(j.about.Asked))
	}
	return nil
}
