package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// launchOptions are what run, next and restart have in common.
type launchOptions struct {
	// verb is the command with its object, "run dailySettlement".
	verb string
	// words are the parameters before "--", signed those behind it.
	words, signed []string
	paramsFile    string
	timeout       time.Duration
	stopTimeout   time.Duration
	newDefinition bool // go on under a definition that has changed
	ifComplete    string

	file     *paramsFile // once it is read
	moment   time.Time   // of the launch
	resolved []resolved
}

// stopTimeoutDefault and exitGrace together stay below the 30 s that Kubernetes
// gives a process between SIGTERM and SIGKILL.
const stopTimeoutDefault = 25 * time.Second

// addLaunchFlags declares the flags of run, next and restart. None of them may
// have a short form that takes a value: "-d=2021" has to stay an error.
func (a *app) addLaunchFlags(cmd *cobra.Command, o *launchOptions) {
	cmd.Flags().StringVar(&o.paramsFile, "params-file", "", "read more parameters from this `file`, name=value on each line; - is standard input")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "stop at the next commit after this `time`, as in 90m (exit code 9)")
	cmd.Flags().DurationVar(&o.stopTimeout, "stop-timeout", stopTimeoutDefault,
		"roll back and end when a signal or --timeout has not stopped the job within this `time`; 0: wait for ever")
	cmd.Flags().BoolVar(&o.newDefinition, "new-definition", false, "go on although the definition file of the job has changed since the last attempt")
	a.addLaunchSettings(cmd.Flags())
}

// readWords takes the object of the verb and the parameters from args.
func (o *launchOptions) readWords(cmd *cobra.Command, args []string) (object string, err error) {
	o.verb = cmd.Name() + " " + args[0]
	if o.timeout < 0 {
		return "", usageError("give a positive time, as in --timeout 90m", "%s: --timeout: value %s is negative", o.verb, core.Quote(o.timeout.String()))
	}
	if o.stopTimeout < 0 {
		return "", usageError("give a positive time, or 0 to wait for ever",
			"%s: --stop-timeout: value %s is negative", o.verb, core.Quote(o.stopTimeout.String()))
	}
	dash := len(args)
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		dash = max(1, at)
	}
	o.words, o.signed = args[1:dash], args[dash:]
	return args[0], nil
}

// openFor opens the repository and reads the parameters of job in its zone. A
// repository that is not there is made only when nothing is wrong with the
// words; check looks at them as a launch would.
func (a *app) openFor(
	ctx context.Context, job *core.Job, o *launchOptions, check func(core.JobParameters) error,
) (*sqlite.Store, core.JobParameters, error) {
	exists, err := a.repositoryExists()
	if err != nil {
		return nil, nil, err
	}
	if !exists {
		ps, err := a.parameters(job, o, calendarOfNone())
		if err == nil {
			err = check(ps)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	store, err := a.store(ctx)
	if err != nil {
		return nil, nil, err
	}
	ps, err := a.parameters(job, o, calendarOf(store))
	if err != nil {
		_ = store.Close() // nothing was written
		return nil, nil, err
	}
	a.warnAbout(ps)
	return store, ps, nil
}

// launch runs an execution of job, shows it, and returns an *endedError when it
// did not complete.
func (a *app) launch(
	ctx context.Context, store *sqlite.Store, job *core.Job, o *launchOptions,
	start func(context.Context, *launch.JobOperator, launch.Options) (*core.JobExecution, error),
) error {
	registry, err := a.registry()
	if err != nil {
		return err
	}
	dir, err := workingDirectory()
	if err != nil {
		return err
	}
	stop := core.NewStop()
	ctx, signals := a.watch(ctx, stop, o)
	defer signals.close()
	var recovered atomic.Bool
	repo := &watchedStore{Store: store, launched: func(ctx context.Context, je *core.JobExecution) {
		signals.running.CompareAndSwap(0, je.ID) // those of job steps come later
		a.sayRecovered(ctx, store, je)
		if len(je.Recovered) > 0 {
			recovered.Store(true)
		}
	}}
	log, warned := a.logger()
	o.logResolved(ctx, log, store.Zone())
	operator := &launch.JobOperator{
		Registry: registry, Repo: repo,
		Launcher: &launch.JobLauncher{Repo: repo, Databases: sqlite.Databases{}, Log: log, Now: a.now, Token: a.token, Dir: dir, Masker: a.masker},
	}
	je, err := start(ctx, operator, launch.Options{Stop: stop, NewDefinition: o.newDefinition})
	if je == nil {
		return err
	}
	shown := a.streams.OutTerminal || a.settings.OutputGiven
	if shown {
		if err := a.showExecution(ctx, store, je, render.Execution{}); err != nil && a.streams.WriteError() == nil {
			return err // a write that failed is told at the end
		}
	}
	if err == nil {
		if recovered.Load() && !shown { // who is told of the recovery wants to know how it ended
			a.say("execution %d of %s is %s", je.ID, instanceOf(je, store.Zone()), je.Status)
		}
		return a.completed(ctx, store, je, o, warned)
	}
	n := job.Notation()
	n.Zone = store.Zone()
	place, part := failedPlace(je, job, err)
	return &endedError{
		verb: o.verb, je: je, job: job, words: n.Words(je.Parameters.Identifying()),
		place: place, part: part, warnings: warned.kept(), signal: signals.number(), err: err,
	}
}

// completed says what there is to say about an execution that has completed, and
// returns what it ends the command with.
func (a *app) completed(ctx context.Context, x core.JobExplorer, je *core.JobExecution, o *launchOptions, warned *warnings) error {
	failures, untold := warned.failures()
	for _, line := range untold {
		a.say("warning: %s", line)
	}
	if err := a.rejected(ctx, x, je, o); err != nil {
		return err
	}
	if a.settings.Strict && failures > 0 {
		return &core.Error{
			Kind: errBeside, Op: o.verb,
			Msg:  fmt.Sprintf("execution %d is COMPLETED with %s", je.ID, plural(failures, "warning")),
			Hint: core.ShellQuote("batchctl", "show", strconv.FormatInt(je.ID, 10)),
		}
	}
	return a.coded(je, o)
}

// sayRecovered tells which executions the launch has found dead. It says so at
// once: this process may die too.
func (a *app) sayRecovered(ctx context.Context, x core.JobExplorer, je *core.JobExecution) {
	for _, id := range je.Recovered {
		message := ""
		if dead, err := x.JobExecution(ctx, id); err == nil && dead.ExitStatus.Message != "" {
			message = ": " + strings.TrimPrefix(dead.ExitStatus.Message, "owner died: ")
		}
		a.say("recovered execution %d whose owner died%s; %s goes on as execution %d", id, message, instanceOf(je, x.Zone()), je.ID)
	}
}

// watchedStore is the store, and tells when an execution was created in it.
type watchedStore struct {
	*sqlite.Store

	launched func(context.Context, *core.JobExecution)
}

// CreateJobExecution implements core.JobRepository.
func (s *watchedStore) CreateJobExecution(ctx context.Context, l core.Launch) (*core.JobExecution, error) {
	je, err := s.Store.CreateJobExecution(ctx, l)
	if err == nil {
		s.launched(ctx, je)
	}
	return je, err
}
