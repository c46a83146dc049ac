package definition

import (
	"context"
	"errors"
	"fmt"

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

// raisedBody tells whoever reads about a bad record by which parameter it could be
// passed over.
type raisedBody struct {
	core.StepBody

	name    string // of the parameter
	limit   int64  // what it says now
	classes core.ErrorClasses
}

// Execute implements core.StepBody.
func (r raisedBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	exit, err := r.StepBody.Execute(ctx, s)
	raised := core.ShellQuote(fmt.Sprintf("%s=%d", r.name, r.limit+1))
	switch hint := core.Hint(err); {
	case err == nil, r.limit < 0:
	case errors.Is(err, core.ErrSkipLimitExceeded):
		err = &core.Error{Err: err, Hint: hint + " " + raised}
	case r.passable(err):
		restart := core.ShellQuote("batchctl", "restart", fmt.Sprint(s.Execution.ID)) + " " + raised
		err = &core.Error{Err: err, Hint: or(hint, "correct the input") + ", or reject it: " + restart}
	}
	return exit, err
}

// passable reports whether err is that of a record which only the limit of 0 did
// not let pass.
func (r raisedBody) passable(err error) bool {
	item, ok := errors.AsType[*core.ItemError](err)
	return ok && r.limit == 0 && !core.Undeniable(err) && r.classes.Match(item.ErrorClass())
}
