package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"liaison/gateway/torment"
)

// openMost is how many forms of one sender may be on their way: who isn't
// answered stops sending.
const openMost = 150

// offer lets all participants send forms, so many a second in all, until ctx
// ends; it returns after the last was sent, faults or no.
func (w *world) offer(ctx context.Context, perSecond float64) {
	rng := w.dice(1)
	outboxes := map[string]chan func(){}
	var senders sync.WaitGroup
	for _, code := range slices.Concat(onSocket, byMail) {
		outbox := make(chan func(), openMost)
		outboxes[code] = outbox
		senders.Go(func() {
			for send := range outbox {
				send()
			}
		})
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		code := w.sender(rng)
		if w.busy(code) {
			continue
		}
		for _, send := range w.compose(rng, code) {
			outboxes[code] <- send
		}
	}
	for _, outbox := range outboxes {
		close(outbox)
	}
	senders.Wait()
}

// sender chooses who sends: those whose sending costs little do so more often.
func (w *world) sender(rng *rand.Rand) string {
	return []string{"LV", "LV", "LV", "PL", "PL", "SE", "SE", "FI", "FI", "EE", "TR", "GE"}[rng.IntN(12)]
}

func (w *world) busy(code string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open[code] >= openMost-4
}

// compose makes the next form of a sender, and the ways to offer it: mostly one,
// sometimes the same again.
func (w *world) compose(rng *rand.Rand, code string) []func() {
	var lines string
	f := w.book.Next(func(number int) torment.Form {
		f := torment.Form{Number: number, Reference: fmt.Sprintf("%s-JCO-2026-%06d", code, number), Sender: code, Marking: "TLP:AMBER"}
		f, lines = w.fill(rng, f)
		return f
	})
	text := fmt.Sprintf("A4: [%s] A6: [%s] A7: [%s] A10: [EXER] A13: [%s] H1: [Seen %s]\n%s\nJCOFORM/1 END\n", f.Reference, code, strings.Join(f.To, ", "), f.Marking, f.Mark(), lines)
	if slices.Contains([]string{"LV", "PL"}, code) {
		return []func(){w.offering(f, fmt.Sprintf("f%06d", f.Number), func(id string) { w.drop(code, id+".txt", text) })}
	}
	if code == "SE" {
		return []func(){w.offering(f, f.Reference, func(id string) { w.witness.send(id, text) })}
	}
	again := 1
	if f.Fate == torment.Relayed && f.Replaces == "" && rng.IntN(15) == 0 {
		again = 2
	}
	var out []func()
	for n := range again {
		id := fmt.Sprintf("<%d.%d@%s.example>", f.Number, n, strings.ToLower(code))
		out = append(out, w.offering(f, id, func(id string) { w.mail(f, id, text) }))
	}
	return out
}

// offering notes an offer, and makes it.
func (w *world) offering(f torment.Form, id string, send func(id string)) func() {
	w.book.Offered(f, id)
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Fate != torment.Forged {
		w.open[f.Sender]++
	}
	return func() { send(id) }
}

// fill decides what the form is, and returns its other lines.
func (w *world) fill(rng *rand.Rand, f torment.Form) (torment.Form, string) {
	for _, code := range slices.Concat(onSocket, byMail) {
		if code != f.Sender && rng.IntN(3) == 0 {
			f.To = append(f.To, code)
		}
	}
	if len(f.To) == 0 || rng.IntN(20) == 0 {
		f.To = append(f.To, "ALL")
	}
	goods := fmt.Sprintf("B1: [%s] B3: [LV] C1: [TOBA] C2: [Cigarettes] C4: [%s] C5: [H87] C14: [SEZ]", time.Now().UTC().Format(time.DateOnly), f.Quantity())
	what := "A1: [SEZ] "
	switch rng.IntN(20) {
	case 0, 1, 11, 12:
		if original, ok := w.takeSettled(rng, f.Sender); ok {
			f.To, f.Replaces, f.Fate = original.To, original.Reference, replacing(f.Sender)
			return f, "A1: [COR] A5: [" + original.Reference + "] C4: [" + f.Quantity() + "]"
		}
	case 2:
		if original, ok := w.takeSettled(rng, f.Sender); ok {
			f.To, f.Replaces, f.Cancels, f.Fate = original.To, original.Reference, true, replacing(f.Sender)
			return f, "A1: [CAN] A5: [" + original.Reference + "]"
		}
	case 3:
		f.Fate = torment.Refused
		return f, what + strings.Replace(goods, "C4: ["+f.Quantity()+"]", "C4: []", 1)
	case 4, 5:
		if slices.Contains(cleared, f.Sender) || f.Sender == "GE" {
			f.Nominal = true
			if f.Sender == "GE" {
				f.Fate = torment.Held
			}
			return f, what + "A16: [Y] " + goods + " G1: [driver] G2: [P] G3: [" + f.Mark() + "]"
		}
	case 6, 7:
		if f.Sender != "GE" { // in the clear it may not even be written
			f.Marking = []string{"TLP:RED", "TLP:AMBER+STRICT"}[rng.IntN(2)]
		}
	case 8:
		if f.Sender == "FI" {
			f.Fate = torment.Forged
		}
	case 9:
		what += "A11: [H2] "
	case 10:
		what += "A9: [U] "
	}
	return f, what + goods
}

// replacing is what becomes of a correction: one in the clear never replaces
// anything by itself.
func replacing(sender string) torment.Fate {
	if sender == "GE" {
		return torment.Held
	}
	return torment.Relayed
}

// takeSettled takes one of a sender's forms that it was told are accepted, the
// newest mostly: its deliveries may still be on their way.
func (w *world) takeSettled(rng *rand.Rand, code string) (torment.Form, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.settled[code]
	if len(list) == 0 {
		return torment.Form{}, false
	}
	i := len(list) - 1
	if rng.IntN(4) == 0 {
		i = rng.IntN(len(list))
	}
	f := list[i]
	w.settled[code] = slices.Delete(list, i, i+1)
	return f, true
}

// mail sends a form as its officer does, until the officer's server has it.
func (w *world) mail(f torment.Form, id, text string) {
	p := w.officers[f.Sender]
	var raw string
	switch {
	case f.Fate == torment.Forged:
		made, err := w.forger.Write(text, strings.Trim(id, "<>"), "", time.Now())
		if err != nil {
			w.t.Error(err)
			return
		}
		raw = string(made)
	case f.Sender == "EE":
		raw = strings.ReplaceAll(w.gpg.sealedMail(p.Address, id, text), "From: Officer", "Date: "+time.Now().Format(time.RFC1123Z)+"\r\nFrom: Officer")
	default:
		made, err := p.Write(text, strings.Trim(id, "<>"), "", time.Now())
		if err != nil {
			w.t.Error(err)
			return
		}
		raw = string(made)
	}
	for w.ctx.Err() == nil {
		if err := w.post.submit(p.Address, raw); err == nil {
			return
		}
		rest(w.ctx, 300*time.Millisecond)
	}
}
