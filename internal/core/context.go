package core

import (
	"fmt"
	"maps"
	"math"
	"unicode/utf8"
)

// ExecutionContext is the state that an execution keeps for its next attempt: a
// flat map of scalars. A value is a string, int64, float64 or bool; structured
// state is kept as one JSON string. It is not safe for concurrent use.
type ExecutionContext map[string]any

// Keys that batchctl itself keeps in contexts.
const (
	// ContextKeyVersion names the program that wrote the context.
	ContextKeyVersion = "batch.version"
	// ContextKeyLineage holds the random token that a fresh start of a step is
	// given; every restart of it inherits it.
	ContextKeyLineage = "batchctl.lineage"
	// ContextKeyReplaces holds the lineage of the COMPLETED execution that a
	// fresh start follows; absent when there is none.
	ContextKeyReplaces = "batchctl.replaces"
	// ContextKeyChunk counts the committed chunks of a lineage.
	ContextKeyChunk = "batchctl.chunk"
	// ContextKeyDecision, with the name of a decision appended, holds its result
	// in the job's context.
	ContextKeyDecision = "batchctl.decision."
	// ContextKeyRestart holds, in the job's context, the element at which the
	// execution after a stop begins.
	ContextKeyRestart = "batchctl.restart"
	// ContextKeyStop, with the name of an element appended, records in the job's
	// context that the element led to a stop.
	ContextKeyStop = "batchctl.stop."
	// ContextKeyPlan holds the parts of a partitioned step as JSON.
	ContextKeyPlan = "batchctl.plan"
	// ContextKeyDefinition holds, in the job's context, the hash of the definition
	// that the execution runs.
	ContextKeyDefinition = "batchctl.definition"
	// ContextKeyChildJob and ContextKeyChildParameters hold what a job step
	// launches: the name of the job, and its parameters as JSON.
	ContextKeyChildJob        = "batchctl.child.job"
	ContextKeyChildParameters = "batchctl.child.parameters"
	// ContextKeySink holds the location of the sink that a step has committed
	// chunks to.
	ContextKeySink = "batchctl.sink"
	// ContextKeyFinished, with the name of a tasklet's step appended, holds the
	// exit status of its finishing call as JSON until the step has ended.
	ContextKeyFinished = "batchctl.finished."
)

// Clone returns an independent copy, never nil.
func (ec ExecutionContext) Clone() ExecutionContext {
	if ec == nil {
		return ExecutionContext{}
	}
	return maps.Clone(ec)
}

// Equal reports whether both hold the same keys with the same values of the
// same types.
func (ec ExecutionContext) Equal(other ExecutionContext) bool { return maps.Equal(ec, other) }

// Put stores a value; a nil value removes the key (CTX-04).
func (ec ExecutionContext) Put(key string, value any) {
	if value == nil {
		delete(ec, key)
		return
	}
	ec[key] = value
}

// String returns the string at key; ok is false when the key is absent. A value
// of another type is an error, never converted.
func (ec ExecutionContext) String(key string) (value string, ok bool, err error) {
	return contextValue[string](ec, key)
}

// Int64 is String for int64 values.
func (ec ExecutionContext) Int64(key string) (value int64, ok bool, err error) {
	return contextValue[int64](ec, key)
}

// Float64 is String for float64 values.
func (ec ExecutionContext) Float64(key string) (value float64, ok bool, err error) {
	return contextValue[float64](ec, key)
}

// Bool is String for bool values.
func (ec ExecutionContext) Bool(key string) (value, ok bool, err error) {
	return contextValue[bool](ec, key)
}

func contextValue[T any](ec ExecutionContext, key string) (value T, ok bool, err error) {
	v, ok := ec[key]
	if !ok {
		return value, false, nil
	}
	value, ok = v.(T)
	if !ok {
		return value, false, fmt.Errorf("context key %s holds a %T, want a %T", Quote(key), v, value)
	}
	return value, true, nil
}

// Check reports the first value that cannot be stored.
func (ec ExecutionContext) Check() error {
	for key, v := range ec {
		if !utf8.ValidString(key) {
			return fmt.Errorf("context key %s is not valid UTF-8", Quote(key))
		}
		switch v := v.(type) {
		case int64, bool:
		case string:
			if !utf8.ValidString(v) {
				return fmt.Errorf("context key %s holds %s, which is not valid UTF-8", Quote(key), Quote(v))
			}
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("context key %s holds %v, which cannot be stored", Quote(key), v)
			}
		default:
			return fmt.Errorf("context key %s holds a %T: use string, int64, float64 or bool", Quote(key), v)
		}
	}
	return nil
}

// ContextChanges collects puts and removes on a context that several may be
// changing, to be applied to its newest state at commit. The zero value is
// ready to use. It is not safe for concurrent use.
type ContextChanges struct {
	base    ExecutionContext
	changes map[string]any // nil value: remove
}

// NewContextChanges returns changes on top of base, which is only read.
func NewContextChanges(base ExecutionContext) *ContextChanges {
	return &ContextChanges{base: base}
}

// Put stores a value; nil removes the key.
func (c *ContextChanges) Put(key string, value any) {
	if c.changes == nil {
		c.changes = map[string]any{}
	}
	c.changes[key] = value
}

// Get returns the value that a commit would leave at key.
func (c *ContextChanges) Get(key string) (value any, ok bool) {
	if v, changed := c.changes[key]; changed {
		return v, v != nil
	}
	v, ok := c.base[key]
	return v, ok
}

// Clone returns a copy that changes on its own; nil stays nil.
func (c *ContextChanges) Clone() *ContextChanges {
	if c == nil {
		return nil
	}
	return &ContextChanges{base: c.base, changes: maps.Clone(c.changes)}
}

// Empty reports whether there is nothing to apply.
func (c *ContextChanges) Empty() bool { return c == nil || len(c.changes) == 0 }

// Apply makes the changes to ec.
func (c *ContextChanges) Apply(ec ExecutionContext) {
	if c == nil {
		return
	}
	for key, v := range c.changes {
		ec.Put(key, v)
	}
}
