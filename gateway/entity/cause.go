package entity

import (
	"regexp"
	"strings"
)

var (
	statusCode = regexp.MustCompile(`(?:^|[^0-9.])([245]\.\d{1,3}\.\d{1,3})(?:[^0-9.]|\.?$|\.\s)`)
	replyCode  = regexp.MustCompile(`(?:^|[\s:;(<\[>'"])([245]\d\d)(?:[ #-]+(?:#?[245]\.|[^\d\s])|\s*$|\])`)
)

// statusIn finds the status code (RFC 3463) that says most: one about something
// before one about nothing in particular. A piece of an IP address is none.
func statusIn(s string) string {
	best := ""
	for at, n := 0, 0; n < 50; n++ {
		m := statusCode.FindStringSubmatchIndex(s[at:])
		if m == nil {
			break
		}
		code := s[at+m[2] : at+m[3]]
		at += m[3]
		if precision(code) > precision(best) {
			best = code
		}
	}
	return best
}

// precision is 1 for x.0.0, 2 for x.y.0, 3 for the others.
func precision(status string) int {
	switch {
	case status == "":
		return 0
	case strings.HasSuffix(status, ".0.0"):
		return 1
	case strings.HasSuffix(status, ".0"):
		return 2
	}
	return 3
}

// judged fills in status, action, cause and finality from what there is.
func (r Recipient) judged() Recipient {
	if precision(r.Status) < 2 {
		if s := statusIn(r.Diagnostic); precision(s) > precision(r.Status) {
			r.Status = s
		}
	}
	if r.Action == "" {
		r.Action = "failed"
		if strings.HasPrefix(r.Status, "4") {
			r.Action = "delayed"
		}
		if strings.HasPrefix(r.Status, "2") {
			r.Action = "delivered"
		}
	}
	r.Final = r.Action == "failed"
	if r.Action == "failed" || r.Action == "delayed" {
		r.Cause = cause(r.Status, r.Diagnostic)
	}
	return r
}

// statusCauses are the codes of RFC 3463 and its registry that mean one thing
// whoever writes them; the detail is that of "x.subject.detail".
var statusCauses = map[string]string{
	"1.1": "mailbox-unknown", "1.2": "host-unknown", "1.3": "mailbox-unknown", "1.4": "mailbox-unknown", "1.6": "mailbox-unknown", "1.7": "policy", "1.8": "policy", "1.10": "host-unknown",
	"2.1": "mailbox-unknown", "2.2": "mailbox-full", "2.3": "too-large", "3.4": "too-large", "3.2": "refused", "3.3": "content",
	"4.2": "expired", "4.4": "host-unknown", "4.5": "refused", "4.7": "expired", "4.300": "expired", "4.310": "host-unknown", "4.312": "host-unknown", "4.316": "expired", "4.317": "tls",
	"5.3": "policy", "6.0": "content", "6.1": "content", "6.2": "content", "6.3": "content", "6.6": "content", "6.7": "content", "6.9": "content", "6.11": "content",
	"7.4": "tls", "7.5": "tls", "7.6": "tls", "7.10": "tls", "7.11": "tls", "7.17": "mailbox-unknown", "7.18": "mailbox-unknown", "7.28": "refused",
	"7.3": "policy", "7.7": "content", "7.8": "policy", "7.9": "policy", "7.20": "policy", "7.21": "policy", "7.22": "policy", "7.23": "policy", "7.24": "policy", "7.25": "policy", "7.26": "policy", "7.27": "policy", "7.29": "policy", "7.30": "policy",
}

// subjectCauses are what remains of a code whose detail is vague or unknown,
// where no plain words say more.
var subjectCauses = map[string]string{"1": "mailbox-unknown", "3": "other", "4": "expired", "6": "content", "7": "policy"}

// phrase names a cause in the words of servers. Plain phrases can be meant of
// one thing only; the others are said of everything.
type phrase struct {
	cause string
	plain bool
	words late
}

func plainly(cause, words string) phrase {
	return phrase{cause, true, compiled(`(?i)` + words)}
}

func vaguely(cause, words string) phrase {
	return phrase{cause, false, compiled(`(?i)` + words)}
}

// phrases stand in the order in which they are believed. They help where
// structure has said that a mail is a report; they never make it one.
var phrases = []phrase{
	plainly("mailbox-full", `(user|recipient|mail ?box) has too many|too many (messages|e?mails) (on the server|in (the|this) (mail ?box|inbox))`),
	plainly("refused", `gr[ae]y-?list|(relay|sending|daily|hourly|rate).{0,20}(quota|limit)|rate.?limit|too many (recipients|connections|messages|e?mails)|frequency limited|receiving mail (at a rate|too quickly)|throttl`),
	plainly("mailbox-full", `mail ?(box|folder|store|directory|drop|file)s?\b.{0,60}(\bfull\b|exceed|over.?limit)|(exceed|over|out of|insufficient|no).{0,40}(quota|(storage|mail|disk) ?space|storage|allowed size)|quota.{0,40}(exceed|violat|full|reach|over|for )|over.?quota|quotaexceeded|disk ?(space )?quota|\bis full\b|inbox.{0,12}full|not enough (storage )?space|(message|storage).{0,20}exceeded the (local|storage) limit|number of messages in .{0,40}exceed|recipient.{0,20}(over|full)|mbox.{0,20}exceed|postfach.{0,20}voll|bo[iî]te.{0,20}pleine|buz[oó]n.{0,10}lleno|casella.{0,20}piena|skrzynk.{0,20}pe[łl]na`),
	plainly("too-large", `too (large|big)\b|message (is )?too long|(size|line) limit|exceed.{0,40}\bsize\b|message size|max(imum)?.{0,20}size|larger than|size (is )?(limited|exceed)`),
	plainly("content", `\bvirus|malware|infect|attachment|content (filter|violat)|(banned|forbidden|executable) (file|content|attachment)|malformed (mail|message|mime)|improper use of 8-?bit|bare (lf|cr|line)|not rfc.?5?322 compliant|(duplicated?|multiple|malformed|missing|invalid) .{0,12}header|(header|mime).{0,30}(syntax|malformed|missing|duplicate|too long)`),
	plainly("spam", `spam|\bube\b|\buce\b|junk|block ?list|black ?list|blocked using|\brbl\b|dnsbl|/bl\?|bulk mail|unsolicited|unwanted|reputation|content rejected|phish`),
	plainly("tls", `starttls|\btls\b|certificate|encryption (required|needed)`),
	plainly("policy", `\b(sender|from|mail from|envelope-from|return-path)\b.{0,50}(reject|denied|invalid|not (exist|allowed|permit|found)|does(n't| not)|unroutable|unresolv|forbidden|verif|refused|blocked)|(unroutable|invalid|of) sender|my name was rejected|sender was rejected|unauthenticated|sender (address|domain|ip)|invalid ip|client host|reverse dns|\brdns\b|\bptr\b|\bhelo\b|mismatches client|unverif|dmarc|\bspf\b|dkim|senderid|banned|requires? confirmation|white ?list`),
	plainly("host-unknown", `(host|domain)( or domain)? ?name (not found|lookup fail)|(host|domain)( name)? (is |was )?(unknown|not found|invalid|unresolv|could(n't| not) be (found|resolved))|(domain|host)\b.{0,40}(does(n't| not) exist|not found)|domain is not reachable|(no such|unknown|illegal|non-?existent|invalid|bad destination) (host|domain)|unrout(e)?able (mail |address)|nx ?domain|\bno mx\b|null ?mx|(do(es)?(n't| not) accept|not accepting) (e-?)?mail|name service error|could not find a gateway|name server:.{0,40}(not found|no )|unable to (find|resolve|look ?up)|lookup of.{0,80}failed|couldn't find any host|name or service not known|nodename nor servname|no address associated with|mx records?.{0,40}(non-?existent|point)|dns (query|lookup|error)|h[oô]te inconnu|dominio (desconocido|sconosciuto|inesistente)`),
	plainly("mailbox-unknown", `\b(user( ?id)?|recipient|account|mail ?box|address|addressee|alias|local.?part)\b.{0,30}(unknown|not (known|found|exist|valid|recogni[sz]ed|listed)|no longer|un(available|defined|identifiable|recogni[sz]ed)|(is |was |has been )?(invalid|inactive|disabled|deactivated|suspended|terminated|closed|deleted|removed|expired|locked))|(unknown|invalid|no such|no valid|non-?existent|bad|illegal|unroute?able|undeliverable|incorrect|wrong|malformed|inactive|disabled) (virtual |local |e?-?mail |final |delivery |primary )*(user|recipient|mail ?box|address|account|local.?part|alias|person|addressee)|no (mail ?box|account|user|recipient|one|person)\b.{0,30}(here|by that|with|found|such|name)|(user|recipient|account|mailbox|address|alias|group|person)?\b.{0,20}(does|do|did)(n't| not) (exist|have an? .{0,60}(account|mailbox))|recipient.?not.?found|recipnotfound|not listed|not an? (valid|known|current|registered|active|existing)|not our (customer|user)|recipient address(es)? rejected ?: ?access denied|address(es)? (was |were )?(rejected([^:]|$)|not found)|couldn't be found|(could|can)(n't| ?not) be found|is not recogni[sz]ed|nobody by that|badrcptto|can't open mailbox|mailbox unavailable|has moved|changed (his|her|its|their) address|unbekannt|n'existe pas|inconnue?\b|desconocid|no existe|sconosciut|inesistente|nie istnieje|neexistuje`),
	vaguely("expired", `retry time|retry timeout|timed? ?out|expired|queue too long|too long|(could )?not (been |be )?delivered (for|within|after|in) |for (more than|the last) \d|for a long time|no (response|answer)|not respond|unreachable|no route|(connection|network).{0,30}(refused|reset|lost|closed|dropped|failed|unable)|unable to (connect|contact|establish)|not accept(ing)? (our )?(requests|connections?)|failed \d+ (attempts|times)|\d+ attempts|giving up|host is down|cannot connect|not reachable`),
	vaguely("policy", `polic(y|ies)|not (authori[sz]ed|allowed|permitted)|access denied|permission|relay|prohibit|forbidden|members? only|not a member|authenticat|denied by|restrict`),
	vaguely("mailbox-unknown", `recipient (address )?(was )?(rejected|refused)`),
	vaguely("refused", `refus|reject|not accept|block|denied|declin|unavailable|deferred|try again|temporar`),
}

// phraseIn is the first phrase that is in a text, apart from its addresses.
func phraseIn(text string) (phrase, bool) {
	text = addressOrLink.ReplaceAllString(text, "<$1>")
	for _, p := range phrases {
		if p.words.MatchString(text) {
			return p, true
		}
	}
	return phrase{}, false
}

func causeInWords(text string) string {
	p, _ := phraseIn(text)
	return p.cause
}

func says(cause, text string) bool {
	for _, p := range phrases {
		if p.cause == cause && p.plain && p.words.MatchString(text) {
			return true
		}
	}
	return false
}

var (
	// early is a conversation that ended before the recipient was named: whatever
	// it says is about the sender, the host or the connection.
	early = regexp.MustCompile(`(?i)(after|in reply to|response to|>>>) ?(pipelined )?(mail from|helo|ehlo|initial connection|connect\b|starttls)`)
	atDot = regexp.MustCompile(`(?i)(after|in reply to|response to|>>>) ?(end of data|data|end of message|text command|\.)`)
	// replyInQuotes is a server's reply as some relays hand it on, behind words of
	// their own: 5.1.0 - Unknown address error 550-'5.7.1 Access denied'.
	replyInQuotes = regexp.MustCompile(`^(?:\d\.\d\.\d )?- [^']{3,60} ([45]\d\d)-'(.+?)(?:'|$)`)
	addressOrLink = regexp.MustCompile(`(?i)<[^<>@\s]*@[^<>\s]*>|(https?://[^\s/]*)[^\s]*|[\w.+-]+@[\w.-]+`)
)

// Cause names why a server didn't take a mail, by its RFC 3463 code ("" where it
// gave none) and its words: one of the causes of Recipient.
func Cause(status, diagnostic string) string { return cause(status, diagnostic) }

// cause names why a delivery failed: by a status that can mean but one thing, by
// what the server said plainly, by what is left of a vague status, by vaguer
// words, by the SMTP reply code.
func cause(status, diagnostic string) string {
	if m := replyInQuotes.FindStringSubmatch(diagnostic); m != nil { // what stands before is a guess at its number
		diagnostic = m[1] + " " + m[2]
	}
	said := statusIn(diagnostic)
	named := statusCause(status)
	if other := statusCause(said); other != "" || named == "expired" && said != "" {
		named, status = other, said // the far server's own word comes before our side's summary
	}
	p, worded := phraseIn(diagnostic)
	if named != "" && !(p.plain && p.cause != named && overrules(p.cause, named) && !says(named, diagnostic)) {
		return named
	}
	switch {
	case p.plain && early.MatchString(diagnostic) && (p.cause == "mailbox-unknown" || p.cause == "host-unknown"):
		return "policy"
	case p.plain:
		return p.cause
	}
	if parts := strings.Split(status, "."); precision(status) > 1 && subjectCauses[parts[1]] != "" && status[:3] != "4.1" {
		return subjectCauses[parts[1]]
	}
	if worded {
		return p.cause
	}
	return codeCause(diagnostic)
}

// overrules reports whether words of one cause mean more than a status of
// another. Statuses are often made by a program from a bare "550".
func overrules(said, status string) bool {
	switch said {
	case "mailbox-full", "spam", "refused":
		return true
	case "mailbox-unknown":
		return status == "host-unknown" || status == "expired" // Exchange's use of 5.1.10 and 5.4.1
	}
	return false
}

func statusCause(status string) string {
	class, detail, _ := strings.Cut(status, ".")
	if class == "4" && detail == "2.1" {
		return "" // "not now", in use
	}
	return statusCauses[detail]
}

// codeCause is what an SMTP reply code alone means.
func codeCause(diagnostic string) string {
	m := replyCode.FindStringSubmatch(diagnostic)
	if m == nil {
		return "other"
	}
	late := early.MatchString(diagnostic) || atDot.MatchString(diagnostic)
	switch code := m[1]; {
	case late && code[0] == '5', code == "554", code == "421":
		return "refused"
	case code == "550", code == "551", code == "553":
		return "mailbox-unknown"
	case code == "552":
		return "mailbox-full"
	}
	return "other"
}
