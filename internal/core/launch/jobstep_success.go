package launch

import (
	"context"
	"errors"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// succeeded is how the step ends when its job is COMPLETED with je.
func (b childBody) succeeded(ctx context.Context, s *core.Scope, je *core.JobExecution, how string) (core.ExitStatus, error) {
	code, err := b.exitCode(ctx, s, je)
	return core.ExitStatus{Code: code, Message: childName(je) + how}.AddMessage(je.ExitStatus.Message), err
}

// exitCode is the exit code of je for the parent's flow to branch on. An attempt
// that died right before the end of the job leaves nothing to do to the next,
// which ends with NOOP; the parent must go the same way as without that, so it is
// told what the steps of the attempts before have come to. A job of which no step
// was ever started has NOOP for its own answer.
func (b childBody) exitCode(ctx context.Context, s *core.Scope, je *core.JobExecution) (string, error) {
	code := je.ExitStatus.Code
	if code != core.ExitCodeNoop || len(je.Steps) > 0 {
		return code, nil
	}
	isFlow := len(b.child.Flow) > 0
	for step := range b.child.AllSteps() {
		se, err := s.Repo.LastStepExecution(ctx, je.Instance.ID, step.Name)
		switch {
		case errors.Is(err, core.ErrNoSuchStepExecution):
		case err != nil:
			return "", err
		case isFlow:
			return core.ExitCodeCompleted, nil
		case se.Status == core.StatusCompleted && slices.Contains(b.child.Steps, step):
			code = se.ExitStatus.Code
		}
	}
	return code, nil
}
