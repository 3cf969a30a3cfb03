package agent

import (
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
		as, err := freeWithAnswer(dir, shortName(filepath.Base(source), nameMost))
		if err != nil {
			return err
		}
		j.about.As = as
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
	a.opt.Log.Info("form settled", "name", j.about.As, "reference", j.about.Reference, "result", where)
	return os.RemoveAll(a.jobPath(j.id))
}

const answerEnding = ".answer.txt"

// nameMost is how many bytes of its name a form keeps in out/sent or out/failed:
// the files beside it have longer ones, and a file system takes 255.
const nameMost = 200

func stemOf(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

// freeWithAnswer is the first name that is free together with its answer's: a.txt
// and a.json have the same.
func freeWithAnswer(dir, name string) (string, error) {
	for n := 1; ; n++ {
		try := variant(name, n)
		there, err := taken(filepath.Join(dir, try))
		if err == nil && !there {
			there, err = taken(filepath.Join(dir, stemOf(try)+answerEnding))
		}
		if err != nil || !there {
			return try, err
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
