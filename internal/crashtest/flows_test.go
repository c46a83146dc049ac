//go:build crash

package crashtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// mover returns a step that moves the CSV source.
func moverStep(dir, name string, write bindPart) *core.Step {
	return &core.Step{Name: name, Bind: func(s *core.Scope) (core.StepBody, error) {
		return bindWith(readCSV, write)(dir, s)
	}}
}

func nothing(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
	return core.Finished, nil
}

var errGivenUp = errors.New("this step always fails")

func failing(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
	return core.Finished, errGivenUp
}

// splitJob moves the source to three outputs at the same time, in a branch of
// one step, one of two and one behind a decision; a fourth catches a failure.
func splitJob(dir string) *core.Job {
	job := newJob()
	job.Flow = []core.Element{
		{Name: "fan", Split: []core.Element{
			{Step: moverStep(dir, "toRepository", writeRepository)},
			{Name: "branch", Flow: []core.Element{
				{Step: moverStep(dir, "toSink", writeSink)},
				{Step: engine.TaskletStep("behindSink", core.TaskletFunc(nothing))},
			}},
			{Name: "choosing", Flow: []core.Element{
				{
					Name: "choose",
					Decider: core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) {
						return "FILE", nil
					}),
					Transitions: []core.Transition{{On: "FILE", To: "toFile"}, {On: "*", To: core.ToFail}},
				},
				{Step: moverStep(dir, "toFile", writeCSV)},
			}},
			{Name: "catching", Flow: []core.Element{
				{
					Step:        engine.TaskletStep("fails", core.TaskletFunc(failing)),
					Transitions: []core.Transition{{On: core.ExitCodeFailed, To: "behindFailure"}, {On: "*", To: core.ToFail}},
				},
				{Step: engine.TaskletStep("behindFailure", core.TaskletFunc(nothing))},
			}},
		}},
		{Step: engine.TaskletStep("behindAll", core.TaskletFunc(nothing))},
	}
	return job
}

func splitTruth(h *history) {
	h.steps, h.abandoned = 6, 1
	h.commits = 3*h.commits + 3 // the calls of the tasklets
	for i := range h.counts {
		h.counts[i] *= 3
	}
}

// parentJob moves the source, and launches a job that does as well, and which
// launches another one that does. The parameters of both are drawn anew by every
// attempt: whoever does not keep them moves the rows again, in another instance.
func parentJob(dir string) *core.Job {
	grandchild := newJob(moverStep(dir, "toRepository", writeRepository))
	grandchild.Name, grandchild.Parameters = "crash-grandchild", drawnParameters()
	child := newJob(moverStep(dir, "toSink", writeSink), launch.JobStep("grandchild", grandchild, draw))
	child.Name, child.Parameters = "crash-child", drawnParameters()
	return newJob(
		moverStep(dir, "toFile", writeCSV),
		launch.JobStep("child", child, draw),
		engine.TaskletStep("behindChild", core.TaskletFunc(nothing)),
	)
}

const drawnParameter = "drawn"

func drawnParameters() core.ParameterSpecs {
	return core.ParameterSpecs{{Name: drawnParameter, Type: core.TypeString, Required: true}}
}

func draw(context.Context, *core.Scope) (core.JobParameters, error) {
	return core.JobParameters{{Name: drawnParameter, Value: rand.Text(), Identifying: true}}, nil
}

func parentTruth(h *history) {
	h.instances, h.executions, h.steps = 3, 3, 6
	h.commits = 3*h.commits + 1 // the call of the tasklet
	for i := range h.counts {
		h.counts[i] *= 3
	}
}

const overlapsFile = "overlaps"

// moveScript does what the pipelines do, and is safe to repeat. It takes down
// when another copy of it lives, and lives long enough to be met by one.
const moveScript = `set -e
other=$(cat pid 2>/dev/null || true)
if [ -n "$other" ]; then
	state=$(cut -d ' ' -f 3 "/proc/$other/stat" 2>/dev/null || true)
	case "$state" in
	''|Z|X) ;;
	*) echo "$$ found $other in state $state" >> overlaps ;;
	esac
fi
echo $$ > "pid.$$"
mv "pid.$$" pid
sleep 0.05
{
	echo id,name,amount
	awk -F, 'NR > 1 && $1 % 10 != 0 { printf "%d,%s,%d\n", $1, $2, 2 * $3 }' input.csv
} > "output.$$"
mv "output.$$" output.csv
rm -f output.[0-9]* pid.[0-9]*
`

// execJob moves the source with a command, which outlives a batchctl that is
// killed: it must not be started a second time while it lives.
func execJob(dir string) *core.Job {
	return newJob(execstep.Step("move", func(*core.Scope) (execstep.Config, error) {
		return execstep.Config{Script: moveScript, Dir: dir, LogDir: dir}, nil
	}))
}

// onceScript is moveScript for one that is not to be started when it was done.
const onceScript = `if [ -e output.csv ]; then echo "$$ was started, and it was done" >> overlaps; fi
` + moveScript

// execCheckedJob asks a command whether the one that nobody saw end was done.
func execCheckedJob(dir string) *core.Job {
	return newJob(execstep.Step("move", func(*core.Scope) (execstep.Config, error) {
		return execstep.Config{
			Script: onceScript, Dir: dir, LogDir: dir, OnCrash: execstep.Check, CheckCommand: []string{"test", "-e", outputFile},
		}, nil
	}))
}

func execTruth(h *history) {
	h.counts, h.commits, h.noFooter = [6]int{}, 1, true
}

// verifyNeverTwice checks that no two copies of the command lived at once, and
// that none was started in vain.
func verifyNeverTwice(_ context.Context, tr *trial) error {
	overlaps, err := os.ReadFile(tr.path(overlapsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("the command ran when it must not: %s", overlaps)
}
