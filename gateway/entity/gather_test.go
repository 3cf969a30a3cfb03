package entity

import "testing"

func TestOnlyTheRepeatedHeaderIsTakenOffAText(t *testing.T) {
	const plain, html = "Content-Type: text/plain; hp=\"cipher\"; hp-legacy-display=\"1\"\nSubject: OP-7K3\n\n", "Content-Type: text/html; hp=\"cipher\"; hp-legacy-display=\"1\"\nSubject: OP-7K3\n\n"
	for entity, want := range map[string]string{
		plain + "Subject: OP-7K3\n\nA1: [SEZ]\n\nA4: [x]\n": "A1: [SEZ]\n\nA4: [x]\n",
		plain + "A1: [SEZ]\n\nA4: [x]\n":                    "A1: [SEZ]\n\nA4: [x]\n",
		html + "<div class=\"header-protection-legacy-display\"><pre>Subject: OP-7K3</pre></div><p>A1: [SEZ]</p><p>A4: [x]</p>": "A1: [SEZ]\n\nA4: [x]",
	} {
		r := Read(PGPMIME(draft, []byte(armored("E|good|AA", entity))), pretend{}, Limits{})
		if r.Text != want {
			t.Errorf("Read(%q) = %q; want %q", entity, r.Text, want)
		}
	}
}
