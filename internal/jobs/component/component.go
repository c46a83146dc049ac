package component

import (
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Source is a kind of reader.
type Source struct {
	Spec Spec
	// Schema returns the columns of the records, before anything is opened. v
	// may still hold substitutions in late options. An error that is an
	// OptionError is about that option.
	Schema func(v Values) (*record.Schema, error)
	// New returns a reader for one execution of a step. It opens nothing; what
	// it returns is usually a core.ItemStream too.
	New func(s *core.Scope, v Values, schema *record.Schema) (core.ItemReader[record.Record], error)
}

// Target is a kind of writer.
type Target struct {
	Spec Spec
	// Check reports whether records of that schema can be written.
	Check func(v Values, schema *record.Schema) error
	// New is that of Source, for a writer.
	New func(s *core.Scope, v Values, schema *record.Schema) (core.ItemWriter[record.Record], error)
}
