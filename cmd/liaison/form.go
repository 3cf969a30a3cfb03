package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"liaison/gateway/form"
	"liaison/gateway/operation"
)

// formCmd is the unified form without a gateway.
type formCmd struct {
	New    formNewCmd    `cmd:"" help:"A blank form to fill in."`
	Encode formEncodeCmd `cmd:"" help:"Turn form.json into the text form, or back."`
	Decode formDecodeCmd `cmd:"" help:"Turn a text form, or a mail that holds one, into form.json, or back."`
	Check  formCheckCmd  `cmd:"" help:"Check a form; exit code 3 if it is not valid."`
	Schema formSchemaCmd `cmd:"" help:"Print the JSON Schema of form.json."`
}

func (formCmd) Help() string {
	return "Works on files and standard input, without a gateway. What came in and where it stands: liaison forms. What a whole mail holds: liaison inspect."
}

// formProfile is what a form follows besides the catalogue.
type formProfile struct {
	Operation string `help:"operation.yaml: its form types, boxes, codes and labels." placeholder:"FILE"`
}

// read gives the operation, nil where none was named.
func (c formProfile) read() (*operation.Operation, error) {
	if c.Operation == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.Operation)
	if err != nil {
		return nil, wrongf("read the operation: %w", err)
	}
	op, problems := operation.Parse(data, c.Operation)
	if op == nil {
		return nil, wrongf("%s", problems[0])
	}
	for _, f := range op.Forms.Profile().Faults() {
		return nil, wrongf("%s: forms.%s: %s", c.Operation, strings.Join(f.At, "."), f.Message)
	}
	return op, nil
}

// profileOf is the form profile of an operation, nil of none.
func profileOf(op *operation.Operation) *form.Profile {
	if op == nil {
		return nil
	}
	return op.Forms.Profile()
}

// language refuses one that there are no labels in.
func language(lang string, p *form.Profile) error {
	base, _, _ := strings.Cut(strings.ToLower(lang), "-")
	if slices.Contains(form.Languages(), base) || p != nil && len(p.Labels[base]) > 0 {
		return nil
	}
	return wrongf("there are no labels in %q; there are in %s", lang, strings.Join(form.Languages(), " "))
}

type formNewCmd struct {
	formProfile
	Type string `arg:"" help:"Form type, such as SEZ."`
	Lang string `help:"Language of the labels." default:"en"`
	Long bool   `help:"Every box that the form may have, not only the usual ones."`
	Rows int    `help:"Rows of each repeated group (goods, transport, parties)." default:"1"`
}

func (formNewCmd) Help() string {
	var types []string
	for _, t := range form.Types() {
		types = append(types, t.Code+"  "+form.TypeName(t.Code, "en"))
	}
	return "Example:\n\n  liaison form new SEZ --lang lv > form.txt\n  liaison form check form.txt\n\nForm types:\n\n  " + strings.Join(types, "\n  ")
}

func (c formNewCmd) Run(a *app) error {
	op, err := c.read()
	if err != nil {
		return err
	}
	profile := profileOf(op)
	typ := strings.ToUpper(c.Type)
	types := form.Types()
	if !slices.ContainsFunc(types, func(t form.TypeInfo) bool { return t.Code == typ }) {
		var codes []string
		for _, t := range types {
			codes = append(codes, t.Code)
		}
		return wrongf("there is no form type %q; the types are %s", c.Type, strings.Join(codes, " "))
	}
	if err := language(c.Lang, profile); err != nil {
		return err
	}
	if c.Rows < 1 || c.Rows > 99 {
		return wrongf("--rows is %d; use 1 to 99", c.Rows)
	}
	f := form.New(typ)
	if op != nil {
		f.Set("A3", string(op.Code))
	}
	if _, err := io.WriteString(a.out, f.Text(form.TextOptions{Lang: c.Lang, Profile: profile, Blank: true, Long: c.Long, Rows: c.Rows})); err != nil {
		return err
	}
	fmt.Fprintln(a.err, `Next: fill it in; "liaison form check FILE" says what is missing.`) // beside the form, which goes into a file
	return nil
}

type formSchemaCmd struct{}

func (formSchemaCmd) Help() string { return "Example:\n\n  liaison form schema > form.schema.json" }

func (formSchemaCmd) Run(a *app) error {
	a.print("%s", form.Schema())
	return nil
}
