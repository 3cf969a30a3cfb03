package form

import (
	"fmt"
	"strings"
	"testing"
)

// Whoever sends a form is answered with its problems, so their number is bounded as
// that of its boxes is.
func TestAFloodOfWhatIsNoBoxIsNotNamedPieceByPiece(t *testing.T) {
	var keys strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&keys, `,"%x":1`, i)
	}
	for name, data := range map[string]string{
		"keys":           `{"A1":"SEZ"` + keys.String() + `}`,
		"keys of a row":  `{"A1":"SEZ","C":[{"C1":"DRUG"` + keys.String() + `}]}`,
		"keys of a list": `{"A1":"SEZ"` + strings.ReplaceAll(keys.String(), ":1", ":[]") + `}`,
	} {
		if f, problems := ParseJSON([]byte(data)); f != nil || len(problems) != 1 || problems[0].Key != "json-boxes" {
			t.Errorf("%s: ParseJSON = %v, %d problems; want none, json-boxes alone", name, f != nil, len(problems))
		}
	}
	if _, problems := ParseText(strings.Repeat("A1: [SEZ] [x]\n", MaxSize/14)); len(problems) > maxBoxes+1 || !HasErrors(problems) {
		t.Errorf("ParseText: %d problems; want errors, at most %d", len(problems), maxBoxes+1)
	}
}
