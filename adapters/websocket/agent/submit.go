package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"liaison/adapters/websocket"
)

// Answer is the gateway's verified answer to one form.
type Answer struct {
	Taken bool   // false: refused, or not even sent
	Text  string // for people
	JSON  []byte // the ACK or NAK form; nil where there is none
}

// Submit sends one form, text or JSON, that form yields, and waits for the
// verified answer. It opens a session of its own, which replaces that of a
// running agent for a moment: where one runs, drop the form into out instead.
// The form is kept as a job until its answer is there; after an error, the next
// Run submits it again under the same id.
func Submit(ctx context.Context, opt Options, source io.Reader) (*Answer, error) {
	a, err := open(opt)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(source, sourceLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	if len(raw) > sourceLimit {
		return nil, errors.New("the form is larger than 16 MiB")
	}
	id := uuid.Must(uuid.NewV7()).String()
	job := filepath.Join(a.opt.Dir, "state", "jobs", id)
	path := filepath.Join(job, "source", "form"+extension(raw))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := writeWhole(path, raw); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan error, 1)
	go func() { over <- websocket.Run(ctx, a.channel(), a.opt.Backoff, a.connected, nil) }()
	v, err := a.submitJob(ctx, id, job, path)
	cancel()
	<-over
	return a.closeJob(job, path, v, err)
}

func (a *agent) closeJob(job, path string, v *verdict, err error) (*Answer, error) {
	var bad *failure
	switch {
	case errors.As(err, &bad):
		v = &verdict{refused: true, text: bad.text}
	case err != nil:
		return nil, fmt.Errorf("submit form: %w; it is kept, and the agent submits it again when it runs", err)
	}
	where := "sent"
	if v.refused {
		where = "failed"
	}
	if err := a.conclude(job, path, where, v); err != nil {
		return nil, err
	}
	return &Answer{Taken: !v.refused, Text: v.text, JSON: v.json}, nil
}

// extension tells JSON from text by the first character.
func extension(raw []byte) string {
	for _, b := range raw {
		switch b {
		case ' ', '\t', '\r', '\n', 0xEF, 0xBB, 0xBF:
			continue
		case '{':
			return ".json"
		}
		break
	}
	return ".txt"
}
