package main

import (
	"bytes"
	"io"
	"strings"
	"syscall"
	"testing"
)

// failing is where nothing can be written any more.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestAnAnswerThatCanNotBeWrittenFails(t *testing.T) {
	text, code := command(t, "", "form", "new", "SEZ")
	if code != exitDone {
		t.Fatalf("form new = exit code %d\n%s", code, text)
	}
	for _, c := range []struct {
		name string
		out  io.Writer
		want int
	}{{"a full disk", failing{syscall.ENOSPC}, exitFailed}, {"nobody who reads any more", failing{syscall.EPIPE}, exitDone}} {
		for _, args := range [][]string{{"form", "decode"}, {"form", "schema"}, {"version"}} {
			var errs bytes.Buffer
			if code := run(t.Context(), args, streams{strings.NewReader(text), c.out, &errs}); code != c.want {
				t.Errorf("liaison %v to %s = exit code %d; want %d\n%s", args, c.name, code, c.want, errs.String())
			}
		}
	}
}
