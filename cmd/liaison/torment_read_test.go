package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/torment"
)

// keepLooking looks at what came, until ctx ends; then once more.
func (w *world) keepLooking(ctx context.Context, look func()) {
	for ctx.Err() == nil {
		look()
		rest(ctx, 500*time.Millisecond)
	}
	look()
}

// readers read for all participants until ctx ends.
func (w *world) readers(ctx context.Context) (wait func()) {
	var all sync.WaitGroup
	for _, code := range []string{"LV", "PL"} {
		f := &folder{w: w, code: code, seen: map[string]bool{}}
		all.Go(func() { w.keepLooking(ctx, f.look) })
	}
	for _, code := range byMail {
		box := &letterbox{w: w, code: code}
		all.Go(func() { w.keepLooking(ctx, box.look) })
	}
	all.Go(func() { w.keepLooking(ctx, w.lookAtList(300)) })
	return all.Wait
}

// answered notes an answer, and remembers what may be corrected from now on.
func (w *world) answered(a torment.Answer, text string) {
	w.book.Answered(a)
	about := aboutIn.FindStringSubmatch(text)
	if about == nil {
		about = []string{"", "", ""} // of a form that got no number
	} else {
		w.book.Numbered(about[1], about[2])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[a.To]--
	f, known := w.book.Form(about[1])
	if known && a.Accepted && f.Fate == torment.Relayed && f.Replaces == "" && !f.Nominal && f.Marking == "TLP:AMBER" &&
		!slices.ContainsFunc(w.settled[a.To], func(s torment.Form) bool { return s.Number == f.Number }) {
		w.settled[a.To] = append(w.settled[a.To], f)
	}
}

// folder is the folder of an agent, as a national system reads it.
type folder struct {
	w      *world
	code   string
	seen   map[string]bool
	status int // bytes of status.jsonl that were read
}

func (f *folder) look() {
	for _, sub := range []string{"in", "out/sent", "out/failed"} {
		entries, err := os.ReadDir(f.w.path(filepath.Join(f.code, sub)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.w.t.Error(err)
		}
		for _, e := range entries {
			name := filepath.Join(f.code, sub, e.Name())
			form := sub == "in" && e.IsDir() && e.Name() != "refused"
			answer := sub != "in" && strings.HasSuffix(name, ".txt") && !strings.HasSuffix(name, ".answer.txt") && !strings.HasSuffix(name, ".status.txt")
			if f.seen[name] || !form && !answer {
				continue
			}
			f.seen[name] = true
			if form {
				f.form(name)
			} else {
				f.answer(strings.TrimSuffix(name, ".txt"))
			}
		}
	}
	f.statuses()
}

// form reads a form that landed.
func (f *folder) form(dir string) {
	var relay gateway.Relay
	if err := json.Unmarshal([]byte(f.w.read(dir+"/relay.json")), &relay); err != nil {
		f.w.t.Error(err)
	}
	info, err := os.Stat(f.w.path(dir + "/delivery"))
	if err != nil {
		f.w.t.Error(err)
		return
	}
	content := f.w.read(dir + "/form.json")
	f.w.book.Shown(f.code, dir, content+f.w.read(dir+"/form.txt"), false)
	f.w.book.Received(torment.Received{By: f.code, Identity: strings.TrimSpace(f.w.read(dir + "/delivery")), Reference: relay.Reference, Order: info.ModTime().UnixNano(), Quantity: quantity(content)})
}

// answer reads what the gateway said of a form; its source moves last, so that
// everything is there.
func (f *folder) answer(stem string) {
	text := f.w.read(stem + ".answer.txt")
	var answer struct {
		A4, A1 string
		A5     []string
	}
	if strings.Contains(text, "(held") { // set aside unopened: the unit's list names it
		return
	}
	if data, err := os.ReadFile(f.w.path(stem + ".answer.json")); err != nil || json.Unmarshal(data, &answer) != nil {
		f.w.t.Errorf("%s has no answer of the gateway: %s", stem, text)
		return
	}
	f.w.book.Shown(f.code, stem, text, false)
	a := answerIn(text)
	a.To, a.Offer, a.Identity = f.code, filepath.Base(stem), answer.A4
	f.w.answered(a, text)
}

// answerIn reads an answer's words.
func answerIn(text string) torment.Answer {
	return torment.Answer{Accepted: strings.Contains(text, "Received and accepted") || strings.Contains(text, "We have this form already"),
		Held: strings.Contains(text, "A person will decide") || strings.Contains(text, "are not accepted on this channel")}
}

// statuses reads the lines that came since.
func (f *folder) statuses() {
	data, err := os.ReadFile(f.w.path(f.code + "/in/status.jsonl"))
	if err != nil {
		return // nothing came yet
	}
	end := bytes.LastIndexByte(data, '\n') + 1
	for line := range strings.Lines(string(data[min(f.status, end):end])) {
		var s struct {
			Reference, Recipient, State, Reason string
			Seq                                 int64
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			f.w.t.Errorf("%s reads %q: %v", f.code, line, err)
		}
		f.w.told(f.code, s.Reference, s.Recipient, s.State)
	}
	f.status = end
}

// told notes a status; one without a reference stands for a number alone.
func (w *world) told(whom, reference, recipient, state string) {
	if reference != "" && state != "withheld" {
		w.book.Told(torment.Told{Whom: whom, Delivery: reference + " to " + recipient, State: state})
	}
}

// quantity is box C4 of a form.json.
func quantity(formJSON string) string {
	var f struct{ C []struct{ C4 string } }
	if json.Unmarshal([]byte(formJSON), &f) != nil || len(f.C) == 0 {
		return ""
	}
	return f.C[0].C4
}

// letterbox is an officer's mail program.
type letterbox struct {
	w    *world
	code string
	read int
}

func (l *letterbox) look() {
	mails, err := l.w.post.inbox(officerOf(l.code), l.read)
	if err != nil {
		return // the server is down; it is asked again
	}
	for _, m := range mails {
		l.read++
		l.mail(m)
	}
}

var (
	numberIn   = regexp.MustCompile(`OP-001 \d{6}`)
	aboutIn    = regexp.MustCompile(`([A-Z]{2}-JCO-2026-\d{6}) \((OP-001 \d{6})\)`)
	quantityIn = regexp.MustCompile(`C4: \[(\d+)\]`)
)

// mail reads one mail: what everybody on the way could read of it, and what its
// recipient can.
func (l *letterbox) mail(m arrived) {
	w, p := l.w, l.w.officers[l.code]
	clear := entity.Read(m.raw, nil, entity.Limits{})
	id := clear.Header.MessageID
	text := string(bytes.ReplaceAll(m.raw, []byte("=\r\n"), nil)) + clear.Text
	for _, a := range clear.Attachments {
		text += string(a.Content)
	}
	w.book.Shown(l.code, "mail "+id, text, true)
	read := p.Read(m.raw, time.Now())
	if p.Key == nil {
		l.open(clear.Header, m.order, read.Text)
		return
	}
	if read.Verdict != "good" {
		w.t.Errorf("%s can't believe a mail of the gateway (%s, %v):\n%.3000s", l.code, read.Verdict, read.Problems, m.raw)
		return
	}
	l.sealed(read, clear.Header.InReplyTo, id, m.order)
}

// sealed reads what was opened.
func (l *letterbox) sealed(read *gateway.Message, replies, id string, order int64) {
	w := l.w
	relay, content, opened := partsOf(read)
	w.book.Shown(l.code, "mail "+id, opened, false)
	switch {
	case relay.Type == "":
		w.t.Errorf("a mail to %s has no relay.json: %s", l.code, opened)
	case relay.Type != "ACK" && relay.Type != "NAK":
		w.book.Received(torment.Received{By: l.code, Identity: id, Reference: relay.Reference, Order: order, Quantity: quantity(content)})
	case replies != "":
		a := answerIn(read.Text)
		a.To, a.Offer, a.Identity = l.code, replies, id
		w.answered(a, read.Text)
	}
}

// partsOf are what was sealed: what the gateway says, the form, and all that can be
// read. Without a relay.json nothing of it counts.
func partsOf(m *gateway.Message) (relay gateway.Relay, formJSON, all string) {
	all = m.Text
	for _, a := range m.Reading.Attachments {
		all += string(a.Content)
		switch a.Name {
		case "relay.json":
			_ = json.Unmarshal(a.Content, &relay) // broken, it is the zero one
		case "form.json":
			formJSON = string(a.Content)
		}
	}
	return relay, formJSON, all
}

// open reads what came in the clear: a form is known by its number alone.
func (l *letterbox) open(h entity.Header, order int64, text string) {
	number := numberIn.FindString(h.Subject)
	switch {
	case h.InReplyTo != "":
		a := answerIn(text)
		a.To, a.Offer, a.Identity = l.code, h.InReplyTo, h.MessageID
		l.w.answered(a, text)
	case strings.Contains(text, "A form waits for you"):
		l.w.book.Received(torment.Received{By: l.code, Identity: h.MessageID, Number: number, Order: order, Notice: true})
	case strings.Contains(text, "JCOFORM/1 BEGIN"):
		r := torment.Received{By: l.code, Identity: h.MessageID, Number: number, Order: order}
		if found := quantityIn.FindStringSubmatch(text); found != nil && !strings.Contains(text, "A1: [CAN]") {
			r.Quantity = found[1]
		}
		l.w.book.Received(r)
	}
}

// lookAtList reads the unit's own list of forms: where each delivery stands.
func (w *world) lookAtList(limit int) func() {
	return func() {
		out, code := command(w.t, "", "forms", "list", "--json", "--limit", strconv.Itoa(limit), "-c", w.path("gw/gateway.yaml"))
		if code != exitDone {
			return // a fault is on
		}
		w.standing(out)
	}
}

// standing notes the states of a list; it returns how many wait.
func (w *world) standing(list string) (pending int) {
	for line := range strings.Lines(list) {
		var f struct {
			Reference, Inbound, Reason string
			Deliveries                 []struct{ ID, State, Participant, Reason string }
		}
		if json.Unmarshal([]byte(line), &f) != nil {
			continue
		}
		if f.Inbound != "" && strings.Contains(f.Reason, "could not be processed") {
			w.book.SetAside(f.Inbound)
		}
		for _, d := range f.Deliveries {
			if d.State == "pending" {
				pending++
			}
			if d.State != "withheld" {
				w.book.Told(torment.Told{Whom: "the unit", Delivery: d.ID, State: d.State})
			}
		}
	}
	return pending
}
