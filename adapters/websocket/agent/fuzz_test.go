package agent

import (
	"slices"
	"testing"
)

func FuzzRelay(f *testing.F) {
	const form = `{"A1":"MSG","A3":"OP-7K3","A12":"text"}`
	f.Add([]byte(`{"operation":"OP-7K3","recipients":["LV"],"form_sha256":"00"}`), []byte(form))
	f.Add([]byte(`{"recipients":null}`), []byte(`{"C":[{"C4":"9"}]}`))
	f.Add([]byte(`[]`), []byte(`{"A1":1}`))
	f.Fuzz(func(t *testing.T, relay, form []byte) {
		a := &agent{opt: Options{Operation: "OP-7K3", Participant: "LV"}}
		r := &received{formJSON: form, relayJSON: relay}
		if err := a.bound(r); err == nil && (r.form == nil || r.relay.Operation != "OP-7K3" || !slices.Contains(r.relay.Recipients, "LV")) {
			t.Fatalf("bound(%q, %q) = nil; want a refusal", relay, form)
		}
	})
}
