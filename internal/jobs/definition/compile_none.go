package definition

import (
	"context"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// None returns the writer that writes nothing, which definitions name none: for
// steps that only check what they read.
func None() component.Target {
	return component.Target{
		Spec:  component.Spec{Name: "none", Help: "Nothing: for a step that only checks what it reads.", Example: "none: {}\n"},
		Check: func(component.Values, *record.Schema) error { return nil },
		New: func(*core.Scope, component.Values, *record.Schema) (core.ItemWriter[record.Record], error) {
			return nothing{}, nil
		},
	}
}

type nothing struct{}

// Write implements core.ItemWriter.
func (nothing) Write(context.Context, *core.Chunk[record.Record]) error { return nil }
