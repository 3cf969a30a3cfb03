package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaID names the schema; it is never fetched.
const schemaID = "urn:jco-form:1.0"

// Schema is the JSON Schema (draft 2020-12) of form.json in normal form, made
// from the catalogue. "-" stands where a correction removes a box.
func Schema() []byte { return bytes.Clone(theSchema()) }

var theSchema = sync.OnceValue(func() []byte {
	data, err := json.MarshalIndent(schemaDocument(), "", "  ")
	if err != nil {
		panic("form schema: " + err.Error()) // maps and strings alone: a fault of the build
	}
	return data
})

type object = map[string]any

func schemaDocument() object {
	properties := object{}
	for _, group := range []string{"C", "E", "G"} {
		properties[group] = object{"type": "array", "maxItems": maxRows, "items": rowSchema(group)}
	}
	for _, b := range Boxes() {
		if a := (address{b.Code, 1}); !a.grouped() {
			properties[b.Code] = boxSchema(b)
		}
	}
	var rules []any
	for _, t := range Types() {
		rules = append(rules, typeRule(t))
	}
	return object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": schemaID,
		"title": "Unified form of a joint customs operation", "type": "object", "required": []string{"A1"},
		"properties": properties, "allOf": rules,
		"patternProperties":    object{`^[A-Z]{1,2}[0-9]{1,2}(\.[0-9]{1,2})?$`: object{"type": []string{"string", "array"}, "items": object{"type": "string"}}},
		"additionalProperties": false,
	}
}

func rowSchema(group string) object {
	properties := object{"#": object{"type": "integer", "minimum": 1, "maximum": maxRows}, "-": object{"const": true}}
	for _, b := range Boxes() {
		if a := (address{b.Code, 1}); a.group() == group {
			properties[b.Code] = boxSchema(b)
		}
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false,
		"patternProperties": object{"^" + group + "[0-9]{1,2}$": object{"type": "string"}}}
}

func boxSchema(b BoxInfo) object {
	s := object{"type": "string", "maxLength": b.limit()}
	if b.List != "" {
		codes := []string{remove}
		for _, e := range Codes(b.List) {
			codes = append(codes, e.Code)
		}
		s = object{"enum": codes}
	} else if p := patternOf(b.Type); p != "" {
		s["pattern"] = p
	}
	if b.Many {
		s = object{"anyOf": []any{object{"const": remove}, object{"type": "array", "items": s}}}
	}
	s["title"] = Label(b.Code, "en")
	if b.Flag != "" {
		s["$comment"] = map[string]string{"N": "nominal", "S": "sensitive"}[b.Flag]
	}
	return s
}

// patternOf is the pattern of a type in normal form; what only warns has none.
func patternOf(typ string) string {
	inner := map[string]string{
		"dec": `[0-9]+(\.[0-9]+)?`, "int": `[0-9]{1,12}`, "date": `[0-9]{4}-[0-9]{2}-[0-9]{2}`,
		"dt":   `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`,
		"time": bare(clockShape.String()), "ctry": `[A-Z]{2}`, "citizen": `[A-Z]{2}`, "ref": bare(refShape.String()), "part": bare(participantShape.String()),
		"locode": bare(locodeShape.String()), "office": bare(officeShape.String()), "hs": bare(hsShape.String()),
	}[typ]
	if inner == "" {
		return ""
	}
	return "^(-|" + inner + ")$"
}

func bare(pattern string) string {
	return strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
}

// typeRule says what one type of form must hold. What the gateway supplies is
// required by none.
func typeRule(t TypeInfo) object {
	required, groups := []string{}, map[string][]string{}
	for _, code := range t.Must {
		if a := (address{code, 1}); a.grouped() {
			groups[a.group()] = append(groups[a.group()], code)
			continue
		}
		required = append(required, code)
	}
	properties := object{}
	for group, codes := range groups {
		required = append(required, group)
		properties[group] = object{"minItems": 1, "prefixItems": []any{object{"required": codes}}}
	}
	return object{"if": object{"properties": object{"A1": object{"const": t.Code}}}, "then": object{"required": required, "properties": properties}}
}

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(theSchema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(nothing{})
	c.AssertFormat()
	if err := c.AddResource(schemaID, doc); err != nil {
		return nil, err
	}
	return c.Compile(schemaID)
})

// nothing loads no schema: the library would read files otherwise.
type nothing struct{}

func (nothing) Load(url string) (any, error) { return nil, errors.New("no schema " + url) }

// ValidateJSON holds form.json against Schema. ParseJSON goes first: it limits
// size and depth.
func ValidateJSON(data []byte) []Problem {
	f, problems := ParseJSON(data)
	if f == nil {
		return problems
	}
	schema, err := compiled()
	if err != nil {
		return []Problem{NewProblem(18, Error, "", map[string]string{"reason": "schema: " + err.Error()})}
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return []Problem{NewProblem(18, Error, "", map[string]string{"reason": "form.json: " + err.Error()})}
	}
	var invalid *jsonschema.ValidationError
	if errors.As(schema.Validate(doc), &invalid) {
		problems = append(problems, schemaProblems(invalid)...)
	}
	return problems
}

// schemaProblems names the boxes at the leaves; the values stay out of it.
func schemaProblems(e *jsonschema.ValidationError) []Problem {
	if len(e.Causes) > 0 {
		var out []Problem
		for _, cause := range e.Causes {
			out = append(out, schemaProblems(cause)...)
		}
		return out
	}
	where := strings.Join(e.InstanceLocation, "/")
	keyword := strings.Join(e.ErrorKind.KeywordPath(), "/")
	return []Problem{NewProblem(14, Error, schemaBox(e.InstanceLocation), map[string]string{"reason": strings.TrimSpace("/" + where + " " + keyword)})}
}

// schemaBox turns C/1/C4 into C4.2.
func schemaBox(path []string) string {
	for i := len(path) - 1; i >= 0; i-- {
		a, ok := parseAddress(path[i])
		if !ok {
			continue
		}
		if a.grouped() && i > 0 {
			var row int
			if json.Unmarshal([]byte(path[i-1]), &row) == nil {
				a.row = row + 1
			}
		}
		return a.String()
	}
	return ""
}
