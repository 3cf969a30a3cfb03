package gateway_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"liaison/gateway"
)

func TestAFormThatIsReleasedLaterNamesWhoGetsItThen(t *testing.T) {
	f := newFlow(t)
	r := f.submit("LV", seizure("PL, TR", "G1: [driver]", "G2: [P]", "G3: [INVENTED]", "A16: [Y]"), gateway.Accepted)
	f.pass(0)
	f.gets("PL", "G3: [INVENTED]") // its body is remembered for a while
	f.apply(strings.Replace(operationYAML, "reference: TIC,", "reference: TIC, nominal: {receive: {operation: true}, legal_basis: BILAT},", 1))
	if err := f.store.ReleaseDelivery(t.Context(), f.deliveryTo("TR", r.Form).ID, "A. Invented", "a test", nil); err != nil {
		t.Fatal(err)
	}
	f.pass(time.Second)
	f.gets("TR", "G3: [INVENTED]")
}

// A frame that got its number and didn't arrive, of a form that was corrected
// meanwhile, is not shown any more: its number is filled otherwise.
func TestANumberedFormThatACorrectionReplacedIsNotMadeAnew(t *testing.T) {
	f := newFlowOf(t, strings.Replace(operationYAML, "[{kind: websocket}, {kind: pgp-mail, address: jco@fi.example}]", "[{kind: websocket}]", 1))
	f.outcome["FI"] = gateway.Deferred
	r := f.submit("LV", seizure("FI"), gateway.Accepted)
	d := f.deliveryTo("FI", r.Form)
	_, _, err := f.store.OpenSession(t.Context(), gateway.Session{ID: "s1", Operation: "OP-001", Participant: "FI", Fingerprint: "FI"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Number(t.Context(), "s1", d.ID); err != nil {
		t.Fatal(err)
	}
	if out, err := f.g.Render(t.Context(), d.ID); err != nil || out.Message == nil {
		t.Fatalf("Render before the correction = %v, %v; want the form", out, err)
	}
	f.submit("LV", "A1: [COR]\nA5: ["+r.Reference+"]\nA7: [OCU]\nC4: [240]\n", gateway.Accepted)
	f.pass(time.Minute)
	if got := f.deliveryTo("FI", r.Form); got.State != gateway.Withheld {
		t.Fatalf("the replaced delivery is %s; want withheld", got.State)
	}
	out, err := f.g.Render(t.Context(), d.ID)
	var refused *gateway.Error
	if !errors.As(err, &refused) || refused.Kind != gateway.Refused {
		t.Errorf("Render after the correction = %v, %v; want it refused", out, err)
	}
}

// deliveryTo is a form's delivery to one participant.
func (f *flow) deliveryTo(code string, form gateway.FormID) gateway.Delivery {
	f.t.Helper()
	all, err := f.store.DeliveriesOf(f.t.Context(), form)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, d := range all {
		if string(d.Participant) == code {
			return d
		}
	}
	f.t.Fatalf("no delivery to %s among %v", code, all)
	return gateway.Delivery{}
}
