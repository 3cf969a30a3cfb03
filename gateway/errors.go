package gateway

import (
	"errors"
	"fmt"
)

// Kind says what to do next about an error.
type Kind int

// The zero Kind is Internal, so that an error nobody classified fails closed:
// nothing is acknowledged and nothing is told to the peer.
//
//	kind       means                                 adapter does                     sender reads
//	Internal   our fault or unknown                  doesn't acknowledge, tries again nothing
//	Transient  a part is away for now                doesn't acknowledge, tries again nothing
//	Malformed  the peer's bytes can't be read        refuses, for ever                what is wrong
//	Untrusted  the peer proved nothing               refuses, tells nothing           the fixed template
//	Refused    understood, proven, not allowed       refuses, for ever                why
const (
	Internal Kind = iota
	Transient
	Malformed
	Untrusted
	Refused
)

func (k Kind) String() string {
	return [...]string{"internal", "transient", "malformed", "untrusted", "refused"}[k]
}

// Error is an error with its kind and two texts: Public may be shown to the
// peer, Err is for the operator alone.
type Error struct {
	Kind   Kind
	Code   int    // NAK code of the form, 0 where none fits
	Public string // safe for the peer; empty means "say nothing"
	Err    error  // what happened and where, never content
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Public
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf classifies an error; public is the peer's text.
func Errorf(kind Kind, public, format string, args ...any) *Error {
	return &Error{Kind: kind, Public: public, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of err; an unclassified error is Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Errors of the store that the flow and the adapters act on.
var (
	// ErrFenced: the node's epoch or the delivery's lease is no longer ours;
	// somebody else owns the work. Evidence was recorded, the state was not.
	ErrFenced = errors.New("the work belongs to another node now")
	// ErrNotFound: no such record, or none that the asker may see.
	ErrNotFound = errors.New("not found")
	// ErrOtherBytes: a submit id was used before with other bytes.
	ErrOtherBytes = errors.New("this id was used before for another message")
)
