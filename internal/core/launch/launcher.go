package launch

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/fault"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/secret"
)

// defaultPoll is how often the job's row is asked for a stop.
const defaultPoll = 500 * time.Millisecond

// readBackTimeout bounds the reading of an execution that has ended.
const readBackTimeout = 30 * time.Second

// JobLauncher runs jobs in this process. Repo, Now and Token must be set. It is
// safe for concurrent use.
type JobLauncher struct {
	Repo core.JobRepository
	// Databases opens the databases that jobs use beside the repository's.
	Databases core.Databases
	// Log discards when nil.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Token returns a new random token.
	Token func() string
	// Dir is the absolute directory that relative paths in parameters are
	// relative to.
	Dir string
	// Masker hides the secrets of what is launched, also after its end; nil: each
	// launch has one of its own.
	Masker *secret.Masker
	// Poll is how often the job's row is asked for a stop; 0 means 500 ms.
	Poll time.Duration
}

// Options are what a launch may be told beside its parameters.
type Options struct {
	// Stop asks the execution to end; nil when only the repository can.
	Stop *core.Stop
	// RestartOf, when not 0, is the execution that is meant to be restarted.
	RestartOf int64
	// NewDefinition restarts under a definition that has changed since, also the
	// jobs that steps launch.
	NewDefinition bool
}

// Run launches job with ps and runs it to its end. A launch that is refused
// returns no execution, and nothing was written. Otherwise the execution is
// returned as it ended, with its steps, and the error is nil exactly when it is
// COMPLETED; else it is what engine.Run says.
func (l *JobLauncher) Run(
	ctx context.Context, job *core.Job, ps core.JobParameters, o Options,
) (*core.JobExecution, error) {
	ps, err := l.parameters(job, ps, o.RestartOf != 0)
	if err != nil {
		return nil, refusal(job, o, err)
	}
	return l.launch(ctx, job, ps, o)
}

// launch does what Run does once ps are complete and valid.
func (l *JobLauncher) launch(
	ctx context.Context, job *core.Job, ps core.JobParameters, o Options,
) (*core.JobExecution, error) {
	masker := l.Masker
	if masker == nil {
		masker = &secret.Masker{}
	}
	secrets, err := ResolveSecrets(job, ps, masker)
	if err != nil {
		return nil, refusal(job, o, err)
	}
	fault.Point("launch.before-create")
	je, err := l.Repo.CreateJobExecution(ctx, core.Launch{
		JobName: job.Name, Parameters: ps, PreventRestart: job.PreventRestart, RestartOf: o.RestartOf,
		Definition: job.Definition, NewDefinition: o.NewDefinition,
	})
	if err != nil {
		return nil, refusal(job, o, err)
	}
	fault.Point("launch.after-create")
	log := masked(l.log(), masker)
	warnAboutShort(ctx, log, secrets)
	attrs := []slog.Attr{
		slog.String("job", job.Name), slog.Int64("jobInstanceId", je.Instance.ID), slog.Int64("jobExecutionId", je.ID),
	}
	log.LogAttrs(ctx, slog.LevelInfo, "Job launched",
		append(attrs[:3:3], slog.String("parameters", l.words(job, ps)))...)

	run := &core.Run{
		Job: job, Execution: je, Repo: l.Repo, Body: flow.Body{}, Steps: engine.Steps{}, Databases: l.Databases,
		Stop: o.Stop, Log: log, Now: l.Now, Token: l.Token, Dir: l.Dir,
		Secrets: secrets, Masker: masker, NewDefinition: o.NewDefinition,
	}
	if run.Stop == nil {
		run.Stop = core.NewStop()
	}
	recovered := je.Recovered
	err = l.watched(ctx, run)
	l.release(ctx, run, err)
	ended := l.ended(ctx, run)
	ended.Recovered = recovered
	attrs = append(attrs[:3:3],
		slog.String("status", ended.Status.String()), slog.String("exitCode", ended.ExitStatus.Code))
	if !ended.EndTime.IsZero() {
		attrs = append(attrs, slog.Duration("duration", ended.EndTime.Sub(ended.StartTime)))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "Job completed", attrs...)
	return ended, err
}

// release ends the ownership of an execution that has ended, or is somebody
// else's by now. One whose end could not be recorded stays owned until this
// process ends: its lock, left behind and free, is what then proves to the next
// launch that it may be recovered.
func (l *JobLauncher) release(ctx context.Context, run *core.Run, err error) {
	state := run.State()
	if state.EndTime.IsZero() && !errors.Is(err, core.ErrLeaseLost) {
		return
	}
	if err := l.Repo.Release(&state); err != nil {
		run.Log.LogAttrs(ctx, slog.LevelWarn, "the ownership of the execution could not be released",
			slog.Int64("jobExecutionId", state.ID), slog.String("error", err.Error()))
	}
}

// parameters completes and validates ps. A restart keeps the identity that it
// was launched with: a default that the job has gained since is not added to it.
func (l *JobLauncher) parameters(job *core.Job, ps core.JobParameters, restart bool) (core.JobParameters, error) {
	if err := check(job); err != nil {
		return nil, err
	}
	complete := job.Parameters.Complete(ps, l.Dir)
	if restart { // before days are resolved: one that is not added need not be known
		kept := complete[:0]
		for _, p := range complete {
			if _, given := ps.Lookup(p.Name); given || !p.Identifying {
				kept = append(kept, p)
			}
		}
		complete = kept
	}
	if err := l.calendar().resolve(complete); err != nil {
		return nil, err
	}
	return complete, job.ValidateParameters(complete, l.Repo.Zone())
}

// watched runs the engine while the job's row is polled for a stop.
func (l *JobLauncher) watched(ctx context.Context, run *core.Run) error {
	polling, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	id := run.Execution.ID // run.Execution moves while the engine works
	wg.Go(func() { l.poll(polling, run, id) })
	return engine.Run(ctx, run)
}

// poll requests the stop that it finds in the row of the job, and ends with it
// or with ctx.
func (l *JobLauncher) poll(ctx context.Context, run *core.Run, id int64) {
	interval := l.Poll
	if interval <= 0 {
		interval = defaultPoll
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-run.Stop.Done():
			return
		case <-ticker.C:
		}
		status, err := l.Repo.JobStatus(ctx, id)
		switch {
		case err != nil: // the next commit notices a stop as well
			run.Log.LogAttrs(ctx, slog.LevelDebug, "the status of the job could not be read",
				slog.Int64("jobExecutionId", id), slog.String("error", err.Error()))
		case status >= core.StatusStopping && ctx.Err() == nil:
			run.Stop.Request(core.ErrStopped)
		}
	}
}

// ended reads the execution back, as everybody else sees it; what is in memory
// stands in when that fails.
func (l *JobLauncher) ended(ctx context.Context, run *core.Run) *core.JobExecution {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readBackTimeout)
	defer cancel()
	ended, err := l.Repo.JobExecution(ctx, run.Execution.ID)
	if err != nil {
		run.Log.LogAttrs(ctx, slog.LevelWarn, "the execution could not be read back",
			slog.Int64("jobExecutionId", run.Execution.ID), slog.String("error", err.Error()))
		state := run.State()
		return &state
	}
	return ended
}

func (l *JobLauncher) log() *slog.Logger {
	if l.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l.Log
}

// words shows parameters as they are typed.
func (l *JobLauncher) words(job *core.Job, ps core.JobParameters) string {
	n := job.Notation()
	n.Zone = l.Repo.Zone()
	return strings.Join(n.Words(ps), " ")
}
