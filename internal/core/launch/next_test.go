package launch_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// counted is a job whose instances are numbered.
func counted() *core.Job {
	j := job("counted", succeed)
	j.Parameters = core.ParameterSpecs{{Name: "note", NonIdentifying: true}}
	j.Incrementer = core.RunIDIncrementer{}
	return j
}

func runID(n int64) core.JobParameter {
	return core.JobParameter{Name: "run.id", Value: n, Identifying: true}
}

func TestNextNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		previous core.JobParameters // nil: none
		given    core.JobParameters
		want     core.JobParameters // nil: refused
	}{
		{"INC-01 no previous instance", nil, nil, params(runID(1))},
		{"INC-02 the previous one and its others", params(runID(7), text("note", "n")), nil, params(runID(8), text("note", "n"))},
		{"INC-03 a previous one that is a string", params(core.JobParameter{Name: "run.id", Value: "5", Identifying: true}), nil, params(runID(6))},
		{"INC-04 a previous one that is no number", params(core.JobParameter{Name: "run.id", Value: "foo", Identifying: true}), nil, nil},
		{
			"INC-05 the flag is kept", params(core.JobParameter{Name: "run.id", Value: int64(1)}, core.JobParameter{Name: "note", Value: "a", Identifying: true}),
			params(core.JobParameter{Name: "note", Value: "b", Identifying: true}),
			params(core.JobParameter{Name: "run.id", Value: int64(2)}, core.JobParameter{Name: "note", Value: "b", Identifying: true}),
		},
		{"INC-07 given ones override", params(runID(7), text("note", "n")), params(text("note", "new")), params(runID(8), text("note", "new"))},
		{"INC-07 also the one that moves", params(runID(7)), params(runID(20)), params(runID(20))},
		{"a given one makes up for a previous one that is no number", params(core.JobParameter{Name: "run.id", Value: "foo", Identifying: true}), params(runID(2)), params(runID(2))},
		{"VAL-02 a given one is validated", params(runID(7)), params(text("noet", "n")), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, counted())
			before := 0
			if tt.previous != nil {
				b.leave("counted", tt.previous, core.StatusCompleted)
				before = 1
			}
			je, err := b.StartNextInstance(t.Context(), "counted", tt.given, launch.Options{})
			if tt.want == nil {
				wantError(t, err, core.ErrJobParametersInvalid)
				if core.Hint(err) == "" {
					t.Errorf("error %q has no hint", err)
				}
				if after := b.executions(); after != before {
					t.Errorf("the refusal left %d executions", after-before)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, je.Parameters); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextDay(t *testing.T) {
	t.Parallel()
	t.Run("the day after the last", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		if _, err := b.Start(t.Context(), "daily", params(day(1), text("inputDir", "/data")), launch.Options{}); err != nil {
			t.Fatal(err)
		}
		for n := 2; n <= 3; n++ {
			je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(params(day(n), text("inputDir", "/data"), region), je.Parameters); diff != "" {
				t.Errorf("day %d, parameters (-want +got):\n%s", n, diff)
			}
		}
	})
	t.Run("the first day must be given", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrJobParametersInvalid, "batchctl next daily day=2021-01-01")
		wantError(t, err, core.ErrNoPrevious)
		je, err = b.StartNextInstance(t.Context(), "daily", params(day(1)), launch.Options{})
		if err != nil || je.Status != core.StatusCompleted {
			t.Errorf("got %+v, %v", je, err)
		}
	})
	t.Run("INC-06 a job without an incrementer", func(t *testing.T) {
		t.Parallel()
		b := setup(t, job("a", succeed))
		je, err := b.StartNextInstance(t.Context(), "a", nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrJobParametersInvalid, "batchctl run a")
	})
	t.Run("REG-02 an unknown job", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		je, err := b.StartNextInstance(t.Context(), "nightly", nil, launch.Options{})
		wantRefusal(t, b, 0, je, err, core.ErrNoSuchJob, "batchctl jobs")
	})
	for _, status := range []core.BatchStatus{core.StatusFailed, core.StatusStopped} {
		t.Run("a last instance that is "+status.String()+" is restarted, not stepped over", func(t *testing.T) {
			t.Parallel()
			b := setup(t, daily(succeed))
			b.leave("daily", params(day(1), region), status)
			je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
			wantRefusal(t, b, 1, je, err, core.ErrJobRestart, "batchctl restart 1")
		})
	}
	t.Run("nor is it when the day is given", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.leave("daily", params(day(1), region), core.StatusFailed)
		je, err := b.StartNextInstance(t.Context(), "daily", params(day(2)), launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobRestart, "batchctl restart 1")
	})
	t.Run("a last instance that is UNKNOWN", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.leave("daily", params(day(1), region), core.StatusUnknown)
		je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobRestart, "batchctl show 1 tells how far it came; if that can be done again, have "+
			"the program that left it so set it and its steps to FAILED, then batchctl restart 1; else begin another instance: "+
			"batchctl run daily day=... region=...")
	})
	t.Run("a last instance that was ABANDONED is stepped over", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.leave("daily", params(day(1), region), core.StatusAbandoned)
		je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(params(day(2), region).Identifying(), je.Parameters.Identifying()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a last instance that runs", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.hold(b.open(), "daily", params(day(1), region), core.StatusStarted)
		je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobExecutionAlreadyRunning, "batchctl show 1")
	})
	t.Run("a last instance whose owner is dead is restarted", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		b.orphan("daily", params(day(1), region), core.StatusStarted)
		je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
		wantRefusal(t, b, 1, je, err, core.ErrJobRestart, "batchctl restart 1")
	})
	t.Run("a next day that was run out of order", func(t *testing.T) {
		t.Parallel()
		b := setup(t, daily(succeed))
		for _, n := range []int{2, 1} {
			if _, err := b.Start(t.Context(), "daily", params(day(n)), launch.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		je, err := b.StartNextInstance(t.Context(), "daily", nil, launch.Options{})
		wantRefusal(t, b, 2, je, err, core.ErrJobInstanceAlreadyComplete, "batchctl instances --job daily")
	})
}
