// Package form is the unified form that every participant of an operation
// fills in and reads, whatever channel carries it.
//
// One embedded catalogue (catalogue.yaml, codes.yaml) drives everything: the
// canonical JSON, its JSON Schema, the plain text, the checks and the labels.
// A box has one code (C4) in every language and encoding; a row of a repeated
// group is named behind a dot (C4.2), the first row without one.
//
// It guarantees that encoding to text or JSON and decoding again is the
// identity for every form in normal form, that nothing unreadable is guessed,
// and that every parser takes time linear in its input, which is limited to
// MaxSize. Beyond the design's wording, normal form is NFKC (which is NFC too):
// the text reader folds compatibility letters, so the identity needs it.
//
// It does not know participants, keys or clearances, reads no clock, and sends
// nothing. Read Form first, then ParseText and Check.
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
