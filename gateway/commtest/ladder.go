package commtest

import (
	"slices"
	"time"

	"liaison/gateway/operation"
)

// Rung is a step of the proof ladder, 0 to 9.
type Rung int

// The rungs.
const (
	Reach    Rung = iota // L0 configured and reachable
	Keys                 // L1 keys valid to the end, confirmed
	Taken                // L2 the next hop took it
	Unharmed             // L3 no evidence against it
	Opened               // L4 the code from inside came back
	Proven               // L5 signed by the registered key, over the same channel
	Intact               // L6 what came back is what was sent
	Person               // L7 a person filled the form in
	InTime               // L8 within the limit
	Onward               // L9 forms travel on to others, and from them
	rungs
)

// Names of the rungs, as reports show them.
var rungNames = [...]string{"set up and reachable", "encryption keys", "accepted by the next server", "no error came back", "decrypted there", "signed by the right key",
	"unchanged", "filled in by a person", "answered before the deadline", "travels on to others"}

// ladderWords explain the rungs to readers who never saw the program.
const ladderWords = "How far a channel is proven: L0 it is set up and can be reached; L1 its encryption keys are valid to the end; L2 the next server accepted the message; " +
	"L3 no error came back; L4 the message was decrypted there; L5 the answer is signed by the right key; L6 nothing was changed on the way; L7 a person filled the test form in; " +
	"L8 the answer came before the deadline; L9 forms travel on to other participants, and from them."

func (r Rung) String() string { return rungNames[r] }

// Way is a direction of a channel.
type Way string

// The ways.
const (
	There Way = "there" // from the unit to the participant
	Back  Way = "back"
)

// Mark is how a step stands.
type Mark string

// The marks. Missing is a step that this channel can't have.
const (
	Passed  Mark = "passed"
	Failed  Mark = "failed"
	Open    Mark = "open"
	Missing Mark = "n/a"
)

// Step is one rung of one way, with when and what was seen.
type Step struct {
	Rung Rung      `json:"rung"`
	Way  Way       `json:"way"`
	Mark Mark      `json:"mark"`
	At   time.Time `json:"at,omitzero"`
	Seen string    `json:"seen,omitempty"` // the evidence, in short; for the organiser, in English
}

// ways says which rungs are proven on which way.
var ways = [rungs][]Way{
	Reach: {There}, Keys: {There, Back}, Taken: {There}, Unharmed: {There}, Opened: {There}, Proven: {Back}, Intact: {There, Back},
	Person: {Back}, InTime: {Back}, Onward: {There, Back},
}

// has reports whether a kind of channel can have a rung.
func has(kind operation.ChannelKind, r Rung) bool {
	switch kind {
	case operation.Mail:
		return r != Keys
	case operation.Phone:
		return r == Reach || r == Person
	}
	return true
}

// ladder is a channel's steps, all open, or missing where it can't have them.
func ladder(kind operation.ChannelKind) []Step {
	var out []Step
	for r := range rungs {
		for _, w := range ways[r] {
			mark := Open
			if !has(kind, r) {
				mark = Missing
			}
			out = append(out, Step{Rung: r, Way: w, Mark: mark})
		}
	}
	return out
}

// reached is the highest rung of a way, or of both ("" is both), up to which
// nothing is open or failed; -1 where not even the lowest is.
func reached(steps []Step, way Way) Rung {
	level := Rung(-1)
	for r := range rungs {
		proven := false
		for _, s := range steps {
			if s.Rung != r || way != "" && s.Way != way {
				continue
			}
			if s.Mark == Open || s.Mark == Failed {
				return level
			}
			proven = proven || s.Mark == Passed
		}
		if proven {
			level = r
		}
	}
	return level
}

// fails is the lowest rung that failed; ok false where none did.
func fails(steps []Step) (Rung, bool) {
	i := slices.IndexFunc(steps, func(s Step) bool { return s.Mark == Failed })
	if i < 0 {
		return 0, false
	}
	return steps[i].Rung, true // steps are in the order of the ladder
}
