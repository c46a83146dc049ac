package engine

import (
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// Leaving returns err, with which the body of the step is about to fail, with a
// change to the step's context that is committed together with the step's end;
// a nil value removes the key. Whatever else the body has put into the context
// since its last commit is undone by the failure. The outermost change in the
// tree of an error counts. A value that a context cannot hold is a panic. nil
// stays nil.
func Leaving(s *core.Scope, err error, key string, value any) error {
	if err == nil {
		return nil
	}
	if value != nil {
		if err := (core.ExecutionContext{key: value}).Check(); err != nil {
			panic(fmt.Errorf("leaving a value behind: %w", err))
		}
	}
	return &leavingError{err: err, step: s.Step.ID, key: key, value: value}
}

type leavingError struct {
	err   error
	step  int64 // the execution that is meant; others may fail with the same error
	key   string
	value any
}

func (e *leavingError) Error() string { return e.err.Error() }
func (e *leavingError) Unwrap() error { return e.err }

// leave puts into the working context, which is that of the last commit, what
// the next attempt at a step that fails with err has to find there.
func (e *execution) leave(err error) {
	s := e.scope
	if e.isRecorded() { // as the end of a step that completed: its commit was durable, and failed all the same
		e.tasklet.keep(s.Context, s.Step.ExitStatus)
	}
	if l, ok := errors.AsType[*leavingError](err); ok && l.step == s.Step.ID {
		s.Context.Put(l.key, l.value)
	}
}
