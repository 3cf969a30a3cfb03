package operation

import (
	"strings"
	"testing"
)

func TestStyleIsChangedWhereItStandsAndNothingElse(t *testing.T) {
	const file = `# what the organiser wrote
operation: OP-7K3 # neutral
participants:
  - {code: PL, channels: [{kind: pgp-mail, address: a@pl.example}]} # flow
  - code: LV
    channels:
      - kind: websocket
      - kind: pgp-mail # first choice of Rīga
        address: jco@lv.example
      - {kind: pgp-mail, style: "pgp-mime", address: b@lv.example}
`
	for name, c := range map[string]struct {
		code        ParticipantCode
		channel     int
		was, become string
	}{
		"into a flow mapping":  {"PL", 0, "{kind: pgp-mail, address: a@", "{kind: pgp-mail, style: inline, address: a@"},
		"into a block mapping": {"LV", 1, "kind: pgp-mail # first", "kind: pgp-mail\n        style: inline # first"},
		"instead of another":   {"LV", 2, `style: "pgp-mime"`, "style: inline"},
	} {
		got, err := WithStyle([]byte(file), c.code, c.channel, "inline")
		if want := strings.Replace(file, c.was, c.become, 1); err != nil || string(got) != want {
			t.Errorf("%s: WithStyle = %v\n%s\nwant\n%s", name, err, got, want)
		}
	}
	if _, err := WithStyle([]byte(file), "EE", 0, "inline"); err == nil {
		t.Error("a participant that isn't there was changed")
	}
	if _, err := WithStyle([]byte(file), "LV", 7, "inline"); err == nil {
		t.Error("a channel that isn't there was changed")
	}
}
