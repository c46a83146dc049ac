package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// finishing is what a step's context holds of a finishing call whose end of the
// step is still to come.
type finishing struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// key is the key of the context under which b's finishing call is kept.
func (b taskletBody) key() string { return core.ContextKeyFinished + b.name }

// keep notes in ec that b has finished with this exit status.
func (b taskletBody) keep(ec core.ExecutionContext, exit core.ExitStatus) {
	text, err := json.Marshal(finishing{Code: exit.Code, Message: exit.Message})
	if err != nil {
		panic(err) // of two strings
	}
	ec.Put(b.key(), string(text))
}

// finished reports whether b finished already, in this attempt or in one before
// whose end is not known, and its exit status. What cannot be read is an error:
// the work is done, and must not be done again.
func (b taskletBody) finished(se *core.StepExecution) (exit core.ExitStatus, ok bool, err error) {
	text, ok, err := se.Context.String(b.key())
	if err != nil || !ok {
		return exit, ok, err
	}
	var f finishing
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return exit, true, fmt.Errorf("context key %s holds %s, which is no exit status: %w",
			core.Quote(b.key()), core.Quote(text), err)
	}
	return core.ExitStatus{Code: f.Code, Message: f.Message}, true, nil
}

// forget removes from ec what finishing calls have left.
func forget(ec core.ExecutionContext) {
	maps.DeleteFunc(ec, func(key string, _ any) bool { return strings.HasPrefix(key, core.ContextKeyFinished) })
}
