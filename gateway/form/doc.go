// Package form is the unified form that every participant of an operation
// fills in and reads, whatever channel carries it.
//
// One embedded catalogue drives everything: the canonical JSON, its JSON Schema,
// the plain text, the checks, the labels. catalogue.yaml has the form types and
// boxes, codes.yaml the code lists, lang/ a file of words for every language; a
// box's type is a row of kindOf, which says how its values are written, read and
// judged. A box has one code (C4) in every language and encoding; a row of a
// repeated group is named behind a dot (C4.2), the first row without one.
//
// It guarantees that encoding to text or JSON and decoding again is the identity
// for every form in normal form; that a text which mail programs mangled is read
// right or said to be doubtful, never wrong in silence (the check value A24 tells
// where structure can't; without it, nobody can know that a program changed
// quotes or dashes); and that every parser takes time linear in its input, which
// is limited to MaxSize. Normal form is NFC. What the text reader must fold
// beyond it (full-width signs, ligatures, invisible characters) isn't normal.
//
// It does not know participants, keys or clearances, reads no clock, and sends
// nothing. Read Form first, then ParseText (join, candidates, readBoxes), then
// Check and kindOf.
package form

// Version is the form version in use (box A2).
const Version = "1.0"

// MediaType is that of form.json.
const MediaType = "application/vnd.jco-form+json"

// MaxSize limits a form in either encoding, in bytes.
const MaxSize = 1 << 20

// maxBoxes limits the filled boxes of a form: every row of every group, and more.
const maxBoxes = 5000

// maxValues is how many values a box can hold.
const maxValues = 99

// maxRows is the highest row number that a text can write.
const maxRows = 99
