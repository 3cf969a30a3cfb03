package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"time"

	"liaison/gateway/form"
)

// formCmd is the unified form without a gateway.
type formCmd struct {
	New    formNewCmd    `cmd:"" help:"A blank form to fill in."`
	Encode formEncodeCmd `cmd:"" help:"Turn form.json into the text form, or back."`
	Decode formDecodeCmd `cmd:"" help:"Turn a text form into form.json, or back."`
	Check  formCheckCmd  `cmd:"" help:"Check a form; exit code 3 if it is not valid."`
	Schema formSchemaCmd `cmd:"" help:"Print the JSON Schema of form.json."`
}

type formNewCmd struct {
	Type string `arg:"" help:"Form type, such as SEZ."`
	Lang string `help:"Language of the labels." default:"en"`
}

func (formNewCmd) Help() string { return "Example: liaison form new SEZ --lang lv > form.txt" }

func (c formNewCmd) Run(a *app) error {
	if !slices.ContainsFunc(form.Types(), func(t form.TypeInfo) bool { return t.Code == c.Type }) {
		return wrongf("there is no form type %q; the types are the codes such as SEZ, WRN, MSG", c.Type)
	}
	_, err := io.WriteString(a.out, form.New(c.Type).Text(form.TextOptions{Lang: c.Lang, Blank: true}))
	return err
}

// formLimit bounds what is read as a form, in bytes.
const formLimit = 1 << 20

// formInput reads a form, text or JSON, from a file or standard input.
type formInput struct {
	File string `arg:"" optional:"" help:"File; standard input where none is named."`
}

func (c formInput) read(a *app) (*form.Form, []form.Problem, error) {
	data, err := readInput(a, c.File, formLimit)
	if err != nil {
		return nil, nil, err
	}
	var f *form.Form
	var problems []form.Problem
	if trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))); bytes.HasPrefix(trimmed, []byte("{")) {
		f, problems = form.ParseJSON(trimmed)
	} else {
		f, problems = form.ParseText(string(data))
	}
	if f == nil && len(problems) == 0 {
		problems = []form.Problem{form.NewProblem(18, form.Error, "", map[string]string{"reason": "there is no box in it"})}
	}
	return f, problems, nil
}

// readInput reads a file, or standard input where none is named or it is "-".
func readInput(a *app, file string, limit int64) ([]byte, error) {
	in := a.in
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, wrongf("open %s: %w", file, err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, wrongf("the input is larger than %d bytes", limit)
	}
	return data, err
}

type formEncodeCmd struct {
	formInput
	To   string `help:"text or json." enum:"text,json" default:"text"`
	Lang string `help:"Language of the labels." default:"en"`
}

func (formEncodeCmd) Help() string { return "Example: liaison form encode form.json --lang de" }

func (c formEncodeCmd) Run(a *app) error { return convert(a, c.formInput, c.To, c.Lang) }

type formDecodeCmd struct {
	formInput
	To   string `help:"text or json." enum:"text,json" default:"json"`
	Lang string `help:"Language of the labels and messages." default:"en"`
}

func (formDecodeCmd) Help() string { return "Example: liaison form decode mail.txt > form.json" }

func (c formDecodeCmd) Run(a *app) error { return convert(a, c.formInput, c.To, c.Lang) }

// convert writes a form in the other encoding; what could not be read goes to
// standard error, and errors among it make the answer "no".
func convert(a *app, in formInput, to, lang string) error {
	f, problems, err := in.read(a)
	if err != nil {
		return err
	}
	for _, p := range problems {
		io.WriteString(a.err, string(p.Severity)+" "+p.In(lang)+"\n")
	}
	if f == nil {
		return no{"no form was found in the input"}
	}
	f = f.Normal()
	if to == "json" {
		a.print("%s", f.JSON())
	} else if _, err := io.WriteString(a.out, f.Text(form.TextOptions{Lang: lang})); err != nil {
		return err
	}
	if form.HasErrors(problems) {
		return no{"some boxes could not be read; see above"}
	}
	return nil
}

type formCheckCmd struct {
	formInput
	Lang string `help:"Language of the messages." default:"en"`
	JSON bool   `help:"Print problems as JSON, one object a line."`
}

func (formCheckCmd) Help() string {
	return "Example: liaison form check form.txt\nBoxes that the gateway fills in (A2, A7, A8 …) may be missing."
}

func (c formCheckCmd) Run(a *app) error {
	f, problems, err := c.read(a)
	if err != nil {
		return err
	}
	if f != nil {
		problems = append(problems, form.Check(f.Normal(), form.Context{Now: time.Now(), Received: true, Legal: "OTHER"})...)
		if !f.IsNormal() {
			problems = append(problems, form.NewProblem(14, form.Warning, "", map[string]string{"reason": "it is not in normal form; \"liaison form decode\" shows how it is read"}))
		}
	}
	for _, p := range problems {
		p.Message = p.In(c.Lang)
		if c.JSON {
			if err := a.json(p); err != nil {
				return err
			}
			continue
		}
		a.print("%s %d %s: %s", p.Severity, p.Code, p.Box, p.Message)
	}
	if form.HasErrors(problems) {
		return no{"the form is not valid"}
	}
	if !c.JSON {
		a.print("The form is valid.")
	}
	return nil
}

type formSchemaCmd struct{}

func (formSchemaCmd) Help() string { return "Example: liaison form schema > form.schema.json" }

func (formSchemaCmd) Run(a *app) error {
	var b bytes.Buffer
	if err := json.Indent(&b, form.Schema(), "", "  "); err != nil {
		return err
	}
	a.print("%s", b.Bytes())
	return nil
}
