package entity

import (
	"bytes"
	"regexp"
	"strings"
)

// original is the header of the mail that a report returns as a part.
func (rd *reader) original(root *part) *Header {
	p := rd.findKind(root, "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
	if p == nil || p == root {
		return nil
	}
	fields, _, _ := splitHeader(bytes.TrimLeft(rd.tree.content(p), "\r\n"))
	h := newHeader(fields)
	return &h
}

// copyFields are fields by which a copy of a mail is known in a report's text;
// true are those that a server's own words about the mail don't list.
var copyFields = map[string]bool{
	"received": true, "return-path": true, "message-id": true, "from": true, "mime-version": true, "dkim-signature": true, "domainkey-signature": true,
	"to": false, "subject": false, "date": false, "reply-to": false, "content-type": false, "delivered-to": false, "sender": false, "cc": false,
	"in-reply-to": false, "references": false, "user-agent": false, "authentication-results": false, "received-spf": false, "x-mailer": false,
}

// copyAt is the line where the copy of the undelivered mail begins in a report's
// text, or len(lines): two or more header fields in a row at the margin.
func copyAt(lines []string) int {
	for i := 0; i < len(lines); i++ {
		if !isCopyField(lines[i]) {
			continue
		}
		names, own := map[string]bool{}, false
		j := i
		for ; j < len(lines) && strings.TrimSpace(lines[j]) != "" && j < i+60; j++ {
			name, _, _ := strings.Cut(lines[j], ":")
			name = strings.ToLower(strings.TrimSpace(name))
			if isDSNField(name) {
				names = nil
				break
			}
			if mark, known := copyFields[name]; known {
				names[name] = true
				own = own || mark
			}
		}
		if len(names) >= 2 && own && (i == 0 || len(names) >= 4 || separates(lines[:i])) {
			return i
		}
		i = j
	}
	return len(lines)
}

// copyIn is the header of the copy in a report's text; nil where there is none.
func copyIn(lines []string) *Header {
	at := copyAt(lines)
	if at == len(lines) {
		return nil
	}
	fields, _, _ := splitHeader([]byte(strings.Join(lines[at:], "\n")))
	h := newHeader(fields)
	if len(h.Fields) == 0 {
		return nil
	}
	return &h
}

func isCopyField(line string) bool {
	name, _, ok := strings.Cut(line, ":")
	_, known := copyFields[strings.ToLower(strings.TrimRight(name, " "))]
	return ok && known
}

// separates reports whether lines end in what servers put before a copy.
func separates(lines []string) bool {
	last := strings.TrimSpace(lines[len(lines)-1])
	return last == "" || strings.HasSuffix(last, ":") || strings.HasPrefix(last, "--") || strings.HasSuffix(last, "--")
}

// beforeCopy cuts the copy of the undelivered mail off.
func beforeCopy(b []byte) []byte {
	if len(b) > maxNotice {
		b = b[:maxNotice]
	}
	lines := strings.Split(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
	return []byte(strings.Join(lines[:copyAt(lines)], "\n"))
}

// notice is what a mail server wrote in prose, apart from the copy of the mail.
type notice struct {
	lines    []string
	original *Header
	own      map[string]bool // addresses that are no recipients: the report's reader and writer
	entries  []entry
	delayed  bool // it says that delivery goes on
	gaveUp   bool // it says that delivery ended
}

const maxNotice = 64 << 10

// copyBelow is a line that says that the copy follows, for copies without a
// header that would be known.
var copyBelow = regexp.MustCompile(`(?i)^[-=_*\s|]*(?:-{2,}|={3,}).*\b(?:original|copy|returned|unsent|header|message text|top \d+ lines)\b`)

func (rd *reader) notice(root *part) *notice {
	text := rd.gather(root).text()
	if len(text) > maxNotice {
		text = strings.ToValidUTF8(text[:maxNotice], "")
	}
	lines := strings.Split(text, "\n")
	n := &notice{original: rd.original(root), own: map[string]bool{}}
	at := copyAt(lines)
	if n.original == nil {
		n.original = copyIn(lines)
	}
	n.lines = lines[:at]
	for i, line := range n.lines {
		if copyBelow.MatchString(line) && i > 2 {
			n.lines = n.lines[:i]
			break
		}
	}
	for _, list := range [][]Address{root.header.To, root.header.From, root.header.ReplyTo, root.header.Cc, root.header.Sender} {
		for _, a := range list {
			n.own[strings.ToLower(a.Addr)] = true
		}
	}
	n.entries = n.findEntries()
	report := strings.Join(n.lines, "\n")
	n.delayed = retry.MatchString(report) && !final.MatchString(report)
	n.gaveUp = givenUp.MatchString(report)
	return n
}
