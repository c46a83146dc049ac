package definition

import (
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// repositoryResource is the resource that is always there.
const repositoryResource = "repository"

// checker looks at what the grammar cannot say: how parts of a definition fit
// together.
type checker struct {
	*walker
	job *Job
	ids map[string]*Element // by id, the first of each
	top []string            // ids of the outermost level
	// order is what may have run before what.
	order *order
}

func (c *checker) check() {
	for i := range c.job.Steps {
		c.top = append(c.top, c.job.Steps[i].ID.Value)
	}
	c.collect(c.job.Steps)
	c.order = orderOf(c.job.Steps)
	c.parameters()
	c.resources()
	c.hooks(c.job.Listeners)
	c.level(c.job.Steps, "the job")
	c.references()
	c.outputs()
}

// collect notes the ids of all elements.
func (c *checker) collect(elements []Element) {
	for i := range elements {
		e := &elements[i]
		if first := c.ids[e.ID.Value]; first != nil && e.ID.Given() {
			c.add(e.ID.Pos(), "an id is unique in the whole file", "the id %s is there twice, first in line %d",
				core.Quote(e.ID.Value), first.ID.Line)
		} else if e.ID.Given() {
			c.ids[e.ID.Value] = e
		}
		c.collect(e.Steps)
		c.collect(e.Flows)
	}
}

func (c *checker) parameters() {
	if len(c.job.Parameters) > core.MaxParameters {
		c.add(c.job.Parameters[core.MaxParameters].Name.Pos(), "", "%d parameters are declared, at most %d are allowed",
			len(c.job.Parameters), core.MaxParameters)
	}
	for _, p := range c.job.Parameters {
		c.parameter(p)
	}
	c.variables()
	name := c.job.Incrementer
	if !name.Given() {
		return
	}
	names := c.parameterNames()
	at := slices.Index(names, name.Value)
	if at < 0 {
		c.add(name.Pos(), or(didYouMean(name.Value, names), "declare it: "+name.Value+": {type: long}"),
			"the incrementer %s is no declared parameter", core.Quote(name.Value))
		return
	}
	if t := c.job.Parameters[at].Type.Value; t != "long" && t != "date" {
		c.add(name.Pos(), "", "the incrementer %s is a %s: only a long or a date can be moved on", core.Quote(name.Value), or(t, "string"))
	}
	if c.job.Parameters[at].Identifying.Value == "false" {
		c.add(name.Pos(), "", "the incrementer %s identifies nothing, so that the next run would be no new one", core.Quote(name.Value))
	}
}

func (c *checker) parameterNames() []string {
	names := make([]string, len(c.job.Parameters))
	for i, p := range c.job.Parameters {
		names[i] = p.Name.Value
	}
	return names
}

func (c *checker) parameter(p Parameter) {
	typ := or(p.Type.Value, "string")
	if p.Required.Value == "true" && p.Default.Given() {
		c.add(p.Default.Pos(), "take one of them away", "parameter %s is required and has a default", core.Quote(p.Name.Value))
	}
	if p.Pattern.Given() && typ != "string" {
		c.add(p.Pattern.Pos(), "", "parameter %s is a %s: only a string has a pattern", core.Quote(p.Name.Value), typ)
	}
	if p.Within.Given() && typ != typePath {
		c.add(p.Within.Pos(), "", "parameter %s is a %s: only a path lies within a folder", core.Quote(p.Name.Value), typ)
	}
	if typ == "secret" && p.Identifying.Value == "true" {
		c.add(p.Identifying.Pos(), "", "parameter %s is a secret, and no secret identifies an instance", core.Quote(p.Name.Value))
	}
	for _, t := range p.OneOf {
		c.parameterValue(t, typ, "one-of")
	}
	if !p.Default.Given() {
		return
	}
	c.parameterValue(p.Default, typ, "default")
	if allowed := values(p.OneOf); len(allowed) > 0 && !slices.Contains(allowed, p.Default.Value) {
		c.add(p.Default.Pos(), didYouMean(p.Default.Value, allowed), "the default %s is not in one-of: %s",
			core.Quote(p.Default.Value), core.Quote(strings.Join(allowed, ", ")))
	}
}

// parameterValue checks a value that the definition gives a parameter. Dates
// depend on the repository's zone, and are left to whoever knows it.
func (c *checker) parameterValue(t Text, typ, key string) {
	switch typ {
	case "secret":
		if name, isEnv := strings.CutPrefix(t.Value, "env:"); !isEnv && !strings.HasPrefix(t.Value, "file:") || isEnv && name == "" {
			c.add(t.Pos(), "as in env:DB_PASSWORD or file:/etc/db.password", "%s: a secret is never written down: its value is a reference", key)
		}
	case "long", "double":
		if _, err := (core.Notation{Open: true, Zone: time.UTC}).Parse([]string{"value:" + typ + "=" + t.Value}); err != nil {
			c.add(t.Pos(), "", "%s: %s", key, strings.TrimPrefix(err.Error(), "parameter value: "))
		}
	}
}

func values(ts []Text) []string {
	all := make([]string, len(ts))
	for i, t := range ts {
		all[i] = t.Value
	}
	return all
}

// or returns the first text that is not empty.
func or(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func (c *checker) resources() {
	for _, r := range c.job.Resources {
		if r.Name.Value == repositoryResource {
			c.add(r.Name.Pos(), "choose another name", "the resource repository is always there: it is batchctl's own database")
		}
	}
}

// resource checks that a resource is declared.
func (c *checker) resource(t Text) {
	if !t.Given() || t.Parts != nil || t.Value == repositoryResource {
		return
	}
	names := []string{repositoryResource}
	for _, r := range c.job.Resources {
		if r.Name.Value == t.Value {
			return
		}
		names = append(names, r.Name.Value)
	}
	c.add(t.Pos(), or(didYouMean(t.Value, names), "known are "+listed(names, "and")), "there is no resource %s", core.Quote(t.Value))
}

// exec checks what only several keys of a command together say.
func (c *checker) exec(x *Exec) {
	if x == nil {
		return
	}
	c.command(x.Command)
	c.command(x.Check)
	c.secretVariables(x.Script)
}

func (c *checker) command(words []Text) {
	c.shellWords(words)
	if len(words) > 0 && words[0].Value == "" {
		c.add(words[0].Pos(), "", "the name of the program is empty")
	}
}

func (c *checker) hooks(h Hooks) {
	for _, x := range []*Exec{h.BeforeJob, h.AfterJob, h.BeforeStep, h.AfterStep, h.OnSkip, h.OnRetry} {
		c.exec(x)
	}
}

// step checks what a step does.
func (c *checker) step(e *Element) {
	c.hooks(e.Listeners)
	c.exec(e.Exec)
	if e.SQL != nil {
		c.resource(e.SQL.Resource)
	}
	if e.Chunk != nil {
		c.chunk(e.Chunk)
	}
	if e.Job != nil {
		if e.Job.Name.Given() && e.Job.Name.Value == c.job.Name.Value {
			c.add(e.Job.Name.Pos(), "", "the job %s would run itself", core.Quote(c.job.Name.Value))
		}
		if e.Partition != nil {
			c.add(e.Partition.Pos, "partition the steps of that job instead", "step %s: a step that runs a job cannot be partitioned", core.Quote(e.ID.Value))
		}
	}
	if e.Partition != nil {
		c.partition(e.Partition)
	}
}

func (c *checker) partition(p *Partition) {
	if p.SQL != nil {
		c.resource(p.SQL.Resource)
	}
	if p.Reduce != nil {
		c.exec(p.Reduce.Exec)
		if p.Reduce.SQL != nil {
			c.resource(p.Reduce.SQL.Resource)
		}
	}
	if p.AllowNone.Given() && !p.Files.Given() && p.SQL == nil {
		c.add(p.AllowNone.Pos(), "", "allow-none means something with files and sql only")
	}
	seen := map[string]int{}
	for _, v := range p.Values {
		if first := seen[v.Value]; first > 0 && v.Parts == nil {
			c.add(v.Pos(), "", "the value %s is there twice, first in line %d", core.Quote(v.Value), first)
		}
		seen[v.Value] = v.Line
	}
	if r := p.Range; r != nil && r.Min.Given() && r.Max.Given() && r.Min.Parts == nil && r.Max.Parts == nil && wholeNumber(r.Min) > wholeNumber(r.Max) {
		c.add(r.Max.Pos(), "", "max is below min, which is %s", r.Min.Value)
	}
}

func (c *checker) chunk(k *Chunk) {
	c.component(k.Reader)
	if k.Writer != nil {
		c.component(k.Writer.Component)
	}
	for _, o := range k.Writers {
		c.component(o.Component)
	}
	for i, o := range k.Route {
		c.component(o.Component)
		if last := i == len(k.Route)-1; !o.When.Given() && !last {
			c.add(o.Pos, "give it a when, or move it to the end", "this way takes all records, so that those below it get none")
		}
	}
	for _, op := range k.Processor {
		c.op(op)
	}
	for _, e := range k.Expect {
		if e.Control != nil && e.Control.Key.Given() && e.Control.Pattern.Given() {
			c.add(e.Control.Pattern.Pos(), "", "key and pattern exclude each other")
		}
	}
	c.classes(k)
	if s := k.Skip; s != nil && s.Limit.Value == "0" {
		c.add(s.Limit.Pos(), "write skip: never, or leave it out", "a limit of 0 skips nothing")
	}
}

func (c *checker) op(op Op) {
	if op.Class.Given() && op.Class.Value != core.ClassProcessValidation && !strings.HasPrefix(op.Class.Value, core.ClassProcessValidation+".") {
		c.add(op.Class.Pos(), "as in process.validation.email", "the class of a validate begins with %s", core.ClassProcessValidation)
	}
	if op.Exec != nil {
		c.command(op.Exec.Command)
	}
	if l := op.Lookup; l != nil {
		c.component(l.Table)
		if len(l.On) > 0 && len(l.Key) > 0 && len(l.On) != len(l.Key) {
			c.add(l.On[0].Pos(), "", "on has %d expressions for %d columns of key", len(l.On), len(l.Key))
		}
	}
	for _, columns := range [][]Text{op.Drop, op.Keep} {
		for i, t := range columns {
			if slices.Contains(values(columns[:i]), t.Value) {
				c.add(t.Pos(), "", "the column %s is there twice", core.Quote(t.Value))
			}
		}
	}
}

// component checks the resource that a reader or writer names.
func (c *checker) component(k Component) {
	for _, o := range k.Options {
		if o.Key.Value == "resource" {
			c.resource(o.Value)
		}
	}
}
