package execstep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// Classes of errors of commands. A timeout is core.ClassTimeout.
const (
	ClassExit   = "exec.exit"   // an exit code that is mapped to FAILED
	ClassSignal = "exec.signal" // ended by a signal that batchctl did not send
	ClassStart  = "exec.start"  // could not be started
	ClassOutput = "exec.output" // what it wrote to BATCH_OUTPUT cannot be read
)

// ExitCodeTimeout is the exit code of a step whose time was over.
const ExitCodeTimeout = "TIMEOUT"

// Keys in the step's context.
const (
	// ContextKeyStarted holds the id of the step execution whose command was
	// started and has not been seen to end; OnCrash looks at it.
	ContextKeyStarted = "batchctl.exec.started"
	// ContextKeyLog holds the path of the log of a command that completed.
	ContextKeyLog = "batchctl.exec.log"
)

// Step returns a step that runs one command. bind is called for each execution
// of the step; what it returns is checked before anything is started, and an
// ErrJobDefinition says what is wrong with it.
func Step(name string, bind func(s *core.Scope) (Config, error)) *core.Step {
	return &core.Step{Name: name, Kind: "exec", Bind: func(s *core.Scope) (core.StepBody, error) {
		cfg, err := bind(s)
		if err != nil {
			return nil, err
		}
		if cfg, err = cfg.checked(); err != nil {
			return nil, err
		}
		return engine.TaskletStep(name, tasklet{cfg}).Bind(s)
	}}
}

// tasklet is the step's work: one call.
type tasklet struct{ cfg Config }

// call is one command about to be run.
type call struct {
	name       string // for messages
	path       string
	argv       []string
	env        []string
	dir, mark  string
	stdin      *os.File // nil: /dev/null
	stdout     *os.File // nil: the log
	kept       *os.File // inherited; may be nil
	log        *logFile
	timeout    time.Duration
	killAfter  time.Duration
	outputPath string
}

// reason is what made a command end.
type reason int8

const (
	byItself reason = iota
	byTimeout
	byStop
	byAbort
)

// result is how a command ended.
type result struct {
	why    reason
	pid    int
	code   int    // -1 when a signal ended it
	signal string // its name; empty when none did
	left   bool   // processes of its group run on
	asked  bool   // it has named the outcome itself
	err    error  // it is not known how it ended
}

// Execute implements core.Tasklet.
func (t tasklet) Execute(ctx context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
	command, done, err := t.prepare(ctx, s)
	if err != nil {
		return core.Finished, err
	}
	err = logged(s, t.execute(ctx, s, c, command), command.log.path)
	return core.Finished, errors.Join(err, done())
}

// execute runs the command, unless a restart finds that it was done.
func (t tasklet) execute(ctx context.Context, s *core.Scope, c *core.StepContribution, command call) error {
	due, err := t.settle(ctx, s, c, command)
	if err != nil || !due {
		return err
	}
	if cause := s.Stop.Cause(); cause != nil {
		return cause
	}
	if t.cfg.OnCrash != Rerun {
		if err := mark(ctx, s); err != nil { // it may be there in spite of the error
			return t.unmarked(s, err)
		}
	}
	r, err := t.run(ctx, s, command)
	if err == nil {
		err = t.conclude(ctx, s, c, command, r)
	}
	if err != nil {
		return t.unmarked(s, err)
	}
	return nil
}

// run starts a command and waits for its end.
func (t tasklet) run(ctx context.Context, s *core.Scope, c call) (result, error) {
	p, err := c.start()
	if err != nil {
		return result{}, err
	}
	fault.Point("execstep.after-start")
	s.Log.LogAttrs(ctx, slog.LevelInfo, "Command started", slog.String("step", s.Step.StepName),
		slog.Int64("stepExecutionId", s.Step.ID), slog.Int("pid", p.pid()), slog.String("log", c.log.path))
	r := p.supervise(ctx, c, s.Stop.Done())
	fault.Point("execstep.after-end")
	s.Log.LogAttrs(ctx, slog.LevelInfo, "Command ended", slog.String("step", s.Step.StepName),
		slog.Int64("stepExecutionId", s.Step.ID), slog.Int("pid", r.pid), slog.Int("code", r.code),
		slog.String("signal", r.signal), slog.String("log", c.log.path))
	r.left = t.leftBehind(ctx, s, c, p, r)
	return r, nil
}

// start starts the command, or says that it cannot.
func (c call) start() (*process, error) {
	p, err := start(c)
	if err != nil {
		return nil, core.Classified(ClassStart, &core.Error{Msg: c.name + " cannot be started", Err: withoutPath(err)})
	}
	return p, nil
}

// completes reports whether a command that ended so has gone well.
func (t tasklet) completes(r result) bool {
	name := t.cfg.outcome(r.code)
	return r.signal == "" && name != core.ExitCodeFailed && name != core.ExitCodeStopped
}

// leftBehind deals with processes that run on after their command has ended, and
// reports whether they still do. Those of a command that went well may be meant
// so; those of one that failed would get in the way of the next attempt, and are
// ended, also where they have left the group. To look for these takes a look at
// every process of the machine, which what goes well need not wait for.
func (t tasklet) leftBehind(ctx context.Context, s *core.Scope, c call, p *process, r result) bool {
	if t.completes(r) {
		if r.left {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "the command has left processes running", slog.String("step", s.Step.StepName),
				slog.Int64("stepExecutionId", s.Step.ID), slog.Int("processGroup", r.pid))
		}
		return r.left
	}
	if r.left || r.why == byItself && p.hasStrays() {
		p.terminate(ctx, c.killAfter, c.log)
	}
	return false
}

// conclude makes the end of a command the end of the step: contribution and
// contexts when it completed, else an error.
func (t tasklet) conclude(ctx context.Context, s *core.Scope, c *core.StepContribution, command call, r result) error {
	tell(ctx, s, command.log.finish())
	name, err := t.verdict(ctx, s, command, r)
	if err != nil {
		return err
	}
	if err := ended(command, r, name); err != nil {
		return err
	}
	if r.why == byAbort { // there is no time left to commit it
		return &unknownEndError{context.Cause(ctx)}
	}
	out, err := readOutput(command.outputPath, s.Mask)
	if err != nil {
		return core.Classified(ClassOutput, &core.Error{
			Msg: command.name + " " + r.text(), Hint: "its work may be done, and a restart runs it again", Err: err,
		})
	}
	if out.ExitStatus != "" {
		name, r.asked = out.ExitStatus, true
	}
	if err := ended(command, r, name); err != nil {
		return err
	}
	for key, value := range out.Context {
		s.Context.Put(key, value)
	}
	for key, value := range out.JobContext {
		s.JobContext.Put(key, value)
	}
	s.Context.Put(ContextKeyStarted, nil)
	s.Context.Put(ContextKeyLog, command.log.path)
	c.ExitStatus.Code = name
	if r.left {
		c.ExitStatus.Message = fmt.Sprintf("processes of group %d were left running", r.pid)
	}
	return nil
}

// tell logs what went wrong with a log: it is no reason to fail the step.
func tell(ctx context.Context, s *core.Scope, err error) {
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "the log of the command cannot be shortened",
			slog.String("step", s.Step.StepName), slog.String("error", err.Error()))
	}
}

// verdict returns the outcome of a command that has told one, or the error of
// one that has not.
func (t tasklet) verdict(ctx context.Context, s *core.Scope, c call, r result) (name string, err error) {
	switch {
	case r.err != nil:
		return "", &unknownEndError{core.Classified(ClassSignal, &core.Error{
			Msg: "it is not known how " + c.name + " ended", Err: r.err,
		})}
	case r.why == byTimeout:
		err := &core.Error{Msg: fmt.Sprintf("%s was still running after %s, was told to end, and %s%s", c.name, c.timeout, r.text(), said(c.log))}
		return "", core.WithExitCode(ExitCodeTimeout, core.Classified(core.ClassTimeout, err))
	}
	name = t.cfg.outcome(r.code)
	switch {
	case t.completes(r):
		return name, nil
	case r.why == byStop:
		return "", &core.Error{Kind: s.Stop.Cause(), Msg: c.name + " was told to end, and " + r.text() + said(c.log)}
	case r.why == byAbort:
		return "", &core.Error{Kind: context.Cause(ctx), Msg: c.name + " was told to end at once, and " + r.text() + said(c.log)}
	case r.signal != "":
		return "", core.Classified(ClassSignal, &core.Error{Msg: c.name + " " + r.text() + said(c.log)})
	}
	return name, nil
}

// ended is the error of an outcome that does not complete the step.
func ended(c call, r result, name string) error {
	how := c.name + " " + r.text()
	if r.asked {
		how += " and asked for " + name + " in its output file"
	}
	switch name {
	case core.ExitCodeFailed:
		return core.Classified(ClassExit, &core.Error{Msg: how + said(c.log)})
	case core.ExitCodeStopped:
		if !r.asked {
			how += ", which means " + name
		}
		return &core.Error{Kind: core.ErrStopped, Msg: how + said(c.log)}
	}
	return nil
}

// text says how a command ended.
func (r result) text() string {
	if r.signal != "" {
		return "was ended by " + r.signal
	}
	return fmt.Sprintf("exited with code %d", r.code)
}

// said is the end of a message: where the output is, and its last lines.
func said(l *logFile) string {
	where := "; log " + core.QuotePath(l.path)
	if last := l.last(); last != "" {
		return where + " ends: " + last
	}
	return where + " is empty"
}

// prepare makes everything that the command needs and says what is missing. done
// clears up.
func (t tasklet) prepare(ctx context.Context, s *core.Scope) (c call, done func() error, err error) {
	cfg := t.cfg
	if err := cfg.checkDir(); err != nil {
		return c, nil, err
	}
	var open []func() error
	done = func() error {
		var errs []error
		for _, f := range open {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, done())
		}
	}()
	c = call{name: cfg.name(), argv: cfg.argv(s.Step.StepName), timeout: cfg.Timeout, killAfter: cfg.KillAfter, mark: s.Token()}
	if c.dir, err = filepath.Abs(cfg.Dir); err != nil {
		return c, done, fmt.Errorf("find the working directory: %w", err)
	}
	if cfg.Stdin != "" {
		if c.stdin, err = openStdin(cfg.Stdin, c.dir); err != nil {
			return c, done, err
		}
		open = append(open, c.stdin.Close)
	}
	logs := cfg.LogDir
	if logs == "" {
		if logs, err = LogDir(os.Getenv); err != nil {
			return c, done, err
		}
	}
	logName := cfg.logName
	if logName == "" {
		logName = s.Step.StepName
	}
	if c.log, err = createLog(logs, s.Job.Name, logName, s.Execution.ID, defaultBounds()); err != nil {
		return c, done, err
	}
	if !s.Masker.Empty() {
		c.log.mask = s.Mask
	}
	open = append(open, c.log.close)
	lineage, _, err := s.Step.Context.String(core.ContextKeyLineage)
	if err != nil {
		return c, done, err
	}
	if c.outputPath, err = createOutput(c.log.path, lineage); err != nil {
		return c, done, err
	}
	open = append(open, func() error { return removed(c.outputPath) })
	if err := t.surround(ctx, s, &c, lineage); err != nil {
		return c, done, err
	}
	c.kept = s.Repo.LockFile(s.Execution)
	return c, done, nil
}

// surround fills in the environment and finds the program in it.
func (t tasklet) surround(ctx context.Context, s *core.Scope, c *call, lineage string) error {
	attempt, err := s.Repo.StepExecutionCount(ctx, s.Execution.Instance.ID, s.Step.StepName)
	if err != nil {
		return fmt.Errorf("count the attempts: %w", err)
	}
	if attempt > 1 {
		tidy(ctx, s, c.outputPath)
	}
	added, err := t.cfg.withSecrets(s)
	if err != nil {
		return err
	}
	c.env, err = facts{
		parameters: s.Execution.Parameters, declared: s.Job.Parameters, jobName: s.Job.Name, stepName: s.Step.StepName, part: s.Partition(),
		instance: s.Execution.Instance.ID, execution: s.Execution.ID, stepExecution: s.Step.ID,
		attempt: attempt, idempotencyKey: lineage, output: c.outputPath, call: c.mark,
		database: databaseOf(s.Repo), folders: t.cfg.JobFolders,
		formatted: func(p core.JobParameter) string { return core.FormatValue(p, s.Repo.Zone()) },
		inherited: os.Environ(), inherit: t.cfg.InheritEnv, added: added,
	}.environment()
	if err != nil {
		return err
	}
	c.path, err = lookUp(c.argv[0], c.dir, valueOf(c.env, "PATH"))
	return err
}

// databaseOf returns the path of a repository that is a file.
func databaseOf(repo core.JobRepository) string {
	if file, ok := repo.(interface{ Path() string }); ok {
		return file.Path()
	}
	return ""
}

func openStdin(path, dir string) (*os.File, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = errors.New("it is a directory")
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path) //nolint:gosec // it is what the definition names
	}
	if err != nil {
		return nil, &core.Error{
			Kind: core.ErrJobDefinition, Msg: "exec: stdin " + core.QuotePath(path) + " cannot be read",
			Hint: core.ShellQuote("ls", "-l", path), Err: withoutPath(err),
		}
	}
	return f, nil
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
