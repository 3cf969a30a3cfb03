package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"liaison/gateway/entity"
	"liaison/gateway/form"
)

// declare completes box A22 so that the originator's signature over form.json
// covers every attachment by its hash. An attachment that the box names alone
// ("photo.jpg") is declared as free of nominal data, one that it doesn't name, or
// names with N ("list.pdf;N"), as nominal.
func (a *agent) declare(f *form.Form, attachments []entity.Attachment) (changed bool, err error) {
	lines := f.Normal().All("A22")
	before := slices.Clone(lines)
	for _, at := range attachments {
		sum := sha256.Sum256(at.Content)
		size, hash := strconv.Itoa(len(at.Content)), hex.EncodeToString(sum[:])
		i := slices.IndexFunc(lines, func(line string) bool {
			name, _, _ := strings.Cut(line, ";")
			return strings.TrimSpace(name) == at.Name
		})
		if i < 0 {
			lines = append(lines, strings.Join([]string{at.Name, size, hash, "N"}, ";"))
			continue
		}
		parts := strings.Split(lines[i], ";")
		nominal := strings.EqualFold(strings.TrimSpace(parts[len(parts)-1]), "N") && len(parts) > 1
		if len(parts) >= 3 && strings.TrimSpace(parts[2]) != "" && !strings.EqualFold(strings.TrimSpace(parts[2]), hash) {
			return false, a.mend(say(a.opt.Language, "other-content", "name", at.Name))
		}
		lines[i] = strings.Join([]string{at.Name, size, hash}, ";")
		if nominal {
			lines[i] += ";N"
		}
	}
	if slices.Equal(before, lines) {
		return false, nil
	}
	f.Set("A22", lines...)
	return true, nil
}
