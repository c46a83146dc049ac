package definition

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// errLater says that a reference cannot be answered before its element starts.
var errLater = errors.New("known when the element starts")

// bound answers the references in texts: at a launch those to parameters,
// properties and the environment, and when an element starts all of them.
type bound struct {
	j          *job
	step       *Element // whose properties are meant; nil outside of steps
	parameters core.JobParameters
	zone       *time.Location
	run        *core.Run   // nil at the launch
	scope      *core.Scope // nil outside of steps
	secrets    secretUse   // what a reference to a secret is answered with
	guess      bool        // any text will do: only what is around it is looked at
	// total answers for what was written so far; nil outside of footers.
	total func(key string) (value any, ok bool)
}

// secretUse is what a reference to a secret is answered with while a job runs.
type secretUse int8

const (
	refuseSecrets secretUse = iota // an error: here it would be stored or shown
	revealSecrets                  // the value: in the environment of a command
	passSecrets                    // where it is found: for the launch of another job
)

// inScope answers for one execution of a step.
func (j *job) inScope(e *Element, s *core.Scope) *bound {
	b := j.inRun(s.Run)
	b.step, b.scope = e, s
	return b
}

// inRun answers for what is not in a step.
func (j *job) inRun(r *core.Run) *bound {
	return &bound{j: j, parameters: r.Execution.Parameters, zone: r.Repo.Zone(), run: r}
}

// atLaunch answers what is known before an execution is created.
func (j *job) atLaunch(e *Element, ps core.JobParameters, zone *time.Location) *bound {
	return &bound{j: j, step: e, parameters: ps, zone: zone}
}

// text returns t with its references replaced.
func (b *bound) text(t Text) (string, error) { return b.join(t, func(s string) string { return s }) }

// join is text with what references stand for passed through escape.
func (b *bound) join(t Text, escape func(string) string) (string, error) {
	if t.Parts == nil {
		return t.Value, nil
	}
	var all strings.Builder
	err := b.parts(t.Parts, func(literal string) { all.WriteString(literal) }, func(v any) error {
		all.WriteString(escape(b.format(v)))
		return nil
	})
	return all.String(), err
}

// parts walks the pieces of a text.
func (b *bound) parts(parts []Part, literal func(string), value func(any) error) error {
	for _, p := range parts {
		if p.Ref == nil {
			literal(p.Literal)
			continue
		}
		v, err := b.reference(p.Ref)
		if err == nil {
			err = value(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// value returns the value of t: of a text that is one reference and nothing
// else as it is typed, of any other the text.
func (b *bound) value(t Text) (any, error) {
	if len(t.Parts) == 1 && t.Parts[0].Ref != nil {
		return b.reference(t.Parts[0].Ref)
	}
	return b.text(t)
}

// path returns t as an absolute path; relative ones begin at the folder of the
// definition. The empty text stays empty.
func (b *bound) path(t Text) (string, error) {
	text, err := b.text(t)
	if err != nil || text == "" {
		return "", err
	}
	if strings.ContainsRune(text, 0) {
		return "", b.j.fault(t.Pos(), "the path %s contains a NUL character", core.Quote(text))
	}
	return b.j.absolute(text), nil
}

func (j *job) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(j.dir, path)
}

// reference answers r, by its default when there is no value.
func (b *bound) reference(r *Reference) (any, error) {
	if b.guess {
		return "x", nil
	}
	v, ok, err := b.lookup(r)
	switch {
	case err != nil:
		return nil, err
	case ok:
		return v, nil
	case r.HasDefault:
		return b.value(Text{Line: r.Line, Column: r.Column, Parts: append([]Part{}, r.Default...)})
	}
	return nil, b.missing(r)
}

// missing is the error of a reference without value and default.
func (b *bound) missing(r *Reference) error {
	kind, hint := core.ErrJobParametersInvalid, fmt.Sprintf("or give it a default in the definition: #{%s ?: 'text'}", r)
	switch r.Scope {
	case ScopeJobParameters:
		hint = "give " + r.Key + "=VALUE, " + hint
	case ScopeEnv:
		hint = "set the variable " + r.Key + ", " + hint
	default:
		kind, hint = core.ErrJobDefinition, strings.TrimPrefix(hint, "or ")
	}
	return &core.Error{Kind: kind, Msg: fmt.Sprintf("%s: #{%s} has no value", b.j.place(r.Pos), r), Hint: hint}
}

// lookup answers r where it can.
func (b *bound) lookup(r *Reference) (value any, ok bool, err error) {
	switch r.Scope {
	case ScopeJobParameters:
		return b.parameter(r.Key)
	case ScopeEnv:
		value, ok = b.j.environ()[r.Key]
		return value, ok, nil
	case ScopeJobProperties:
		return b.ofJob().property(b.j.tree.Properties, r.Key)
	case ScopeProperties:
		if b.step != nil {
			if value, ok, err = b.property(b.step.Properties, r.Key); ok || err != nil {
				return value, ok, err
			}
		}
		return b.ofJob().property(b.j.tree.Properties, r.Key)
	}
	if b.run == nil {
		return nil, false, errLater
	}
	switch r.Scope {
	case ScopeJobContext:
		if b.scope != nil && b.scope.JobContext != nil {
			value, ok = b.scope.JobContext.Get(r.Key)
			return value, ok, nil
		}
		value, ok = b.run.JobContextValue(r.Key)
		return value, ok, nil
	case ScopePartition, ScopeStepContext:
		if b.scope == nil {
			return nil, false, nil
		}
		value, ok = b.scope.Context[r.Key]
		return value, ok, nil
	case ScopeTotal:
		if b.total != nil {
			value, ok = b.total(r.Key)
		}
		return value, ok, nil
	case ScopeSteps:
		id, field := splitStepKey(r.Key)
		return fieldOfStep(b.run, id, field)
	}
	return nil, false, b.j.fault(r.Pos, "nothing is known about #{%s[...]} here", r.Scope)
}

// parameter returns the value of a job parameter. At the launch a secret is what it
// refers to; while the job runs it depends on what becomes of it.
func (b *bound) parameter(name string) (value any, ok bool, err error) {
	p, ok := b.parameters.Lookup(name)
	if !ok {
		return nil, false, nil
	}
	if spec, _ := b.j.made.Parameters.Lookup(name); !spec.IsSecret() || b.run == nil || b.secrets == passSecrets {
		return p.Value, true, nil
	}
	if b.secrets != revealSecrets {
		return nil, false, b.j.fault(b.j.tree.Name.Pos(), "the secret %s would be stored or shown", core.Quote(name))
	}
	s, err := b.run.Secret(name)
	return s.Reveal(), err == nil, err
}

// env is b for the environment of a command, the one place for secrets.
func (b *bound) env() *bound {
	at := *b
	at.secrets = revealSecrets
	return &at
}

// ofJob is b outside of the step: a property of the job sees none of a step.
func (b *bound) ofJob() *bound {
	at := *b
	at.step = nil
	return &at
}

// property returns the text of a property, whose own references are answered.
func (b *bound) property(all []Pair, key string) (value any, ok bool, err error) {
	for _, p := range all {
		if p.Key.Value == key {
			value, err = b.value(p.Value)
			return value, err == nil, err
		}
	}
	return nil, false, nil
}

// format writes a value as a text: a day as yyyy-mm-dd.
func (b *bound) format(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case float64, time.Time:
		return core.FormatValue(core.JobParameter{Value: v}, b.zone)
	}
	return fmt.Sprint(v)
}
