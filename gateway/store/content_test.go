package store

import (
	"crypto/cipher"
	"encoding/json"
	"reflect"
	"testing"

	"liaison/gateway"
	"liaison/gateway/form"
)

// full is a content with every field that is stored.
func full(t *testing.T) gateway.Content {
	c := gateway.Content{JSON: []byte(`{"A1":"SEZ"}`), AsSent: []byte(`{"A1": "SEZ"}`), Signature: []byte{0xC2, 0, 0xFF}, Original: []byte("From: a@vid.example\r\n\r\n\xFF"),
		Added: []string{"A5"}, Text: "see below", Subject: "Ελλάδα", Problems: []form.Problem{form.NewProblem(23, form.Warning, "C3", map[string]string{"value": "x"})},
		Changes: []form.Change{{Box: "C3", Was: "1", Now: ""}}, Whole: []byte("{}"), Facts: map[string]string{"code": "23"}}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("json") != "-" && v.Field(i).IsZero() {
			t.Fatalf("the test leaves %s out", v.Type().Field(i).Name)
		}
	}
	return c
}

func TestContentComesBackAsItWasAlsoFromAnEarlierVersion(t *testing.T) {
	a, err := newAEAD(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]cipher.AEAD{"OP-7K3": a}
	form := func(c gateway.Content) *gateway.Form { return &gateway.Form{ID: "f", Operation: "OP-7K3", Content: c} }
	write := func(c gateway.Content) []byte {
		sealed, err := (&tx{common: &common{keys: keys}}).sealContent(form(c))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	before, err := json.Marshal(full(t))
	if err != nil {
		t.Fatal(err)
	}
	broken := full(t)
	broken.Text = "no UTF-8: \xFF"
	for _, c := range []struct {
		name   string
		sealed []byte
		want   gateway.Content
	}{
		{"CBOR", write(full(t)), full(t)},
		{"a text that isn't UTF-8", write(broken), broken},
		{"JSON", seal(a, before, "form\x00f\x00content"), full(t)},
	} {
		got := form(gateway.Content{})
		if err := (&opener{keys: keys}).content(got, c.sealed); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !reflect.DeepEqual(got, form(c.want)) {
			t.Errorf("%s: the content is another now", c.name)
		}
	}
}
