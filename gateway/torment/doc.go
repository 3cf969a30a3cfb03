// Package torment judges a run in which everything was done to a gateway that
// can be done to one: whether what its participants received, and what they were
// told, is what the gateway promises.
//
// It is independent of the gateway: it knows what was offered, by whom and to
// whom, what came to each participant, and the promises, which it states anew in
// Form.view. It reads no store, and imports nothing of what it judges.
//
// Every form that is offered carries a mark in a box that is never shown in the
// clear, and the quantity in box C4 by which its content is known. So each thing
// that a participant received shows by itself which form's content is in it.
//
// Read Book, then judge.go.
package torment
