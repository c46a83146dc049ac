package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Promotion says what PromoteContext copies.
type Promotion struct {
	// Keys are keys of the step's context.
	Keys []string
	// Strict makes a key that the step has not left an error. It is the error of
	// a listener after the step: logged and shown, and the step stays what it
	// is. The keys that are there are copied all the same.
	Strict bool
	// Statuses are patterns, one of which the step's exit code has to match; see
	// core.MatchExitCode. None means COMPLETED.
	Statuses []string
}

// PromoteContext returns a listener that copies keys of the step's context to
// the job's, where later steps read them, in the commit that ends the step. It
// costs what an AfterStep costs. Without it a step's context is the step's own.
func PromoteContext(p Promotion) core.Listener {
	keys, patterns := slices.Clone(p.Keys), slices.Clone(p.Statuses)
	if len(patterns) == 0 {
		patterns = []string{core.ExitCodeCompleted}
	}
	return core.Listener{AfterStep: func(_ context.Context, s *core.Scope, ended core.StepExecution) (core.ExitStatus, error) {
		code := ended.ExitStatus.Code
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return core.MatchExitCode(pattern, code) }) {
			return core.ExitStatus{}, nil
		}
		var missing []string
		for _, key := range keys {
			if value, ok := s.Context[key]; ok {
				s.JobContext.Put(key, value)
			} else {
				missing = append(missing, core.Quote(key))
			}
		}
		if !p.Strict || len(missing) == 0 {
			return core.ExitStatus{}, nil
		}
		return core.ExitStatus{}, fmt.Errorf("promote the context of step %s: it has no key %s",
			ended.StepName, strings.Join(missing, ", "))
	}}
}
