package mail

import (
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Bounds of the queue.
const (
	ahead   = 50_000 // messages that wait in it
	scanned = 2_000  // messages that join it between two turns
	atFirst = 100    // the same, at the start: mail is read while the rest is looked at
	flood   = 50     // messages of one sender before one that is told why it waits
)

// waiting is a message in the queue.
type waiting struct {
	uid    imap.UID
	sender string
	known  *facts    // nil: it vanished before it could be asked for, or can't be shown
	since  time.Time // when it was first seen
	before int       // messages of the same sender that waited already
	tries  int       // connections that ended over it
}

// queue is the mail that waits to be offered. The senders take turns, so that a
// flood from one delays nobody else's mail; one sender's own keeps its order: a
// correction must not overtake what it corrects.
type queue struct {
	senders []string // in the order of their turns
	of      map[string][]waiting
	members map[imap.UID]bool
}

func newQueue() *queue {
	return &queue{of: make(map[string][]waiting), members: make(map[imap.UID]bool)}
}

func (q *queue) len() int { return len(q.members) }

// add puts a message at the end of its sender's.
func (q *queue) add(w waiting) {
	if q.members[w.uid] {
		return
	}
	q.members[w.uid] = true
	mine, there := q.of[w.sender]
	if !there {
		q.senders = append(q.senders, w.sender)
	}
	w.before = len(mine)
	q.of[w.sender] = append(mine, w)
}

// back gives a message that was taken out its place again.
func (q *queue) back(w waiting) {
	q.members[w.uid] = true
	q.of[w.sender] = slices.Insert(q.of[w.sender], 0, w)
	others := slices.DeleteFunc(q.senders, func(sender string) bool { return sender == w.sender })
	q.senders = slices.Insert(others, 0, w.sender)
}

// next takes the message whose turn it is out of the queue.
func (q *queue) next() (w waiting, ok bool) {
	if len(q.senders) == 0 {
		return waiting{}, false
	}
	sender := q.senders[0]
	q.senders = q.senders[1:]
	mine := q.of[sender]
	if w = mine[0]; len(mine) > 1 {
		q.of[sender] = mine[1:]
		q.senders = append(q.senders, sender)
	} else {
		delete(q.of, sender)
	}
	delete(q.members, w.uid)
	return w, true
}

// lowest is the lowest UID that waits, or otherwise.
func (q *queue) lowest(otherwise imap.UID) imap.UID {
	for uid := range q.members {
		otherwise = min(otherwise, uid)
	}
	return otherwise
}
