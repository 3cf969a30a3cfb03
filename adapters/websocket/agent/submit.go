package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Answer is the gateway's verified answer to one form.
type Answer struct {
	Taken bool   // false: refused, or not even sent
	Text  string // for people
	JSON  []byte // the ACK or NAK form; nil where there is none
}

// Submit sends one form, text or JSON, that source yields, and waits for the
// verified answer until ctx ends. Where an agent serves the folder, that one sends
// it; else this process is the agent meanwhile, and what else waits in the folder
// goes its way too. The form is dropped into out in any case: what isn't answered
// in time is sent by the next agent, as the same form.
func Submit(ctx context.Context, opt Options, source io.Reader) (*Answer, error) {
	raw, err := io.ReadAll(io.LimitReader(source, sourceLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	if len(raw) > sourceLimit {
		return nil, &Fault{"the form is larger than 16 MiB"}
	}
	if opt, err = opt.withDefaults(); err != nil {
		return nil, err
	}
	name := handed + uuid.Must(uuid.NewV7()).String() + extension(raw)
	out := filepath.Join(opt.Dir, "out")
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, fmt.Errorf("prepare folder: %w", err)
	}
	if err := writeSynced(filepath.Join(out, "."+name), raw); err != nil {
		return nil, fmt.Errorf("keep form: %w", err)
	}
	if err := move(filepath.Join(out, "."+name), filepath.Join(out, name)); err != nil {
		return nil, fmt.Errorf("keep form: %w", err)
	}
	return awaitAnswer(ctx, opt, name)
}

// tryAgain is how long Submit waits before it looks whether the agent that served
// the folder has stopped.
const tryAgain = 2 * time.Second

// awaitAnswer waits until whoever serves the folder has sent the form; while
// nobody does, that is this process.
func awaitAnswer(ctx context.Context, opt Options, name string) (*Answer, error) {
	serving, stop := context.WithCancel(ctx)
	over := make(chan error, 1)
	running := sync.WaitGroup{}
	serve := func() { running.Go(func() { over <- Run(serving, opt) }) }
	defer running.Wait()
	defer stop()
	serve()
	var again <-chan time.Time
	tick := time.NewTicker(opt.Scan / 4)
	defer tick.Stop()
	for {
		if answer, err := answerOf(opt.Dir, name); answer != nil || err != nil {
			return answer, err
		}
		select {
		case <-tick.C:
		case err := <-over:
			if !errors.Is(err, ErrInUse) && ctx.Err() == nil {
				return nil, err
			}
			again = time.After(tryAgain)
		case <-again:
			serve()
		case <-ctx.Done():
			return nil, fmt.Errorf("there is no answer yet; the form is kept in %s, and the agent sends it when it runs", opt.Dir)
		}
	}
}

// answerOf reads the answer to a form that was dropped; nil while there is none.
func answerOf(dir, name string) (*Answer, error) {
	for _, where := range []string{"sent", "failed"} {
		folder := filepath.Join(dir, "out", where)
		if !exists(filepath.Join(folder, name)) { // it moves last
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, stemOf(name)+answerEnding))
		if err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		json, err := readIfThere(filepath.Join(folder, stemOf(name)+".answer.json"))
		return &Answer{Taken: where == "sent", Text: string(text), JSON: json}, err
	}
	return nil, nil
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
