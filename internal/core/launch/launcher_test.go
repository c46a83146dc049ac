package launch_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

func TestLaunch(t *testing.T) {
	t.Parallel()
	t.Run("OPR-01 a registered job with fresh parameters", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		je, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if je.ID != 1 || je.Status != core.StatusCompleted || len(je.Steps) != 1 || je.Steps[0].StepName != "work" {
			t.Errorf("got %+v", je)
		}
		want := params(day(1),
			text("inputDir", "/srv/batch/in"), // a default, and absolute
			core.JobParameter{Name: "region", Value: "eu", Identifying: true})
		if diff := cmp.Diff(want, je.Parameters); diff != "" {
			t.Errorf("stored parameters (-want +got):\n%s", diff)
		}
		if v, err := b.store.OwnerOf(t.Context(), je.ID); err != nil || v.Owner.Token != "" {
			t.Errorf("the execution is still owned: %+v, %v", v, err)
		}
		for _, line := range []string{
			`msg="Job launched" job=daily jobInstanceId=1 jobExecutionId=1 parameters="day=2021-01-01 inputDir=/srv/batch/in region=eu"`,
			`msg="Job completed" job=daily jobInstanceId=1 jobExecutionId=1 status=COMPLETED exitCode=COMPLETED duration=`,
		} {
			if !strings.Contains(b.logs.String(), line) {
				t.Errorf("the log lacks %q:\n%s", line, b.logs)
			}
		}
	})
	t.Run("a failed execution is returned with the step's error", func(t *testing.T) {
		t.Parallel()
		item := &core.ItemError{File: "day.csv", Line: 2701, Column: "amount", Value: "12,x", HasValue: true, Msg: "not a decimal"}
		b := setup(t, job("a", func(context.Context, *core.Scope) error { return item }))
		je, err := b.Start(t.Context(), "a", nil, launch.Options{})
		if got, ok := errors.AsType[*core.ItemError](err); !ok || got != item {
			t.Errorf("got error %v, want the item's", err)
		}
		if want := `step work: day.csv:2701: amount: "12,x": not a decimal`; err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
		if je == nil || je.Status != core.StatusFailed || len(je.Steps) != 1 || je.Steps[0].Status != core.StatusFailed {
			t.Errorf("got %+v", je)
		}
	})
	t.Run("OPR-04 the parameters of a FAILED instance restart it", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(failFirst(1)))
		first, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
		wantError(t, err, errBoom)
		second, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if second.Instance != first.Instance || second.ID == first.ID {
			t.Errorf("got execution %d of %+v after %d of %+v", second.ID, second.Instance, first.ID, first.Instance)
		}
	})
	t.Run("a logger is not needed", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("a", succeed))
		b.Launcher.Log, b.Launcher.Poll = nil, 0
		if _, err := b.Start(t.Context(), "a", nil, launch.Options{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("what was recovered on the way is told", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("a", succeed))
		dead := b.orphan("a", nil, core.StatusStarted)
		je, err := b.Start(t.Context(), "a", nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int64{dead.ID}, je.Recovered); diff != "" {
			t.Errorf("recovered (-want +got):\n%s", diff)
		}
	})
	t.Run("a launch that cannot be written is refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("a", succeed))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		je, err := b.Start(ctx, "a", nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, context.Canceled, "batchctl executions --job a")
	})
}

func TestLaunchRefused(t *testing.T) {
	t.Parallel()
	t.Run("VAL-01 a required parameter is missing", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		je, err := b.Start(t.Context(), "daily", nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrJobParametersInvalid, "add day=2021-01-01")
		if want := "run daily: missing required parameter day"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		if instances, err := b.store.JobInstances(t.Context(), core.JobInstanceQuery{}); err != nil || len(instances) != 0 {
			t.Errorf("got instances %v, %v", instances, err)
		}
	})
	t.Run("VAL-02 an undeclared parameter", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		je, err := b.Start(t.Context(), "daily", params(day(1), text("regoin", "us")), launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrJobParametersInvalid, "did you mean region?")
	})
	t.Run("VAL-04 the first of two validators refuses", func(t *testing.T) {
		t.Parallel()
		j := daily(succeed)
		j.Validator = core.CompositeValidator{
			validator(func(core.JobParameters, *time.Location) error {
				return &core.Error{Kind: core.ErrJobParametersInvalid, Msg: "day is a Sunday"}
			}),
			validator(func(core.JobParameters, *time.Location) error {
				t.Error("the second validator was asked")
				return nil
			}),
		}
		b := setup(t, j)
		je, err := b.Start(t.Context(), "daily", params(day(3)), launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrJobParametersInvalid, "batchctl jobs show daily")
	})
	t.Run("REG-02 an unknown job", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		je, err := b.Start(t.Context(), "dayly", nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrNoSuchJob, "did you mean daily? batchctl jobs lists the jobs")
	})
	t.Run("EXE-08 a job without steps that was never registered", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		je, err := b.Launcher.Run(t.Context(), &core.Job{Name: "empty"}, nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrJobDefinition, "batchctl jobs show empty")
	})
	t.Run("a complete instance, of a job that has a next one", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		if _, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{}); err != nil {
			t.Fatal(err)
		}
		je, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobInstanceAlreadyComplete, "batchctl next daily")
	})
	t.Run("a complete instance, of a job that has not", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("my job", succeed))
		if _, err := b.Start(t.Context(), "my job", nil, launch.Options{}); err != nil {
			t.Fatal(err)
		}
		je, err := b.Start(t.Context(), "my job", nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobInstanceAlreadyComplete, "batchctl executions --job 'my job'")
	})
	t.Run("a running instance", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("a", succeed))
		b.hold(b.open(), "a", nil, core.StatusStarted)
		je, err := b.Start(t.Context(), "a", nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobExecutionAlreadyRunning, "batchctl show 1")
	})
	t.Run("REPO-08 a job that may not be restarted", func(t *testing.T) {
		t.Parallel()
		j := job("a", fail)
		j.PreventRestart = true
		b := setup(t, j)
		_, err := b.Start(t.Context(), "a", nil, launch.Options{})
		wantError(t, err, errBoom)
		je, err := b.Start(t.Context(), "a", nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobRestart, "batchctl show 1")
	})
}

// validator is a JobParametersValidator made of a function.
type validator func(core.JobParameters, *time.Location) error

func (f validator) Validate(ps core.JobParameters, zone *time.Location) error { return f(ps, zone) }

func TestPoll(t *testing.T) {
	t.Parallel()
	t.Run("a stop from outside is noticed during a long call", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		waits := func(ctx context.Context, s *core.Scope) error {
			if _, err := b.open().RequestStop(ctx, s.Execution.ID); err != nil {
				return err
			}
			select {
			case <-s.Stop.Done():
				return s.Stop.Cause()
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		je, err := b.Launcher.Run(t.Context(), job("a", waits), nil, launch.Options{})
		wantError(t, err, core.ErrStopped)
		if je.Status != core.StatusStopped || je.Steps[0].Status != core.StatusStopped {
			t.Errorf("got %s with step %s", je.Status, je.Steps[0].Status)
		}
	})
	t.Run("the stop that was given is the one that is used", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		stop := core.NewStop()
		stop.Request(core.ErrTimeout)
		je, err := b.Launcher.Run(t.Context(), job("a", succeed), nil, launch.Options{Stop: stop})
		wantError(t, err, core.ErrTimeout)
		if je.Status != core.StatusStopped || len(je.Steps) != 0 {
			t.Errorf("got %s with %d steps", je.Status, len(je.Steps))
		}
	})
	t.Run("a row that cannot be read is no reason to stop", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		polled := make(chan struct{}, 1)
		op := b.operator(blind{b.store, polled}, job("a", func(ctx context.Context, s *core.Scope) error {
			for range 2 {
				select {
				case <-polled:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return s.Stop.Cause()
		}))
		je, err := op.Start(t.Context(), "a", nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if je.Status != core.StatusCompleted {
			t.Errorf("got %s", je.Status)
		}
	})
}

// blind is a repository whose reads fail for a while, as those of a disk do.
type blind struct {
	core.JobRepository
	polled chan struct{}
}

func (r blind) JobStatus(context.Context, int64) (core.BatchStatus, error) {
	select {
	case r.polled <- struct{}{}:
	default:
	}
	return core.StatusUnknown, errors.New("disk I/O error")
}

// mute is a repository in which nothing commits after the launch, and which
// cannot be read back.
type mute struct{ core.JobRepository }

var errDisk = errors.New("database or disk is full")

func (r mute) Begin(context.Context, *core.JobExecution) (core.Tx, error) { return nil, errDisk }

func (r mute) JobExecution(context.Context, int64) (*core.JobExecution, error) { return nil, errDisk }

func TestEndCannotBeRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	store := b.open()
	op := b.operator(mute{store}, job("a", succeed))
	je, err := op.Start(t.Context(), "a", nil, launch.Options{})
	wantError(t, err, errDisk)
	wantError(t, err, core.ErrRepository)
	wantHint(t, err, "batchctl restart 1")
	if je == nil || je.Status != core.StatusStarting {
		t.Errorf("got %+v, want the execution as far as it is known", je)
	}
	if v, err := b.store.OwnerOf(t.Context(), 1); err != nil || v.Liveness != core.OwnerAlive {
		t.Errorf("the owner is %v, %v while its process lives", v, err)
	}
	if err := store.Close(); err != nil { // as the end of the process does
		t.Fatal(err)
	}
	again, err := b.operator(b.store, job("a", succeed)).Restart(t.Context(), 1, nil, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if again.Status != core.StatusCompleted || len(again.Recovered) != 1 {
		t.Errorf("got %s, recovered %v", again.Status, again.Recovered)
	}
}

func TestTakenOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	je, err := b.Launcher.Run(t.Context(), job("a", func(ctx context.Context, s *core.Scope) error {
		_, _, err := b.open().Recover(ctx, s.Execution.ID, true)
		return err
	}), nil, launch.Options{})
	wantError(t, err, core.ErrLeaseLost)
	if je == nil || je.Status != core.StatusFailed {
		t.Errorf("got %+v, want what the other process has written", je)
	}
}

func TestWordsCanBeTypedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, daily(succeed))
	je, err := b.Start(t.Context(), "daily", params(day(1)), launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logged := regexp.MustCompile(`parameters="([^"]*)"`).FindStringSubmatch(b.logs.String())
	if logged == nil {
		t.Fatalf("the log has no parameters:\n%s", b.logs)
	}
	ps, err := daily(succeed).Notation().Parse(strings.Fields(logged[1]))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(ps.Identifying()), fmt.Sprint(je.Parameters.Identifying()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
