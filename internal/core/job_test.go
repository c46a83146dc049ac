package core_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func bind(*core.Scope) (core.StepBody, error) { return nil, errors.New("not to be bound here") }

func step(name string) *core.Step { return &core.Step{Name: name, Bind: bind} }

func TestJobCheck(t *testing.T) {
	t.Parallel()
	sound := func() *core.Job {
		return &core.Job{Name: "j", Parameters: specs(), Steps: []*core.Step{step("a"), step("b")}}
	}
	if err := sound().Check(); err != nil {
		t.Fatalf("a sound job: %v", err)
	}
	for _, tt := range []struct {
		name  string
		spoil func(*core.Job)
		msg   string
	}{
		{"EXE-08 no steps", func(j *core.Job) { j.Steps = nil }, `job "j": a job needs at least one step`},
		{"SCH-11 a name of 101", func(j *core.Job) { j.Name = strings.Repeat("정", 101) }, "1 to 100 characters"},
		{"no name", func(j *core.Job) { j.Name = "" }, "1 to 100 characters"},
		{"two steps of one name", func(j *core.Job) { j.Steps[1].Name = "a" }, `two steps are named "a"`},
		{"a step without name", func(j *core.Job) { j.Steps[0].Name = "" }, `step "": the name must have 1 to 100`},
		{"a step name of 101", func(j *core.Job) { j.Steps[0].Name = strings.Repeat("s", 101) }, "the name must have 1 to 100"},
		{"a step without body", func(j *core.Job) { j.Steps[1].Bind = nil }, `step "b" has no body`},
		{"VAL-03 a bad declaration", func(j *core.Job) { j.Parameters[0].Default = "x" }, "both required and optional"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := sound()
			tt.spoil(j)
			err := j.Check()
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("Check = %v, want %q", err, tt.msg)
			}
		})
	}
	wide := sound()
	wide.Name = strings.Repeat("정", 100)
	if err := wide.Check(); err != nil {
		t.Errorf("a name of 100 characters: %v", err)
	}
}

func TestJobValidateParameters(t *testing.T) {
	t.Parallel()
	refusal := errors.New("not on a Sunday")
	asked := 0
	job := &core.Job{
		Name: "j", Parameters: specs(), Incrementer: core.RunIDIncrementer{}, Validator: validator{asked: &asked, err: refusal},
	}
	good := core.JobParameters{param("requestDate", day(2021, 1, 1)), param("run.id", int64(1))}
	if err := job.ValidateParameters(good.With(param("x", "y")), time.UTC); !errors.Is(err, core.ErrJobParametersInvalid) || asked != 0 {
		t.Errorf("an undeclared one: %v, validator asked %d times", err, asked)
	}
	if err := job.ValidateParameters(append(good, good[0]), time.UTC); !errors.Is(err, core.ErrJobParametersInvalid) {
		t.Errorf("one name twice: %v", err)
	}
	if err := job.ValidateParameters(good, time.UTC); !errors.Is(err, refusal) {
		t.Errorf("the job's own validator is not asked: %v", err)
	}
	job.Validator = nil
	if err := job.ValidateParameters(good, time.UTC); err != nil {
		t.Errorf("the incrementer's key counts as declared: %v", err)
	}
	if len(job.Parameters) != len(specs()) {
		t.Error("validation changed the declarations")
	}
	t.Run("a declared key is not declared again", func(t *testing.T) {
		t.Parallel()
		byDate := &core.Job{Name: "j", Parameters: specs(), Incrementer: core.DateIncrementer{Name: "requestDate"}}
		if err := byDate.ValidateParameters(good[:1], time.UTC); err != nil {
			t.Error(err)
		}
		if err := byDate.ValidateParameters(nil, time.UTC); err == nil || !strings.Contains(err.Error(), "missing required parameter requestDate") {
			t.Errorf("the declaration has been replaced by the incrementer's: %v", err)
		}
	})
}

func TestJobNotation(t *testing.T) {
	t.Parallel()
	job := &core.Job{Parameters: specs(), Incrementer: core.RunIDIncrementer{}}
	if _, err := job.Notation().Parse([]string{"requestDate=2021-01-01", "run.id=1"}); err != nil {
		t.Error(err)
	}
	job.Incrementer = nil
	if _, err := job.Notation().Parse([]string{"run.id=1"}); err == nil {
		t.Error("the key of an incrementer that the job has not is accepted")
	}
}

func TestJoinListeners(t *testing.T) {
	t.Parallel()
	var heard []string
	refusals := map[string]error{}
	listener := func(name string) core.Listener {
		say := func(what string) error { heard = append(heard, name+" "+what); return refusals[name+" "+what] }
		return core.Listener{
			BeforeJob:  func(context.Context, *core.Run) error { return say("BeforeJob") },
			AfterJob:   func(context.Context, *core.Run) error { return say("AfterJob") },
			BeforeStep: func(context.Context, *core.Scope) error { return say("BeforeStep") },
			AfterStep: func(context.Context, *core.Scope, core.StepExecution) (core.ExitStatus, error) {
				return core.ExitStatus{Code: "COMPLETED", Message: name}, say("AfterStep")
			},
			BeforeChunk: func(context.Context, *core.Scope) error { return say("BeforeChunk") },
			AfterChunk:  func(context.Context, *core.Scope) { _ = say("AfterChunk") },
		}
	}
	l := core.Join(core.Listener{}, listener("a"), core.Listener{}, listener("b"), listener("c"), core.Listener{})
	all := func() (core.ExitStatus, []error) {
		heard = nil
		before := l.BeforeJob(t.Context(), nil)
		beforeStep := l.BeforeStep(t.Context(), nil)
		beforeChunk := l.BeforeChunk(t.Context(), nil)
		l.AfterChunk(t.Context(), nil)
		exit, afterStep := l.AfterStep(t.Context(), nil, core.StepExecution{})
		return exit, []error{before, beforeStep, beforeChunk, afterStep, l.AfterJob(t.Context(), nil)}
	}

	exit, errs := all()
	want := strings.Split("a BeforeJob,b BeforeJob,c BeforeJob,a BeforeStep,b BeforeStep,c BeforeStep,"+
		"a BeforeChunk,b BeforeChunk,c BeforeChunk,c AfterChunk,b AfterChunk,a AfterChunk,c AfterStep,b AfterStep,a AfterStep,c AfterJob,b AfterJob,a AfterJob", ",")
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if errors.Join(errs...) != nil || exit.Message != "c; b; a" {
		t.Errorf("joined: %+v, %v", exit, errs)
	}

	first, second := errors.New("b is against it"), errors.New("c too")
	for _, call := range []string{"BeforeJob", "BeforeStep", "BeforeChunk", "AfterStep", "AfterJob"} {
		refusals["b "+call], refusals["c "+call] = first, second
	}
	_, errs = all()
	for i, wantBoth := range []bool{false, false, false, true, true} {
		if !errors.Is(errs[i], first) || errors.Is(errs[i], second) != wantBoth {
			t.Errorf("call %d returns %v", i, errs[i])
		}
	}
	if slices.Contains(heard, "c BeforeJob") || !slices.Contains(heard, "a AfterJob") {
		t.Errorf("a refusal ends the Before calls and none of the After calls: %v", heard)
	}
	if none := core.Join(); none.BeforeJob != nil || none.AfterStep != nil || none.BeforeChunk != nil || none.AfterChunk != nil {
		t.Error("joining none makes calls")
	}
}

func TestReadOne(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad record")
	results := []any{1, 2, bad, 3, io.EOF, io.EOF}
	r := core.ReadOne(func(context.Context) (int, error) {
		next := results[0]
		results = results[1:]
		if err, ok := next.(error); ok {
			return 0, err
		}
		return next.(int), nil
	})
	type call struct {
		Items []int
		Err   error
	}
	var got []call
	for _, size := range []int{1, 3, 3, 3, 0} {
		dst := make([]int, size)
		n, err := r.Read(t.Context(), dst)
		got = append(got, call{append([]int(nil), dst[:n]...), err})
	}
	want := []call{{[]int{1}, nil}, {[]int{2}, bad}, {[]int{3}, io.EOF}, {nil, io.EOF}, {nil, io.ErrShortBuffer}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		t.Errorf("reads (-want +got):\n%s", diff)
	}
	if !core.IsEOF(got[3].Err) || core.IsEOF(bad) || core.IsEOF(nil) {
		t.Error("IsEOF tells the end of the input from other errors")
	}
}

func TestFuncAdapters(t *testing.T) {
	t.Parallel()
	double := core.ProcessorFunc[int, int](func(_ context.Context, in int) (int, bool, error) { return 2 * in, in > 0, nil })
	if out, keep, err := double.Process(t.Context(), 4); out != 8 || !keep || err != nil {
		t.Errorf("Process = %d, %v, %v", out, keep, err)
	}
	tasklet := core.TaskletFunc(func(_ context.Context, _ *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
		c.Write++
		return core.Continuable, nil
	})
	var c core.StepContribution
	if status, err := tasklet.Execute(t.Context(), nil, &c); status != core.Continuable || err != nil || c.Write != 1 {
		t.Errorf("Execute = %v, %v, contributed %+v", status, err, c)
	}
	if zero := *new(core.RepeatStatus); zero != core.Finished {
		t.Error("a tasklet that says nothing must end")
	}
}
