package main

import (
	"bytes"
	"io"
	"net/mail"
	"os"
	"regexp"
	"time"

	"liaison/gateway"
	"liaison/gateway/entity"
	"liaison/gateway/form"
)

// formInput reads a form, as text, as JSON or in a mail, from a file or standard
// input.
type formInput struct {
	formProfile
	File string `arg:"" optional:"" help:"File; standard input where none is named."`
	Lang string `help:"Language of labels and messages; of messages, the form's own (A19) where none is named."`
}

// formRead is a form as it was read.
type formRead struct {
	form     *form.Form // nil where there is none
	json     bool       // it came as form.json
	problems []form.Problem
	profile  *form.Profile
	legal    string // the operation's legal basis
	lang     string // of messages
}

// tooLarge is a little more than any form: what is longer is refused by the
// form's own limit.
const tooLarge = form.MaxSize + 1

func (c formInput) read(a *app) (*formRead, error) {
	op, err := c.formProfile.read()
	if err != nil {
		return nil, err
	}
	r := &formRead{profile: profileOf(op), lang: c.Lang}
	if op != nil {
		r.legal = op.LegalBasis
	}
	if c.Lang != "" {
		if err := language(c.Lang, r.profile); err != nil {
			return nil, err
		}
	}
	data, err := readFirst(a, c.File, tooLarge)
	if err != nil {
		return nil, err
	}
	r.json = isJSON(data)
	r.form, r.problems = parseForm(data)
	if r.form == nil && len(r.problems) == 0 {
		r.problems = []form.Problem{form.NoForm()}
	}
	if r.lang == "" && r.form != nil {
		r.lang = r.form.Normal().Get("A19")
	}
	return r, nil
}

// parseForm reads a form from whatever holds one.
func parseForm(data []byte) (*form.Form, []form.Problem) {
	switch {
	case isJSON(data):
		return form.ParseJSON(bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))))
	case isMail(data):
		m := gateway.Examiner{At: time.Now()}.Mail(data)
		return m.Form, m.Problems
	}
	text, charset := form.ToUTF8(data)
	if html.MatchString(text) {
		text = entity.HTMLText(text)
	}
	f, problems := form.ParseReply(text, entity.ReplyText(text))
	if charset != "" && f != nil {
		problems = append(problems, form.GuessedCharset(charset))
	}
	return f, problems
}

func isJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))), []byte("{"))
}

var html = regexp.MustCompile(`(?is)^\s*<(!doctype|html|head|body|div|p|table|span|meta)\b`)

// isMail reports whether data begins with a mail's header.
func isMail(data []byte) bool {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	return err == nil && (m.Header.Get("MIME-Version") != "" || m.Header.Get("From") != "" && m.Header.Get("Date")+m.Header.Get("Message-ID") != "")
}

// readInput reads a file, or standard input where none is named or it is "-".
func readInput(a *app, file string, limit int64) ([]byte, error) {
	data, err := readFirst(a, file, limit+1)
	if err == nil && int64(len(data)) > limit {
		return nil, wrongf("the input is larger than %d bytes", limit)
	}
	return data, err
}

// readFirst reads the first bytes of a file or of standard input.
func readFirst(a *app, file string, limit int64) ([]byte, error) {
	in := a.in
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, wrongf("%w; name a file that exists, or none for standard input", err)
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, limit))
}

type formEncodeCmd struct {
	formInput
	To    string `help:"text or json." enum:"text,json" default:"text"`
	Words bool   `help:"Say behind a text form what its codes mean."`
}

func (formEncodeCmd) Help() string { return "Example:\n\n  liaison form encode form.json --lang de" }

func (c formEncodeCmd) Run(a *app) error { return convert(a, c.formInput, c.To, c.Words) }

type formDecodeCmd struct {
	formInput
	To string `help:"text or json." enum:"text,json" default:"json"`
}

func (formDecodeCmd) Help() string {
	return "Example:\n\n  liaison form decode mail.txt > form.json\n\nTakes what a mail program made of the form, a whole mail (.eml), HTML, or form.json."
}

func (c formDecodeCmd) Run(a *app) error { return convert(a, c.formInput, c.To, false) }

// convert writes a form in the other encoding; what could not be read goes to
// standard error, and errors among it make the answer "no".
func convert(a *app, in formInput, to string, words bool) error {
	r, err := in.read(a)
	if err != nil {
		return err
	}
	if r.form != nil {
		r.doubt()
	}
	for _, p := range r.problems {
		io.WriteString(a.err, p.Say(r.lang)+"\n")
	}
	if r.form == nil {
		return no{"no form could be read; see above"}
	}
	f := r.form.Normal()
	if to == "json" {
		a.print("%s", f.JSON())
	} else if _, err := io.WriteString(a.out, f.Text(form.TextOptions{Lang: in.Lang, Profile: r.profile, Words: words})); err != nil {
		return err
	}
	if form.HasErrors(r.problems) {
		return no{"some boxes could not be read for certain and were left out; see above"}
	}
	return nil
}

// doubt names what another encoding would hide: that the form was changed, and
// numbers that have two readings, which are left out.
func (r *formRead) doubt() {
	if r.form.Changed() {
		r.problems = append(r.problems, form.CheckValueProblem())
	}
	if r.json {
		return
	}
	for _, p := range form.Unclear(r.form) {
		r.problems = append(r.problems, p)
		r.form.Set(p.Box)
	}
}

type formCheckCmd struct {
	formInput
	JSON bool `help:"Print problems as JSON, one object a line."`
}

func (formCheckCmd) Help() string {
	return "Example:\n\n  liaison form check form.txt\n\nBoxes that the gateway fills in (A2, A7, A8 …) may be missing. Warnings never stop a form."
}

func (c formCheckCmd) Run(a *app) error {
	r, err := c.read(a)
	if err != nil {
		return err
	}
	if r.form != nil {
		r.problems = append(r.problems, form.Check(r.form, form.Context{Profile: r.profile, Now: time.Now(), Received: true, Legal: r.legalBasis()})...)
	}
	for _, p := range r.problems {
		if !c.JSON {
			a.print("%s", p.Say(r.lang))
			continue
		}
		p.Message = p.In(r.lang)
		if err := a.json(p); err != nil {
			return err
		}
	}
	if !c.JSON {
		a.print("%s", form.Verdict(r.problems, r.lang))
	}
	if form.HasErrors(r.problems) {
		return no{"the form is not valid; mend what is named above and check it again"}
	}
	return nil
}

// legalBasis is what fills A17 where it is missing; without an operation it
// isn't known, and the gateway will.
func (r *formRead) legalBasis() string {
	if r.profile == nil {
		return "OTHER"
	}
	return r.legal
}
