package partition_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/flow"
	"github.com/batchctl/batchctl/internal/core/partition"
)

func TestFlow(t *testing.T) {
	t.Parallel()
	t.Run("PART-28 a partition inside a flow", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var c called
		nothing := tasklet(func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
			return core.Finished, nil
		})
		named := func(name string) *core.Step {
			step := *nothing
			step.Name = name
			return &step
		}
		nightly := func(fail map[string]error) *core.Job {
			return &core.Job{Name: "nightly", Flow: []core.Element{
				{Name: "both", Split: []core.Element{
					{Name: "left", Flow: []core.Element{{
						Step: partition.Step("load", doing(&c, fail), parts("a", "b"), partition.Options{}),
					}}},
					{Name: "right", Step: partition.Step("check", doing(&c, nil), parts("a", "b"), partition.Options{})},
				}, Next: "report", Transitions: []core.Transition{{On: "FAILED", To: core.ToFail}}},
				{Step: named("report")},
			}}
		}
		je, err := b.runJob(t.Context(), nightly(map[string]error{"b": errBoom}))
		if err == nil {
			t.Error("a failed part did not fail the flow")
		}
		wantStates(t, je, "job FAILED/FAILED", "check COMPLETED/COMPLETED", "check:a COMPLETED/COMPLETED", "check:b COMPLETED/COMPLETED",
			"load FAILED/FAILED", "load:a COMPLETED/COMPLETED", "load:b FAILED/FAILED")
		c.take()
		je, err = b.runJob(t.Context(), nightly(nil))
		if err != nil {
			t.Fatal(err)
		}
		wantStates(t, je, "job COMPLETED/COMPLETED", "load COMPLETED/COMPLETED", "load:b COMPLETED/COMPLETED", "report COMPLETED/COMPLETED")
		if diff := cmp.Diff([]string{"b"}, c.take()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("PART-28 a flow inside a partition is refused, and so is a partition", func(t *testing.T) {
		t.Parallel()
		var c called
		inner := doing(&c, nil)
		for _, worker := range []*core.Step{
			flow.Step("inside", core.Element{Step: inner}),
			partition.Step("inside", inner, parts("a"), partition.Options{}),
		} {
			err := (&core.Job{Name: "nightly", Steps: []*core.Step{
				partition.Step("load", worker, parts("a", "b"), partition.Options{}),
			}}).Check()
			wantError(t, err, core.ErrJobDefinition, `step "load": a part can be neither a flow nor partitioned itself`)
		}
	})
}
