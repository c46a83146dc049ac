package core

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Job is a batch process: a name, what may be given to it, and its steps. It is
// put together once and then only read; one Job may be executed many times.
type Job struct {
	Name string
	// Help says in one line what the job does.
	Help string
	// Parameters are the declared parameters. Nothing else is accepted, unless
	// Open is set.
	Parameters ParameterSpecs
	// Open accepts undeclared parameters too.
	Open bool
	// Validator is asked after Parameters; nil adds nothing.
	Validator JobParametersValidator
	// Incrementer makes "next" possible; nil means that the job has no order.
	Incrementer JobParametersIncrementer
	// PreventRestart refuses a second execution of an instance.
	PreventRestart bool
	Listener       Listener
	// Steps make a simple job: they run in order, up to the first that does not
	// complete.
	Steps []*Step
	// Flow makes a flow job; its first element is the start. A job has either
	// Steps or Flow.
	Flow []Element
	// Definition is the file that the job was made of; nil for one in Go.
	Definition *JobDefinition
}

// JobDefinition identifies what a job was made of. It is kept with every
// execution, and a restart under another one is refused.
type JobDefinition struct {
	// Hash is the SHA-256 of Text in hexadecimal.
	Hash string
	Text string
}

// Check reports what is wrong with the composition, as an ErrJobDefinition.
func (j *Job) Check() error {
	fail := func(format string, args ...any) error {
		return &Error{Kind: ErrJobDefinition, Op: "job " + Quote(j.Name), Msg: fmt.Sprintf(format, args...)}
	}
	if j.Name == "" || utf16Len(j.Name) > MaxName {
		return fail("the name must have 1 to %d characters", MaxName)
	}
	if len(j.Steps) == 0 && len(j.Flow) == 0 {
		return fail("a job needs at least one step")
	}
	if len(j.Steps) > 0 && len(j.Flow) > 0 {
		return fail("it has both steps and a flow")
	}
	if err := j.Parameters.Check(); err != nil {
		return fail("%v", err)
	}
	seen := map[string]bool{}
	for s := range j.AllSteps() {
		switch {
		case s.Name == "" || utf16Len(s.Name) > MaxName:
			return fail("step %s: the name must have 1 to %d characters", Quote(s.Name), MaxName)
		case strings.Contains(s.Name, partitionSeparator):
			return fail("step %s: the name must not contain %s, which stands before the name of a part",
				Quote(s.Name), Quote(partitionSeparator))
		case seen[s.Name]:
			return fail("two steps are named %s", Quote(s.Name))
		case s.Bind == nil:
			return fail("step %s has no body", Quote(s.Name))
		case s.Worker != nil && s.Worker.Bind == nil:
			return fail("step %s: its parts have no body", Quote(s.Name))
		case s.Worker != nil && (len(s.Worker.Flow) > 0 || s.Worker.Worker != nil):
			return fail("step %s: a part can be neither a flow nor partitioned itself: "+
				"the steps within it would have the names of those in the other parts", Quote(s.Name))
		}
		seen[s.Name] = true
	}
	return nil
}

// AllSteps returns every step that may have executions under its own name, in
// the order in which they are written down: also those of nested flows, splits
// and flow steps.
func (j *Job) AllSteps() iter.Seq[*Step] {
	return func(yield func(*Step) bool) {
		for _, s := range j.Steps {
			if !yieldStep(s, yield) {
				return
			}
		}
		yieldSteps(j.Flow, yield)
	}
}

func yieldSteps(elements []Element, yield func(*Step) bool) bool {
	for _, e := range elements {
		if e.Step != nil && !yieldStep(e.Step, yield) {
			return false
		}
		if !yieldSteps(e.Flow, yield) || !yieldSteps(e.Split, yield) {
			return false
		}
	}
	return true
}

func yieldStep(s *Step, yield func(*Step) bool) bool {
	return yield(s) && yieldSteps(s.Flow, yield)
}

// ValidateParameters asks the declarations, then the validator; zone is the
// repository's.
func (j *Job) ValidateParameters(ps JobParameters, zone *time.Location) error {
	if err := ps.Check(); err != nil {
		return err
	}
	specs := j.Parameters
	if j.Incrementer != nil {
		if key := j.Incrementer.Key(); !j.declares(key.Name) {
			specs = append(slices.Clip(specs), key)
		}
	}
	declared := ps
	if j.Open {
		declared = slices.DeleteFunc(slices.Clone(ps), func(p JobParameter) bool {
			_, ok := specs.Lookup(p.Name)
			return !ok
		})
	}
	if err := specs.Validate(declared, zone); err != nil {
		return err
	}
	if j.Validator != nil {
		return j.Validator.Validate(ps, zone)
	}
	return nil
}

func (j *Job) declares(name string) bool {
	_, ok := j.Parameters.Lookup(name)
	return ok
}

// Notation returns the notation in which j's parameters are written. Extra has
// the incrementer's key, unless the job declares it.
func (j *Job) Notation() Notation {
	n := Notation{Declared: j.Parameters, Open: j.Open}
	if j.Incrementer != nil {
		if key := j.Incrementer.Key(); !j.declares(key.Name) {
			n.Extra = ParameterSpecs{key}
		}
	}
	return n
}

// JobBody walks the steps of a job; see Run.Body.
type JobBody interface {
	// Execute runs steps with r.Steps until the job has ended, and returns how.
	// A non-nil error fails the job, or stops it when it is ErrStopped.
	Execute(ctx context.Context, r *Run) (BatchStatus, ExitStatus, error)
}

// Step is one phase of a job. Like Job it is put together once and only read.
type Step struct {
	Name string
	// StartLimit bounds how often the step may be started within one instance;
	// 0 means no limit.
	StartLimit int
	// AllowStartIfComplete runs the step again, from its beginning, when a
	// restart finds it COMPLETED.
	AllowStartIfComplete bool
	Listener             Listener
	// Kind says in one word for people what the step is: tasklet, chunk,
	// partition, flow, job, exec, sql.
	Kind string
	// Flow are the elements of a flow step, Worker is the step whose executions
	// are the parts of a partitioned one, and Job the name of the job that a job
	// step launches. They describe; Bind does.
	Flow   []Element
	Worker *Step
	Job    string
	// Bind builds the body for one execution of the step: parameters and
	// contexts are known, and every execution gets readers and writers of its
	// own. It opens nothing; the body does.
	Bind func(s *Scope) (StepBody, error)
}

// StepBody is the work of one execution of a step.
type StepBody interface {
	// Execute does the work, committing as it goes. It returns ErrStopped when
	// it ended early because s.Stop was requested; any other error fails the
	// step. The returned status is joined to the step's in either case.
	Execute(ctx context.Context, s *Scope) (ExitStatus, error)
}

// Tasklet is a step's work in one or more calls, each in a transaction of its
// own.
type Tasklet interface {
	// Execute does one call's work. What it adds to c, s.Context, s.JobContext
	// and through s.Tx commits together when it returns nil, and is undone
	// together when it does not. Continuable asks for another call.
	Execute(ctx context.Context, s *Scope, c *StepContribution) (RepeatStatus, error)
}

// TaskletFunc is a Tasklet made of a function.
type TaskletFunc func(ctx context.Context, s *Scope, c *StepContribution) (RepeatStatus, error)

// Execute implements Tasklet.
func (f TaskletFunc) Execute(ctx context.Context, s *Scope, c *StepContribution) (RepeatStatus, error) {
	return f(ctx, s, c)
}

// Listener is told about the life of a job or a step. Every function may be
// nil. A job's listener hears its own BeforeJob and AfterJob and the step
// functions of every step.
type Listener struct {
	// BeforeJob runs after the job is STARTED; an error fails the job. A job
	// with a BeforeJob costs one more write transaction.
	BeforeJob func(ctx context.Context, r *Run) error
	// AfterJob sees the end status before it is written. An error is logged and
	// shown in the job's exit message, and changes nothing else.
	AfterJob func(ctx context.Context, r *Run) error
	// BeforeStep runs before the step's body is bound; an error fails the step.
	BeforeStep func(ctx context.Context, s *Scope) error
	// AfterStep sees the end of the step, END_TIME included, before it is
	// written. A status with a code is joined to the step's; an error is logged
	// and shown in the step's exit message, and changes nothing else. A step with an AfterStep costs one more write transaction.
	AfterStep func(ctx context.Context, s *Scope, ended StepExecution) (ExitStatus, error)
	// BeforeChunk runs before every chunk or tasklet call; what it puts into the
	// contexts is committed with it. An error undoes that and fails the step.
	BeforeChunk func(ctx context.Context, s *Scope) error
	// AfterChunk runs after every committed chunk or tasklet call. It returns no
	// error: what is committed cannot fail any more. The first panic in it is
	// logged and shown in the step's exit message.
	AfterChunk func(ctx context.Context, s *Scope)
}

// Join returns a listener that calls the Before functions of ls in order and the
// After functions in reverse (the first listener's last), also behind a panic.
func Join(ls ...Listener) Listener {
	var joined Listener
	for _, l := range ls {
		joined.BeforeJob = both(joined.BeforeJob, l.BeforeJob)
		joined.AfterJob = bothLogged(l.AfterJob, joined.AfterJob)
		joined.BeforeStep = both(joined.BeforeStep, l.BeforeStep)
		joined.AfterStep = bothStatus(l.AfterStep, joined.AfterStep)
		joined.BeforeChunk = both(joined.BeforeChunk, l.BeforeChunk)
		if first, second := l.AfterChunk, joined.AfterChunk; first != nil && second != nil {
			joined.AfterChunk = func(ctx context.Context, s *Scope) { defer second(ctx, s); first(ctx, s) }
		} else if first != nil {
			joined.AfterChunk = first
		}
	}
	return joined
}
