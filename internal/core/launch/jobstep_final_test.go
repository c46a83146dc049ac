package launch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// Where no restart of the child can help none of the parent can.
func TestJobStepFinal(t *testing.T) {
	t.Parallel()
	region := core.JobParameter{Name: "region", Value: "eu", Identifying: true}
	for _, tt := range []struct {
		name    string
		prepare func(b *bundle)
		child   func() *core.Job
		said    string
		hint    string
	}{
		{
			name: "it is UNKNOWN", prepare: func(b *bundle) { b.leave("daily", params(day(1), region), core.StatusUnknown) },
			said: "job daily was not launched: run daily: execution 1 is UNKNOWN", hint: "batchctl show 1",
		},
		{
			name: "it must not be restarted", prepare: func(b *bundle) { b.leave("daily", params(day(1), region), core.StatusFailed) },
			child: func() *core.Job {
				j := daily(succeed)
				j.PreventRestart = true
				return j
			},
			said: "job daily was not launched: run daily: ", hint: "batchctl show 1",
		},
		{
			name: "its input has changed", child: func() *core.Job {
				return daily(func(context.Context, *core.Scope) error { return core.ErrCheckpointMismatch })
			},
			said: "execution 2 of job daily ended FAILED", hint: "batchctl show 2",
		},
		{
			name: "one of its steps has been started too often", child: func() *core.Job {
				j := daily(fail)
				j.Steps[0].StartLimit = 1
				return j
			},
			prepare: func(b *bundle) {
				_, err := b.Start(b.t.Context(), "daily", params(day(1)), launch.Options{})
				wantError(b.t, err, errBoom)
			},
			said: "maximum start limit exceeded", hint: "batchctl show 3",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			child := daily(succeed)
			if tt.child != nil {
				child = tt.child()
			}
			b := setup(t, monthly(child, dayOnly()), child)
			if tt.prepare != nil {
				tt.prepare(b)
			}
			je, err := b.start(day(1))
			wantError(t, err, core.ErrJobRestart)
			wantHint(t, err, tt.hint)
			if !strings.Contains(err.Error(), tt.said) || !strings.Contains(je.Steps[0].ExitStatus.Message, tt.said) {
				t.Errorf("neither the error nor the exit message may lack %q:\n%v\n%s", tt.said, err, je.Steps[0].ExitStatus.Message)
			}
			wantStates(t, je, "FAILED/FAILED: close FAILED/FAILED")
		})
	}
}

// The permission to go on under a new definition is one for all that is launched,
// at whatever depth, and the hint is the command for the outermost job.
func TestJobStepNewDefinition(t *testing.T) {
	t.Parallel()
	inner := daily(failFirst(1))
	inner.Definition = &core.JobDefinition{Hash: "one", Text: "job: daily"}
	middle := &core.Job{Name: "middle", Open: true, Steps: []*core.Step{launch.JobStep("inner", inner, dayOnly())}}
	outer := &core.Job{Name: "outer", Open: true, Steps: []*core.Step{launch.JobStep("middle", middle, nil)}}
	b := setup(t, outer, middle, inner)
	first, err := b.Start(t.Context(), "outer", params(day(1)), launch.Options{})
	if err == nil {
		t.Fatal("the child did not fail")
	}
	inner.Definition = &core.JobDefinition{Hash: "two", Text: "job: daily # mended"}
	second, err := b.Restart(t.Context(), first.ID, nil, launch.Options{})
	wantError(t, err, core.ErrJobRestart)
	wantHint(t, err, fmt.Sprintf("put the old one back, or go on under the new one with: batchctl restart %d --new-definition", second.ID))
	if said := "the definition of the job has changed since the last attempt, execution 3 of daily day=2021-01-01 region=eu, from one to two"; !strings.Contains(err.Error(), said) {
		t.Errorf("the error %v lacks %q", err, said)
	}
	if _, err := b.Restart(t.Context(), second.ID, nil, launch.Options{NewDefinition: true}); err != nil {
		t.Error(err)
	}
}
