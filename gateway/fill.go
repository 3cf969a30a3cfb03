package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// filled is a form as the gateway reads it: what came, completed beside the
// signed bytes.
type filled struct {
	boxes *form.Form
	added []string
}

func (f *filled) set(box string, values ...string) {
	if len(f.boxes.All(box)) == 0 && len(values) > 0 && values[0] != "" {
		f.boxes.Set(box, values...)
		f.added = append(f.added, box)
	}
}

// fill completes a form as the unified form's rules say ("What the gateway
// fills in"); A4 alone waits for the accepting transaction. origin is the form
// answered in A5, nil where there is none or it isn't known.
func (g *Gateway) fill(sent *form.Form, op *operation.Operation, sender operation.ParticipantCode, origin *Form, attachments []Attachment, now time.Time) *filled {
	f := &filled{}
	f.boxes = completed(sent.Normal(), func(b *form.Form) { f.boxes = b; g.fillIn(f, op, sender, origin, attachments, now) })
	return f
}

// completed changes a copy of a form. Where its check value held before, it
// holds afterwards: what we add must not make it look tampered with.
func completed(boxes *form.Form, change func(*form.Form)) *form.Form {
	held := boxes.Get("A24") != "" && strings.EqualFold(boxes.Get("A24"), boxes.CheckValue())
	c := boxes.Clone()
	change(c)
	if held {
		c.Set("A24", c.CheckValue())
	}
	return c
}

func (g *Gateway) fillIn(f *filled, op *operation.Operation, sender operation.ParticipantCode, origin *Form, attachments []Attachment, now time.Time) {
	f.set("A2", form.Version)
	f.set("A3", string(op.Code))
	f.set("A6", string(sender))
	if origin != nil {
		f.set("A7", string(origin.Sender))
	}
	f.set("A7", string(g.opt.Code))
	f.set("A8", now.UTC().Format(time.RFC3339))
	if origin != nil {
		f.set("A10", origin.Mode)
	}
	f.set("A10", modeAt(op, now))
	f.set("A13", "TLP:AMBER")
	f.attach(attachments)
	f.nominal(op, attachments)
	if f.boxes.Get("A16") == "Y" {
		f.set("A17", op.LegalBasis)
	}
	f.set("A18", op.End().AddDate(0, 0, 30).Format(time.DateOnly))
}

// modeAt is the mode of a form that names none: an exercise until the
// operational phase begins, live from then on.
func modeAt(op *operation.Operation, now time.Time) string {
	switch op.PhaseAt(now) {
	case operation.Before, operation.Preparation:
		return "EXER"
	}
	return "LIVE"
}

// attach declares the attachments that came in A22 where the sender didn't.
func (f *filled) attach(attachments []Attachment) {
	if len(f.boxes.All("A22")) > 0 || len(attachments) == 0 {
		return
	}
	lines := make([]string, len(attachments))
	for i, a := range attachments {
		sum := sha256.Sum256(a.Content)
		lines[i] = strings.Join([]string{strings.ReplaceAll(a.Name, ";", "_"), strconv.Itoa(len(a.Content)), hex.EncodeToString(sum[:]), "N"}, ";")
	}
	f.set("A22", lines...)
}

// nominal computes A16. Y from the sender always stands; N beside a filled
// nominal box or an undeclared attachment counts as Y.
func (f *filled) nominal(op *operation.Operation, attachments []Attachment) {
	declared := f.boxes.Get("A16")
	computed := form.IsNominal(f.boxes, profile(op)) || slices.ContainsFunc(attachments, func(a Attachment) bool { return a.Nominal })
	switch {
	case declared == "Y":
	case computed:
		f.boxes.Set("A16", "Y")
		f.added = append(f.added, "A16")
	default:
		f.set("A16", "N")
	}
}

// declaredNominal marks the attachments that A22 doesn't declare as free of
// nominal data: an undeclared one counts as nominal.
func declaredNominal(sent *form.Form, attachments []Attachment) {
	plain := map[string]bool{} // SHA-256 of what was declared without the N mark
	for _, line := range sent.All("A22") {
		parts := strings.Split(line, ";")
		if len(parts) >= 3 && (len(parts) < 4 || !strings.EqualFold(strings.TrimSpace(parts[3]), "N")) {
			plain[strings.ToLower(strings.TrimSpace(parts[2]))] = true
		}
	}
	for i := range attachments {
		sum := sha256.Sum256(attachments[i].Content)
		attachments[i].Nominal = !plain[hex.EncodeToString(sum[:])]
	}
}

// referencePrefix is what an A4 given by the gateway begins with.
func referencePrefix(country, authority string, now time.Time) string {
	return fmt.Sprintf("%s-%s-%d-", country, authority, now.UTC().Year())
}

// profile is the operation's own form profile.
func profile(op *operation.Operation) *form.Profile { return op.Forms.Profile() }

func megabytes(n int64) string { return strconv.FormatInt(n>>20, 10) + " MB" }
