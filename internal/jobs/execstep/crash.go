package execstep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// unknownEndError is the error of a step whose command may have done its work,
// which nothing has recorded: the mark stays.
type unknownEndError struct{ err error }

func (e *unknownEndError) Error() string { return e.err.Error() }
func (e *unknownEndError) Unwrap() error { return e.err }

// mark records that this step execution has started the command.
func mark(ctx context.Context, s *core.Scope) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return fmt.Errorf("record the start of the command: %w", err)
	}
	next := s.Step.Clone()
	next.Context.Put(ContextKeyStarted, s.Step.ID)
	fault.Point("execstep.before-mark")
	err = s.CommitStep(ctx, tx, s.Step, next, nil)
	fault.Point("execstep.after-mark")
	if err != nil {
		return fmt.Errorf("record the start of the command: %w", err)
	}
	s.Context.Put(ContextKeyStarted, s.Step.ID)
	return nil
}

// unmarked returns err, the known end of a command, so that the commit which
// tells it takes the mark away as well: no restart has to ask how it ended.
func (t tasklet) unmarked(s *core.Scope, err error) error {
	if _, unknown := errors.AsType[*unknownEndError](err); unknown || t.cfg.OnCrash == Rerun {
		return err
	}
	return engine.Leaving(s, err, ContextKeyStarted, nil)
}

// settle decides what to do about a command of an earlier attempt of which
// nobody has seen the end, and reports whether the command has to run.
func (t tasklet) settle(ctx context.Context, s *core.Scope, c *core.StepContribution, command call) (due bool, err error) {
	earlier, marked, err := s.Step.Context.Int64(ContextKeyStarted)
	if err != nil {
		return false, err
	}
	if !marked {
		return true, nil
	}
	died := fmt.Sprintf("batchctl died while %s of step execution %d ran", command.name, earlier)
	switch t.cfg.OnCrash {
	case Rerun:
		s.Context.Put(ContextKeyStarted, nil)
		return true, nil
	case Fail:
		return false, t.unmarked(s, &core.Error{
			Msg:  died + ", and on-crash is fail: it is not known whether it did its work",
			Hint: "find out, then restart: that runs it again",
		})
	case Skip:
		s.Log.LogAttrs(ctx, slog.LevelWarn, "a command that was interrupted is taken for done",
			slog.String("step", s.Step.StepName), slog.Int64("stepExecutionId", earlier))
		s.Context.Put(ContextKeyStarted, nil)
		c.ExitStatus = core.ExitStatus{Code: core.ExitCodeCompleted, Message: died + ", and on-crash is skip: it was not run again"}
		return false, nil
	case Check:
		return t.check(ctx, s, c, command, died)
	}
	return false, definition("exec: %s is none of rerun, fail, skip and check", t.cfg.OnCrash)
}

// The exit codes of a check command.
const (
	checkDone    = 0
	checkNotDone = 1
)

// check asks the check command, in the command's own surroundings, whether the
// command has to run.
func (t tasklet) check(
	ctx context.Context, s *core.Scope, c *core.StepContribution, command call, died string,
) (due bool, err error) {
	asked := command
	asked.name, asked.argv, asked.stdin = "the check command "+core.Quote(t.cfg.CheckCommand[0]), t.cfg.CheckCommand, nil
	if asked.path, err = lookUp(asked.argv[0], asked.dir, valueOf(asked.env, "PATH")); err != nil {
		return false, err
	}
	check := tasklet{Config{Else: core.ExitCodeFailed}}
	r, err := check.run(ctx, s, asked)
	if err != nil {
		return false, err
	}
	if r.err == nil && r.why == byItself && r.code == checkNotDone {
		return true, renewOutput(command.outputPath)
	}
	if r.err == nil && r.why == byItself && r.code != checkDone {
		class := ClassExit
		if r.signal != "" {
			class = ClassSignal
		}
		return false, core.Classified(class, &core.Error{
			Msg:  fmt.Sprintf("%s, and %s %s: it can say 0, done, or 1, not done%s", died, asked.name, r.text(), said(asked.log)),
			Hint: "find out, then restart: that asks again",
		})
	}
	if err := check.conclude(ctx, s, c, asked, r); err != nil {
		return false, err
	}
	c.ExitStatus.Message = died + ", and " + asked.name + " says that it was done: it was not run again"
	return false, nil
}
