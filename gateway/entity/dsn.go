package entity

import (
	"regexp"
	"slices"
	"strings"
)

const (
	maxRecipients = 200
	maxGroups     = 400
)

// dsnFields tells fields of RFC 3464 from prose, wherever they stand: in a part
// of the right type, of a wrong one, or in the middle of a text.
var (
	dsnRecipient = regexp.MustCompile(`(?im)^[ \t>]*(?:final|original)-recipient[ \t]*:`)
	dsnFate      = regexp.MustCompile(`(?im)^[ \t>]*(?:action|status)[ \t]*:`)
)

// deliveryStatus reads the fields of RFC 3464 (section 2.3). In parts of another
// type they count only in a mail server's own report.
func (rd *reader) deliveryStatus(root *part, from sender) []Recipient {
	var out, elsewhere []Recipient
	rd.walk(root, func(p *part) bool {
		typed := strings.HasSuffix(p.kind, "delivery-status")
		if !typed && (!isLeaf(p) || from < office && root.kind != "multipart/report") {
			return !isSigned(p)
		}
		b := rd.tree.content(p)
		switch {
		case typed:
			out = append(out, fates(b)...)
		case dsnRecipient.Match(b) && dsnFate.Match(b):
			elsewhere = append(elsewhere, fates(beforeCopy(b))...)
		}
		return true
	})
	if len(out) == 0 {
		out = elsewhere
	}
	return out[:min(len(out), maxRecipients)]
}

// fates are the recipients in groups of fields.
func fates(b []byte) []Recipient {
	var out []Recipient
	for _, h := range groups(b) {
		if recipientIn(&h) != "" && len(out) < maxRecipients {
			out = append(out, fromDSN(&h))
		}
	}
	return out
}

// groups splits at blank lines and at the second recipient in a group whose
// blank line was lost; what is no field is skipped.
func groups(b []byte) []Header {
	var out []Header
	var fields []Field
	flush := func() {
		if len(fields) > 0 {
			out = append(out, Header{Fields: fields})
			fields = nil
		}
	}
	seen := map[string]bool{}
	for len(b) > 0 && len(out) < maxGroups {
		var line []byte
		line, b = cutLine(b)
		text := strings.TrimRight(string(line[:min(len(line), maxDiagnostic)]), " \t")
		for strings.HasPrefix(text, ">") {
			text = strings.TrimPrefix(strings.TrimPrefix(text, ">"), " ")
		}
		name, value, ok := strings.Cut(text, ":")
		name = strings.TrimSpace(name)
		switch {
		case strings.TrimSpace(text) == "":
			flush()
			clear(seen)
		case len(fields) > 0 && (text[0] == ' ' || text[0] == '\t') && !isDSNField(name):
			last := &fields[len(fields)-1]
			last.Value += " " + strings.TrimSpace(text)
			last.raw = last.Value
		case ok && !strings.ContainsAny(name, " \t") && len(fields) < 100:
			lower := strings.ToLower(name)
			if seen[lower] && (lower == "final-recipient" || lower == "action") {
				flush()
				clear(seen)
			}
			seen[lower] = true
			value = strings.TrimSpace(value)
			fields = append(fields, Field{Name: name, Value: clean(toUTF8([]byte(value), "")), raw: value})
		}
	}
	flush()
	return out
}

func isDSNField(name string) bool {
	switch strings.ToLower(name) {
	case "final-recipient", "original-recipient", "action", "status", "diagnostic-code", "remote-mta", "reporting-mta":
		return true
	}
	return false
}

// recipientIn is whom a group of fields is about: the address that the sender
// wrote (RFC 3464, section 2.3.1) and can tie to what it sent, where the report
// tells; else the one that the mail had come to.
func recipientIn(h *Header) string {
	final, original := typedAddress(h.Get("Final-Recipient")), typedAddress(h.Get("Original-Recipient"))
	if isAddress(original) || final == "" {
		return original
	}
	return final
}

func typedAddress(v string) string {
	for range 2 { // some programs put the type before an address that has it
		if kind, addr, ok := strings.Cut(v, ";"); ok && !strings.Contains(kind, "@") {
			v = addr
		}
	}
	v = strings.Trim(strings.TrimSpace(v), "<>")
	if route, addr, ok := strings.Cut(v, ":"); ok && strings.HasPrefix(route, "@") {
		v = addr // a source route (RFC 5321, appendix C)
	}
	return v
}

func isAddress(s string) bool {
	local, domain, _ := strings.Cut(s, "@")
	return local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(s, " \t")
}

func fromDSN(h *Header) Recipient {
	diagnostic := h.Get("Diagnostic-Code")
	if kind, text, ok := strings.Cut(diagnostic, ";"); ok && !strings.ContainsAny(strings.TrimSpace(kind), " @:") {
		diagnostic = text
	}
	r := Recipient{Recipient: recipientIn(h), Action: action(h.Get("Action")), Status: statusIn(h.Get("Status")), Diagnostic: tidyDiagnostic(diagnostic)}
	return r.judged()
}

// oncePerRecipient leaves of several groups with one fate for one recipient that
// which says most; gateways repeat the group that they received.
func oncePerRecipient(list []Recipient) []Recipient {
	var out []Recipient
	for _, r := range list {
		at := slices.IndexFunc(out, func(o Recipient) bool { return strings.EqualFold(o.Recipient, r.Recipient) && o.Action == r.Action })
		switch {
		case at < 0:
			out = append(out, r)
		case precision(r.Status) > precision(out[at].Status), out[at].Diagnostic == "" && precision(r.Status) == precision(out[at].Status):
			out[at] = r
		}
	}
	return out
}

// action is RFC 3464's word for what programs write in its place.
func action(v string) string {
	switch a := word(v); a {
	case "failure", "fail", "expired", "undeliverable", "bounced", "permanent":
		return "failed"
	case "delay", "deferred", "transient", "temporary", "queued":
		return "delayed"
	case "deliverable", "success", "sent":
		return "delivered"
	case "failed", "delayed", "delivered", "relayed", "expanded":
		return a
	}
	return ""
}

const maxDiagnostic = 2000

// tidyDiagnostic puts a diagnostic on one line.
func tidyDiagnostic(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxDiagnostic {
		s = strings.ToValidUTF8(s[:maxDiagnostic], "")
	}
	return s
}

// explained takes from the prose beside the fields what the fields leave out:
// Domino, OpenSMTPD and others tell the cause there only.
func (r Recipient) explained(n *notice, of int) Recipient {
	if r.Action != "failed" && r.Action != "delayed" {
		return r
	}
	if telling(r.Diagnostic) && r.Cause != "other" {
		return r
	}
	said := n.about(r.Recipient, of)
	if weight(said) < 2 {
		return r
	}
	more := Recipient{Recipient: r.Recipient, Action: r.Action, Status: r.Status, Diagnostic: said}.judged()
	if r.Diagnostic == "" {
		return more
	}
	if more.Cause != "other" {
		r.Cause = more.Cause
	}
	return r
}

// telling reports whether a diagnostic says anything.
func telling(s string) bool {
	return len(strings.Trim(s, "0123456789 .-")) > 3
}
