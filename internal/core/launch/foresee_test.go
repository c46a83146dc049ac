package launch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/core/secret"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// foresee asks as another process would, through a repository that is only read.
func (b *bundle) foresee(job *core.Job, ps core.JobParameters, o launch.Options) (*launch.Forecast, error) {
	b.t.Helper()
	x, err := sqlite.OpenExplorer(b.t.Context(), b.path, sqlite.Options{Now: b.now})
	if err != nil {
		b.t.Fatal(err)
	}
	defer x.Close() // only read from
	f := launch.Foresight{Explorer: x, Calendar: launch.Calendar{Zone: x.Zone()}, Dir: "/srv/batch", Masker: &secret.Masker{}}
	return f.Run(b.t.Context(), job, ps, o)
}

// twice is a job of two steps, of which the second fails.
func twice() *core.Job {
	j := job("a", succeed)
	j.Steps[0].Name = "first"
	second := job("a", fail).Steps[0]
	second.Name = "second"
	j.Steps = append(j.Steps, second)
	return j
}

func outlooks(f *launch.Forecast) string {
	var words []string
	for _, s := range f.Steps {
		words = append(words, s.Step.Name+" "+s.Outlook.String())
	}
	return strings.Join(words, ", ")
}

// TestForesightRefuses: what is foreseen is what then happens, word by word.
func TestForesightRefuses(t *testing.T) {
	t.Parallel()
	defined := func(hash string) *core.Job {
		j := job("a", fail)
		j.Definition = &core.JobDefinition{Hash: hash, Text: "job: a"}
		return j
	}
	for _, tt := range []struct {
		name   string
		kind   error
		before func(b *bundle)
		job    func() *core.Job
		ps     core.JobParameters
	}{
		{"complete", core.ErrJobInstanceAlreadyComplete, func(b *bundle) { b.leave("a", nil, core.StatusCompleted) }, nil, nil},
		{"unknown", core.ErrJobRestart, func(b *bundle) { b.leave("a", nil, core.StatusUnknown) }, nil, nil},
		{"abandoned", core.ErrJobRestart, func(b *bundle) { b.leave("a", nil, core.StatusAbandoned) }, nil, nil},
		{"running", core.ErrJobExecutionAlreadyRunning, func(b *bundle) { b.hold(b.store, "a", nil, core.StatusStarted) }, nil, nil},
		{"not restartable", core.ErrJobRestart, func(b *bundle) { b.leave("a", nil, core.StatusFailed) }, func() *core.Job {
			j := job("a", succeed)
			j.PreventRestart = true
			return j
		}, nil},
		{"dead and not restartable", core.ErrJobRestart, func(b *bundle) { b.orphan("a", nil, core.StatusStarted) }, func() *core.Job {
			j := job("a", succeed)
			j.PreventRestart = true
			return j
		}, nil},
		{"an undeclared parameter", core.ErrJobParametersInvalid, func(*bundle) {}, nil, params(core.JobParameter{Name: "x", Value: "1"})},
		{"a changed definition", core.ErrJobRestart, func(b *bundle) {
			if _, err := b.Launcher.Run(b.t.Context(), defined("one"), nil, launch.Options{}); !errors.Is(err, errBoom) {
				b.t.Fatal(err)
			}
		}, func() *core.Job { return defined("two") }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			tt.before(b)
			j := job("a", succeed)
			if tt.job != nil {
				j = tt.job()
			}
			before := b.executions()
			forecast, foreseen := b.foresee(j, tt.ps, launch.Options{})
			wantError(t, foreseen, tt.kind)
			if forecast != nil {
				t.Errorf("got %+v beside the refusal", forecast)
			}
			je, err := b.Launcher.Run(t.Context(), j, tt.ps, launch.Options{})
			wantRefusal(t, b, before, je, err, tt.kind, core.Hint(foreseen))
			if diff := cmp.Diff(err.Error(), foreseen.Error()); diff != "" {
				t.Errorf("(-refused +foreseen):\n%s", diff)
			}
		})
	}
}

func TestForesight(t *testing.T) {
	t.Parallel()
	t.Run("where there is no repository everything would be started", func(t *testing.T) {
		t.Parallel()
		f := launch.Foresight{Calendar: launch.Calendar{Zone: time.UTC}, Dir: "/srv/batch", Masker: &secret.Masker{}}
		forecast, err := f.Run(t.Context(), daily(succeed), params(day(1)), launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := outlooks(forecast); got != "work start" || forecast.Last != nil {
			t.Errorf("got %q, last %v", got, forecast.Last)
		}
		if p, ok := forecast.Parameters.Lookup("inputDir"); !ok || p.Value != "/srv/batch/in" {
			t.Errorf("the parameters are not complete: %v", forecast.Parameters)
		}
	})
	t.Run("a restart skips what is complete, and resumes what failed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.Launcher.Run(t.Context(), twice(), nil, launch.Options{})
		wantError(t, err, errBoom)
		forecast, err := b.foresee(twice(), nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := outlooks(forecast); got != "first skip, second resume" || forecast.Last == nil || forecast.Last.ID != 1 {
			t.Errorf("got %q after %v", got, forecast.Last)
		}
	})
	t.Run("the dead would be recovered, and are not yet", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		dead := b.orphan("a", nil, core.StatusStarted)
		forecast, err := b.foresee(job("a", succeed), nil, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int64{dead.ID}, forecast.Recovered); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if status, err := b.store.JobStatus(t.Context(), dead.ID); err != nil || status != core.StatusStarted {
			t.Errorf("the dead one is %s now, %v", status, err)
		}
	})
	t.Run("a step at its limit", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		limited := func() *core.Job {
			j := job("a", fail)
			j.Steps[0].StartLimit = 1
			return j
		}
		_, err := b.Launcher.Run(t.Context(), limited(), nil, launch.Options{})
		wantError(t, err, errBoom)
		_, err = b.foresee(limited(), nil, launch.Options{})
		wantError(t, err, core.ErrStartLimitExceeded)
		wantHint(t, err, "batchctl show 1")
	})
	t.Run("a changed definition that is meant", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		j := job("a", fail)
		j.Definition = &core.JobDefinition{Hash: "one", Text: "job: a"}
		_, err := b.Launcher.Run(t.Context(), j, nil, launch.Options{})
		wantError(t, err, errBoom)
		j.Definition = &core.JobDefinition{Hash: "two", Text: "job: a # changed"}
		if _, err := b.foresee(j, nil, launch.Options{NewDefinition: true}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a secret that is not there", func(t *testing.T) {
		t.Parallel()
		j := job("a", func(context.Context, *core.Scope) error { return fmt.Errorf("not to be run") })
		j.Parameters = core.ParameterSpecs{{Name: "password", Type: core.TypeSecret}}
		_, err := setup(t).foresee(j, params(core.JobParameter{Name: "password", Value: "env:BATCHCTL_NO_SUCH_SECRET"}), launch.Options{})
		wantError(t, err, core.ErrJobParametersInvalid)
	})
}

// TestForesightOfChildren: a job step whose job would be refused is no step that
// would be resumed.
func TestForesightOfChildren(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		before func(b *bundle, child *core.JobExecution)
		kind   error // nil: none that is true of the parent
		said   string
		hint   string
	}{
		{"given up", func(b *bundle, child *core.JobExecution) {
			if _, err := b.Abandon(b.t.Context(), child.ID); err != nil {
				b.t.Fatal(err)
			}
		}, core.ErrJobRestart, "execution 2 of daily day=2021-01-01 is ABANDONED", "batchctl abandon 1"},
		{"held", func(b *bundle, child *core.JobExecution) {
			b.hold(b.store, "daily", child.Parameters, core.StatusStarted)
		}, nil, "execution 3 is STARTED", "batchctl show 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			child := daily(fail)
			child.Parameters = core.ParameterSpecs{{Name: "day", Type: core.TypeDate}}
			parent := monthly(child, dayOnly())
			b := setup(t, parent, child)
			if _, err := b.start(day(1)); err == nil {
				t.Fatal("the child did not fail")
			}
			if forecast, err := b.foresee(parent, params(day(1)), launch.Options{}); err != nil || outlooks(forecast) != "close resume, work start" {
				t.Fatalf("got %v, %v", forecast, err)
			}
			tt.before(b, b.of("daily")[0])
			_, err := b.foresee(parent, params(day(1)), launch.Options{})
			if err == nil || !strings.Contains(err.Error(), "step close: job daily would not be launched") || !strings.Contains(err.Error(), tt.said) {
				t.Fatalf("got %v, want %q in it", err, tt.said)
			}
			wantHint(t, err, tt.hint)
			if final := errors.Is(err, core.ErrJobRestart); final != (tt.kind != nil) || errors.Is(err, core.ErrJobExecutionAlreadyRunning) {
				t.Errorf("the kind of %v is that of the child", err)
			}
			_, ran := b.start(day(1))
			if ran == nil || errors.Is(ran, core.ErrJobRestart) != (tt.kind != nil) {
				t.Errorf("foreseen is %v, and the run says %v", err, ran)
			}
		})
	}
}

// TestForesightOfRestart: behind a stop that says where a restart begins, only
// what can be come to from there is foreseen.
func TestForesightOfRestart(t *testing.T) {
	t.Parallel()
	step := func(name string) *core.Step {
		s := job("a", succeed).Steps[0]
		s.Name = name
		return s
	}
	j := &core.Job{Name: "review", Open: true, Flow: []core.Element{
		{Step: step("a"), Transitions: []core.Transition{{On: "COMPLETED", To: core.ToStop, Restart: "y"}, {On: "*", To: "mid"}}},
		{Step: step("mid"), Next: "y"},
		{Step: step("y"), Next: "z"},
		{Step: step("z")},
	}}
	b := setup(t, j)
	je, err := b.Launcher.Run(t.Context(), j, nil, launch.Options{})
	wantError(t, err, core.ErrStopped)
	wantStates(t, je, "STOPPED/STOPPED: a COMPLETED/COMPLETED")
	forecast, err := b.foresee(j, nil, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := outlooks(forecast); got != "y start, z start" || forecast.RestartAt != "y" {
		t.Errorf("got %q, from %q", got, forecast.RestartAt)
	}
	je, err = b.Launcher.Run(t.Context(), j, nil, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, je, "COMPLETED/COMPLETED: y COMPLETED/COMPLETED z COMPLETED/COMPLETED")
}
