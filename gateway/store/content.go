package store

import (
	"encoding/json"

	"github.com/fxamacker/cbor/v2"

	"liaison/gateway"
)

// A form's content is bytes for the most part: the boxes, what its originator
// sent and signed. As CBOR (RFC 8949) it takes a quarter less than as JSON, which
// has them in base64. It was written as JSON before; an object of that begins
// with what begins no map of CBOR, and is still read.

// lenient reads what was written, whatever it is: a text that isn't UTF-8 must not
// make a form unreadable.
var lenient = must(cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid, MaxArrayElements: 1 << 20, MaxMapPairs: 1 << 20}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (t *tx) sealContent(f *gateway.Form) ([]byte, error) {
	plain, err := cbor.Marshal(f.Content)
	if err != nil {
		return nil, err
	}
	return t.seal(string(f.Operation), "form", string(f.ID), "content", plain)
}

func (o *opener) content(f *gateway.Form, sealed []byte) error {
	plain, err := o.unseal(string(f.Operation), "form", string(f.ID), "content", sealed)
	if err != nil || len(plain) == 0 {
		return err
	}
	if plain[0] == '{' {
		return json.Unmarshal(plain, &f.Content)
	}
	return lenient.Unmarshal(plain, &f.Content)
}
