package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// both calls first, and second unless first failed. Either may be nil.
func both[T any](first, second func(context.Context, T) error) func(context.Context, T) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func(ctx context.Context, v T) error {
		if err := first(ctx, v); err != nil {
			return err
		}
		return second(ctx, v)
	}
}

// bothLogged calls both whatever the first returns, and joins their errors.
func bothLogged[T any](first, second func(context.Context, T) error) func(context.Context, T) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func(ctx context.Context, v T) error {
		return errors.Join(first(ctx, v), second(ctx, v))
	}
}

type afterStep = func(context.Context, *Scope, StepExecution) (ExitStatus, error)

func bothStatus(first, second afterStep) afterStep {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func(ctx context.Context, s *Scope, ended StepExecution) (ExitStatus, error) {
		a, errA := first(ctx, s, ended)
		b, errB := second(ctx, s, ended)
		return a.And(b), errors.Join(errA, errB)
	}
}

// Promotion says what PromoteContext copies.
type Promotion struct {
	// Keys are keys of the step's context.
	Keys []string
	// Strict makes a key that the step has not left an error. It is the error of
	// a listener after the step: logged and shown, and the step stays what it
	// is. The keys that are there are copied all the same.
	Strict bool
	// Statuses are patterns, one of which the step's exit code has to match; see
	// MatchExitCode. None means COMPLETED.
	Statuses []string
}

// PromoteContext returns a listener that copies keys of the step's context to
// the job's, where later steps read them, in the commit that ends the step. It
// costs what an AfterStep costs. Without it a step's context is the step's own.
func PromoteContext(p Promotion) Listener {
	keys, patterns := slices.Clone(p.Keys), slices.Clone(p.Statuses)
	if len(patterns) == 0 {
		patterns = []string{ExitCodeCompleted}
	}
	return Listener{AfterStep: func(_ context.Context, s *Scope, ended StepExecution) (ExitStatus, error) {
		code := ended.ExitStatus.Code
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return MatchExitCode(pattern, code) }) {
			return ExitStatus{}, nil
		}
		var missing []string
		for _, key := range keys {
			if value, ok := s.Context[key]; ok {
				s.JobContext.Put(key, value)
			} else {
				missing = append(missing, Quote(key))
			}
		}
		if !p.Strict || len(missing) == 0 {
			return ExitStatus{}, nil
		}
		return ExitStatus{}, fmt.Errorf("promote the context of step %s: it has no key %s",
			ended.StepName, strings.Join(missing, ", "))
	}}
}
