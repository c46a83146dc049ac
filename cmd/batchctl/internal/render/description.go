package render

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Job writes one registered job with its parameters and steps.
func (p *Printer) Job(j *core.Job) error {
	if p.Format != FormatTable {
		return p.document("job", newJob(j, p))
	}
	var b bytes.Buffer
	if err := writeFacts(&b, []fact{{name: "job", cell: Cell{Text: j.Name}}, {name: "help", cell: Cell{Text: j.Help}}}, p.Style); err != nil {
		return err
	}
	if len(j.Parameters) > 0 {
		b.WriteByte('\n')
		if err := tabulate(j.Parameters, p.parameterFields(j)).Write(&b, p.Style); err != nil {
			return err
		}
	}
	b.WriteByte('\n')
	if err := p.plan(j).Write(&b, p.Style); err != nil {
		return err
	}
	return p.write(b.Bytes())
}

func (p *Printer) parameterFields(j *core.Job) []field[core.ParameterSpec] {
	type spec = core.ParameterSpec
	fields := []field[spec]{
		{title: "PARAMETER", cell: func(s spec) Cell { return Cell{Text: s.Name} }},
		{title: "TYPE", cell: func(s spec) Cell { return Cell{Text: declaredType(s)} }},
		{title: "REQUIRED", cell: func(s spec) Cell { return yes(s.Required) }},
		{title: "IDENTIFYING", cell: func(s spec) Cell { return yes(s.Identifying()) }},
		{title: "DEFAULT", wrap: true, cell: func(s spec) Cell {
			if s.Default == nil {
				return Cell{}
			}
			return Cell{Text: core.FormatValue(core.JobParameter{Value: s.Default}, p.Zone)}
		}},
		{title: "ALLOWED", wrap: true, cell: func(s spec) Cell { return Cell{Text: allowed(j, s)} }},
		{title: "HELP", wrap: true, cell: func(s spec) Cell { return Cell{Text: s.Help} }},
	}
	if !slices.ContainsFunc(j.Parameters, func(s spec) bool { return allowed(j, s) != "" }) {
		fields = slices.Delete(fields, len(fields)-2, len(fields)-1)
	}
	return fields
}

// declaredType is the type of a parameter as a definition declares it.
func declaredType(s core.ParameterSpec) string {
	if s.Path {
		return "path"
	}
	return string(s.Declared())
}

// chooser is a validator that knows the only values of parameters, and the folder
// in which a path has to lie.
type chooser interface {
	Choices(parameter string) (values []string, within string)
}

// allowed says which values a parameter takes, empty where its type says it all.
func allowed(j *core.Job, s core.ParameterSpec) string {
	var words []string
	if c, ok := j.Validator.(chooser); ok {
		values, within := c.Choices(s.Name)
		if len(values) > 0 {
			words = append(words, "one of "+strings.Join(values, ", "))
		}
		if within != "" {
			words = append(words, "within "+within)
		}
	}
	if s.Pattern != nil {
		words = append(words, "like "+s.Pattern.String())
	}
	return strings.Join(words, "; ")
}

func yes(b bool) Cell {
	if b {
		return Cell{Text: "yes"}
	}
	return Cell{Text: "no"}
}

// Property is one named value of a description; Value is a string, bool or
// integer.
type Property struct {
	Title string // for people
	Name  string // for programs
	Text  string // for people
	Value any    // for programs
}

// Properties writes a description, in JSON as one object under key.
func (p *Printer) Properties(key string, properties []Property) error {
	if p.Format == FormatTable {
		var b bytes.Buffer
		facts := make([]fact, len(properties))
		for i, property := range properties {
			facts[i] = fact{name: property.Title, cell: Cell{Text: property.Text}}
		}
		if err := writeFacts(&b, facts, p.Style); err != nil {
			return err
		}
		return p.write(b.Bytes())
	}
	return p.document(key, ordered(properties))
}

// ordered is an object that keeps the order of its fields.
type ordered []Property

// MarshalJSON implements json.Marshaler.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, property := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		raw, err := encode(property.Value)
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(property.Name) + ":")
		b.Write(raw)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
