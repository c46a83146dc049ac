package definition

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// keyComposition is the context key of the composition that a chunk step began with.
const keyComposition = "definition.composition"

// optionFiles is the option of readers of files that takes several.
const optionFiles = "files"

// composition is what a chunk reads with and writes with, in the order in which they
// keep their positions in the step's context. A step that has begun keeps it: a
// reader of another kind finds no position and would begin again, a writer of
// another kind would begin behind what the first has written.
type composition string

func compositionOf(x *Chunk) composition {
	outputs := x.Writers
	switch {
	case x.Writer != nil:
		outputs = []Output{*x.Writer}
	case len(x.Route) > 0:
		outputs = x.Route
	}
	names := make([]string, len(outputs))
	for i, o := range outputs {
		names[i] = o.Name.Value
	}
	return composition(formOf(x.Reader) + " to " + strings.Join(names, " and "))
}

// formOf names a reader, with the option that says what it reads where that has
// two forms.
func formOf(k Component) string {
	for _, e := range k.Options {
		if e.Key.Value == optionFiles {
			return k.Name.Value + " " + e.Key.Value
		}
	}
	return k.Name.Value
}

// check refuses to go on with a step that has begun with another composition.
func (k composition) check(s *core.Scope) error {
	chunks, _, err := s.Context.Int64(core.ContextKeyChunk)
	if err != nil || chunks == 0 {
		return err
	}
	began, ok, err := s.Context.String(keyComposition)
	if err != nil || !ok || began == string(k) {
		return err
	}
	return &core.Error{
		Kind: core.ErrCheckpointMismatch,
		Msg: fmt.Sprintf("the step has begun from %s (chunks committed: %d), and now it is to go from %s",
			core.EscapeControl(began), chunks, core.EscapeControl(string(k))),
		Hint: "give it the reader and the writers back that it had, then " +
			core.ShellQuote("batchctl", "restart", strconv.FormatInt(s.Execution.ID, 10), "--new-definition"),
	}
}

var _ core.ItemStream = composition("")

// Open implements core.ItemStream; check has come before it.
func (composition) Open(context.Context, core.ExecutionContext) error { return nil }

// Checkpoint implements core.ItemStream.
func (k composition) Checkpoint(ec core.ExecutionContext) error {
	ec.Put(keyComposition, string(k))
	return nil
}

// Close implements core.ItemStream.
func (composition) Close() error { return nil }
