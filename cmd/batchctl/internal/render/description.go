package render

import (
	"bytes"
	"strconv"

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
		if err := tabulate(j.Parameters, p.parameterFields()).Write(&b, p.Style); err != nil {
			return err
		}
	}
	b.WriteByte('\n')
	if err := plan(j).Write(&b, p.Style); err != nil {
		return err
	}
	return p.write(b.Bytes())
}

func (p *Printer) parameterFields() []field[core.ParameterSpec] {
	type spec = core.ParameterSpec
	return []field[spec]{
		{title: "PARAMETER", cell: func(s spec) Cell { return Cell{Text: s.Name} }},
		{title: "TYPE", cell: func(s spec) Cell { return Cell{Text: string(s.Declared())} }},
		{title: "REQUIRED", cell: func(s spec) Cell { return yes(s.Required) }},
		{title: "IDENTIFYING", cell: func(s spec) Cell { return yes(s.Identifying()) }},
		{title: "DEFAULT", wrap: true, cell: func(s spec) Cell {
			if s.Default == nil {
				return Cell{}
			}
			return Cell{Text: core.FormatValue(core.JobParameter{Value: s.Default}, p.Zone)}
		}},
		{title: "HELP", wrap: true, cell: func(s spec) Cell { return Cell{Text: s.Help} }},
	}
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
