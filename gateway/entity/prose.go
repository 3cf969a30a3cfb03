package entity

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// proseReport reads the forms older than RFC 3464, and those of servers that
// don't care. From a mail server's own address a list of recipients is enough;
// from others, people and vacation programs among them, the text must show what
// a server said, or bring the mail back.
func (rd *reader) proseReport(root *part, from sender) *report {
	h := &root.header
	unsaid := from < office && root.kind != "multipart/report" // nothing in the header says that it is a report
	if unsaid && !rd.bringsBack(root) {
		return nil
	}
	n := rd.notice(root)
	if unsaid && n.original == nil {
		return nil
	}
	list := n.recipients(addressesIn(h.Get("X-Failed-Recipients")))
	if unsaid {
		list = slices.DeleteFunc(list, func(r Recipient) bool {
			return !n.plainlyNames(r.Recipient) || r.Status == "" && !replyCode.MatchString(r.Diagnostic) || !n.original.wentTo(r.Recipient)
		})
		if len(list) == 0 {
			return nil
		}
	} else if from != agent && root.kind != "multipart/report" {
		list = slices.DeleteFunc(list, func(r Recipient) bool {
			return !n.serverSaid(r) && !(from == office && n.plainlyNames(r.Recipient) && r.Cause != "other")
		})
	}
	if len(list) == 0 {
		if a := rd.nested(root); a != nil {
			return a
		}
	}
	if len(list) == 0 && n.original != nil && (from == agent || from == nullPath && h.AutoSubmitted == "" || root.kind == "multipart/report") {
		list = n.fromOriginal()
	}
	if len(list) == 0 && from == agent { // about whom, it doesn't say
		if said := n.essence(); weight(said) > 1 && (n.original != nil || undelivered.MatchString(said)) {
			list = []Recipient{n.judge("", said)}
		}
	}
	if len(list) == 0 {
		return nil
	}
	sure := len(blocks([]byte(strings.Join(n.lines, "\n")))) == 0 && root.kind != "multipart/encrypted" && root.kind != "multipart/signed"
	return &report{kind: dsnKind(list), sure: sure, recipients: list, original: n.original}
}

// bringsBack reports whether a mail brings a copy of another one back to whom that
// was from, as servers do which sign with any name. Who forwards a mail sends it to
// somebody else.
func (rd *reader) bringsBack(root *part) bool {
	copied := rd.original(root)
	if copied == nil {
		text := rd.gather(root).text()
		if !strings.Contains(text, "Received: ") {
			return false
		}
		copied = copyIn(strings.Split(text[:min(len(text), maxNotice)], "\n"))
	}
	if copied == nil {
		return false
	}
	wrote := addresses(slices.Concat(copied.From, copied.Sender))
	wrote = append(wrote, addressesIn(copied.ReturnPath)...)
	return slices.ContainsFunc(addresses(root.header.To), func(to string) bool { return slices.Contains(wrote, to) })
}

// plainlyNames reports whether an address stands in a list or a transcript, not
// just in a sentence.
func (n *notice) plainlyNames(addr string) bool {
	return slices.ContainsFunc(n.entries, func(e entry) bool { return e.addr == addr && e.rank >= inTranscript })
}

// nested is the report that a report brings back: some gateways wrap one.
func (rd *reader) nested(root *part) *report {
	p := rd.findKind(root, "message/rfc822")
	if p == nil || p == root || rd.wrapped {
		return nil
	}
	inner := rd.tree.parse(bytes.TrimLeft(rd.tree.content(p), "\r\n"), 1)
	if inner.kind != "multipart/report" && senderOf(&inner.header) != agent {
		return nil
	}
	rd.wrapped = true
	return rd.report(inner)
}

// serverSaid reports whether a recipient stands there with what a server said
// of it, or comes back with the mail.
func (n *notice) serverSaid(r Recipient) bool {
	return r.Status != "" || replyCode.MatchString(r.Diagnostic) || n.original != nil && n.original.wentTo(r.Recipient) || qsbmf(n.lines, r.Recipient)
}

// qsbmf reports whether a recipient is introduced as qmail does: "<address>:".
func qsbmf(lines []string, addr string) bool {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(line)), "<"+addr+">:"); ok {
			return rest == "" || rest[0] == ' '
		}
	}
	return false
}

// wentTo reports whether a mail was addressed to somebody, or a server took it in
// for them.
func (h *Header) wentTo(addr string) bool {
	if slices.Contains(addresses(slices.Concat(h.To, h.Cc)), addr) {
		return true
	}
	return slices.ContainsFunc(h.All("Received"), func(r string) bool {
		return strings.Contains(strings.ToLower(r), "for <"+addr+">")
	})
}

// fromOriginal are the recipients that the returned mail names, where the
// report names none.
func (n *notice) fromOriginal() []Recipient {
	said := n.essence()
	if said == "" {
		return nil
	}
	var out []Recipient
	for _, addr := range addresses(n.original.To) {
		if len(out) < maxRecipients && !n.own[addr] {
			out = append(out, n.judge(addr, said))
		}
	}
	return out
}

// judge makes a recipient of what was said of it, within this report.
func (n *notice) judge(addr, said string) Recipient {
	r := Recipient{Recipient: addr, Diagnostic: tidyDiagnostic(said), Status: statusIn(said)}
	if n.delayed {
		r.Action = "delayed"
	} else if !strings.HasPrefix(r.Status, "4") || n.gaveUp {
		r.Action = "failed"
	}
	return r.judged()
}

// What tells a delay from a failure in a report without fields.
var (
	retry = compiled(`(?i)(will|shall|would) (be re-?tried|be retrying|continue to|keep) ?|still being retried|not (need|have) to re-?send|do not re-?send|warning (message )?only|advisory-only|attempts? (will|to deliver.{0,40}) (be made|continue)|(temporary|transient) (failure|delay)|not (yet )?be(en)? delivered (yet|so far|after)|delivery .{0,30}(delayed|postponed|deferred)|has been (delayed|postponed)|will try again|weiter(e|hin)? .{0,30}(versucht|zustellversuche)|nouvelle(s)? tentative|se volver. a intentar`)
	// givenUp outweighs everything that sounds like a delay.
	givenUp = compiled(`(?i)permanent(ly)?|(giv(e|ing|en)|gave) up|not going to (re)?try|fatal err|(deleted|removed) from (the )?(mail )?queue|no (further|more) (delivery )?attempts?|aborted|did not reach|undeliverable|failed|expired|too long`)
	// undelivered says that it is about a mail that didn't arrive.
	undelivered = compiled(`(?i)(could|can|was|were|has|have) ?n(o|')t (be(en)? )?deliver|undeliver|delivery .{0,20}fail|fail.{0,20}deliver`)
	final       = compiled(`(?i)permanent(ly)?( |$)(fail|err|fatal)|(giv(ing|en)|gave) up|not going to (re)?try|no (further|more) (delivery )?attempts?|(deleted|removed) from (the )?(mail )?queue|permanent error`)
)

// entry is where a report names a recipient.
type entry struct {
	addr string
	line int
	said string // on the same line
	rank int    // how plainly it is named
}

// Ranks of entries: a report's own list comes before its transcript, that before
// whatever address its sentences mention.
const (
	ofReader = iota // the report's own reader: who wrote to himself
	inSentence
	inTranscript
	inList
)

// recipients finds whom a report is about and what was said of each. failed are
// the addresses that its header names; where there are any, there are no others.
func (n *notice) recipients(failed []string) []Recipient {
	var out []Recipient
	seen := map[string]bool{}
	add := func(addr string, of int) {
		if !seen[addr] && len(out) < maxRecipients {
			seen[addr] = true
			out = append(out, n.judge(addr, n.about(addr, of)))
		}
	}
	for _, addr := range failed {
		add(addr, len(failed))
	}
	if len(out) > 0 {
		for i := range out { // the header says that these failed
			out[i].Action, out[i].Final = "failed", true
		}
		return out
	}
	best := ofReader
	for _, e := range n.entries {
		best = max(best, e.rank)
	}
	var list []string
	for _, e := range n.entries {
		if e.rank == best && !slices.Contains(list, e.addr) {
			list = append(list, e.addr)
		}
	}
	if best == inSentence && len(list) > 1 && n.original != nil { // of all that sentences mention, to whom did it go?
		if went := slices.DeleteFunc(slices.Clone(list), func(a string) bool { return !n.original.wentTo(a) }); len(went) > 0 {
			list = went
		}
	}
	for _, addr := range list {
		add(addr, len(list))
	}
	return out
}

var (
	address = `"?((?:"[^"\s]{1,64}"|[^\s<>"'` + "`" + `(),:;@\[\]=*|/][^\s<>"(),:;@\[\]]*)@[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9])"?`
	// An address that begins a line, maybe behind a bullet, alone or followed by
	// what was said of it.
	listed = regexp.MustCompile(`^[\s>*|•·-]*(?:(?i:smtp|rfc822)[:;]\s*|[\w.+-]+:\d+:)?(?:"[^"]{1,80}"\s+)?<?` + address + `>?(?:<mailto:[^>\s]*>|\s<[^>\s]*>)?(?:(\s*(?:[:;.,]|\.\.\.|\[|\(|-{1,2}\s|\son\s|\sInvalid|\s\S).*)|\s*)$`)
	// A field that names a recipient.
	named = regexp.MustCompile(`(?i)^[\s>*|-]*(?:(?:final|original|failed|invalid|affected|intended)[ -])?(?:recipients?|user|addressee|address|error-for|delivered to|could not be delivered to|unable to deliver (?:a |the |your )?(?:e?mail |message )?to|empfänger|destinataire|destinatario|odbiorca)(?: ?\(?s\)?)?(?: address)?(?: was)?\s*:\s*(?:rfc822;\s*)?<?` + address + `>?(.*)$`)
	// Some words, a colon and nothing but an address.
	labelled = regexp.MustCompile(`^\s*[^@:\s<>][^@:<>]{2,60}:\s*<?` + address + `>?\s*$`)
	// What was said to or by a server.
	transcribed = regexp.MustCompile(`(?i)(?:rcpt to:\s*<?` + address + `|(?:^|[\s:>])[45]\d\d[ -](?:#?[45]\.\d{1,3}\.\d{1,3}\s+)?<?` + address + `>?\s*(?:\.\.\.|:|;))`)
	mentioned   = regexp.MustCompile(address)
	// Where an address is the sender's, the helpdesk's or a list's.
	notRecipient = regexp.MustCompile(`(?i)mail from|(^|\W)from\b|sender|contact|assistance|support|help|please (send|forward|reply|write|e-?mail)|questions|postmaster|abuse|webmaster|envelope-|received:|message-id|^\s*25[0-9][ -]|^\s*by\s|report(ed|ing)|return-path|sincerely|x-`)
	// What stands for a recipient that is no address: a program, a file.
	piped    = regexp.MustCompile(`^\s*"?(?:\||/|:include:|/dev/)`)
	behind   = regexp.MustCompile(`(?i)\(?(?:expanded|generated|ultimately generated|reached|redirected) from:?\s*<?` + address)
	x400Mail = regexp.MustCompile(`(?i)(?:dda:)?(?:smtp|rfc-?822)[=:]\s*` + address)
)

func addressesIn(s string) []string {
	var out []string
	for _, m := range mentioned.FindAllStringSubmatch(s, maxRecipients) {
		out = append(out, strings.ToLower(m[1]))
	}
	return out
}

// findEntries finds addresses in a report and ranks how plainly each is named.
func (n *notice) findEntries() []entry {
	var out []entry
	for i, line := range n.lines {
		if len(line) > 2000 || !strings.ContainsRune(line, '@') {
			continue
		}
		if out = append(out, n.entriesIn(i, line)...); len(out) > 4*maxRecipients {
			break
		}
	}
	return out
}

// entriesIn reads one line: as a field, an item of a list, a line of a
// transcript, or as a sentence.
func (n *notice) entriesIn(i int, line string) []entry {
	if m := named.FindStringSubmatch(line); m != nil {
		return n.entry(m, i, inList)
	}
	if m := labelled.FindStringSubmatch(line); m != nil && !notRecipient.MatchString(line) {
		return n.entry(m, i, inList)
	}
	if m := x400Mail.FindStringSubmatch(line); m != nil {
		return n.entry(m, i, inList)
	}
	if m := listed.FindStringSubmatch(line); m != nil && n.isEntry(m) {
		return n.entry(m, i, inList)
	}
	if m := behind.FindStringSubmatch(line); m != nil {
		if n.named(i) {
			return nil
		}
		return n.entry(m, i, inList)
	}
	if m := transcribed.FindStringSubmatch(line); m != nil {
		return n.entry(m, i, inTranscript)
	}
	var out []entry
	if !notRecipient.MatchString(line) {
		for _, m := range mentioned.FindAllStringSubmatch(line, 20) {
			out = append(out, n.entry(m, i, inSentence)...)
		}
	}
	return out
}

// named reports whether the lines before i, up to a blank one, name whom that
// speaks of by an address; a program or a file is none.
func (n *notice) named(i int) bool {
	if piped.MatchString(n.lines[i]) {
		return false
	}
	for j := i - 1; j >= max(0, i-8) && strings.TrimSpace(n.lines[j]) != ""; j-- {
		if strings.ContainsRune(n.lines[j], '@') {
			return true
		}
	}
	return false
}

// entry makes an entry of a match: its first group with an address, and in a
// list what the last one says of it.
func (n *notice) entry(m []string, line, rank int) []entry {
	e := entry{line: line, rank: rank}
	for _, g := range m[1:] {
		if e.addr == "" && isAddressLike(g) {
			e.addr = strings.ToLower(g)
		}
	}
	switch {
	case e.addr == "", rank == inSentence && (n.own[e.addr] || speaker(e.addr) != person):
		return nil
	case n.own[e.addr]:
		e.rank = ofReader
	}
	if rank == inList && len(m) > 2 {
		e.said = strings.TrimSpace(strings.TrimLeft(m[len(m)-1], " \t:;.,-"))
	}
	if rank == inSentence || rank == inTranscript || len(m) == 2 {
		e.said = strings.TrimSpace(n.lines[line])
	}
	return []entry{e}
}

func isAddressLike(s string) bool { return strings.Contains(s, "@") && !strings.ContainsAny(s, " \t") }

// isEntry tells a listed recipient from a sentence that begins with an address.
func (n *notice) isEntry(m []string) bool {
	rest := strings.TrimSpace(m[len(m)-1])
	if rest == "" || strings.ContainsAny(rest[:1], ":;.,[(-") || strings.HasPrefix(rest, "on ") {
		return true
	}
	return strings.HasPrefix(rest, "Invalid") || replyCode.MatchString(rest) || statusIn(rest) != "" || causeInWords(rest) != ""
}
