package entity

import (
	"bytes"
	"regexp"
	"strings"
)

// report is what structure says about an automated mail. sure: it is a report
// whatever is in it, so that the returned original is never opened.
type report struct {
	kind       Kind
	sure       bool
	recipients []Recipient
	original   *Header
}

func (a *report) into(r *Reading) {
	r.Kind, r.Bounce, r.Original = a.kind, a.recipients, a.original
}

// report classifies by structure alone; nil for what people send.
func (rd *reader) report(root *part) *report {
	a := &report{original: rd.original(root)}
	if root.kind == "multipart/report" || rd.has(root, "message/delivery-status", "message/global-delivery-status") {
		switch {
		case rd.has(root, "message/disposition-notification"):
			a.kind, a.sure = ReadReceipt, true
			return a
		case rd.has(root, "message/feedback-report"):
			a.kind, a.sure = Feedback, true
			return a
		case rd.has(root, "message/delivery-status", "message/global-delivery-status"):
			a.recipients = rd.deliveryStatus(root)
			if len(a.recipients) == 1 && a.recipients[0].Cause == "other" && a.recipients[0].Diagnostic == "" {
				if named := causeInWords(rd.gather(root).text()); named != "" {
					a.recipients[0].Cause = named // Domino tells it in prose only
				}
			}
			a.kind, a.sure = dsnKind(a.recipients), root.kind == "multipart/report" || nullPath(&root.header)
			return a
		}
	}
	return rd.otherReport(root, a)
}

// otherReport reads the forms older than RFC 3464, and automatic answers.
func (rd *reader) otherReport(root *part, a *report) *report {
	h := &root.header
	text := rd.gather(root).text()
	failed := h.Get("X-Failed-Recipients")
	if failed != "" || nullPath(h) || strings.HasPrefix(strings.ToLower(h.raw("Content-Type")), "multipart/report") {
		if a.recipients = freeRecipients(text, failed); len(a.recipients) > 0 {
			a.kind, a.sure = dsnKind(a.recipients), true
			if a.original == nil {
				a.original = originalInText(text)
			}
			return a
		}
	}
	precedence := strings.ToLower(h.Get("Precedence"))
	auto := h.AutoSubmitted != "" && h.AutoSubmitted != "no"
	if auto || nullPath(h) || precedence == "bulk" || precedence == "junk" || precedence == "list" || precedence == "auto_reply" ||
		h.Has("X-Autoreply") || h.Has("X-Autorespond") || h.Has("List-Id") || h.Has("List-Unsubscribe") || h.Has("List-Post") || root.kind == "multipart/report" {
		a.kind = AutoReply
		return a
	}
	return nil
}

func nullPath(h *Header) bool { return h.ReturnPath == "<>" }

func (rd *reader) has(root *part, kinds ...string) bool {
	found := false
	rd.walk(root, func(p *part) bool {
		for _, k := range kinds {
			found = found || p.kind == k
		}
		return !found && !isSigned(p)
	})
	return found
}

func (rd *reader) original(root *part) *Header {
	var out *Header
	rd.walk(root, func(p *part) bool {
		if out == nil && p != root && (p.kind == "message/rfc822" || p.kind == "text/rfc822-headers" || p.kind == "message/rfc822-headers" || p.kind == "message/global") {
			fields, _ := splitHeader(bytes.TrimLeft(rd.tree.content(p), "\r\n"))
			h := newHeader(fields)
			out = &h
		}
		return out == nil
	})
	return out
}

// deliveryStatus reads RFC 3464: groups of fields, the first about the mail.
func (rd *reader) deliveryStatus(root *part) []Recipient {
	var out []Recipient
	rd.walk(root, func(p *part) bool {
		if p.kind != "message/delivery-status" && p.kind != "message/global-delivery-status" {
			return true
		}
		rest := rd.tree.content(p)
		for n := 0; len(rest) > 0 && n < 400 && len(out) < 200; n++ {
			before := len(rest)
			fields, after := splitHeader(rest)
			if rest = after; len(rest) == before {
				break
			}
			h := newHeader(fields)
			if h.Has("Final-Recipient") || h.Has("Original-Recipient") {
				out = append(out, fromDSN(&h))
			}
		}
		return true
	})
	return out
}

func fromDSN(h *Header) Recipient {
	who := h.Get("Final-Recipient")
	if who == "" {
		who = h.Get("Original-Recipient")
	}
	if _, addr, ok := strings.Cut(who, ";"); ok {
		who = addr
	}
	diagnostic := h.Get("Diagnostic-Code")
	if kind, text, ok := strings.Cut(diagnostic, ";"); ok && !strings.Contains(strings.TrimSpace(kind), " ") {
		diagnostic = strings.TrimSpace(text)
	}
	r := Recipient{Recipient: strings.Trim(strings.TrimSpace(who), "<>"), Action: word(h.Get("Action")), Status: statusIn(h.Get("Status")), Diagnostic: diagnostic}
	return r.judged()
}

var (
	statusCode = regexp.MustCompile(`(?:^|[^0-9.])([245]\.\d{1,3}\.\d{1,3})(?:[^0-9.]|\.?$|\.\s)`)
	replyCode  = regexp.MustCompile(`(?:^|[\s:;(<\[>])([245]\d\d)(?:[ #-]+(?:[245]\.|[^\d\s])|\s*$)`)
	anAddress  = regexp.MustCompile(`<([^<>\s@]+@[^<>\s@]+)>`)
)

// statusIn finds the first status code that isn't a piece of an IP address.
func statusIn(s string) string {
	if m := statusCode.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// judged fills in status, cause and finality from what there is: the status
// first, then the reply code, then words.
func (r Recipient) judged() Recipient {
	if r.Status == "" || strings.HasSuffix(r.Status, ".0.0") {
		if s := statusIn(r.Diagnostic); s != "" && !strings.HasSuffix(s, ".0.0") {
			r.Status = s
		}
	}
	if r.Action == "" {
		r.Action = "failed"
		if strings.HasPrefix(r.Status, "4") {
			r.Action = "delayed"
		}
	}
	r.Final = r.Action == "failed"
	if r.Action == "failed" || r.Action == "delayed" {
		r.Cause = cause(r.Status, r.Diagnostic)
	}
	return r
}

var statusCauses = map[string]string{
	"1.1": "mailbox-unknown", "1.2": "host-unknown", "1.3": "mailbox-unknown", "1.6": "mailbox-unknown", "1.10": "host-unknown", "2.1": "mailbox-unknown",
	"2.2": "mailbox-full", "2.3": "too-large", "3.4": "too-large", "4.1": "expired", "4.4": "host-unknown", "4.7": "expired", "5.3": "policy",
	"6.1": "content", "6.2": "content", "6.3": "content", "6.0": "content", "7.0": "policy", "7.1": "policy", "7.2": "policy", "7.10": "tls", "7.5": "tls", "7.4": "tls",
	"7.20": "policy", "7.23": "policy", "7.25": "policy", "7.26": "policy", "7.27": "policy", "7.28": "refused", "3.2": "refused", "4.2": "expired",
}

var causeWords = []struct{ cause, words string }{
	{"refused", `gr[ae]y-?list`},
	{"spam", `spam|blocklist|blacklist|block list|spamhaus|reputation|junk`},
	{"tls", `starttls|\btls\b|certificate`},
	{"mailbox-full", `quota|mailbox (is )?full|over ?quota|insufficient (system )?storage`},
	{"too-large", `too large|too big|size limit|exceeds.{0,20}size|message size|maximum.{0,20}size`},
	{"host-unknown", `host (or domain name )?not found|unrouteable|no such domain|domain not found|nxdomain|name service error|host unknown`},
	{"mailbox-unknown", `user unknown|unknown user|no such (user|mailbox|recipient)|does(n't| not) exist|recipient not found|mailbox (not found|unavailable)|unknown recipient|not listed|invalid recipient|recipientnotfound`},
	{"content", `attachment|content reject|virus|malware`},
	{"policy", `policy|dmarc|\bspf\b|dkim|not authori[sz]ed|access denied|relay`},
	{"expired", `retry time|retry timeout|timed? ?out|expired|too long|could not be delivered for`},
	{"refused", `refused|rejected|connection`},
}

var causePatterns = func() []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, w := range causeWords {
		out = append(out, regexp.MustCompile(`(?i)`+w.words))
	}
	return out
}()

func cause(status, diagnostic string) string {
	if _, detail, ok := strings.Cut(status, "."); ok {
		named := statusCauses[detail]
		if detail == "1.10" && wordsSay("mailbox-unknown", diagnostic) {
			return "mailbox-unknown" // Exchange's use of RFC 7505's null MX
		}
		if named == "policy" && wordsSay("spam", diagnostic) {
			return "spam"
		}
		if named != "" {
			return named
		}
	}
	if named := causeInWords(diagnostic); named != "" {
		return named
	}
	if m := replyCode.FindStringSubmatch(diagnostic); m != nil {
		switch m[1] {
		case "550", "551", "553":
			return "mailbox-unknown"
		case "552":
			return "mailbox-full"
		case "554":
			return "refused"
		}
	}
	return "other"
}

// causeInWords is the first cause whose words are in the text, or "".
func causeInWords(text string) string {
	for i, p := range causePatterns {
		if p.MatchString(text) {
			return causeWords[i].cause
		}
	}
	return ""
}

func wordsSay(cause, text string) bool {
	for i, p := range causePatterns {
		if causeWords[i].cause == cause && p.MatchString(text) {
			return true
		}
	}
	return false
}

func dsnKind(list []Recipient) Kind {
	kind := AutoReply
	for _, r := range list {
		switch r.Action {
		case "failed":
			return Bounce
		case "delayed":
			kind = Delay
		case "delivered", "relayed", "expanded":
			if kind != Delay {
				kind = Delivered
			}
		}
	}
	if len(list) == 0 {
		return Bounce
	}
	return kind
}

var copyBelow = regexp.MustCompile(`(?m)^-{2,}[^\n]{0,120}-*[ \t]*$`)

// freeRecipients reads reports made of prose: Exim, qmail and kin. Each
// address on a line of its own is followed by what the server said.
func freeRecipients(text, failed string) []Recipient {
	report := text
	if at := copyBelow.FindAllStringIndex(text, 20); at != nil {
		for _, m := range at {
			if strings.Contains(text[m[1]:], "\nReceived:") || strings.Contains(text[m[1]:], "\nMessage-I") || strings.Contains(text[m[1]:], "Return-Path:") {
				report = text[:m[0]]
				break
			}
		}
	}
	lines := strings.Split(report, "\n")
	var out []Recipient
	seen := map[string]bool{}
	for i, line := range lines {
		addr := soleAddress(line)
		if addr == "" || seen[addr] || len(out) >= 200 {
			continue
		}
		said := ""
		if _, after, ok := strings.Cut(line, ">:"); ok {
			said = strings.TrimSpace(after)
		}
		for j := i + 1; j < len(lines) && j < i+12 && strings.TrimSpace(lines[j]) != "" && soleAddress(lines[j]) == ""; j++ {
			said += " " + strings.TrimSpace(lines[j])
		}
		if failed == "" && replyCode.FindString(said) == "" && statusIn(said) == "" && !(strings.HasPrefix(strings.TrimSpace(line), "<") && strings.Contains(line, ">:")) {
			continue
		}
		seen[addr] = true
		out = append(out, Recipient{Recipient: addr, Diagnostic: strings.TrimSpace(said), Status: statusIn(said)}.judged())
	}
	if len(out) == 0 {
		for _, addr := range addrSpec.FindAllString(failed, 50) {
			out = append(out, Recipient{Recipient: addr, Status: statusIn(report), Diagnostic: ""}.judged())
		}
	}
	return out
}

func soleAddress(line string) string {
	line = strings.TrimSpace(line)
	if m := anAddress.FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "<") {
		return strings.ToLower(m[1])
	}
	line = strings.TrimSuffix(line, ":")
	if addr := addrSpec.FindString(line); addr == line {
		return strings.ToLower(addr)
	}
	return ""
}

func originalInText(text string) *Header {
	for _, m := range copyBelow.FindAllStringIndex(text, 20) {
		fields, _ := splitHeader([]byte(strings.TrimLeft(text[m[1]:], "\n ")))
		if h := newHeader(fields); h.MessageID != "" {
			return &h
		}
	}
	return nil
}
