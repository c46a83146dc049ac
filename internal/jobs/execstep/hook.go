package execstep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// DefaultHookTimeout bounds a hook whose Config has no timeout: what only
// watches must not keep a job from ending.
const DefaultHookTimeout = 5 * time.Minute

// Hook is a command that runs beside the work of a job: it is told what happens,
// and is no step.
type Hook struct {
	// Name says what it hears, as in after-job. It names the log.
	Name string
	// Config says what is run. OnCrash must be Rerun: a restart knows nothing of
	// hooks. Exit codes that complete a step are success, whatever their names.
	Config Config
	// Vars are further variables of its environment, named BATCH_ and something.
	Vars map[string]string
	// Last marks a hook that hears an end. It runs although the job was asked to
	// stop or told to end at once: somebody has to hear of that too.
	Last bool
	// Unbounded takes away DefaultHookTimeout: the job waits for what it does.
	Unbounded bool
}

// Run runs the hook in s and waits for its end. The Step of s is the step
// execution that the hook is told about; for a hook of the job it has no name.
// What the hook puts into the job's context by BATCH_OUTPUT is noted there with
// the next write; other output of it means nothing. An error says how it ended.
func (h Hook) Run(ctx context.Context, s *core.Scope) error {
	cfg := h.Config
	if cfg.Timeout == 0 && !h.Unbounded {
		cfg.Timeout = DefaultHookTimeout
	}
	cfg, err := cfg.checked()
	if err != nil {
		return err
	}
	if cfg.OnCrash != Rerun {
		return definition("exec: a hook has no on-crash: it is not run again")
	}
	env := maps.Clone(cfg.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, h.Vars)
	cfg.Env = env
	cfg.logName = h.Name
	if s.Step.StepName != "" {
		cfg.logName = s.Step.StepName + "." + h.Name
	}
	stop := s.Stop.Done()
	if h.Last {
		ctx, stop = context.WithoutCancel(ctx), nil
	}
	t := tasklet{cfg}
	command, done, err := t.prepare(ctx, s)
	if err != nil {
		return err
	}
	return errors.Join(h.run(ctx, s, t, command, stop), done())
}

func (h Hook) run(ctx context.Context, s *core.Scope, t tasklet, c call, stop <-chan struct{}) error {
	p, err := c.start()
	if err != nil {
		return err
	}
	r := p.supervise(ctx, c, stop)
	s.Log.LogAttrs(ctx, slog.LevelInfo, "Hook ended", slog.String("hook", h.Name), slog.String("step", s.Step.StepName),
		slog.Int("code", r.code), slog.String("signal", r.signal), slog.String("log", c.log.path))
	t.leftBehind(ctx, s, c, p, r)
	tell(ctx, s, c.log.finish())
	name, err := t.verdict(ctx, s, c, r)
	if err == nil {
		err = ended(c, r, name)
	}
	if err != nil {
		return err
	}
	out, err := readOutput(c.outputPath, s.Mask)
	if err != nil {
		return core.Classified(ClassOutput, fmt.Errorf("%s exited with code %d: %w", c.name, r.code, err))
	}
	for key, value := range out.JobContext {
		s.Note(key, value)
	}
	return nil
}
