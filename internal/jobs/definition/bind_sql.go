package definition

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// sqlValue is the value that a parameter of a statement or query is bound to. A
// type behind the text decides, as in 7(long). Else a reference and nothing
// beside it has the type of what it refers to, a date that of its text; what
// stands without quotes is a number, true, false or null where it looks like
// one; and anything else is a text.
func (b *bound) sqlValue(p Pair) (any, error) {
	t := p.Value
	wrong := func(err error) error { return b.j.fault(t.Pos(), ":%s: %v", p.Key.Value, err) }
	switch n := len(t.Parts); {
	case n > 0 && t.Parts[n-1].Ref == nil && sqlitem.HasType(t.Parts[n-1].Literal), n == 0 && sqlitem.HasType(t.Value):
		text, err := b.text(t)
		if err != nil || b.guess && n > 0 {
			return text, err
		}
		v, err := sqlitem.Parameter(text)
		if err != nil {
			return nil, wrong(err)
		}
		return v, nil
	case n == 0 && !t.Quoted:
		v, err := literal(t.Value)
		if err != nil {
			return nil, wrong(err)
		}
		return v, nil
	}
	v, err := b.value(t)
	switch v := v.(type) {
	case time.Time:
		return b.format(v), err
	case string:
		return b.declared(t, v), err
	}
	return v, err
}

// declared is the text of a default as the type that its parameter declares.
func (b *bound) declared(t Text, text string) any {
	if len(t.Parts) != 1 || t.Parts[0].Ref == nil || t.Parts[0].Ref.Scope != ScopeJobParameters {
		return text
	}
	kind := record.String
	switch spec, _ := b.j.made.Parameters.Lookup(t.Parts[0].Ref.Key); spec.Type {
	case core.TypeLong:
		kind = record.Long
	case core.TypeDouble:
		kind = record.Double
	case core.TypeString, core.TypeDate, core.TypeSecret:
	}
	if v, err := record.Parse(kind, text, nil); err == nil {
		return sqlitem.Bindable(v)
	}
	return text
}

// keptDigits are the digits of a number with a point that SQLite keeps.
const keptDigits = 15

// literal is the value of a scalar that is written without quotes.
func literal(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return n, nil
	}
	if msg, _ := wrongNumber(text, minInt, maxInt); msg == "" && strings.Contains(text, ".") {
		if digits := strings.TrimLeft(strings.NewReplacer("-", "", ".", "").Replace(text), "0"); len(digits) > keptDigits {
			return nil, fmt.Errorf("%s has more digits than a number keeps: put it into quotes", text)
		}
		f, err := strconv.ParseFloat(text, 64)
		return f, err
	}
	switch text {
	case "null", "~":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return text, nil
}

// named returns the values of params, to be bound by their names.
func (b *bound) named(params []Pair) ([]any, error) {
	args := make([]any, 0, len(params))
	for _, p := range params {
		v, err := b.sqlValue(p)
		if err != nil {
			return nil, err
		}
		args = append(args, sql.Named(p.Key.Value, v))
	}
	return args, nil
}

// bindings returns the values of a query as sqlitem takes them: each with its
// type behind it.
func (b *bound) bindings(params []Pair) ([]component.Pair, error) {
	all := make([]component.Pair, len(params))
	for i, p := range params {
		v, err := b.sqlValue(p)
		if err != nil {
			return nil, err
		}
		all[i] = component.Pair{Name: p.Key.Value, Value: b.typed(v)}
	}
	return all, nil
}

func (b *bound) typed(v any) string {
	switch v.(type) {
	case nil:
		return "(null)"
	case int64:
		return b.format(v) + "(long)"
	case float64:
		return b.format(v) + "(double)"
	case bool:
		return b.format(v) + "(bool)"
	}
	return b.format(v) + "(string)"
}

// params checks the values of a statement or query: those that are written out
// now, any other at the launch as far
// as it is known then. sound is false when something was reported.
func (c *compiler) params(params []Pair) (sound bool) {
	sound = true
	c.latePairs(params)
	j, at := c.job, c.at
	for _, p := range params {
		if p.Value.Parts == nil {
			if _, err := (&bound{j: j, guess: true}).sqlValue(p); err != nil {
				sound = false
				c.report(p.Value.Pos(), core.Hint(err), "%s", strings.TrimPrefix(err.Error(), j.place(p.Value.Pos())+": "))
			}
			continue
		}
		c.checks = append(c.checks, func(ps core.JobParameters, zone *time.Location) error {
			_, err := j.atLaunch(at.step, ps, zone).sqlValue(p)
			return ignoreLater(err)
		})
	}
	return sound
}
