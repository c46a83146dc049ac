package definition

import (
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// exec makes a step of a command.
func (c *compiler) exec(e *Element) *core.Step {
	configure := c.command(e.Exec)
	limit := lateValue(c, e.Timeout, 0, parseDuration)
	j := c.job
	return execstep.Step(e.ID.Value, func(s *core.Scope) (execstep.Config, error) {
		b := j.inScope(e, s)
		cfg, err := configure(b)
		if err != nil {
			return cfg, err
		}
		cfg.Timeout, err = shorter(b, cfg.Timeout, limit)
		return cfg, err
	})
}

// shorter returns the shorter of two bounds, of which 0 is none.
func shorter(b *bound, own time.Duration, limit late[time.Duration]) (time.Duration, error) {
	other, err := limit(b)
	if other > 0 && (own == 0 || other < own) {
		own = other
	}
	return own, err
}

// command checks a block and returns what makes its configuration when it runs.
func (c *compiler) command(x *Exec) late[execstep.Config] {
	before := len(c.problems)
	c.lates(x.Command)
	c.lates(x.Check)
	c.latePairs(x.Env)
	c.late(x.Dir)
	c.late(x.Stdin)
	timeout := lateValue(c, x.Timeout, 0, parseDuration)
	killAfter := lateValue(c, x.KillAfter, 0, parseDuration)
	codes, otherwise := c.exitCodes(x.ExitCodes)
	onCrash := c.onCrash(x)
	j := c.job
	configure := func(b *bound) (cfg execstep.Config, err error) {
		cfg = execstep.Config{Script: x.Script.Value, ExitCodes: codes, Else: otherwise, OnCrash: onCrash, JobFolders: j.env.Folders}
		if cfg.Command, err = b.texts(x.Command); err != nil {
			return cfg, err
		}
		if cfg.CheckCommand, err = b.texts(x.Check); err != nil {
			return cfg, err
		}
		if cfg.Env, err = b.env().pairs(x.Env); err != nil {
			return cfg, err
		}
		for _, t := range x.InheritEnv {
			cfg.InheritEnv = append(cfg.InheritEnv, t.Value)
		}
		if cfg.Dir, err = b.path(x.Dir); err != nil {
			return cfg, err
		}
		if cfg.Dir == "" {
			cfg.Dir = j.dir
		}
		if cfg.Stdin, err = b.path(x.Stdin); err != nil {
			return cfg, err
		}
		if cfg.Timeout, err = timeout(b); err != nil {
			return cfg, err
		}
		cfg.KillAfter, err = killAfter(b)
		return cfg, err
	}
	if before == len(c.problems) { // the whole, as far as it is known now
		cfg, err := configure(&bound{j: j, guess: true, zone: time.UTC})
		if err == nil {
			err = cfg.Check()
		}
		c.reportError(x.Pos, err)
	}
	return configure
}

// texts is text for a list.
func (b *bound) texts(ts []Text) ([]string, error) {
	var all []string
	for _, t := range ts {
		text, err := b.text(t)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}

// pairs is text for the values of a map.
func (b *bound) pairs(pairs []Pair) (map[string]string, error) {
	all := make(map[string]string, len(pairs))
	for _, p := range pairs {
		text, err := b.text(p.Value)
		if err != nil {
			return nil, err
		}
		all[p.Key.Value] = text
	}
	return all, nil
}

// exitCodes reads the map of exit codes.
func (c *compiler) exitCodes(pairs []Pair) (codes map[int]string, otherwise string) {
	for _, p := range pairs {
		name := c.fixed(p.Value, "an exit status")
		if err := checkExitStatus(name); err != nil {
			c.report(p.Value.Pos(), "", "%v", err)
		} else {
			c.misspeltStatus(p.Value)
		}
		if p.Key.Value == "*" {
			otherwise = name
			continue
		}
		code, err := strconv.Atoi(p.Key.Value)
		if err != nil || code < 0 || code > 255 || strconv.Itoa(code) != p.Key.Value {
			c.report(p.Key.Pos(), "", "%s is no exit code, want 0 to 255 or *", core.Quote(p.Key.Value))
			continue
		}
		if codes == nil {
			codes = map[int]string{}
		}
		codes[code] = name
	}
	return codes, otherwise
}

// checkExitStatus says why a name cannot be the exit status of an element.
func checkExitStatus(name string) error { return execstep.CheckOutcome(name) }

func (c *compiler) onCrash(x *Exec) execstep.OnCrash {
	if len(x.Check) > 0 {
		return execstep.Check
	}
	switch name := c.fixed(x.OnCrash, "on-crash"); name {
	case "", "rerun":
	case "fail":
		return execstep.Fail
	case "skip":
		return execstep.Skip
	default:
		c.report(x.OnCrash.Pos(), didYouMean(name, []string{"rerun", "fail", "skip", "check"}),
			"%s is none of rerun, fail, skip and check", core.Quote(name))
	}
	return execstep.Rerun
}

// The variables that a hook has beside those of every command.
const (
	varStatus     = "BATCH_STATUS"
	varExitStatus = "BATCH_EXIT_STATUS"
	varError      = "BATCH_ERROR"
	varLog        = "BATCH_LOG"
	varPhase      = "BATCH_PHASE"
	varRetries    = "BATCH_RETRIES"
)

// hookVariables say what those mean.
func hookVariables() []execstep.VariableHelp {
	return []execstep.VariableHelp{
		{Name: varStatus, Help: "before-job, after-job, before-step and after-step: the status of the job or step, as COMPLETED or FAILED; before it, STARTED."},
		{Name: varExitStatus, Help: "The same hooks: the exit status, by which transitions choose; before a job UNKNOWN, before a step EXECUTING."},
		{Name: varPhase, Help: "on-skip and on-retry: read, process or write."},
		{Name: varError, Help: "on-skip and on-retry: what was wrong, in one line. after-job and after-step: why it is FAILED, in one line of at most 1000 characters, secrets masked; else empty."},
		{Name: varLog, Help: "after-job and after-step: the log of the command that failed the step, where there is one; else empty."},
		{Name: varRetries, Help: "on-retry: how many retries came before this one, 0 for the first."},
	}
}

// hook is a listener that is a command.
type hook struct {
	j         *job
	name      string
	configure late[execstep.Config]
	last      bool
}

// hook makes a listener of a block; nil when there is none.
func (c *compiler) hook(name string, x *Exec, last bool) *hook {
	if x == nil {
		return nil
	}
	if x.OnCrash.Given() || len(x.Check) > 0 {
		c.report(x.Pos, "take it away", "on-crash means nothing to a hook: a restart does not run it again")
	}
	return &hook{j: c.job, name: name, configure: c.command(x), last: last}
}

// run runs the hook for an execution of a step.
func (h *hook) run(ctx context.Context, e *Element, s *core.Scope, vars map[string]string) error {
	return h.start(ctx, h.j.inScope(e, s), s, vars)
}

func (h *hook) start(ctx context.Context, b *bound, s *core.Scope, vars map[string]string) error {
	cfg, err := h.configure(b)
	if err == nil {
		err = execstep.Hook{Name: h.name, Config: cfg, Vars: vars, Last: h.last}.Run(ctx, s)
	}
	if err != nil {
		return &core.Error{Op: "hook " + h.name, Hint: core.Hint(err), Err: err}
	}
	return nil
}

// runJob runs the hook for the job.
func (h *hook) runJob(ctx context.Context, r *core.Run, vars map[string]string) error {
	s := &core.Scope{Run: r, Step: &core.StepExecution{}, Context: core.ExecutionContext{}}
	return h.start(ctx, h.j.inRun(r), s, vars)
}

func status(status core.BatchStatus, exit core.ExitStatus) map[string]string {
	return map[string]string{varStatus: status.String(), varExitStatus: exit.Code}
}

// maxHookError bounds what a hook is told about a failure, in characters.
const maxHookError = 1000

// failure is what a hook behind the end is told about one that failed, and empty
// values about any other.
func failure(r *core.Run, status core.BatchStatus, exit core.ExitStatus, log string) map[string]string {
	vars := map[string]string{varError: "", varLog: ""}
	if status != core.StatusFailed {
		return vars
	}
	line, _, _ := strings.Cut(r.Mask(exit.Message), "\n")
	if runes := []rune(core.EscapeControl(line)); len(runes) > maxHookError {
		vars[varError] = string(runes[:maxHookError]) + "..."
	} else {
		vars[varError] = string(runes)
	}
	vars[varLog] = log
	return vars
}

// jobListener makes the listener of the job. Its step hooks hear every step, and
// those about items every chunk.
func (c *compiler) jobListener(hooks Hooks) core.Listener {
	c.at = place{}
	chunks := false
	eachStep(c.tree.Steps, func(e *Element) { chunks = chunks || e.Chunk != nil })
	if !chunks {
		c.refuse(hooks.OnSkip, "on-skip", "take it away: only a chunk step skips records, and the job has none")
		c.refuse(hooks.OnRetry, "on-retry", "take it away: only a chunk step tries again, and the job has none")
	}
	l := c.listener(nil, hooks)
	if h := c.hook("before-job", hooks.BeforeJob, false); h != nil {
		l.BeforeJob = func(ctx context.Context, r *core.Run) error {
			state := r.State()
			return h.runJob(ctx, r, status(state.Status, state.ExitStatus))
		}
	}
	if h := c.hook("after-job", hooks.AfterJob, true); h != nil {
		l.AfterJob = func(ctx context.Context, r *core.Run) error {
			vars := status(r.Execution.Status, r.Execution.ExitStatus)
			maps.Copy(vars, failure(r, r.Execution.Status, r.Execution.ExitStatus, execstep.FailedLog(r.Execution)))
			return h.runJob(ctx, r, vars)
		}
	}
	return l
}

// refuse reports a hook where nothing would call it.
func (c *compiler) refuse(x *Exec, name, hint string) {
	if x != nil {
		c.report(x.Pos, hint, "%s means nothing here", name)
	}
}

// stepListener makes the listener of a step. Those about items are the chunk's.
func (c *compiler) stepListener(hooks Hooks) core.Listener {
	c.refuse(hooks.BeforeJob, "before-job", "write it below listeners of the job")
	c.refuse(hooks.AfterJob, "after-job", "write it below listeners of the job")
	if c.at.step.Chunk == nil {
		c.refuse(hooks.OnSkip, "on-skip", "take it away: only a chunk step skips records")
		c.refuse(hooks.OnRetry, "on-retry", "take it away: only a chunk step tries again")
	}
	return c.listener(c.at.step, hooks)
}

// listener makes the functions about steps. e is nil for the hooks of the job.
func (c *compiler) listener(e *Element, hooks Hooks) (l core.Listener) {
	if h := c.hook("before-step", hooks.BeforeStep, false); h != nil {
		l.BeforeStep = func(ctx context.Context, s *core.Scope) error {
			return h.run(ctx, e, s, status(s.Step.Status, s.Step.ExitStatus))
		}
	}
	if h := c.hook("after-step", hooks.AfterStep, true); h != nil {
		l.AfterStep = func(ctx context.Context, s *core.Scope, ended core.StepExecution) (core.ExitStatus, error) {
			vars := status(ended.Status, ended.ExitStatus)
			maps.Copy(vars, failure(s.Run, ended.Status, ended.ExitStatus, execstep.LogOf(ended.Failure)))
			return core.ExitStatus{}, h.run(ctx, e, s, vars)
		}
	}
	return l
}

// heard logs what a hook about an item says: nobody is failed by it.
func (h *hook) heard(ctx context.Context, e *Element, s *core.Scope, vars map[string]string) {
	if err := h.run(ctx, e, s, vars); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelError, "a hook failed", slog.String("hook", h.name),
			slog.String("step", s.Step.StepName), slog.String("definition", filepath.Base(h.j.file.Path)),
			slog.String("error", err.Error()))
	}
}
