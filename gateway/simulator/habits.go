package simulator

import (
	"time"

	"liaison/gateway/entity"
	"liaison/gateway/form"
)

// Habits are what an officer, its mail program and its mail server do otherwise
// than they should; the zero Habits do everything right.
type Habits struct {
	// The participant's mail server.
	Refuse  *Refusal                                          // it doesn't take our mail, or not at once
	Reports []Report                                          // what it reports after it took one
	Auto    func(o *Officer, raw []byte, at time.Time) []byte // an automatic reply, nil for none
	Swallow bool                                              // nobody ever sees the mail
	In      []func([]byte) []byte                             // what it does to mail that comes in
	Out     []func([]byte) []byte                             // and to mail that goes out

	// The mail program and the person.
	Unread    []string // styles of mail that can't be opened
	Complains bool     // of what can't be opened
	Silent    bool     // nobody answers
	Short     bool     // the short answer alone
	Machine   bool     // a system answers, no person
	After     time.Duration
	Copies    int                       // of the same answer
	Fill      func(f *form.Form, i int) // changes the i-th person's form
	Code2     func(code string) string  // changes the test code
	Rewrite   func(text string) string  // changes the text of the answer
	Quotes    string                    // the call in the answer: "" not at all, or above · below · inside (filled in there)
	Page      func(text string) []byte  // the answer's MIME part, where it is no plain text
	Attach    []entity.Attachment       // beside a plain answer

	// How the answer is written.
	Signing  string        // "" as it should be, or unsigned · part · tampered · sealed-elsewhere · clear (signed, not encrypted) · smime
	Address2 string        // From, another than the participant's
	NoThread bool          // no In-Reply-To, no subject: a mail of its own
	Skew     time.Duration // of the clock there
	Twice    bool          // its server sends every mail twice
	NoAuth   bool          // nothing vouches for the From of a plain mail

	// The system on the WebSocket.
	OverMail   bool   // its answers come by mail instead
	Connection string // "" as it should be, or none · half-open · old-nonce · other-key · flaps
}

// Refusal is a server's answer to a mail.
type Refusal struct {
	Code     int
	Enhanced [3]int
	Text     string
	Times    int  // how often; 0 for always
	Whole    bool // after the whole mail, not at its recipient
}

// Blind reports whether a style of mail can't be opened.
func (h Habits) Blind(style string) bool {
	for _, s := range h.Unread {
		if s == style {
			return true
		}
	}
	return false
}

// Text is the answer's text as it is sent.
func (h Habits) Text(s string) string {
	if h.Rewrite != nil {
		return h.Rewrite(s)
	}
	return s
}
