package form

import "testing"

// TestSampledFormsAreSound sees to it that the samples are what they claim: every
// type, every box that it may have, nothing for Check or the schema to refuse.
func TestSampledFormsAreSound(t *testing.T) {
	s := newSampler(1)
	seen := map[string]bool{}
	for _, typ := range Types() {
		for range 15 {
			f := s.form(typ.Code, pick(s, Languages()))
			for _, addr := range f.Addresses() {
				a, _ := parseAddress(addr)
				seen[a.code] = true
			}
			for _, p := range Check(f, Context{Received: true}) {
				if p.Key != "ambiguous" && p.Key != "species" {
					t.Errorf("%s: %s %s: %s", typ.Code, p.Box, p.Key, f.All(p.Box))
				}
			}
			if err := valid(t, f.JSON()); err != nil {
				t.Errorf("%s: %v", typ.Code, err)
			}
		}
	}
	for _, b := range Boxes() {
		if !seen[b.Code] && b.Code != "A24" && b.Code != "C6" {
			t.Errorf("no sample has box %s", b.Code)
		}
	}
}
