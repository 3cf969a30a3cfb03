package form

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"
)

// sealed is what A24 said when the form was read, before anything was added.
type sealed struct {
	value string
	holds bool
}

// CheckValue computes A24: the first 30 bits of SHA-256 over the sorted
// code.row=value lines of the normal form without A24, in base32 (six letters
// or digits 2 to 7). Boxes outside C, E and G have no row. It shows edits and
// typing errors; it is no signature.
func (f *Form) CheckValue() string {
	n := f.Normal()
	var lines []string
	for key, values := range n.boxes {
		a, _ := parseAddress(key)
		if a.code == "A24" {
			continue
		}
		b, _ := a.box()
		name := key
		if a.grouped() && a.row == 1 {
			name += ".1"
		}
		lines = append(lines, name+"="+joined(b, values))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return base32.StdEncoding.EncodeToString(sum[:])[:6]
}

// remember keeps whether A24 holds, so that boxes added later don't break it.
func (f *Form) remember() {
	if v := f.Get("A24"); filled(v) {
		f.seal = sealed{value: v, holds: holds(v, f.CheckValue())}
	}
}

// Changed reports whether A24 is there and doesn't fit: the form was changed
// after it was written, or edited by hand.
func (f *Form) Changed() bool { return filled(f.Get("A24")) && !f.sealHolds() }

// sealHolds reports whether A24 is there and right; where it is, decimals are
// canonical.
func (f *Form) sealHolds() bool {
	v := f.Get("A24")
	if !filled(v) {
		return false
	}
	if f.seal.value == v {
		return f.seal.holds
	}
	return holds(v, f.CheckValue())
}

// holds accepts four to six characters, as people read them out.
func holds(given, computed string) bool {
	given = strings.ToUpper(strings.ReplaceAll(given, " ", ""))
	return len(given) >= 4 && strings.HasPrefix(computed, given)
}

// ContentHash identifies a form's content: SHA-256 over RFC 8785 of the boxes
// in normal form without A24.
func (f *Form) ContentHash() [32]byte {
	n := f.Normal()
	n.Set("A24")
	data, err := jcs.Transform(n.JSON())
	if err != nil { // the encoder writes nothing that RFC 8785 refuses
		data, _ = json.Marshal(string(n.JSON()))
	}
	return sha256.Sum256(data)
}
