package core

import (
	"context"
	"errors"
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
