package form

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// schemaID names the schema; it is never fetched.
const schemaID = "urn:jco-form:1.0"

// Schema is the JSON Schema (draft 2020-12) of form.json in normal form, made
// from the catalogue. "-" stands where a correction removes a box. It refuses
// what Check finds an error in and nothing else, but for what a schema can't
// say: a number whose reading hangs on A24, a time zone that doesn't exist, the
// 29th of February, marks of EU classification, an operation's own rules.
func Schema() []byte { return bytes.Clone(theSchema()) }

var theSchema = sync.OnceValue(func() []byte {
	data, err := json.MarshalIndent(schemaDocument(), "", "  ")
	if err != nil {
		panic("form schema: " + err.Error()) // maps and strings alone: a fault of the build
	}
	return data
})

type object = map[string]any

// repeated are the groups whose rows are objects in an array.
var repeated = []string{"C", "E", "G"}

func schemaDocument() object {
	properties, defs := object{}, object{"no-removal": noRemoval()}
	for _, group := range groups() {
		own := object{}
		for _, b := range groupBoxes(group) {
			own[b.Code] = boxSchema(b)
		}
		if slices.Contains(repeated, group) {
			properties[group] = object{"type": "array", "maxItems": maxRows, "items": rowSchema(group, own)}
		} else {
			for code, s := range own {
				properties[code] = s
			}
		}
		defs["no-"+group] = absent(group)
	}
	rules := []any{handlingRule(), unless("COR", object{"allOf": []any{object{"$ref": "#/$defs/no-removal"}, quantityRule()}})}
	for _, t := range Types() {
		rules = append(rules, typeRule(t))
	}
	return object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": schemaID,
		"title": "Unified form of a joint customs operation", "type": "object", "required": []string{"A1"},
		"properties": properties, "allOf": rules, "$defs": defs,
		"patternProperties":    object{`^([ABDFH-Z]|[A-Z]{2})(0|[1-9][0-9]?)(\.([2-9]|[1-9][0-9]))?$`: stringOrStrings()},
		"additionalProperties": false,
	}
}

// groups are the letters of the catalogue, in its order.
func groups() (letters []string) {
	for _, b := range Boxes() {
		if g := (address{b.Code, 1}).group(); !slices.Contains(letters, g) {
			letters = append(letters, g)
		}
	}
	return letters
}

func groupBoxes(group string) []BoxInfo {
	return slices.DeleteFunc(Boxes(), func(b BoxInfo) bool { return address{b.Code, 1}.group() != group })
}

// stringOrStrings is what an unknown box may hold.
func stringOrStrings() object {
	return object{"type": []string{"string", "array"}, "items": object{"type": "string"}}
}

func rowSchema(group string, properties object) object {
	properties["#"] = object{"type": "integer", "minimum": 1, "maximum": maxRows}
	properties["-"] = object{"const": true}
	return object{"type": "object", "properties": properties, "additionalProperties": false,
		"patternProperties": object{"^" + group + "[1-9][0-9]?$": stringOrStrings()}}
}

// boxSchema describes one box. A repeatable one is an array of strings, also
// where it holds one value.
func boxSchema(b BoxInfo) object {
	s := valueSchema(b)
	limit := maxValues
	if b.Code == "A11" {
		limit = 3
	}
	if b.Many {
		s = object{"type": "array", "items": s, "maxItems": limit}
	}
	s = object{"anyOf": []any{object{"const": remove}, s}, "title": Label(b.Code, "en")}
	if example := b.example(); example != "" {
		s["examples"] = []string{example}
	}
	if comment := flagged(b); comment != "" {
		s["$comment"] = comment
	}
	return s
}

func flagged(b BoxInfo) string {
	words := map[string]string{"N": "nominal", "S": "sensitive"}
	switch {
	case b.Nominal != "" && b.Flag == "":
		return "nominal by what stands beside it"
	case b.Nominal != "":
		return "sensitive; nominal by what stands beside it"
	}
	return words[b.Flag]
}

// valueSchema describes one value in normal form; what only warns isn't in it.
func valueSchema(b BoxInfo) object {
	s := object{"type": "string", "maxLength": b.limit()}
	switch {
	case b.Code == "A2":
		return object{"const": Version}
	case b.Type == "ctry":
		return object{"enum": countriesOf(b.Code)}
	case b.List != "" && (b.Type == "code" || b.Type == "language" || b.Type == "marking"):
		return object{"enum": codesOf(b.List)}
	case b.Type == "date":
		s["format"] = "date"
	case b.Type == "dt":
		s["format"] = "date-time"
	}
	if p := patternOf(b); p != "" {
		s["pattern"] = "^(" + p + ")$"
	}
	return s
}

// patternOf is the pattern of a box's values in normal form.
func patternOf(b BoxInfo) string {
	one := func(codes []string) string { return "(" + strings.Join(codes, "|") + ")" }
	switch b.Type {
	case "locode":
		return one(countriesOf("B4")) + `[A-Z2-9]{3}`
	case "packages":
		return `[0-9]{1,9} ` + one(codesOf(b.List))
	case "external", "document":
		return one(codesOf(b.List)) + `:\S.*`
	case "identity":
		return `[^;]+;[^;]+(;` + one(countriesOf("G10")) + `?(;(` + datePattern + `)?)?)?`
	}
	return kindOf(b.Type).pattern
}

func codesOf(list string) (codes []string) {
	for _, e := range Codes(list) {
		codes = append(codes, e.Code)
	}
	return codes
}

// countriesOf are the country codes that make sense in a box.
func countriesOf(box string) []string {
	codes := codesOf("country")
	for code, boxes := range special {
		if makesSense(boxes, box) {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}
