package bench

import (
	"context"
	_ "embed" // for the definition
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
	"github.com/batchctl/batchctl/internal/sample"
)

//go:embed settle.yaml
var settleDefinition []byte

// Definition is Product for a job without a compiler: it reads, filters and
// computes by a definition, and leaves the same ledger.
func Definition(ctx context.Context, dbPath, dir string, day sample.Day, now func() time.Time) (Usage, error) {
	catalog := all.Catalog()
	file := definition.NewParser(catalog).Parse("settle.yaml", settleDefinition)
	job, problems := definition.Compile(file, definition.Environment{Catalog: catalog})
	if err := problems.Err(); err != nil {
		return Usage{}, err
	}
	c, err := runStep(ctx, job, settlement.StepSettle, dbPath, core.JobParameters{
		{Name: "requestDate", Value: day.Date, Identifying: true},
		{Name: "inputDir", Value: dir, Identifying: true},
	}, now)
	return c.Usage, err
}
