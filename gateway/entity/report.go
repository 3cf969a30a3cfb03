package entity

import (
	"bytes"
	"slices"
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

// report classifies by structure alone; nil for what people send. First what
// parts say they are, then what a mail server wrote in prose, then the headers
// of programs that answer or distribute.
func (rd *reader) report(root *part) *report {
	from := senderOf(&root.header)
	if a := rd.typedReport(root, from); a != nil {
		a.sure = len(rd.find(root)) == 0
		return a
	}
	if a := rd.proseReport(root, from); a != nil {
		return a
	}
	if from != person && from != office || root.kind == "multipart/report" {
		return &report{kind: AutoReply, original: rd.original(root)}
	}
	return nil
}

// typedReport reads reports that are made of fields: RFC 3464, 8098 and 5965,
// and what provider's own forms put in JSON.
func (rd *reader) typedReport(root *part, from sender) *report {
	original := rd.original(root)
	if root.kind == "multipart/report" || from >= program {
		if p := rd.findKind(root, "message/disposition-notification"); p != nil {
			return rd.disposition(root, p, original)
		}
		if p := rd.findKind(root, "message/feedback-report"); p != nil {
			return &report{kind: Feedback, original: original}
		}
	}
	if a := notification(rd, root); a != nil {
		return a
	}
	list := rd.deliveryStatus(root, from)
	if len(list) == 0 {
		return rd.complaint(root, original)
	}
	n := rd.notice(root)
	for i := range list {
		list[i] = list[i].explained(n, len(list))
	}
	if len(list) == 1 && !isAddress(list[0].Recipient) { // a program or a file: who stands behind it?
		if named := n.recipients(addressesIn(root.header.Get("X-Failed-Recipients"))); len(named) == 1 {
			list[0].Recipient = named[0].Recipient
		}
	}
	list = oncePerRecipient(list)
	if original == nil {
		original = n.original
	}
	return &report{kind: dsnKind(list), recipients: list, original: original}
}

// disposition is a read receipt, unless a program refused the mail by it: what
// a filter deletes unread (RFC 5429) is a bounce.
func (rd *reader) disposition(root, p *part, original *Header) *report {
	a := &report{kind: ReadReceipt, original: original}
	for _, h := range groups(rd.tree.content(p)) {
		how := strings.ToLower(h.Get("Disposition"))
		mode, kind, _ := strings.Cut(how, ";")
		if a.original == nil && h.Has("Original-Message-ID") {
			a.original = &Header{MessageID: firstID(h.raw("Original-Message-ID"))}
		}
		if !strings.HasPrefix(mode, "automatic-action") || !strings.HasPrefix(strings.TrimSpace(kind), "deleted") {
			continue
		}
		n := rd.notice(root)
		r := Recipient{Recipient: recipientIn(&h), Action: "failed", Diagnostic: n.essence()}
		if r = r.judged(); r.Cause == "other" {
			r.Cause = "refused"
		}
		a.kind, a.recipients = Bounce, append(a.recipients, r)
	}
	return a
}

// complaint is a provider's abuse report that is only the mail complained of,
// with the reporter named in a field that providers put in front of it.
func (rd *reader) complaint(root *part, original *Header) *report {
	if root.kind != "multipart/mixed" || original == nil || len(root.children) == 0 {
		return nil
	}
	if slices.ContainsFunc(root.children[1:], func(p *part) bool { return len(bytes.TrimSpace(p.raw)) > 0 }) {
		return nil
	}
	if original.Has("X-HmXmrOriginalRecipient") {
		return &report{kind: Feedback, original: original}
	}
	return nil
}

// sender is how strongly the header says that a program sent the mail.
type sender int

const (
	person   sender = iota
	program         // answers or distributes by itself (RFC 3834, lists)
	office          // an address of those who run a mail server, and of the server
	nullPath        // has no return path: wants no answer
	agent           // a mail server's own voice
)

// agentNames are local parts under which mail servers speak, and nobody else;
// without dots, dashes and underscores.
var agentNames = map[string]bool{
	"mailerdaemon": true, "mdaemon": true, "maildaemon": true, "maildeliverysystem": true, "maildeliverysubsystem": true, "doublebounce": true,
}

func speaker(addr string) sender {
	local, _, _ := strings.Cut(strings.ToLower(addr), "@")
	local = strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.Trim(local, `"<> `))
	switch {
	case agentNames[local]:
		return agent
	case local == "postmaster", local == "mailadmin":
		return office
	}
	return person
}

func senderOf(h *Header) sender {
	who := speaker(h.raw("Return-Path"))
	from := strings.TrimSpace(h.raw("From"))
	for _, a := range h.From {
		who = max(who, speaker(a.Addr))
	}
	if len(h.From) == 0 { // a name alone, as servers write it
		who = max(who, speaker(from[strings.LastIndexByte(from, '<')+1:]))
	}
	switch {
	case who == agent, strings.HasSuffix(from, "<>"), h.Has("X-Failed-Recipients"):
		return agent
	case h.Has("Return-Path") && strings.Trim(h.ReturnPath, "<>") == "":
		if who == office {
			return agent
		}
		return nullPath
	case who == person && answersByItself(h):
		return program
	}
	return who
}

// programFields are fields that only programs write, which answer by themselves
// or distribute; a word must be in the field where one is given.
var programFields = map[string]string{
	"x-autoreply": "", "x-autoreply-from": "", "x-auto-reply": "", "x-autorespond": "", "x-autoresponder": "", "x-mail-autoreply": "", "x-autogenerated": "",
	"x-apple-action": "vacation", "x-fc-machinegenerated": "true", "x-post-messageclass": "autoresponder", "delivered-to": "autoresponder",
	"list-id": "", "list-unsubscribe": "", "list-unsubscribe-post": "", "list-post": "", "list-help": "", "list-subscribe": "", "list-owner": "", "list-archive": "", // RFC 2369, 2919, 8058
	"mailing-list": "", "x-mailing-list": "", "x-ml-name": "", "x-mlserver": "", "x-beenthere": "",
}

// answersByItself reports what programs that answer, and lists, put in a header.
// The presence of X-Auto-Response-Suppress proves nothing: people's mail through
// Exchange carries it.
func answersByItself(h *Header) bool {
	if h.AutoSubmitted != "" && h.AutoSubmitted != "no" {
		return true
	}
	for _, f := range h.Fields {
		name := strings.ToLower(f.Name)
		switch name {
		case "precedence", "x-precedence":
			switch word(f.Value) {
			case "bulk", "junk", "list", "auto_reply":
				return true
			}
		default:
			if needed, ok := programFields[name]; ok && strings.Contains(strings.ToLower(f.Value), needed) {
				return true
			}
		}
	}
	return false
}

// findKind is the first part of one of these types, outside returned mails.
func (rd *reader) findKind(root *part, kinds ...string) *part {
	var found *part
	rd.walk(root, func(p *part) bool {
		for _, k := range kinds {
			if found == nil && p.kind == k {
				found = p
			}
		}
		return found == nil && !isSigned(p)
	})
	return found
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
	return kind
}
