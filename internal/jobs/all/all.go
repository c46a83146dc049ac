// Package all is the list of the jobs that are written in Go. A job is
// registered by a line here and by nothing else.
package all

import (
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/samples"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

// Registry returns the registry of every job.
func Registry() (*launch.JobRegistry, error) {
	return launch.NewRegistry(
		settlement.Job(),
		samples.ImportReadings(),
		samples.CloseMonth(),
	)
}
