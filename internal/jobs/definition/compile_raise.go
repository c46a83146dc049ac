package definition

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// raisable returns the parameter that says how many records may be skipped, "" if
// it is none that a restart can change.
func (c *compiler) raisable(x *Skip) string {
	if x == nil || len(x.Limit.Parts) != 1 {
		return ""
	}
	r := x.Limit.Parts[0].Ref
	if r == nil || r.Scope != ScopeJobParameters {
		return ""
	}
	if spec, declared := c.made.Parameters.Lookup(r.Key); !declared || spec.Identifying() {
		return ""
	}
	return r.Key
}

// raisedBody tells whoever reads about a bad record how it could be passed over:
// by a higher limit, or by another class in the definition.
type raisedBody struct {
	core.StepBody

	name    string // of the parameter that is the limit; empty: a restart cannot change it
	limit   int64  // what it says now
	classes core.ErrorClasses
}

// Execute implements core.StepBody.
func (r raisedBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	exit, err := r.StepBody.Execute(ctx, s)
	if err == nil {
		return exit, nil
	}
	hint, restart := core.Hint(err), core.ShellQuote("batchctl", "restart", fmt.Sprint(s.Execution.ID))
	raised := core.ShellQuote(fmt.Sprintf("%s=%d", r.name, r.limit+1))
	class, isItem := skippable(err)
	switch {
	case isItem && !r.classes.Match(class):
		hint = or(hint, "correct the input") + fmt.Sprintf("; class %s is not in skip.include: to reject such records put it there, and then %s --new-definition", class, restart)
	case r.name == "" || r.limit < 0:
		return exit, err
	case errors.Is(err, core.ErrSkipLimitExceeded):
		hint += " " + raised
	case isItem && r.limit == 0: // and only for that it was not passed over
		hint = or(hint, "correct the input") + ", then " + restart + "; or reject it (a higher " + r.name + " rejects more of them): " + restart + " " + raised
	default:
		return exit, err
	}
	return exit, &core.Error{Err: err, Hint: hint}
}

// skippable returns the class of err if it is that of a record which is bad
// itself, and could be passed over. With a disk that is full, or a lock, nothing is
// wrong with any record.
func skippable(err error) (class string, ok bool) {
	item, ok := errors.AsType[*core.ItemError](err)
	if !ok || core.Undeniable(err) {
		return "", false
	}
	class = item.ErrorClass()
	return class, !slices.Contains([]string{core.ClassReadIO, core.ClassWriteIO, core.ClassWriteBusy, core.ClassTimeout}, class)
}
