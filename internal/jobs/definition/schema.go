package definition

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/jobs/component"
)

// js is a JSON object.
type js = map[string]any

// Schema returns the grammar as JSON Schema, draft 7, for editors. It says less
// than Parse: nothing about how parts of a definition fit together.
func (p *Parser) Schema() []byte {
	defs := js{}
	for name, b := range p.g.blocks {
		if name != blockFile {
			defs[schemaName(name)] = p.g.blockSchema(b)
		}
	}
	for name, c := range p.g.choices {
		ways := make([]any, len(c.blocks))
		for i, block := range c.blocks {
			ways[i] = reference(block)
		}
		defs[schemaName(name)] = js{"description": c.help, "anyOf": ways}
		if len(ways) == 0 {
			defs[schemaName(name)] = false
		}
	}
	root := p.g.blockSchema(p.g.blocks[blockFile])
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "batchctl job definition"
	root["definitions"] = defs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic("definition: schema: " + err.Error()) // it is made of texts, maps and lists
	}
	return out.Bytes()
}

func schemaName(block string) string { return strings.ReplaceAll(block, " ", "-") }

func reference(block string) js { return js{"$ref": "#/definitions/" + schemaName(block)} }

func (g *grammar) blockSchema(b *block) js {
	properties, required := js{}, []string{}
	for i := range b.keys {
		k := &b.keys[i]
		properties[k.name] = g.keySchema(k)
		if k.required {
			required = append(required, k.name)
		}
	}
	s := js{"type": "object", "description": b.help, "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	var groups []any
	for _, group := range b.exactly {
		var ways []any
		for _, name := range group {
			ways = append(ways, js{"required": []string{name}})
		}
		groups = append(groups, js{"oneOf": ways})
	}
	if groups != nil {
		s["allOf"] = groups
	}
	return s
}

// keySchema describes the value of a key, in each form that it may have.
func (g *grammar) keySchema(k *key) js {
	s := g.formSchema(k)
	if k.or != nil {
		s = js{"anyOf": []any{s, g.formSchema(k.or)}}
	}
	if k.help != "" {
		s["description"] = k.help
	}
	if k.preset != "" {
		s["default"] = presetOf(k)
	}
	return s
}

// presetOf is the default as JSON has it.
func presetOf(k *key) any {
	var v any
	number := k.kind == kindInt || k.kind == kindNumber || k.kind == kindLimit || k.kind == kindBool ||
		k.kind == kindOption && (k.option.Type == component.Int || k.option.Type == component.Bool)
	if number && json.Unmarshal([]byte(k.preset), &v) == nil {
		return v
	}
	return k.preset
}

func (g *grammar) formSchema(k *key) js {
	switch k.shape {
	case scalar:
		return scalarSchema(k, k.kind, k.empty, k.late)
	case list:
		s := js{"type": "array", "items": scalarSchema(k, k.kind, true, k.late)}
		if !k.empty {
			s["minItems"] = 1
		}
		return s
	case texts:
		s := js{
			"type": "object", "additionalProperties": scalarSchema(k, k.kind, k.kind == kindText, k.late),
			"propertyNames": scalarSchema(k, k.keys, false, false),
		}
		if !k.empty {
			s["minProperties"] = 1
		}
		return s
	case one:
		if b := g.blocks[k.of]; b != nil || g.choices[k.of] != nil {
			return js{"allOf": []any{reference(k.of)}} // beside $ref nothing else counts
		}
	case many:
		s := js{"type": "array", "items": reference(k.of)}
		if !k.empty {
			s["minItems"] = 1
		}
		return s
	case named:
	}
	entry := reference(k.of)
	if b := g.blocks[k.of]; b != nil && !slices.ContainsFunc(b.keys, func(k key) bool { return k.required }) {
		entry = js{"anyOf": []any{entry, js{"type": "null"}}}
	}
	return js{"type": "object", "additionalProperties": entry, "propertyNames": scalarSchema(k, k.keys, false, false)}
}

const (
	patternDuration = `^[0-9.]+(ns|us|µs|ms|s|m|h)([0-9.]+(ns|us|µs|ms|s|m|h))*$|^0$`
	patternLate     = `#\{`
)

// scalarSchema describes a scalar, as an editor's YAML types it.
func scalarSchema(k *key, kd kind, empty, late bool) js {
	s := typedSchema(k, kd)
	if s == nil {
		s = js{"type": []string{"string", "number", "boolean"}}
		if !empty {
			s["minLength"] = 1
		}
		switch {
		case kd == kindScript:
			s["not"] = js{"type": "string", "pattern": patternLate + " *(" + strings.Join(scopes, "|") + `)\[`}
		case !late && kd != kindRegexp:
			s["not"] = js{"type": "string", "pattern": patternLate}
		}
		return s
	}
	if late {
		return js{"anyOf": []any{s, js{"type": "string", "pattern": patternLate}}}
	}
	return s
}

// typedSchema describes a scalar that is no mere text; nil says that it is one.
func typedSchema(k *key, kd kind) js {
	switch kd {
	case kindBool:
		return js{"anyOf": []any{js{"type": "boolean"}, patternSchema(`^(true|false)$`)}}
	case kindInt:
		return intSchema(k.min, k.max)
	case kindNumber:
		return js{"anyOf": []any{js{"type": "number", "minimum": k.min, "maximum": k.max}, patternSchema(`^-?[0-9.]+$`)}}
	case kindLimit:
		return js{"anyOf": []any{js{"type": "integer", "minimum": 0}, patternSchema(`^([0-9]+|none)$`)}}
	case kindDuration:
		return js{"anyOf": []any{patternSchema(patternDuration), js{"type": "integer", "minimum": 0, "maximum": 0}}}
	case kindEnum:
		return js{"enum": k.values}
	case kindEnvName, kindBind:
		return patternSchema(`^[A-Za-z_][A-Za-z0-9_]*$`)
	case kindName:
		return js{"type": []string{"string", "boolean"}, "pattern": `^[A-Za-z_][A-Za-z0-9_.-]*$`}
	case kindClass:
		return patternSchema(`^(` + strings.Join(classRoots, "|") + `)(\.[A-Za-z0-9_-]+)*$`)
	case kindExitCode:
		return patternSchema(`^([0-9]{1,3}|\*)$`)
	case kindTotal:
		return patternSchema(`^(count|sum\(.+\))$`)
	case kindColumnType:
		return patternSchema(`^(` + strings.Join(columnTypes, "|") + `|decimal\([0-9]{1,2}(, ?[0-9]{1,2})?\))$`)
	case kindOption:
		return optionSchema(k)
	case kindText, kindExpr, kindScript, kindPath, kindJobName, kindID, kindRef, kindParam, kindStatus, kindColumn, kindRegexp, kindGlob:
	}
	return nil
}

func optionSchema(k *key) js {
	switch k.option.Type {
	case component.Bool:
		return typedSchema(k, kindBool)
	case component.Int:
		if k.min == 0 && k.max == 0 {
			return intSchema(minInt, maxInt)
		}
		return intSchema(k.min, k.max)
	case component.Duration:
		return typedSchema(k, kindDuration)
	case component.Enum:
		return js{"enum": k.values}
	case component.Text, component.Path, component.Char, component.Names, component.Texts, component.TextMap, component.Columns:
	}
	return nil
}

func intSchema(least, most float64) js {
	s := js{"type": "integer"}
	if least > minInt {
		s["minimum"] = least
	}
	if most < maxInt {
		s["maximum"] = most
	}
	return js{"anyOf": []any{s, patternSchema(`^(0|-?[1-9][0-9]*)$`)}}
}

func patternSchema(pattern string) js { return js{"type": "string", "pattern": pattern} }
