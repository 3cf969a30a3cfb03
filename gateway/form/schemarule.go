package form

import "slices"

// noRemoval forbids "-", which corrections alone know.
func noRemoval() object {
	const other = "additionalProperties"
	forbidden := object{"not": object{"const": remove}}
	rows := object{}
	for _, group := range repeated {
		rows[group] = object{"items": object{"properties": object{"-": false}, other: forbidden}}
	}
	return object{"properties": rows, other: forbidden}
}

// absent forbids the boxes of a group, of those that the catalogue knows.
func absent(group string) object {
	none := object{}
	for _, b := range groupBoxes(group) {
		none[b.Code] = false
	}
	if slices.Contains(repeated, group) {
		none = object{group: object{"items": object{"properties": none}}}
	}
	return object{"properties": none}
}

func unless(typ string, then object) object {
	return object{"if": object{"properties": object{"A1": object{"not": object{"const": typ}}}}, "then": then}
}

// handlingRule: H3 wants its text.
func handlingRule() object {
	return object{
		"if":   object{"required": []string{"A11"}, "properties": object{"A11": object{"contains": object{"const": "H3"}}}},
		"then": object{"required": []string{"A12"}},
	}
}

// quantityRule: nothing of something was found only where nothing was found.
func quantityRule() object {
	return object{"properties": object{"C": object{"items": object{
		"if":   object{"required": []string{"C4"}, "properties": object{"C4": object{"pattern": `^0+(\.0+)?$`}}},
		"then": object{"required": []string{"C14"}, "properties": object{"C14": object{"const": "NIL"}}},
	}}}}
}

// typeRule says what one type of form must hold and mustn't. What the gateway
// supplies is required by none.
func typeRule(t TypeInfo) object {
	required, rows := []string{}, map[string][]string{}
	for _, code := range t.Must {
		if a := (address{code, 1}); a.grouped() {
			rows[a.group()] = append(rows[a.group()], code)
			continue
		}
		required = append(required, code)
	}
	properties := object{}
	for group, codes := range rows {
		required = append(required, group)
		used := object{"required": codes}
		properties[group] = object{"minItems": 1, "prefixItems": []any{used}, "items": object{"anyOf": []any{object{"maxProperties": 0}, used}}}
	}
	then := object{"required": required, "properties": properties}
	var none []any
	for _, group := range groups() {
		if !t.allows(group) {
			none = append(none, object{"$ref": "#/$defs/no-" + group})
		}
	}
	if none != nil {
		then["allOf"] = none
	}
	return object{"if": object{"properties": object{"A1": object{"const": t.Code}}}, "then": then}
}
