package expr

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Map is a map of texts that an expression may read from: jobParameters['name'].
type Map uint8

// The maps.
const (
	JobParameters Map = iota
	JobProperties
	Partition
	JobContext
	StepContext
	Env
)

var mapNames = [...]string{"jobParameters", "jobProperties", "partition", "jobContext", "stepContext", "env"}

// String returns the name of the map in an expression.
func (m Map) String() string {
	if int(m) < len(mapNames) {
		return mapNames[m]
	}
	return "unknown"
}

// Words that are no columns where they stand alone. A column of such a name is
// record['steps'].
const (
	wordRecord = "record"
	wordSteps  = "steps"
	wordNull   = "null"
)

// Environment is what an expression may name. The zero value allows literals and
// functions.
type Environment struct {
	// Schema has the columns of the records; nil means that there are none, as
	// for a decision.
	Schema *record.Schema
	// Maps are the maps that may be read, each with the keys that are known, so
	// that a wrong one is found at compile time; nil means any key.
	Maps map[Map][]string
	// Secrets are keys that no expression may read, as the result of one is stored.
	Secrets map[Map][]string
	// Steps allows steps['id'].exitStatus and what else Step has. StepIDs are the
	// steps that there are; nil means any.
	Steps   bool
	StepIDs []string
	// Zone is where a datetime without an offset is read, and where a datetime
	// is taken apart; nil is UTC.
	Zone *time.Location
}

func (e *Environment) zone() *time.Location {
	if e.Zone == nil {
		return time.UTC
	}
	return e.Zone
}

// Vars are the values of the maps and steps at a certain moment. Nobody may
// change them while expressions are evaluated. A key that is not there is null.
type Vars struct {
	Maps  map[Map]map[string]string
	Steps map[string]Step
}

// Step is what an expression may ask about a step: how its newest execution has
// ended, and what all attempts at it have counted together. A step that never ran
// is not in Vars.Steps, and all of it is null.
type Step struct {
	ExitStatus, BatchStatus string

	ReadCount, WriteCount, FilterCount, SkipCount int64
}

var stepFields = map[string]struct {
	kind record.Kind
	of   func(*Step) record.Value
}{
	"exitStatus":  {record.String, func(s *Step) record.Value { return record.OfString(s.ExitStatus) }},
	"batchStatus": {record.String, func(s *Step) record.Value { return record.OfString(s.BatchStatus) }},
	"readCount":   {record.Long, func(s *Step) record.Value { return record.OfLong(s.ReadCount) }},
	"writeCount":  {record.Long, func(s *Step) record.Value { return record.OfLong(s.WriteCount) }},
	"filterCount": {record.Long, func(s *Step) record.Value { return record.OfLong(s.FilterCount) }},
	"skipCount":   {record.Long, func(s *Step) record.Value { return record.OfLong(s.SkipCount) }},
}

// StepFields returns the names of what an expression may ask about a step, sorted.
func StepFields() []string { return slices.Sorted(maps.Keys(stepFields)) }

// columns is where the values of the columns are: those of a schema, or those
// that ops have made of it so far.
type columns interface {
	lookup(name string) (slot int, kind record.Kind, ok bool)
	names() []string
}

type schemaColumns struct{ *record.Schema }

func (s schemaColumns) lookup(name string) (slot int, kind record.Kind, ok bool) {
	if s.Schema == nil {
		return 0, record.Null, false
	}
	i, ok := s.Index(name)
	if !ok {
		return 0, record.Null, false
	}
	return i, s.Column(i).Kind, true
}

func (s schemaColumns) names() []string {
	if s.Schema == nil {
		return nil
	}
	return s.Names()
}

// identifier compiles a word: a column.
func (c *compiler) identifier(name string, s span) *node {
	if name == wordNull {
		return &node{span: s, literal: true, eval: func(*frame) record.Value { return record.Value{} }}
	}
	if name == wordRecord || name == wordSteps || slices.Contains(mapNames[:], name) {
		c.failf(s, "%s needs a name behind it, as in %s['name']", name, name)
	}
	if _, _, ok := c.columns.lookup(name); !ok && name != strings.ToLower(name) && slices.Contains([]string{wordNull, "nil", "true", "false"}, strings.ToLower(name)) {
		c.failNear(s, strings.ToLower(name), "there is no column %s", core.Quote(name))
	}
	return c.column(name, s)
}

func (c *compiler) column(name string, s span) *node {
	slot, kind, ok := c.columns.lookup(name)
	if !ok {
		known := c.columns.names()
		if len(known) == 0 {
			c.failf(s, "there is no column %s: this expression is not about a record", core.Quote(name))
		}
		c.failNear(s, core.Nearest(name, known), "there is no column %s", core.Quote(name))
	}
	c.used[name] = true
	c.varying++
	return &node{span: s, kind: kind, slot: slot + 1, eval: func(f *frame) record.Value { return f.values[slot] }}
}

// member compiles record['name'], jobParameters['name'] and what is asked of a
// step.
func (c *compiler) member(of, key string, s span) *node {
	if of == wordRecord {
		return c.column(key, s)
	}
	i := slices.Index(mapNames[:], of)
	if i < 0 {
		c.failf(s, "only %s, %s and %s have names in them", wordRecord, strings.Join(mapNames[:], ", "), wordSteps)
	}
	m := Map(i) //nolint:gosec // an index of mapNames
	keys, allowed := c.env.Maps[m]
	if !allowed {
		c.failf(s, "%s is not known here", m)
	}
	if keys != nil && !slices.Contains(keys, key) {
		c.failNear(s, core.Nearest(key, keys), "%s has no %s", m, core.Quote(key))
	}
	if slices.Contains(c.env.Secrets[m], key) {
		c.failf(s, "%s['%s'] is a secret, or has one in it: no expression reads it, as its result would be stored or shown", m, core.EscapeControl(key))
	}
	c.varying++
	return &node{span: s, kind: record.String, eval: func(f *frame) record.Value {
		if f.vars == nil {
			return record.Value{}
		}
		text, ok := f.vars.Maps[m][key]
		if !ok {
			return record.Value{}
		}
		return record.OfString(text)
	}}
}

// stepField compiles steps['id'].exitStatus.
func (c *compiler) stepField(id, name string, s span) *node {
	if !c.env.Steps {
		c.failf(s, "%s is not known here", wordSteps)
	}
	if c.env.StepIDs != nil && !slices.Contains(c.env.StepIDs, id) {
		c.failNear(s, core.Nearest(id, c.env.StepIDs), "there is no step %s", core.Quote(id))
	}
	field, ok := stepFields[name]
	if !ok {
		names := StepFields()
		c.failNear(s, core.Nearest(name, names), "a step has no %s; it has %s", core.Quote(name), strings.Join(names, ", "))
	}
	c.varying++
	return &node{span: s, kind: field.kind, eval: func(f *frame) record.Value {
		if f.vars == nil {
			return record.Value{}
		}
		step, ok := f.vars.Steps[id]
		if !ok {
			return record.Value{}
		}
		return field.of(&step)
	}}
}
