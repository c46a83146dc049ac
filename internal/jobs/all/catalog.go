package all

import (
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/fixed"
	"github.com/batchctl/batchctl/internal/jobs/jsonl"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// Catalog returns the readers and writers that definition files can name. One is
// added by a line here and by nothing else.
func Catalog() definition.Catalog {
	return definition.Catalog{
		Sources: []component.Source{csvfile.Source(), jsonl.Source(), fixed.Source(), sqlitem.Source()},
		Targets: []component.Target{csvfile.Target(), jsonl.Target(), fixed.Target(), sqlitem.Target(), sqlitem.None()},
	}
}
