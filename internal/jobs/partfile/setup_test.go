package partfile_test

import (
	"context"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// repository knows one instance, or says what err is.
type repository struct {
	core.JobRepository // what is not asked is nil

	id       string
	instance core.JobInstance
	steps    map[string]*core.StepExecution
	last     *core.JobExecution
	liveness core.Liveness
	err      error
}

func (r *repository) RepositoryID() string { return r.id }

func (r *repository) Zone() *time.Location { return time.UTC }

func (r *repository) JobInstance(_ context.Context, id int64) (core.JobInstance, error) {
	if r.err == nil && id != r.instance.ID {
		return core.JobInstance{}, core.ErrNoSuchJobInstance
	}
	return r.instance, r.err
}

func (r *repository) LastStepExecution(_ context.Context, _ int64, name string) (*core.StepExecution, error) {
	if se, ok := r.steps[name]; ok {
		return se, r.err
	}
	return nil, core.ErrNoSuchStepExecution
}

func (r *repository) LastJobExecution(context.Context, int64) (*core.JobExecution, error) {
	return r.last, r.err
}

func (r *repository) OwnerOf(context.Context, int64) (core.OwnerVerdict, error) {
	return core.OwnerVerdict{Liveness: r.liveness}, r.err
}

// ownerIn returns a step of the job "job" in r, in execution 10 times that of
// its instance.
func ownerIn(tb testing.TB, r core.JobRepository, instance int64, step, lineage string) partfile.Owner {
	tb.Helper()
	return partfile.OwnerOf(&core.Scope{
		Run: &core.Run{Repo: r, Execution: &core.JobExecution{
			ID: 10 * instance, Instance: core.JobInstance{ID: instance, JobName: "job", JobKey: "key"},
			Parameters: core.JobParameters{
				{Name: "day", Value: time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC), Identifying: true},
				{Name: "dir", Value: "/somewhere"},
			},
		}},
		Step: &core.StepExecution{StepName: step, Context: core.ExecutionContext{core.ContextKeyLineage: lineage}},
	})
}

// owner returns a step of a repository that knows nothing of it.
func owner(tb testing.TB, lineage string) partfile.Owner {
	tb.Helper()
	return ownerIn(tb, &repository{id: "r1"}, 1, "write", lineage)
}

const ownerSuffix = partfile.Suffix + partfile.OwnerSuffix

// deedOf is what the owner file of owner(lineage) holds.
func deedOf(lineage string) string {
	return `{"batchctlOutputOwner":1,"lineage":"` + lineage +
		`","repository":"r1","job":"job","jobKey":"key","instance":1,"step":"write","parameters":["day=2021-01-02"]}` + "\n"
}
