package bench

import (
	"context"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
	"github.com/batchctl/batchctl/internal/sample"
)

// Feature is a way to settle a day with something for which its records give no
// occasion. The first of Features has nothing, and is what the others are
// compared with.
type Feature struct {
	Name      string
	skipLimit int64
	listener  core.Listener
	// around returns the elements of a flow job with both steps in it; nil makes a
	// simple job of them.
	around func(verify, settle *core.Step) []core.Element
}

// Features returns the ways to run the first two steps of dailySettlement.
func Features() []Feature {
	return []Feature{
		{Name: "plain"},
		{Name: "skip policy and rejects", skipLimit: 1000},
		{Name: "listeners that hear nothing", listener: core.Join(core.Listener{}, core.Listener{})},
		{Name: "flow with transitions", around: func(verify, settle *core.Step) []core.Element {
			return []core.Element{
				{Step: verify, Next: settle.Name, Transitions: []core.Transition{{On: "NEVER*", To: core.ToFail}}},
				{Step: settle, Transitions: []core.Transition{{On: "NEVER*", To: core.ToFail}, {On: "COMPLETED", To: core.ToEnd}}},
			}
		}},
		{Name: "nested flow", around: func(verify, settle *core.Step) []core.Element {
			return []core.Element{{Name: "nested", Flow: []core.Element{{Step: verify}, {Step: settle}}}}
		}},
		{Name: "split of one branch", around: func(verify, settle *core.Step) []core.Element {
			return []core.Element{{Step: verify}, {Name: "split", Split: []core.Element{{Step: settle}}}}
		}},
	}
}

// Settle runs f for day, whose files are in dir, on a repository of its own at
// dbPath, and returns what the chunk step took.
func (f Feature) Settle(ctx context.Context, dbPath, dir string, day sample.Day, now func() time.Time) (Cost, error) {
	job := settlement.Job()
	var verify, settle *core.Step
	for step := range job.AllSteps() {
		switch step.Name {
		case settlement.StepVerify:
			verify = step
		case settlement.StepSettle:
			settle = step
		}
	}
	job.Listener, job.Flow = f.listener, nil
	if f.around != nil {
		job.Flow = f.around(verify, settle)
	} else {
		job.Steps = []*core.Step{verify, settle}
	}
	ps := settlementParameters(dbPath, dir, day).With(core.JobParameter{Name: settlement.ParamSkipLimit, Value: f.skipLimit})
	return runStep(ctx, job, settlement.StepSettle, dbPath, ps, now)
}
