package launch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/flow"
)

// JobRegistry holds jobs by their names. It does not change after NewRegistry,
// and is safe for concurrent use.
type JobRegistry struct {
	byName map[string]*core.Job
	jobs   []*core.Job // by name
}

// NewRegistry returns a registry of jobs. A job that is put together wrongly is
// an ErrJobDefinition, a second job of a name an ErrDuplicateJob.
func NewRegistry(jobs ...*core.Job) (*JobRegistry, error) {
	r := &JobRegistry{byName: make(map[string]*core.Job, len(jobs)), jobs: slices.Clone(jobs)}
	for _, job := range jobs {
		if err := check(job); err != nil {
			return nil, err
		}
		if _, taken := r.byName[job.Name]; taken {
			return nil, &core.Error{
				Kind: core.ErrDuplicateJob,
				Msg:  fmt.Sprintf("a job with the name %s is already registered", core.Quote(job.Name)),
				Hint: "rename one of them",
			}
		}
		r.byName[job.Name] = job
	}
	slices.SortFunc(r.jobs, func(a, b *core.Job) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// check reports what is wrong with the composition of job and its flow.
func check(job *core.Job) error {
	if err := job.Check(); err != nil {
		return err
	}
	return flow.Check(job)
}

// Job returns the job of that name, or an ErrNoSuchJob whose hint is the
// nearest name.
func (r *JobRegistry) Job(name string) (*core.Job, error) {
	if job, ok := r.byName[name]; ok {
		return job, nil
	}
	names := make([]string, len(r.jobs))
	for i, job := range r.jobs {
		names[i] = job.Name
	}
	hint := core.ShellQuote("batchctl", "jobs")
	if near := core.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %s? %s lists the jobs", near, hint)
	}
	return nil, &core.Error{
		Kind: core.ErrNoSuchJob, Msg: fmt.Sprintf("no job named %s is registered", core.Quote(name)), Hint: hint,
	}
}

// Jobs returns all jobs, by name.
func (r *JobRegistry) Jobs() []*core.Job { return slices.Clone(r.jobs) }
