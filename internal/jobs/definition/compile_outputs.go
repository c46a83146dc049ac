package definition

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// output is a compiled writer with what belongs to it.
type output struct {
	Output
	write  late[writer]
	totals []string // sum(...) in its footer
	env    expr.Environment
	number int
}

// outputs compiles where the records of a chunk go.
func (c *compiler) outputs(x *Chunk, schema *record.Schema) func(b *bound) (writer, error) {
	list := x.Writers
	if x.Writer != nil {
		list = []Output{*x.Writer}
	}
	if len(x.Route) > 0 {
		list = x.Route
	}
	c.oneDatabase(list)
	made := make([]*output, len(list))
	for i, o := range list {
		made[i] = c.output(o, i, schema)
	}
	switch {
	case len(x.Route) > 0:
		return func(b *bound) (writer, error) { return b.route(made) }
	case len(made) == 1:
		return func(b *bound) (writer, error) { return b.output(made[0]) }
	}
	return func(b *bound) (writer, error) {
		ws, err := b.allOutputs(made)
		if err != nil {
			return nil, err
		}
		return chunk.Tee(ws...)
	}
}

// oneDatabase checks that the outputs of a chunk are in one database.
func (c *compiler) oneDatabase(list []Output) {
	first := ""
	for _, o := range list {
		spec, ok := c.targetSpec(o)
		if !ok {
			continue
		}
		if _, ok := spec.Option(component.OptionResource); !ok {
			continue
		}
		at, name := o.Name.Pos(), repositoryResource
		for _, e := range o.Options {
			if e.Key.Value == component.OptionResource {
				at, name = e.Value.Pos(), e.Value.Value
			}
		}
		switch first {
		case "":
			first = name
		case name:
		default:
			c.report(at, "write to one of them in a step of its own",
				"this chunk writes to the database %s already, and two databases do not commit together", core.Quote(first))
		}
	}
}

// targetSpec returns what there is to know about the writer of an output.
func (c *compiler) targetSpec(o Output) (spec component.Spec, ok bool) {
	i := slices.IndexFunc(c.env.Catalog.Targets, func(target component.Target) bool { return target.Spec.Name == o.Name.Value })
	if i < 0 {
		return spec, false
	}
	return c.env.Catalog.Targets[i].Spec, true
}

func (c *compiler) output(o Output, i int, schema *record.Schema) *output {
	made := &output{Output: o, write: c.writes(o.Component, schema), number: i}
	c.late(o.Header)
	c.late(o.Footer)
	c.template(o, o.Header)
	c.template(o, o.Footer)
	if schema == nil {
		return made
	}
	made.env = c.expressions(schema)
	if o.When.Given() {
		if p := c.expression(o.When, schema); p != nil && p.Kind() != record.Bool {
			c.report(o.When.Pos(), "", "the expression is a %s, want a bool", p.Kind())
		}
	}
	walkRefs(o.Footer.Parts, func(r *Reference) {
		sum := totalExpression(r.Key)
		if r.Scope != ScopeTotal || sum == "" {
			return
		}
		if j, ok := schema.Index(sum); !ok {
			c.report(r.Pos, known(sum, schema.Names()), "there is no column %s to add up", core.Quote(sum))
		} else if kind := schema.Column(j).Kind; kind != record.Long && kind != record.Decimal {
			c.report(r.Pos, "", "column %s is a %s, which cannot be added up exactly", core.Quote(sum), kind)
		}
		made.totals = append(made.totals, r.Key)
	})
	return made
}

// template checks the line before or after the records of a writer.
func (c *compiler) template(o Output, t Text) {
	if !t.Given() {
		return
	}
	if spec, ok := c.targetSpec(o); ok {
		if _, isFile := spec.Option(optionFile); !isFile {
			c.report(t.Pos(), "take it away", "writer %s has no lines before and after the records", o.Name.Value)
		}
	}
	if strings.ContainsAny(t.Value, "\r\n") {
		c.report(t.Pos(), "a block that begins with |- has no line end behind it", "a template is one line, and this one has a line end in it")
	}
}

// line returns what a template makes, which has to stay one line.
func (b *bound) line(t Text) (string, error) {
	text, err := b.text(t)
	if err == nil && strings.ContainsAny(text, "\r\n") {
		err = b.j.fault(t.Pos(), "a template is one line, and a value has put a line end into it: %s", core.Quote(text))
	}
	return text, err
}

func (b *bound) allOutputs(made []*output) ([]writer, error) {
	ws := make([]writer, len(made))
	for i, o := range made {
		var err error
		if ws[i], err = b.output(o); err != nil {
			return nil, err
		}
	}
	return ws, nil
}

// output makes a writer for one execution of the step. The second and later
// writers of a step keep their state under names of their own.
func (b *bound) output(o *output) (writer, error) {
	w, err := o.write(b)
	if err != nil {
		return nil, err
	}
	framed := o.Header.Given() || o.Footer.Given()
	framer, ok := w.(component.Framer)
	if framed && !ok {
		return nil, b.j.fault(o.Pos, "writer %s has no lines before and after the records", o.Name.Value)
	}
	_, isSink := w.(core.Sink)
	if o.number > 0 && !isSink {
		w = apart(w, fmt.Sprintf("out%d.", o.number+1))
	}
	if !framed {
		return w, nil
	}
	t, err := b.footerTally(o)
	if err != nil {
		return nil, err
	}
	b.frame(framer, o, t)
	if t == nil {
		return w, nil
	}
	return chunk.Tee[record.Record](t, w)
}

// footerTally makes what adds up the columns that a footer names; nil when it
// names none.
func (b *bound) footerTally(o *output) (*tally, error) {
	if len(o.totals) == 0 {
		return nil, nil
	}
	var measures []measure
	for _, key := range o.totals {
		p, err := expr.Compile("record['"+strings.ReplaceAll(totalExpression(key), "'", `\'`)+"']", b.in(o.env))
		if err != nil {
			return nil, err
		}
		measures = append(measures, measure{name: key + " of a footer", sum: p})
	}
	return newTally(fmt.Sprintf("batchctl.footer%d", o.number+1), measures, nil), nil
}

// frame gives a file its first and last line.
func (b *bound) frame(f component.Framer, o *output, t *tally) {
	var header func() (string, error)
	var footer func(rows int64) (string, error)
	if o.Header.Given() {
		header = func() (string, error) { return b.line(o.Header) }
	}
	if o.Footer.Given() {
		footer = func(rows int64) (string, error) {
			at := *b
			at.total = func(key string) (any, bool) {
				if key == "count" {
					return rows, true
				}
				for i, known := range o.totals {
					if known == key {
						return t.now[i].text(), true
					}
				}
				return nil, false
			}
			return at.line(o.Footer)
		}
	}
	f.Frame(header, footer)
}

// route makes the writer that hands each record to the first output whose
// condition holds.
func (b *bound) route(made []*output) (writer, error) {
	ws, err := b.allOutputs(made)
	if err != nil {
		return nil, err
	}
	ways := &ways{outputs: made}
	for _, o := range made {
		var p *expr.Program
		if o.When.Given() {
			if p, err = expr.Compile(o.When.Value, b.in(o.env)); err != nil {
				return nil, err
			}
		}
		ways.when = append(ways.when, p)
	}
	if ways.vars, err = b.vars(made[0].env); err != nil {
		return nil, err
	}
	stray := len(ws) // takes what no output takes, and says why
	return chunk.Route(func(r *record.Record) int {
		if way, err := ways.of(*r); err == nil {
			return way
		}
		return stray
	}, append(ws, ways)...)
}

// ways are the conditions of a route. As a writer it refuses records that have
// no way.
type ways struct {
	outputs []*output
	when    []*expr.Program // nil takes all
	vars    *expr.Vars
}

// of returns the index of the output that takes r.
func (w *ways) of(r record.Record) (int, error) {
	for i, p := range w.when {
		if p == nil {
			return i, nil
		}
		takes, err := p.EvalBool(r, w.vars)
		if err != nil {
			e := record.ErrorAt(r.Origin(), "", "route: "+err.Error())
			e.Class, e.Err = core.ClassProcessExpression, err
			return 0, e
		}
		if takes {
			return i, nil
		}
	}
	e := record.ErrorAt(r.Origin(), "", "no entry of the route takes this record; one without when at its end takes the rest")
	e.Class = core.ClassWriteData
	return 0, e
}

// Write implements core.ItemWriter.
func (w *ways) Write(_ context.Context, c *core.Chunk[record.Record]) error {
	for _, r := range c.Items {
		if _, err := w.of(r); err != nil {
			return err
		}
	}
	return nil
}

// apart returns w keeping its state under keys that begin with prefix.
func apart(w writer, prefix string) writer { return &separate{writer: w, prefix: prefix} }

type separate struct {
	writer
	prefix string
}

var (
	_ core.ItemStream = (*separate)(nil)
	_ core.Reverter   = (*separate)(nil)
	_ core.Finisher   = (*separate)(nil)
)

// Open implements core.ItemStream.
func (s *separate) Open(ctx context.Context, ec core.ExecutionContext) error {
	stream, ok := s.writer.(core.ItemStream)
	if !ok {
		return nil
	}
	own := core.ExecutionContext{}
	for key, value := range ec {
		if name, ok := strings.CutPrefix(key, s.prefix); ok {
			own[name] = value
		}
	}
	return stream.Open(ctx, own)
}

// Checkpoint implements core.ItemStream.
func (s *separate) Checkpoint(ec core.ExecutionContext) error {
	stream, ok := s.writer.(core.ItemStream)
	if !ok {
		return nil
	}
	own := core.ExecutionContext{}
	if err := stream.Checkpoint(own); err != nil {
		return err
	}
	for key := range ec {
		if name, ok := strings.CutPrefix(key, s.prefix); ok && own[name] == nil {
			delete(ec, key)
		}
	}
	for key, value := range own {
		ec.Put(s.prefix+key, value)
	}
	return nil
}

// Close implements core.ItemStream.
func (s *separate) Close() error {
	if stream, ok := s.writer.(core.ItemStream); ok {
		return stream.Close()
	}
	return nil
}

// Mark implements core.Reverter.
func (s *separate) Mark(ctx context.Context) error {
	if r, ok := s.writer.(core.Reverter); ok {
		return r.Mark(ctx)
	}
	return nil
}

// Revert implements core.Reverter.
func (s *separate) Revert(ctx context.Context) error {
	if r, ok := s.writer.(core.Reverter); ok {
		return r.Revert(ctx)
	}
	return nil
}

// Finish implements core.Finisher.
func (s *separate) Finish(ctx context.Context) error {
	if f, ok := s.writer.(core.Finisher); ok {
		return f.Finish(ctx)
	}
	return nil
}
