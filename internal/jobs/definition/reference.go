package definition

import (
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/jobs/component"
)

// Reference returns the grammar as a text for people: every block with its keys,
// and every reader and writer with its options.
func (p *Parser) Reference() string {
	var b strings.Builder
	b.WriteString(referenceIntro)
	for _, name := range p.g.order {
		if c := p.g.choices[name]; c != nil {
			p.g.writeChoice(&b, c)
			continue
		}
		p.g.writeBlock(&b, p.g.blocks[name])
	}
	writeClasses(&b)
	return b.String()
}

const referenceIntro = `Definitions

A definition is a YAML file that holds one job. Values are texts as they are
written: no, 0777 and 2021-01-01 stay what they are. Anchors, aliases, tags and
merge keys are refused. Relative paths begin at the folder of the file.

Where "substitutions" is said, a value may hold #{scope['name']}. Put it into
quotes, for YAML takes " #" for a comment. The scopes are jobParameters,
jobProperties, properties, env, partition, jobContext, stepContext,
steps['id'].field and, in a footer, total. A value that is missing is an error,
unless a default is given: #{env['DB'] ?: 'ledger.db'}. A literal #{ is ##{.
`

func (g *grammar) writeChoice(b *strings.Builder, c *choice) {
	heads := make([]string, len(c.blocks))
	for i, name := range c.blocks {
		heads[i] = g.blocks[name].keys[0].name
	}
	fmt.Fprintf(b, "\n%s\n", c.name)
	one := "one of "
	if len(heads) == 1 {
		one = "the key "
	}
	paragraph(b, "  ", strings.TrimSuffix(c.help, ".")+": "+one+listed(heads, "and"))
	if len(c.blocks) == 0 {
		return
	}
	// What all of them have besides, as the templates of writers.
	for i := range g.blocks[c.blocks[0]].keys[1:] {
		if k := &g.blocks[c.blocks[0]].keys[i+1]; strings.Contains(c.blocks[0], " of a ") {
			g.writeKey(b, k)
		}
	}
}

func (g *grammar) writeBlock(b *strings.Builder, bl *block) {
	fmt.Fprintf(b, "\n%s\n", bl.name)
	if bl.help != "" {
		paragraph(b, "  ", bl.help)
	}
	for i := range bl.keys {
		g.writeKey(b, &bl.keys[i])
	}
	for _, group := range bl.exactly {
		paragraph(b, "  ", "Exactly one of "+listed(group, "and")+" is given.")
	}
	if len(bl.variables) > 0 {
		b.WriteString("  Environment:\n")
	}
	for _, v := range bl.variables {
		b.WriteString("  " + v.Name + "\n")
		paragraph(b, "      ", v.Help)
	}
	if bl.example != "" {
		b.WriteString("  Example:\n")
		for line := range strings.Lines(bl.example) {
			b.WriteString("      " + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
}

func (g *grammar) writeKey(b *strings.Builder, k *key) {
	what := k.typeName()
	if k.or != nil {
		what += ", or " + k.or.typeName()
	}
	if k.required {
		what += "; required"
	}
	if k.preset != "" {
		what += " = " + k.preset
	}
	if k.late {
		what += "; substitutions"
	}
	fmt.Fprintf(b, "  %s: %s\n", k.name, what)
	if k.help != "" {
		paragraph(b, "      ", k.help)
	}
}

// typeName returns what a key takes, as the reference says it.
func (k *key) typeName() string {
	if k.option.Name != "" && k.shape != scalar {
		return k.option.Type.String()
	}
	switch k.shape {
	case scalar:
		return k.scalarName(k.kind)
	case list:
		return "list of " + plural(k.scalarName(k.kind))
	case texts:
		return "map of " + plural(k.scalarName(k.keys)) + " to " + plural(k.scalarName(k.kind))
	case one:
		return k.of
	case many:
		return "list of " + plural(k.of)
	case named:
	}
	return "map of " + plural(k.scalarName(k.keys)) + " to " + plural(k.of)
}

func plural(name string) string {
	if thing, of, ok := strings.Cut(name, " of a "); ok {
		return plural(thing) + " of a " + of
	}
	switch {
	case strings.Contains(name, "|"), strings.HasPrefix(name, "pattern "):
		return name
	case strings.HasSuffix(name, "s"), strings.HasSuffix(name, "ch"):
		return name + "es"
	case strings.HasSuffix(name, "query"):
		return strings.TrimSuffix(name, "y") + "ies"
	}
	return name + "s"
}

var kindNames = [kindOption + 1]string{
	kindText: "text", kindExpr: "expression", kindScript: "text of a script", kindPath: "path", kindBool: "true | false",
	kindInt: "integer", kindNumber: "number", kindLimit: "integer | none", kindDuration: "duration", kindJobName: "name",
	kindID: "id", kindRef: "id", kindParam: "name", kindName: "name", kindBind: "name", kindStatus: "name", kindColumn: "column",
	kindRegexp: "pattern", kindGlob: "pattern with * and ?", kindClass: "class", kindEnvName: "name", kindExitCode: "exit code",
	kindTotal: "count | sum(expression)", kindColumnType: "type",
}

func (k *key) scalarName(kd kind) string {
	switch kd {
	case kindEnum:
		return strings.Join(k.values, " | ")
	case kindInt:
		if k.min > minInt {
			return fmt.Sprintf("integer from %.0f to %.0f", k.min, k.max)
		}
	case kindNumber:
		return fmt.Sprintf("number from %g to %g", k.min, k.max)
	case kindOption:
		if k.option.Type == component.Enum {
			return strings.Join(k.values, " | ")
		}
		return k.option.Type.String()
	case kindText, kindExpr, kindScript, kindPath, kindBool, kindLimit, kindDuration, kindJobName, kindID, kindRef, kindParam, kindName,
		kindBind, kindStatus, kindColumn, kindRegexp, kindGlob, kindClass, kindEnvName, kindExitCode, kindTotal, kindColumnType:
	}
	return kindNames[kd]
}

// paragraph writes text in lines of at most 80 characters.
func paragraph(b *strings.Builder, indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > 80 {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}
