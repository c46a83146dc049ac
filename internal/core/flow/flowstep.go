package flow

import (
	"context"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Step returns a step that walks elements: a step of its own, whose inner steps
// are steps of the same job execution. What its context holds when its body
// begins, their contexts hold at their fresh starts. It ends as the elements
// do, with the exit code of the last of them. Within it nothing ends the job but
// a failure, a stop or an error. Set the other fields of the step before it is
// used.
func Step(name string, elements ...core.Element) *core.Step {
	return &core.Step{
		Name: name, Kind: kindFlow, Flow: elements,
		Bind: func(*core.Scope) (core.StepBody, error) { return &stepBody{elements: elements}, nil },
	}
}

// kindFlow is the Kind of a flow step.
const kindFlow = "flow"

// stepBody is the body of a flow step.
type stepBody struct {
	elements []core.Element
	last     *core.StepExecution // before the step
	brake    *brake              // that the step is subject to
}

var _ core.StepBody = (*stepBody)(nil)

// Execute implements core.StepBody.
func (b *stepBody) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	w := newWalker(s.Run)
	w.top, w.initial = compile(b.elements), handedDown(s.Context)
	o := w.level(ctx, w.top, 0, &thread{last: b.last, brake: b.brake})
	if o.err != nil {
		return core.ExitStatus{}, o.err
	}
	return core.ExitStatus{Code: o.exit.Code}, nil
}

// handedDown returns what the steps of a flow step find in their contexts: all
// but what is about the flow step itself.
func handedDown(ec core.ExecutionContext) core.ExecutionContext {
	initial := core.ExecutionContext{}
	for key, value := range ec {
		if !strings.HasPrefix(key, "batchctl.") && !strings.HasPrefix(key, "batch.") {
			initial[key] = value
		}
	}
	return initial
}

// informed returns step, or for a flow step one that knows which step ended
// last before it, and which split it is part of.
func (w *walker) informed(step *core.Step, p *thread) *core.Step {
	if len(step.Flow) == 0 {
		return step
	}
	last, brake, informed := p.last, p.brake, *step
	informed.Bind = func(s *core.Scope) (core.StepBody, error) {
		body, err := step.Bind(s)
		if b, ok := body.(*stepBody); ok {
			b.last, b.brake = last, brake
		}
		return body, err
	}
	return &informed
}
