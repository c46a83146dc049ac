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

// bothLogged calls both whatever the first does, and joins their errors.
func bothLogged[T any](first, second func(context.Context, T) error) func(context.Context, T) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return func(ctx context.Context, v T) (err error) {
		defer func() { err = errors.Join(err, second(ctx, v)) }() // also when first panics
		return first(ctx, v)
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
	return func(ctx context.Context, s *Scope, ended StepExecution) (exit ExitStatus, err error) {
		defer func() { // also when first panics
			b, errB := second(ctx, s, ended)
			exit, err = exit.And(b), errors.Join(err, errB)
		}()
		return first(ctx, s, ended)
	}
}
