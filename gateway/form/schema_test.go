package form

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compiled is the schema as the library understands it, with formats asserted.
var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	c.AssertFormat()
	if err := c.AddResource(schemaID, doc); err != nil {
		return nil, err
	}
	return c.Compile(schemaID)
})

// nothing loads no schema: the library would read files otherwise.
type nothing struct{}

func (nothing) Load(url string) (any, error) { return nil, errors.New("no schema " + url) }

// valid holds form.json against the schema.
func valid(t testing.TB, data []byte) error {
	t.Helper()
	schema, err := compiled()
	if err != nil {
		t.Fatalf("schema: %v", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return schema.Validate(doc)
}
