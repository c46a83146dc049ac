package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("database is locked")
	for _, tt := range []struct {
		name string
		err  *core.Error
		want string
	}{
		{"everything", &core.Error{Kind: core.ErrRepository, Op: "run j", Msg: "cannot open", Hint: "h", Err: cause}, "run j: cannot open: database is locked"},
		{"the kind speaks where no message does", &core.Error{Kind: core.ErrRepository, Op: "run j", Err: cause}, "run j: repository unavailable: database is locked"},
		{"message alone", &core.Error{Kind: core.ErrRepository, Msg: "cannot open"}, "cannot open"},
		{"cause alone", &core.Error{Err: cause}, "database is locked"},
		{"nothing", &core.Error{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("Error() = %q, want %q", got, tt.want)
			}
			wrapped := fmt.Errorf("outside: %w", tt.err)
			if tt.err.Kind != nil && !errors.Is(wrapped, tt.err.Kind) {
				t.Error("errors.Is does not find the kind")
			}
			if tt.err.Err != nil && !errors.Is(wrapped, cause) {
				t.Error("errors.Is does not find the cause")
			}
			if errors.Is(wrapped, core.ErrLeaseLost) {
				t.Error("errors.Is finds a kind that is not there")
			}
		})
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	hinted := func(hint string, err error) error { return &core.Error{Msg: "m", Hint: hint, Err: err} }
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"nil", nil, ""},
		{"no *Error", io.EOF, ""},
		{"its own", hinted("a", nil), "a"},
		{"wrapped", fmt.Errorf("x: %w", hinted("a", nil)), "a"},
		{"the outermost wins", hinted("a", hinted("b", nil)), "a"},
		{"an outer one without a hint", hinted("", fmt.Errorf("x: %w", hinted("b", nil))), "b"},
		{"behind a join", errors.Join(io.EOF, hinted("b", nil)), "b"},
		{"behind a join without a hint first", errors.Join(hinted("", nil), fmt.Errorf("x: %w", hinted("b", nil)), hinted("c", nil)), "b"},
		{"behind two %w", fmt.Errorf("%w and %w", io.EOF, hinted("b", nil)), "b"},
		{"none anywhere", errors.Join(hinted("", io.EOF), io.EOF), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := core.Hint(tt.err); got != tt.want {
				t.Errorf("Hint = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestItemError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  core.ItemError
		want string
	}{
		{"everything", core.ItemError{File: "d/2021-01-02.csv", Line: 2703, Record: 2702, Column: "amount", Value: "12x", HasValue: true, Msg: "not a number"}, `d/2021-01-02.csv:2703: amount: "12x": not a number`},
		{"an empty value", core.ItemError{File: "f", Line: 1, Column: "c", HasValue: true, Msg: "m"}, `f:1: c: "": m`},
		{"the record as a whole", core.ItemError{File: "f", Line: 9, Msg: "3 fields, want 4"}, "f:9: 3 fields, want 4"},
		{"no lines", core.ItemError{File: "ledger", Record: 7, Column: "c", Msg: "m"}, "ledger: record 7: c: m"},
		{"no file", core.ItemError{Column: "c", Msg: "m"}, "c: m"},
		{"nothing of the input steers a terminal", core.ItemError{File: "a\x1b", Line: 1, Column: "b\n", Value: "\x9b", HasValue: true, Msg: "m"}, `a\x1b:1: b\n: "\x9b": m`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("Error() = %q, want %q", got, tt.want)
			}
		})
	}
	err := error(&core.ItemError{Msg: "m", Err: io.ErrUnexpectedEOF})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is not found")
	}
}

func TestExitCodeOf(t *testing.T) {
	t.Parallel()
	if err := core.WithExitCode("TIMEOUT", nil); err != nil {
		t.Errorf("got %v of no error", err)
	}
	cause := errors.New("too long")
	inner := core.WithExitCode("INNER", cause)
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"none", cause, ""},
		{"no error", nil, ""},
		{"given", inner, "INNER"},
		{"wrapped", &core.Error{Op: "step a", Err: inner}, "INNER"},
		{"the outermost counts", core.WithExitCode("OUTER", inner), "OUTER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := core.ExitCodeOf(tt.err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.want != "" && (!errors.Is(tt.err, cause) || !strings.Contains(tt.err.Error(), "too long")) {
				t.Errorf("%v hides its cause", tt.err)
			}
		})
	}
}

func TestPredicates(t *testing.T) {
	t.Parallel()
	wrapped := func(err error) error { return fmt.Errorf("step a: %w", &core.Error{Msg: "x", Err: err}) }
	for _, tt := range []struct {
		err                 error
		interrupted, fenced bool
	}{
		{nil, false, false},
		{core.ErrStopped, true, false},
		{core.ErrTimeout, true, false},
		{core.ErrAborted, true, false},
		{core.ErrLeaseLost, false, true},
		{core.ErrOptimisticLock, false, true},
		{core.ErrRepository, false, false},
		{context.Canceled, false, false},
	} {
		for _, err := range []error{tt.err, wrapped(tt.err)} {
			if core.IsInterruption(err) != tt.interrupted || core.IsFenced(err) != tt.fenced {
				t.Errorf("%v is an interruption: %t, fenced: %t", err, core.IsInterruption(err), core.IsFenced(err))
			}
		}
	}
}
